import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bindListener, bindUnixListener, closeFd, dupFd } from '../../ts/native/listener.js';

async function accepts(fd: number, port: number, host: string): Promise<Server> {
  const server = createServer((socket: Socket) => socket.end('hello')).listen({ fd });
  await once(server, 'listening');
  const socket = connect(port, host);
  const [data] = (await once(socket, 'data')) as [Buffer];
  expect(String(data)).toBe('hello');
  return server;
}

test('a bound socket serves from its descriptor and from a copy of it', async () => {
  const { fd, port, address } = bindListener({ host: '127.0.0.1', port: 0 });
  expect([address, port > 0]).toEqual(['127.0.0.1', true]);
  const copy = dupFd(fd);
  (await accepts(fd, port, '127.0.0.1')).close();
  (await accepts(copy, port, '127.0.0.1')).close();
});

test('a port in use is UNAVAILABLE with its number', () => {
  const { fd, port } = bindListener({ host: '127.0.0.1', port: 0 });
  expect(() => bindListener({ host: '127.0.0.1', port })).toThrow(
    expect.objectContaining({
      code: 'UNAVAILABLE',
      message: `port ${port} on 127.0.0.1 in use; choose another or stop what listens there`,
    }),
  );
  closeFd(fd);
});

test.each([
  ['localhost', 'host "localhost": expected an IP address'],
  ['203.0.113.1', 'address 203.0.113.1: not one of this machine'],
])('%s cannot be bound', (host, message) => {
  expect(() => bindListener({ host, port: 0 })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', message }),
  );
});

test('a descriptor that is not open is an error', () => {
  expect(() => dupFd(-1)).toThrow('descriptor -1');
  expect(() => dupFd(9999)).toThrow('descriptor 9999');
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'servable-listener-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test('a Unix socket serves from its descriptor and from a copy of it, and its file stays', async () => {
  const path = join(folder(), 'socket');
  const fd = bindUnixListener(path, 0o600);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  for (const each of [dupFd(fd), fd]) {
    const server = createServer((socket) => socket.end('hello')).listen({ fd: each });
    const [data] = (await once(connect(path), 'data')) as [Buffer];
    expect(String(data)).toBe('hello');
    server.close();
    expect(statSync(path).isSocket()).toBe(true);
  }
});

test.each([
  ['taken', 'UNAVAILABLE', /^Unix socket .*taken: exists already$/],
  ['none/socket', 'NOT_FOUND', /none\/socket: its folder does not exist$/],
  ['x'.repeat(120), 'INVALID_ARGUMENT', /got a path of \d+ bytes, wanted at most 10[37]$/],
])('a Unix socket at %s cannot be bound', (name, code, message) => {
  const at = folder();
  writeFileSync(join(at, 'taken'), '');
  expect(() => bindUnixListener(join(at, name))).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});
