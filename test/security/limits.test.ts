import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelNames } from '../../ts/api/grpc/model-names.js';
import { Admission, shareOf } from '../../ts/security/admission.js';
import { addressKey, ClientAddresses } from '../../ts/security/client-address.js';
import { RateLimit, rateLimitMemory } from '../../ts/security/rate-limit.js';
import { addToken } from '../../ts/security/token-store.js';
import { http } from '../support/http.js';
import { atEnd, type Front, front, grpcStatus, temporary } from './support.js';

const PREDICT = '/v1/models/half_plus_two:predict';
const RPC = '/tensorflow.serving.PredictionService/Predict';
const BODY = '{"instances": [1]}';

describe('a rate limit', () => {
  const SECRET = Buffer.alloc(32);

  /** A limit whose clock stands still until it is moved. */
  function limit(perSecond: number, burst: number) {
    const clock = { ms: 1000 };
    const memory = rateLimitMemory();
    const rates = new RateLimit({ perSecond, burst }, memory, SECRET, () => clock.ms);
    return { clock, rates, memory };
  }

  it('lets a burst pass, then one request an interval, and says how long to wait', () => {
    const { clock, rates } = limit(10, 3);
    expect([0, 1, 2].map(() => rates.take('a'))).toEqual([0, 0, 0]);
    expect(rates.take('a')).toBeCloseTo(100);
    clock.ms += 99;
    expect(rates.take('a')).toBeCloseTo(1);
    clock.ms += 1;
    expect(rates.take('a')).toBe(0);
    expect(rates.take('a')).toBeGreaterThan(0);
    clock.ms += 10_000;
    expect([0, 1, 2].map(() => rates.take('a'))).toEqual([0, 0, 0]);
    expect(rates.take('a')).toBeGreaterThan(0);
  });

  it('counts clients apart, and together over the workers that share its memory', () => {
    const { clock, rates, memory } = limit(1, 1);
    const other = new RateLimit({ perSecond: 1, burst: 1 }, memory, SECRET, () => clock.ms);
    expect(rates.take('a')).toBe(0);
    expect(rates.take('b')).toBe(0);
    expect(other.take('a')).toBeGreaterThan(0);
    expect(other.take('c')).toBe(0);
  });

  it('keeps its memory whoever asks, and a steady client its place among a million others', () => {
    const { clock, rates, memory } = limit(1, 1);
    let passed = 0;
    for (let i = 0; i < 100_000; i += 1) {
      clock.ms += 1;
      if (i % 100 === 0 && rates.take('steady') === 0) passed += 1;
      rates.take(`stranger ${i}`);
    }
    expect(memory.byteLength).toBe(256 * 1024);
    // 100 s at one a second; each interval of the others fills 1000 of 16384 slots.
    expect(passed).toBeGreaterThanOrEqual(99);
    expect(passed).toBeLessThanOrEqual(101);
  });
});

describe("a client's address", () => {
  const proxies = new ClientAddresses(['10.0.0.0/8', '192.168.1.1', 'fd00::/8']);

  it.each([
    [new ClientAddresses([]), '10.0.0.1', '1.2.3.4', '10.0.0.1'],
    [proxies, '10.0.0.1', undefined, '10.0.0.1'],
    [proxies, '10.0.0.1', '1.2.3.4', '1.2.3.4'],
    [proxies, '::ffff:10.0.0.1', '1.2.3.4', '1.2.3.4'],
    [proxies, '9.9.9.9', '1.2.3.4', '9.9.9.9'],
    [proxies, '10.0.0.1', 'forged, 1.2.3.4, 192.168.1.1', '1.2.3.4'],
    [proxies, '10.0.0.1', '8.8.8.8, 1.2.3.4', '1.2.3.4'],
    [proxies, '10.0.0.1', '10.0.0.9, 10.0.0.8', '10.0.0.9'],
    [proxies, '10.0.0.1', 'unknown', '10.0.0.1'],
    [proxies, '10.0.0.1', '1.2.3.4:5678', '1.2.3.4'],
    [proxies, 'fd00::1', '[2001:db8::1]:443', '2001:db8::1'],
    [proxies, undefined, '1.2.3.4', '1.2.3.4'],
  ])(
    '%# is what trusted proxies say, and else the connection',
    (addresses, peer, forwarded, client) => {
      expect(addresses.of(peer, forwarded)).toBe(client);
    },
  );

  it('is counted by the 64 bits of IPv6 that are one customer', () => {
    expect(addressKey('1.2.3.4')).toBe('1.2.3.4');
    expect(addressKey('2001:db8:0:7:1:2:3:4')).toBe('2001:db8:0:7');
    expect(addressKey('2001:db8:0:7::1')).toBe('2001:db8:0:7');
    expect(addressKey('::1')).toBe('0:0:0:0');
    expect(addressKey('fe80::1%eth0')).toBe('fe80:0:0:0');
  });

  it.each(['10.0.0', '10.0.0.0/33', '10.0.0.0/x', 'proxy', '1.2.3.4/8/8'])(
    'is not "%s"',
    (text) => {
      expect(() => new ClientAddresses([text])).toThrow(`--trusted_proxies: got "${text}"`);
    },
  );
});

describe('admission', () => {
  it('counts in total and by model, and out again', () => {
    const admission = new Admission({ total: 3, perModel: 2 });
    const [a, b] = [admission.gate('a'), admission.gate('b')];
    expect([admission.enter(a), admission.enter(a)]).toEqual([null, null]);
    expect(admission.enter(a)?.message).toContain('--max_in_flight_requests_per_model');
    expect(admission.enter(b)).toBeNull();
    expect(admission.enter(b)?.message).toContain('--max_in_flight_requests)');
    admission.leave(a);
    expect(admission.enter(b)).toBeNull();
    expect(admission.inFlight).toBe(3);
  });

  it('without limits lets everything in, and a worker gets its share of one', () => {
    const admission = new Admission({ total: 0, perModel: 0 });
    for (let i = 0; i < 10_000; i += 1) expect(admission.enter(null)).toBeNull();
    expect(admission.isPerModel).toBe(false);
    expect([shareOf(0, 4), shareOf(10, 4), shareOf(1, 4)]).toEqual([0, 3, 1]);
  });
});

describe('overload', () => {
  it('over REST is 503 with Retry-After, before the body is read, and never for probes', async () => {
    const { rest: port, engine } = await front({ maxInFlightRequests: 2 });
    engine.answer = () => 'never';
    const held = await Promise.all([hold(port), hold(port)]);
    await expect.poll(() => engine.seen.length).toBe(2);
    const refused = await http({ port, path: PREDICT, body: BODY });
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(refused.text)).toEqual({
      error: 'The server is overloaded: 2 requests are under way (--max_in_flight_requests)',
    });
    for (const path of [
      '/healthz/live',
      '/monitoring/prometheus/metrics',
      '/v1/models/half_plus_two',
    ]) {
      expect((await http({ port, path })).status).toBe(200);
    }
    // A client that leaves makes room at once.
    held[0]?.destroy();
    engine.answer = () => ({ reply: '{}' });
    await expect
      .poll(async () => (await http({ port, path: PREDICT, body: BODY })).status)
      .toBe(200);
  });

  it('over gRPC is UNAVAILABLE and says when to come again', async () => {
    const { grpc: port, engine, rest } = await front({ maxInFlightRequestsPerModel: 1 });
    engine.answer = () => 'never';
    await hold(rest);
    await expect.poll(() => engine.seen.length).toBe(1);
    engine.answer = () => ({ reply: '' });
    const spec = (name: string): Buffer =>
      Buffer.from([0x0a, name.length + 2, 0x0a, name.length, ...Buffer.from(name)]);
    const refused = await grpcStatus({ port, path: RPC, body: spec('half_plus_two') });
    expect(refused.code).toBe(14);
    expect(refused.details).toContain('1 requests for this model are under way');
    expect(refused.metadata.get('grpc-retry-pushback-ms')).toEqual(['1000']);
    expect((await grpcStatus({ port, path: RPC, body: spec('another') })).code).toBe(0);
  });

  it('of the inference threads is told at the door', async () => {
    const { rest: port, engine } = await front({});
    expect((await http({ port, path: PREDICT, body: BODY })).status).toBe(200);
    engine.overloaded.add(engine.targetCalls - 1);
    const refused = await http({ port, path: PREDICT, body: Buffer.alloc(500_000) });
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect(engine.seen.length).toBe(1);
  });

  it('is not made by clients that send their bodies slowly', async () => {
    const { rest: port } = await front({ maxInFlightRequests: 1 });
    const head = `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`;
    await Promise.all([open(port, head), open(port, head), open(port, head)]);
    expect((await http({ port, path: PREDICT, body: BODY })).status).toBe(200);
  });

  it('tells a client that asks first not to send its body', async () => {
    const { rest: port, engine } = await front({ maxInFlightRequests: 1 });
    const head = `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${BODY.length}\r\n\r\n`;
    const welcome = await open(port, head);
    expect(await text(welcome, /\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    welcome.write(BODY);
    expect(await text(welcome, /\{\}/)).toMatch(/^HTTP\/1.1 200 OK/);
    engine.answer = () => 'never';
    await hold(port);
    await expect.poll(() => engine.seen.length).toBe(2);
    expect(await text(await open(port, head), /\}$/)).toMatch(/^HTTP\/1.1 503 /);
  });

  it('is counted right through aborts, bad bodies and answers', async () => {
    const { rest: port, security } = await front({});
    const head = `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`;
    for (let i = 0; i < 20; i += 1) {
      const socket = await open(port, head);
      if (i % 2 === 0) socket.destroy();
      else socket.resetAndDestroy();
      await http({ port, path: PREDICT, body: BODY });
      await http({ port, path: PREDICT, body: Buffer.alloc(2 ** 20 + 1) });
      await http({ port, path: PREDICT, body: 'no gzip', headers: { 'content-encoding': 'gzip' } });
    }
    await expect.poll(() => security.admission.inFlight).toBe(0);
  });
});

describe('requests of one client', () => {
  it('are refused with 429 and RESOURCE_EXHAUSTED when they come too often', async () => {
    const { rest: port, grpc } = await front({
      rateLimitRequestsPerSecond: 0.01,
      rateLimitBurst: 2,
    });
    const ask = () => http({ port, path: PREDICT, body: BODY });
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(90);
    const rpc = await grpcStatus({ port: grpc, path: RPC });
    expect(rpc.code).toBe(8);
    expect(Number(rpc.metadata.get('grpc-retry-pushback-ms')[0])).toBeGreaterThan(90_000);
    expect((await http({ port, path: '/healthz/ready' })).status).toBe(200);
    expect((await http({ port, path: '/monitoring/prometheus/metrics' })).status).toBe(200);
    expect((await grpcStatus({ port: grpc, path: '/grpc.health.v1.Health/Check' })).code).toBe(0);
  });

  it('are counted by token, and guesses of tokens by address', async () => {
    const file = join(temporary(), 'tokens.json');
    const entry = { scopes: ['predict'], expires: null };
    const [one, two] = ['one', 'two'].map((name) => addToken(file, { ...entry, name }, null));
    const limits = { rateLimitRequestsPerSecond: 0.01, rateLimitBurst: 2 };
    const { rest: port } = await front({ ...limits, authTokensFile: file });
    const ask = async (authorization = 'guess'): Promise<number> =>
      (await http({ port, path: PREDICT, body: BODY, headers: { authorization } })).status;
    expect([await ask(one), await ask(one), await ask(one)]).toEqual([200, 200, 429]);
    expect(await ask(two)).toBe(200);
    expect([await ask(), await ask(), await ask()]).toEqual([401, 401, 429]);
    expect(await ask(two)).toBe(200);
  });

  it('are counted by what trusted proxies say', async () => {
    const limits = { rateLimitRequestsPerSecond: 0.01, rateLimitBurst: 1 };
    const ask = async ({ rest: port }: Front, forwarded: string): Promise<number> => {
      const headers = { 'x-forwarded-for': forwarded };
      return (await http({ port, path: PREDICT, body: BODY, headers })).status;
    };
    const behind = await front({ ...limits, trustedProxies: ['127.0.0.1'] });
    expect([await ask(behind, '1.1.1.1'), await ask(behind, '2.2.2.2')]).toEqual([200, 200]);
    expect(await ask(behind, '3.3.3.3, 1.1.1.1')).toBe(429);
    const plain = await front(limits);
    expect([await ask(plain, '1.1.1.1'), await ask(plain, '2.2.2.2')]).toEqual([200, 429]);
  });
});

describe('connections', () => {
  it('that are too many are told so, and there is room again when others end', async () => {
    const { rest: port, grpc } = await front({ maxConnections: 3 });
    const held = [await open(port, ''), await open(port, ''), await open(grpc, '')];
    const refused = await http({ port, path: '/healthz/live' });
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(refused.text)).toEqual({ error: 'Too many connections (--max_connections)' });
    expect((await grpcStatus({ port: grpc, path: RPC })).code).toBe(14);
    held[0]?.destroy();
    await expect.poll(async () => (await http({ port, path: '/healthz/live' })).status).toBe(200);
  });

  it('whose headers come slowly, that idle, or stop inside a body are ended', async () => {
    const { rest: port } = await front({
      requestHeaderTimeoutSeconds: 1,
      requestTimeoutSeconds: 2,
      idleTimeoutSeconds: 1,
    });
    const ended = async (bytes: string): Promise<string> => {
      const socket = await open(port, bytes);
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      await new Promise((resolve) => socket.once('close', resolve));
      return text;
    };
    const [headers, idle, body] = await Promise.all([
      ended('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '),
      ended('GET /healthz/live HTTP/1.1\r\nHost: x\r\n\r\n'),
      ended(`POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{`),
    ]);
    expect(headers).toMatch(/^(HTTP\/1.1 408 |$)/);
    expect(idle).toMatch(/^HTTP\/1.1 200 /);
    expect(body).toMatch(/^(HTTP\/1.1 408 |$)/);
  });

  it('with headers beyond --max_header_bytes get 431', async () => {
    const { rest: port } = await front({ maxHeaderBytes: 2000 });
    const headers = { 'x-large': 'x'.repeat(3000) };
    expect((await http({ port, path: '/healthz/live', headers })).status).toBe(431);
  });
});

describe('the names in a request', () => {
  it('are all found, wherever they stand, and nothing else', () => {
    const field = (number: number, bytes: number[]): number[] => [
      number * 8 + 2,
      bytes.length,
      ...bytes,
    ];
    const spec = (name: string): number[] => field(1, field(1, [...Buffer.from(name)]));
    const other = [
      ...field(2, [1, 2, 3]),
      0x18,
      0x96,
      0x01,
      0x25,
      1,
      2,
      3,
      4,
      0x29,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
    ];
    expect(modelNames(Buffer.from([...other, ...spec('a'), ...other]), 1)).toEqual(['a']);
    expect(modelNames(Buffer.from([...spec('a'), ...spec('b')]), 1)).toEqual(['a', 'b']);
    expect(modelNames(Buffer.from([...field(1, spec('a')), ...field(1, spec('b'))]), 2)).toEqual([
      'a',
      'b',
    ]);
    expect(modelNames(Buffer.alloc(0), 1)).toEqual([]);
    for (const bad of [
      [0x0a],
      [0x0a, 5, 1],
      [0x00],
      [0x0b],
      [0x0d, 1],
      [0x08, ...Array(11).fill(0x80)],
    ]) {
      expect(modelNames(Buffer.from(bad), 1)).toBeNull();
    }
  });
});

/** A predict that is not answered while the engine does not. */
function hold(port: number): Promise<Socket> {
  const head = `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n`;
  return open(port, head + BODY);
}

/** What comes over a connection until it fits a pattern. */
function text(socket: Socket, until: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const take = (chunk: Buffer): void => {
      received += chunk.toString();
      if (!until.test(received)) return;
      socket.off('data', take);
      resolve(received);
    };
    socket.on('data', take);
  });
}

/** A connection that has sent some bytes. */
async function open(port: number, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  atEnd(() => void socket.destroy());
  socket.on('error', () => socket.destroy());
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  if (bytes !== '') socket.write(bytes);
  return socket;
}
