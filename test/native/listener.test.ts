import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { bindListener, closeFd, dupFd } from '../../ts/native/listener.js';

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
