import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { notifyReady, notifyStopping } from '../../ts/notify.js';
import { DEMO, ROOT } from '../support/paths.js';
import { available, startServer } from '../support/server.js';
import { installed } from './support.js';

const python = process.env.SERVABLE_TEST_PYTHON ?? 'python3';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'servable-notify-'));
  vi.stubEnv('NOTIFY_SOCKET', join(folder, 'notify'));
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A `systemd-notify` on PATH, before or instead of the machine's. */
function standIn(script: string, path = `${folder}${delimiter}${process.env.PATH}`): void {
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'systemd-notify'), 0o755);
  vi.stubEnv('PATH', path);
}

describe('without a service manager', () => {
  it('nothing is sent and no process is started', async () => {
    vi.stubEnv('NOTIFY_SOCKET', undefined);
    standIn(`touch ${folder}/called`);
    await expect(notifyReady()).resolves.toBe(false);
    await expect(notifyStopping()).resolves.toBe(false);
    expect(() => readFileSync(join(folder, 'called'))).toThrow('ENOENT');
  });
});

describe('with a service manager', () => {
  it('systemd-notify gets the message and the socket', async () => {
    standIn(`printf '%s|' "$NOTIFY_SOCKET" "$@" >> ${folder}/called`);
    await expect(notifyReady()).resolves.toBe(true);
    await expect(notifyStopping()).resolves.toBe(true);
    const socket = join(folder, 'notify');
    expect(readFileSync(join(folder, 'called'), 'utf8')).toBe(
      `${socket}|--ready|${socket}|STOPPING=1|`,
    );
  });

  it('a machine without systemd-notify is told by name', async () => {
    vi.stubEnv('PATH', folder);
    await expect(notifyReady()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `systemd-notify --ready to NOTIFY_SOCKET=${join(folder, 'notify')}: it is not on PATH`,
    });
  });

  it('the words of a failing systemd-notify are passed on', async () => {
    standIn('echo Permission denied >&2; exit 1');
    await expect(notifyStopping()).rejects.toThrow(/STOPPING=1 to .*: Permission denied$/);
  });
});

it('a server says that it is ready once its model answers, and that it stops at SIGTERM', async () => {
  const called = join(folder, 'called');
  standIn(`printf '%s\\n' "$1" >> ${called}`);
  const server = await startServer({
    args: ['--model_name=demo', `--model_base_path=${DEMO}`],
    env: { PATH: process.env.PATH ?? '', NOTIFY_SOCKET: process.env.NOTIFY_SOCKET ?? '' },
  });
  await vi.waitFor(() => expect(readFileSync(called, 'utf8')).toBe('--ready\n'), 30_000);
  expect(await available(server.rest, 'demo')).toBe(true);
  expect(await server.stop()).toBe(0);
  // The message's process may outlive the server's by a moment.
  await vi.waitFor(() => expect(readFileSync(called, 'utf8')).toBe('--ready\nSTOPPING=1\n'), 5000);
});

const systemdNotify = installed('systemd-notify');
if (!systemdNotify) console.log('skipped: no systemd-notify on this machine (Debian: systemd)');

describe.skipIf(!systemdNotify)('with the real systemd-notify', () => {
  let manager: ChildProcess;
  let lines: AsyncIterator<string>;

  beforeEach(async () => {
    manager = spawn(
      python,
      [join(ROOT, 'test', 'deploy', 'notify_socket.py'), join(folder, 'notify')],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    if (manager.stdout === null) throw new Error('no pipe');
    lines = createInterface({ input: manager.stdout })[Symbol.asyncIterator]();
    expect(await next()).toBe('bound');
  });

  afterEach(async () => {
    manager.kill('SIGKILL');
    await once(manager, 'exit');
  });

  async function next(): Promise<string> {
    const { value } = await lines.next();
    return value as string;
  }

  /** The next message that is not systemd-notify's own way to wait. */
  async function message(): Promise<string> {
    for (;;) {
      const line = await next();
      if (!line.startsWith('BARRIER=')) return line;
    }
  }

  it('READY=1 and STOPPING=1 arrive on the socket', async () => {
    await expect(notifyReady()).resolves.toBe(true);
    expect(await message()).toBe('READY=1');
    await expect(notifyStopping()).resolves.toBe(true);
    expect(await message()).toBe('STOPPING=1');
  });

  it('a socket that is gone is an error', async () => {
    vi.stubEnv('NOTIFY_SOCKET', join(folder, 'gone'));
    await expect(notifyReady()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
