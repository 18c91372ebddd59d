import { request } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Authority } from '../security/certificates.js';
import { modelDir } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { type RunningServer, startServer } from '../support/server.js';
import { report, SEED, sized, stillAnswers, WITNESS } from './support/chaos.js';
import { FRAME, frameOf, REQUEST } from './support/frames.js';
import { launch } from './support/launch.js';
import { SteadyLoad } from './support/load.js';
import { processFacts } from './support/process-facts.js';
import { Random } from './support/random.js';

const ARGS = [
  `--model_name=${WITNESS}`,
  `--model_base_path=${modelDir(WITNESS)}`,
  // As by default, only sooner: what is no HTTP/2 any more is found by a ping.
  '--grpc_channel_arguments=grpc.keepalive_time_ms=1000,grpc.keepalive_timeout_ms=1000',
];
let server: RunningServer;

beforeAll(async () => {
  server = await startServer({ args: ARGS, models: [WITNESS] });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
  expect(server.output()).not.toMatch(/uncaught|unhandled|"level":60/i);
});

/** Sends bytes over a connection of its own, and leaves once the server has answered, closed or stayed silent for 30 ms. */
function send(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(bytes));
    const leave = (): void => {
      clearTimeout(timer);
      socket.resetAndDestroy();
      resolve();
    };
    const timer = setTimeout(leave, 30);
    socket.on('error', leave).on('close', leave).on('data', leave);
  });
}

async function storm(what: string, count: number, make: (random: Random) => Buffer): Promise<void> {
  const before = processFacts(server.child.pid);
  const random = new Random(SEED);
  const load = new SteadyLoad(server, { clients: 1 });
  const atOnce = 20;
  for (let sent = 0; sent < count; sent += atOnce) {
    await Promise.all(
      Array.from({ length: atOnce }, (_, index) =>
        send(index % 2 === 0 ? server.restPort : server.grpcPort, make(random)),
      ),
    );
  }
  await load.more(5);
  const seen = await load.stop();
  expect(seen.lost).toEqual([]);
  await expect
    .poll(() => processFacts(server.child.pid).handles, { timeout: 15_000 })
    .toBeLessThanOrEqual(before.handles + 10);
  await stillAnswers(server);
  report(what, { inputs: count, answered: seen.answered, lost: 0 });
}

it('random bytes on both ports', () =>
  storm('random bytes', sized(1000, 20_000), (random) => random.bytes(1 + random.below(300))));

it('mutated HTTP/1.1 requests on both ports', () => {
  const body = '{"instances": [1.0]}';
  const request = Buffer.from(
    `POST /v1/models/${WITNESS}:predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return storm('mutated HTTP/1.1 requests', sized(1000, 20_000), (random) =>
    random.mutated(request),
  );
});

it('mutated HTTP/2 frames on both ports', () => {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const frames = [
    frameOf(FRAME.settings, 0),
    frameOf(FRAME.headers, 1, REQUEST, 4),
    frameOf(FRAME.data, 1, Buffer.from([0, 0, 0, 0, 2, 8, 1]), 1),
  ];
  return storm('mutated HTTP/2 frames', sized(1000, 20_000), (random) =>
    Buffer.concat([preface, random.mutated(Buffer.concat(frames))]),
  );
});

it('TLS hellos, whole and mutated, on ports without TLS', async () => {
  const hello = await clientHello();
  expect(hello.length).toBeGreaterThan(100);
  await storm('TLS hellos', sized(600, 10_000), (random) =>
    random.below(3) === 0 ? hello : random.mutated(hello),
  );
});

it('garbage and mutated hellos on ports with TLS, whose clients are answered all the while', async () => {
  const authority = new Authority();
  const { certPath, keyPath } = authority.issue({ name: 'localhost' });
  const restPort = await freePort();
  const grpcPort = await freePort();
  const tls = await launch([...ARGS, `--ssl_cert_path=${certPath}`, `--ssl_key_path=${keyPath}`], {
    restPort,
    grpcPort,
  });
  const predict = (): Promise<string> => tlsPredict(restPort, authority.pair.cert);
  try {
    await expect.poll(() => predict().catch(String), { timeout: 30_000 }).toContain('2.5');
    const before = processFacts(tls.child.pid);
    const hello = await clientHello();
    const random = new Random(SEED);
    const count = sized(600, 10_000);
    for (let sent = 0; sent < count; sent += 20) {
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => {
          const bytes = random.below(3) === 0 ? random.bytes(200) : random.mutated(hello);
          return send(index % 2 === 0 ? restPort : grpcPort, bytes);
        }),
      );
      if (sent % 200 === 0) expect(await predict()).toContain('2.5');
    }
    expect(await predict()).toContain('2.5');
    await expect
      .poll(() => processFacts(tls.child.pid).handles, { timeout: 45_000 })
      .toBeLessThanOrEqual(before.handles + 10);
    report('garbage on ports with TLS', { inputs: count, answered: count / 200 + 1, lost: 0 });
  } finally {
    await tls.kill();
    authority.remove();
  }
});

/** One predict over TLS; the text of its answer. */
function tlsPredict(port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const path = `/v1/models/${WITNESS}:predict`;
    const options = { host: 'localhost', port, path, method: 'POST', ca, agent: false } as const;
    const out = request(options, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      reply.on('end', () => resolve(text));
    });
    out.on('error', reject);
    out.end('{"instances": [1.0]}');
  });
}

/** The first bytes a TLS client sends. */
async function clientHello(): Promise<Buffer> {
  const { createServer } = await import('node:net');
  return new Promise((resolve, reject) => {
    const listener = createServer((socket) => {
      socket.once('data', (bytes) => {
        socket.destroy();
        listener.close();
        resolve(bytes);
      });
    });
    listener.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = listener.address() as { port: number };
      connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }).on(
        'error',
        () => undefined,
      );
    });
  });
}
