import { readFileSync } from 'node:fs';
import { constants } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { status as Code } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { http, type RawConnection, rawConnection } from '../support/http.js';
import { modelDir } from '../support/paths.js';
import {
  floatRequest,
  frame,
  http2Session,
  type RawRpcAnswer,
  PREDICT as RPC_PREDICT,
  RpcClient,
  rawRpc,
} from '../support/rpc.js';
import { type RunningServer, startServer } from '../support/server.js';

const PREDICT = '/v1/models/half_plus_two:predict';
const BODY = '{"instances": [1.0, 2.0, 5.0]}';
const MIB = 1024 * 1024;
/** What the server may hold more after a storm than before: pools that have grown once stay grown. */
const GROWTH = 48 * MIB;

let server: RunningServer;

beforeAll(async () => {
  server = await startServer({
    args: [
      '--model_name=half_plus_two',
      `--model_base_path=${modelDir('half_plus_two')}`,
      `--max_body_bytes=${32 * MIB}`,
      `--grpc_max_message_bytes=${4 * MIB}`,
    ],
    models: ['half_plus_two'],
  });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
  expect(server.output()).not.toMatch(/uncaught|unhandled|"level":(50|60)/i);
});

// Whatever was sent: the next well-formed request is answered.
afterEach(async () => {
  const answer = await http({ port: server.restPort, path: PREDICT, body: BODY });
  expect(answer.status).toBe(200);
});

/** Memory of the server process in bytes, after it had a moment to let go. */
async function memory(): Promise<number> {
  await delay(300);
  const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** Does `work` once to warm up, then `times` times, and expects the memory to be where it was. */
async function staysFlat(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < Math.ceil(times / 5); i++) await work();
  const before = await memory();
  for (let i = 0; i < times; i++) await work();
  await expect.poll(memory, { timeout: 15_000 }).toBeLessThan(before + GROWTH);
}

const send = (body: Uint8Array | string, headers: Record<string, string> = {}) =>
  http({ port: server.restPort, path: PREDICT, body, headers });

async function error(body: Uint8Array | string, headers: Record<string, string> = {}) {
  const { status, text } = await send(body, headers);
  return [status, (JSON.parse(text) as { error: string }).error];
}

async function open(...bytes: (string | Uint8Array)[]): Promise<RawConnection> {
  const connection = await rawConnection(server.restPort);
  for (const piece of bytes) connection.socket.write(piece);
  return connection;
}

const HEAD = `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\n`;

describe('gzip', () => {
  const gzip = { 'content-encoding': 'gzip' };

  it.each([
    ['what is not gzip', Buffer.from('{"instances": [1.0]}')],
    ['a gzip that is cut off', gzipSync(BODY).subarray(0, 20)],
    ['a gzip with a wrong checksum', flip(gzipSync(BODY), -6)],
    ['a gzip with a wrong length', flip(gzipSync(BODY), -1)],
    ['nothing', Buffer.alloc(0)],
  ])('%s reads as an empty document', async (_what, body) => {
    expect(await error(body, gzip)).toEqual([400, 'JSON Parse error: The document is empty']);
  });

  it('a bomb is stopped at the size and at the ratio, and costs no memory', async () => {
    const zeros = gzipSync(Buffer.alloc(256 * MIB), { level: 9 });
    const [status, text] = await error(zeros, gzip);
    expect([status, text]).toEqual([
      413,
      expect.stringMatching(/^request body (is larger|expands)/),
    ]);
    // A bomb in a bomb expands only once.
    expect((await send(gzipSync(zeros), gzip)).status).toBe(400);
    await staysFlat(20, () => send(zeros, gzip));
  });
});

function flip(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  const index = bytes.length + at;
  changed[index] = (changed[index] ?? 0) ^ 0xff;
  return changed;
}

describe('bodies', () => {
  it.each([
    [
      'in a string',
      Buffer.from([...Buffer.from('{"instances": ["'), 0xff, 0xfe, 0x22, 0x5d, 0x7d]),
    ],
    [
      'a lone surrogate in UTF-8',
      Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]),
    ],
    ['an overlong character', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d])],
    ['between values', Buffer.from([0x7b, 0x80, 0x7d])],
  ])('invalid UTF-8 %s is a parse error', async (_where, body) => {
    const [status, text] = await error(body);
    expect([status, text]).toEqual([400, expect.stringMatching(/^JSON Parse error: /)]);
  });

  it('nesting of any depth is an error, not a crash', async () => {
    const depth = 1_000_000;
    const deep = `{"instances": ${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect((await send(deep)).status).toBe(400);
    expect((await send(`{"x": ${'{"x":'.repeat(depth)}1${'}'.repeat(depth)}}`)).status).toBe(400);
  });

  it('one over the limit is refused, announced or not, and not kept', async () => {
    const announced = await open(`${HEAD}Content-Length: ${33 * MIB}\r\n\r\n`);
    expect(await announced.closed()).toMatch(/^HTTP\/1.1 413 [\s\S]*connection: close/i);
    const chunk = `${MIB.toString(16)}\r\n${' '.repeat(MIB)}\r\n`;
    await staysFlat(4, async () => {
      const chunked = await open(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
      for (let i = 0; i < 40; i++) chunked.socket.write(chunk);
      expect(await chunked.closed()).toMatch(/^HTTP\/1.1 413 /);
    });
  });

  it('a slow one is waited for, and does not keep others waiting', async () => {
    const slow = await open(`${HEAD}Content-Length: ${BODY.length}\r\nConnection: close\r\n\r\n`);
    for (const char of BODY) {
      slow.socket.write(char);
      await delay(5);
    }
    expect(await slow.closed()).toMatch(/^HTTP\/1.1 200 /);
  });

  it('hundreds that never end keep nobody waiting and are forgotten with their connections', async () => {
    const storm = async (): Promise<void> => {
      const half = `${HEAD}Content-Length: 1000000\r\n\r\n${'x'.repeat(10_000)}`;
      const waiting = await Promise.all(Array.from({ length: 200 }, () => open(half)));
      expect((await send(BODY)).status).toBe(200);
      for (const { socket } of waiting) socket.destroy();
    };
    await staysFlat(5, storm);
  });
});

describe('connections', () => {
  it.each([
    ['no HTTP at all', 'GIBBERISH\r\n\r\n', /^HTTP\/1.1 400 /],
    ['bytes', Buffer.from([0, 1, 2, 255, 13, 10, 13, 10]), /^HTTP\/1.1 400 /],
    ['a TLS hello', Buffer.from('160301020001000200', 'hex'), /^HTTP\/1.1 400 /],
    ['a bad header', 'GET / HTTP/1.1\r\nno colon\r\n\r\n', /^HTTP\/1.1 400 /],
    ['no Host', 'GET /v1/models HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400 /],
    [
      'headers over the limit',
      `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`,
      /^HTTP\/1.1 431 /,
    ],
    ['a bad chunk', `${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, /^HTTP\/1.1 400 /],
    ['two lengths', `${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, /^HTTP\/1.1 400 /],
    [
      'a length and chunks',
      `${HEAD}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /^HTTP\/1.1 400 /,
    ],
    ['a negative length', `${HEAD}Content-Length: -1\r\n\r\n`, /^HTTP\/1.1 400 /],
    ['HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^HTTP\/1.1 (400|505) /],
  ])('%s is answered and closed', async (_what, bytes, answer) => {
    const connection = await open(bytes);
    expect(await connection.closed()).toMatch(answer);
  });

  it('a client that half-closes after its request gets its answer', async () => {
    const connection = await open(`${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY}`);
    connection.socket.end();
    expect(await connection.closed()).toMatch(/^HTTP\/1.1 200 /);
  });

  it('one that half-closes or breaks inside its request is let go', async () => {
    const half = await open(`${HEAD}Content-Length: 100\r\n\r\n{"inst`);
    half.socket.end();
    expect(await half.closed()).not.toMatch(/ 200 /);
    const broken = await open(`${HEAD}Content-Length: 100\r\n\r\n{"inst`);
    broken.socket.resetAndDestroy();
    await staysFlat(300, async () => {
      const connection = await open(`${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY}`);
      // Gone before the answer can be sent.
      connection.socket.resetAndDestroy();
    });
  });
});

describe('gRPC', () => {
  const good = floatRequest('half_plus_two', { x: [1] });

  /** One raw request over a connection of its own. */
  async function raw(...call: [path: string, bytes: Uint8Array, headers?: Record<string, string>]) {
    const session = await http2Session(server.grpcPort);
    const answer = await rawRpc(session, ...call);
    session.destroy();
    return answer;
  }

  afterEach(async () => {
    const client = new RpcClient(server.grpc);
    expect((await client.predict('half_plus_two', { x: [2] })).outputs.y?.floatVal).toEqual([3]);
    client.close();
  });

  it.each([
    ['method', '/tensorflow.serving.PredictionService/Nothing'],
    ['service', '/no.Such/Predict'],
    ['path', '/'],
    ['verb in another case', '/tensorflow.serving.PredictionService/predict'],
  ])('an unknown %s is UNIMPLEMENTED', async (_what, path) => {
    expect(await raw(path, frame(good))).toMatchObject({ grpcStatus: Code.UNIMPLEMENTED });
  });

  const failed = (answer: RawRpcAnswer): boolean =>
    answer.reset !== 0 || (answer.grpcStatus !== null && answer.grpcStatus !== Code.OK);

  it.each([
    ['shorter than its frame says', frame(good).subarray(0, 12)],
    ['cut inside the frame head', frame(good).subarray(0, 3)],
    ['of no message', Buffer.alloc(0)],
    ['of two messages', Buffer.concat([frame(good), frame(good)])],
    ['of a length over the limit', Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])],
    ['of bytes that are no message', frame(Buffer.from([0xff, 0xff, 0xff]))],
  ])('a request %s fails', async (_what, bytes) => {
    const answer = await raw(RPC_PREDICT, bytes);
    expect(failed(answer), JSON.stringify(answer)).toBe(true);
  });

  it('compression that is unknown, broken or a bomb fails', async () => {
    const unknown = await raw(RPC_PREDICT, frame(good, true), { 'grpc-encoding': 'zstd' });
    expect(unknown.grpcStatus).toBe(Code.UNIMPLEMENTED);
    const broken = frame(Buffer.from('no gzip'), true);
    expect(failed(await raw(RPC_PREDICT, broken, { 'grpc-encoding': 'gzip' }))).toBe(true);
    const bomb = frame(gzipSync(Buffer.alloc(64 * MIB)), true);
    const answer = await raw(RPC_PREDICT, bomb, { 'grpc-encoding': 'gzip' });
    expect(answer.grpcStatus).toBe(Code.RESOURCE_EXHAUSTED);
    await staysFlat(20, () => raw(RPC_PREDICT, bomb, { 'grpc-encoding': 'gzip' }));
  });

  it('another content type is refused', async () => {
    const answer = await raw(RPC_PREDICT, frame(good), { 'content-type': 'text/plain' });
    expect(answer.httpStatus).toBe(constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE);
  });

  it('a timeout that is no time is refused', async () => {
    const answer = await raw(RPC_PREDICT, frame(good), { 'grpc-timeout': 'soon' });
    expect(failed(answer), JSON.stringify(answer)).toBe(true);
  });

  it('metadata over the limit ends the call', async () => {
    const headers = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`x-much-${index}`, 'y'.repeat(2000)]),
    );
    const answer = await raw(RPC_PREDICT, frame(good), headers);
    expect(failed(answer), JSON.stringify(answer)).toBe(true);
  });

  it('calls that are reset half way cost nothing', async () => {
    await staysFlat(300, async () => {
      const session = await http2Session(server.grpcPort);
      void rawRpc(session, RPC_PREDICT, frame(Buffer.alloc(MIB)).subarray(0, 50_000), {}, false);
      await delay(1);
      session.destroy();
    });
  });

  it('what is not HTTP/2 is closed', async () => {
    for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', Buffer.alloc(64, 0xff)]) {
      const connection = await rawConnection(server.grpcPort);
      connection.socket.write(bytes);
      expect(await connection.closed()).not.toContain('HTTP/1.1 200');
    }
  });
});
