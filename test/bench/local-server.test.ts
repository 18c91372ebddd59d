import { expect, test } from 'vitest';
import { startLocalServer } from '../../ts/bench/local-server.js';

function start(command: readonly string[]) {
  const { signal } = new AbortController();
  return startLocalServer({ command, folder: '/models/m', flags: [], signal });
}

test('a program that cannot be started is told at once, with the reason', async () => {
  await expect(start(['/no/such/program'])).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'the server for /models/m: it cannot be started: spawn /no/such/program ENOENT',
  });
});

test('a server that ends before it serves is told with the end of what it printed', async () => {
  await expect(start([process.execPath, '-e', 'process.exit(3)'])).rejects.toThrow(
    'the server for /models/m: it ended with 3',
  );
  const script = "process.stderr.write('no such model\\n', () => process.exit(3))";
  await expect(start([process.execPath, '-e', script])).rejects.toThrow(
    'the server for /models/m: no such model',
  );
});

test('an interrupted start stops what it started', async () => {
  const abort = new AbortController();
  abort.abort();
  const command = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
  const { signal } = abort;
  const started = startLocalServer({ command, folder: '/models/m', flags: [], signal });
  await expect(started).rejects.toThrow('the server for /models/m: interrupted');
});
