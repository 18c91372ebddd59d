import { execFileSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelDir } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { report, sized, stillAnswers, WITNESS } from './support/chaos.js';
import { SteadyLoad } from './support/load.js';
import { megabytes, processFacts } from './support/process-facts.js';

const WANTED = 10_000;
/** Descriptors that a process needs beside its connections. */
const SPARE = 400;
const MIB = 1024 * 1024;
const PREDICT = `POST /v1/models/${WITNESS}:predict HTTP/1.1\r\nHost: x\r\n`;

const ARGS = [`--model_name=${WITNESS}`, `--model_base_path=${modelDir(WITNESS)}`];
let server: RunningServer;

beforeAll(async () => {
  server = await startServer({
    // On a busy machine the first connections wait longer than by default for the last ones to be opened, and a thousand requests at once
    // longer than by default for a thread.
    args: [...ARGS, '--request_header_timeout_seconds=300', '--max_queue_time_in_ms=0'],
    models: [WITNESS],
  });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
  expect(server.output()).not.toMatch(/uncaught|unhandled|"level":60/i);
});

/** How many connections the descriptors of this process and of the server allow. */
function possible(): number {
  const own = execFileSync('sh', ['-c', 'ulimit -Sn'], { encoding: 'utf8' }).trim();
  const limit = own === 'unlimited' ? Number.POSITIVE_INFINITY : Number(own);
  const count = Math.min(WANTED, limit - SPARE);
  if (count < WANTED) {
    process.stderr.write(`only ${count} connections: the limit of open files is ${limit}\n`);
  }
  return count;
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      // Read and dropped, so that the end is noticed.
      socket
        .off('error', reject)
        .on('error', () => undefined)
        .resume();
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** Opens connections in waves: a backlog holds 511. */
async function openMany(count: number, port: (index: number) => number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const wave = Math.min(250, count - sockets.length);
    const from = sockets.length;
    sockets.push(
      ...(await Promise.all(Array.from({ length: wave }, (_, i) => open(port(from + i))))),
    );
  }
  return sockets;
}

/** Ends connections by a reset, so that no port stays in TIME_WAIT. */
const closeAll = (sockets: readonly Socket[]): void => {
  for (const socket of sockets) socket.resetAndDestroy();
};

const settle = async (handles: number, of = server): Promise<void> => {
  await expect
    .poll(() => processFacts(of.child.pid).handles, { timeout: 30_000 })
    .toBeLessThanOrEqual(handles);
};

it('ten thousand connections, nine of ten idle, keep nobody waiting and leave nothing behind', async () => {
  await stillAnswers(server);
  const before = processFacts(server.child.pid);
  const count = possible();
  const sockets = await openMany(count, () => server.restPort);
  const load = new SteadyLoad(server);
  // Every tenth asks something, all at once.
  const body = '{"instances": [1.0]}';
  const active = sockets.filter((_, index) => index % 10 === 0);
  const answers = await Promise.all(
    active.map(
      (socket) =>
        new Promise<string>((resolve) => {
          let text = '';
          socket.on('data', (chunk) => {
            text += chunk.toString('latin1');
            if (text.includes('}')) resolve(text);
          });
          socket.once('close', () => resolve(`closed after ${text}`));
          socket.write(`${PREDICT}Content-Length: ${body.length}\r\n\r\n${body}`);
        }),
    ),
  );
  await load.more(50);
  const held = processFacts(server.child.pid);
  const seen = await load.stop();
  expect(seen.lost).toEqual([]);
  const isRight = (text: string): boolean => text.includes('200 OK') && text.includes('2.5');
  expect(answers.filter((text) => !isRight(text))).toEqual([]);
  expect(held.handles).toBeGreaterThanOrEqual(count);
  closeAll(sockets);
  await settle(before.handles + 10);
  await stillAnswers(server);
  const after = processFacts(server.child.pid);
  const each = Math.round((held.rss - before.rss) / count);
  expect(each, 'bytes a connection').toBeLessThan(64 * 1024);
  report(`${count} connections`, {
    faults: 1,
    answered: seen.answered + answers.length,
    lost: 0,
    note: `${each} bytes a connection; RSS ${megabytes(before.rss)}, then ${megabytes(held.rss)}, after they left ${megabytes(after.rss)}; slowest answer beside them ${seen.slowestMs} ms`,
  });
});

it('slow clients, of headers and of bodies, on either port, keep nobody waiting', async () => {
  // Shorter times than by default, so that slow clients are cut off while the test watches.
  const hasty = await startServer({
    args: [...ARGS, '--request_header_timeout_seconds=3', '--request_timeout_seconds=4'],
    models: [WITNESS],
  });
  const before = processFacts(hasty.child.pid);
  const count = sized(400, 4000);
  const pieces = [
    'POST /v1/models/x:predict HTTP/1.1\r\nHost: x\r\nX-Slow: ',
    `${PREDICT}Content-Length: 100000\r\n\r\n{"instances": [`,
    `${PREDICT}Transfer-Encoding: chunked\r\n\r\n`,
    'PRI * HTTP/2.0\r\n\r\nSM\r\n',
  ];
  const port = (index: number): number =>
    index % pieces.length === 3 ? hasty.grpcPort : hasty.restPort;
  const sockets = await openMany(count, port);
  for (const [index, socket] of sockets.entries())
    socket.write(pieces[index % pieces.length] ?? '');
  const load = new SteadyLoad(hasty);
  const trickle = setInterval(() => {
    for (const [index, socket] of sockets.entries()) {
      // Chunk by chunk, byte by byte; the unfinished preface of HTTP/2 stays as it is.
      if (index % pieces.length !== 3)
        socket.write(index % pieces.length === 2 ? '1\r\n1\r\n' : '1');
    }
  }, 100);
  await delay(1000);
  const held = processFacts(hasty.child.pid);
  // Each REST client is cut off in the end, however steadily it trickles.
  const slow = sockets.filter((_, index) => index % pieces.length !== 3);
  const left = (): number => slow.filter((socket) => !socket.destroyed).length;
  await expect.poll(left, { timeout: 45_000 }).toBe(0);
  clearInterval(trickle);
  const seen = await load.stop();
  expect(seen.lost).toEqual([]);
  closeAll(sockets);
  await settle(before.handles + 10, hasty);
  await stillAnswers(hasty);
  expect(await hasty.stop()).toBe(0);
  expect(held.rss - before.rss).toBeLessThan(count * 64 * 1024 + 64 * MIB);
  report(`${count} slow clients`, {
    faults: count,
    answered: seen.answered,
    lost: 0,
    note: `${slow.length} cut off by a timeout; slowest answer beside them ${seen.slowestMs} ms; RSS ${megabytes(before.rss)}, then ${megabytes(held.rss)}`,
  });
});

it('connections that end half way, on either port and at any point, are let go', async () => {
  const before = processFacts(server.child.pid);
  const count = sized(600, 5000);
  const load = new SteadyLoad(server);
  const body = '{"instances": [1.0]}';
  const whole = Buffer.from(`${PREDICT}Content-Length: ${body.length}\r\n\r\n${body}`);
  const sockets = await openMany(count, (i) => (i % 3 === 2 ? server.grpcPort : server.restPort));
  for (const [index, socket] of sockets.entries()) {
    // The server's side stays open: nothing of what it sends is read.
    socket.pause();
    socket.write(whole.subarray(0, index % (whole.length + 1)));
    socket.end();
  }
  await load.more(30);
  // None is kept for as long as its client likes.
  await settle(before.handles + 20);
  closeAll(sockets);
  const seen = await load.stop();
  expect(seen.lost).toEqual([]);
  await stillAnswers(server);
  report(`${count} half-open connections`, { faults: count, answered: seen.answered, lost: 0 });
});
