import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import { FakeEngine } from './fakes.js';
import { listening, raw, rest } from './rest-support.js';

const PREDICT = '/v1/models/half_plus_two:predict';

describe('inference over REST', () => {
  it('hands the body over as it came and sends the reply as it is', async () => {
    const engine = new FakeEngine(() => ({
      reply: '{\n    "predictions": [2.5\n    ]\n}',
      version: 7,
    }));
    const app = await rest({ engine });
    const answer = await app.inject({
      method: 'POST',
      url: PREDICT,
      payload: '{"instances": [1.0]}',
    });
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toBe('{\n    "predictions": [2.5\n    ]\n}');
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers['content-length']).toBe(String(answer.rawPayload.length));
    expect(answer.headers['x-servable-model-version']).toBe('7');
    expect(engine.seen[0]?.target).toEqual({
      method: 'rest.predict',
      name: 'half_plus_two',
      version: null,
      label: null,
      nonFinite: 'token',
      body: 'json',
      signatureName: '',
      npyReply: false,
    });
    expect(engine.seen[0]?.body).toBe('{"instances": [1.0]}');
  });

  it.each([
    'application/json',
    'text/plain',
    'application/x-www-form-urlencoded',
    'not a type;;',
    '',
  ])('takes content type "%s"', async (type) => {
    const engine = new FakeEngine();
    const app = await rest({ engine });
    const headers = type === '' ? {} : { 'content-type': type };
    const answer = await app.inject({ method: 'POST', url: PREDICT, payload: '{}', headers });
    expect(answer.statusCode).toBe(200);
    expect(engine.seen[0]?.body).toBe('{}');
  });

  it.each([
    ['/v1/models/m:predict', { method: 'rest.predict', name: 'm', version: null, label: null }],
    [
      '/V1/Models/m/VERSIONS/12:classify',
      { method: 'rest.classify', name: 'm', version: 12n, label: null },
    ],
    [
      '/v1/models/m/labels/blue%2Fgreen:regress',
      { method: 'rest.regress', name: 'm', version: null, label: 'blue/green' },
    ],
    [
      '/v1/models/a%2Fb%3Ac+d:predict',
      { method: 'rest.predict', name: 'a/b:c+d', version: null, label: null },
    ],
    [
      '/v1/models/100%:predict',
      { method: 'rest.predict', name: '100%', version: null, label: null },
    ],
    [
      '/v1/models/m:predict?timeout=1',
      { method: 'rest.predict', name: 'm', version: null, label: null },
    ],
    [
      '/v1/models/modelname%21%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B%5D:predict',
      { method: 'rest.predict', name: "modelname!#$%&'()*+,/:;=?@[]", version: null, label: null },
    ],
  ])('routes %s', async (url, target) => {
    const engine = new FakeEngine();
    const app = await rest({ engine });
    const answer = await app.inject({ method: 'POST', url, payload: '{}' });
    expect(answer.statusCode).toBe(200);
    expect(engine.seen[0]?.target).toMatchObject(target);
  });

  it('asks the engine once per path', async () => {
    const engine = new FakeEngine();
    const app = await rest({ engine });
    for (let i = 0; i < 5; i++) await app.inject({ method: 'POST', url: PREDICT, payload: '{}' });
    expect(engine.targetCalls).toBe(1);
    expect(engine.seen).toHaveLength(5);
  });

  it.each([
    ['application/json; nonfinite=null', 'null'],
    ['application/json;nonfinite="string", */*', 'string'],
    ['application/json; nonfinite=other', 'token'],
    ['*/*', 'token'],
  ])('Accept "%s" prints non-finite numbers as %s', async (accept, nonFinite) => {
    const engine = new FakeEngine();
    const app = await rest({ engine });
    await app.inject({ method: 'POST', url: PREDICT, payload: '{}', headers: { accept } });
    expect(engine.seen[0]?.target.nonFinite).toBe(nonFinite);
  });

  it.each([
    ['NOT_FOUND', 404, 'Servable not found for request: Latest(half)'],
    ['INVALID_ARGUMENT', 400, 'JSON Parse error: The document is empty'],
    ['UNIMPLEMENTED', 501, 'Conversion of JSON Value: 1.0 to type: complex64'],
    ['DEADLINE_EXCEEDED', 504, 'Timed out waiting for notification'],
    ['UNAVAILABLE', 503, 'busy'],
    ['RESOURCE_EXHAUSTED', 429, 'full'],
    ['INTERNAL', 500, 'TensorFlow said so'],
  ] as const)('answers %s with %i', async (code, status, message) => {
    const app = await rest({ engine: new FakeEngine(() => new ServingError(code, message)) });
    const answer = await app.inject({ method: 'POST', url: PREDICT, payload: '{}' });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.body).toBe(`{\n    "error": "${message}"\n}`);
  });

  it('escapes error texts as the reference does', async () => {
    const text = 'a"b\\u001fc\n\u001f\u007f/é';
    const app = await rest({ engine: new FakeEngine(() => new ServingError('UNKNOWN', text)) });
    const answer = await app.inject({ method: 'POST', url: PREDICT, payload: '{}' });
    expect(answer.body).toBe('{\n    "error": "a\\"b\\\\u001fc\\n\\u001F\u007f/é"\n}');
    expect((answer.json() as { error: string }).error).toBe(text);
  });

  it('gives every inference the deadline of the timeout, and none for a timeout of zero', async () => {
    const engine = new FakeEngine();
    const timed = await rest({ engine, settings: { timeoutMs: 5000 } });
    const before = performance.now();
    await timed.inject({ method: 'POST', url: PREDICT, payload: '{}' });
    expect(engine.seen[0]?.deadlineMs).toBeGreaterThanOrEqual(before + 5000);
    expect(engine.seen[0]?.deadlineMs).toBeLessThan(before + 35_000);
    const untimed = await rest({ engine, settings: { timeoutMs: 0 } });
    await untimed.inject({ method: 'POST', url: PREDICT, payload: '{}' });
    expect(engine.seen[1]?.deadlineMs).toBe(0);
  });

  it('answers 500 and lives when the engine throws', async () => {
    const engine = new FakeEngine(() => {
      throw new TypeError('defect');
    });
    const app = await rest({ engine });
    const answer = await app.inject({ method: 'POST', url: PREDICT, payload: '{}' });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).toBe('{\n    "error": "the request could not be queued"\n}');
  });

  it('cancels what a client that left is waiting for', async () => {
    const engine = new FakeEngine(() => 'never');
    const app = await rest({ engine });
    const port = await listening(app);
    const socket = connect(port, '127.0.0.1');
    socket.write(`POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`);
    await expect.poll(() => engine.seen.length).toBe(1);
    socket.destroy();
    await expect.poll(() => engine.cancelled, { timeout: 5000 }).toEqual([1]);
  });
});

describe('request ids', () => {
  it('repeats the one of the request, and makes one otherwise', async () => {
    const app = await rest();
    const given = await app.inject({
      method: 'POST',
      url: PREDICT,
      payload: '{}',
      headers: { 'x-request-id': 'abc-1' },
    });
    expect(given.headers['x-request-id']).toBe('abc-1');
    const made = await app.inject({ method: 'GET', url: '/v1/models/half_plus_two' });
    const again = await app.inject({ method: 'GET', url: '/v1/models/nope' });
    expect(made.headers['x-request-id']).toMatch(/^[0-9a-f]{12}-\w+$/);
    expect(again.headers['x-request-id']).not.toBe(made.headers['x-request-id']);
  });

  it('does not repeat one that is not plain text', async () => {
    const app = await rest();
    const answer = await app.inject({
      method: 'GET',
      url: '/v1/models/nope',
      headers: { 'x-request-id': 'a b' },
    });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{12}-/);
  });
});

describe('bodies', () => {
  it('refuses one over the limit with 413, announced or chunked', async () => {
    const engine = new FakeEngine();
    const app = await rest({ engine, settings: { maxBytes: 100 } });
    const message = '{\n    "error": "request body is larger than 100 bytes (--max_body_bytes)"\n}';
    const announced = await app.inject({ method: 'POST', url: PREDICT, payload: 'x'.repeat(101) });
    expect(announced.statusCode).toBe(413);
    expect(announced.body).toBe(message);
    const port = await listening(app);
    const chunk = `65\r\n${'x'.repeat(101)}\r\n0\r\n\r\n`;
    const chunked = await raw(
      port,
      `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
    );
    expect(chunked).toContain('HTTP/1.1 413');
    expect(chunked).toContain(message);
    expect(engine.seen).toHaveLength(0);
  });

  it('joins the chunks of a chunked body', async () => {
    const engine = new FakeEngine();
    const app = await rest({ engine });
    const port = await listening(app);
    await new Promise<void>((resolve, reject) => {
      const out = httpRequest({ port, path: PREDICT, method: 'POST' }, (response) => {
        response.resume();
        response.on('end', resolve);
      });
      out.on('error', reject);
      out.write('{"instances":');
      setTimeout(() => out.end(' [1.0]}'), 20);
    });
    expect(engine.seen[0]?.body).toBe('{"instances": [1.0]}');
  });

  it('gives up with 408 when it stops coming', async () => {
    const app = await rest();
    // Both are minutes and half minutes otherwise.
    app.server.requestTimeout = 300;
    Object.assign(app.server, { connectionsCheckingInterval: 50, headersTimeout: 300 });
    const port = await listening(app);
    for (const part of [
      `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{}`,
      'GET /v1/models HTTP/1.1\r\nHos',
    ]) {
      const text = await raw(port, part, false);
      expect(text).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
      expect(text).toContain('{\n    "error": "Malformed HTTP request: Request Timeout"\n}');
    }
  });

  it('answers Expect: 100-continue', async () => {
    const app = await rest();
    const port = await listening(app);
    const text = await raw(
      port,
      `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
    );
    expect(text).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
  });

  it('inflates gzip, and reads what is not gzip as empty', async () => {
    const engine = new FakeEngine();
    const app = await rest({ engine });
    const headers = { 'content-encoding': 'x-gzip' };
    await app.inject({ method: 'POST', url: PREDICT, payload: gzipSync('{"a": 1}'), headers });
    await app.inject({ method: 'POST', url: PREDICT, payload: 'no gzip', headers });
    await app.inject({
      method: 'POST',
      url: PREDICT,
      payload: gzipSync('{"a": 1}').subarray(0, 15),
      headers,
    });
    expect(engine.seen.map(({ body }) => body)).toEqual(['{"a": 1}', '', '']);
  });

  it('stops a gzip bomb at the size and at the ratio', async () => {
    const engine = new FakeEngine();
    const headers = { 'content-encoding': 'gzip' };
    const bomb = gzipSync(Buffer.alloc(40 * 1024 * 1024));
    const small = await rest({ engine, settings: { maxBytes: 1024 * 1024 } });
    const bySize = await small.inject({ method: 'POST', url: PREDICT, payload: bomb, headers });
    expect(bySize.statusCode).toBe(413);
    expect(bySize.body).toContain('larger than 1048576 bytes');
    const large = await rest({ engine, settings: { maxBytes: 1024 ** 3 } });
    const byRatio = await large.inject({ method: 'POST', url: PREDICT, payload: bomb, headers });
    expect(byRatio.statusCode).toBe(413);
    expect(byRatio.body).toContain('expands to more than 200 times its size');
    expect(engine.seen).toHaveLength(0);
  });

  it('compresses large answers for clients that ask, and only those', async () => {
    const reply = JSON.stringify({ predictions: new Array(2000).fill(0.5) });
    const app = await rest({ engine: new FakeEngine(() => ({ reply })) });
    const ask = (coding: string) =>
      app.inject({
        method: 'POST',
        url: PREDICT,
        payload: '{}',
        headers: { 'accept-encoding': coding },
      });
    const gzip = await ask('gzip, deflate, br');
    expect(gzip.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(gzip.rawPayload).toString()).toBe(reply);
    const br = await ask('br, gzip;q=0.1');
    expect(br.headers['content-encoding']).toBe('br');
    expect(brotliDecompressSync(br.rawPayload).toString()).toBe(reply);
    const none = await ask('gzip;q=0, identity');
    expect(none.headers['content-encoding']).toBeUndefined();
    expect(none.body).toBe(reply);
    const small = await rest();
    const answer = await small.inject({
      method: 'POST',
      url: PREDICT,
      payload: '{}',
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(answer.headers['content-encoding']).toBeUndefined();
  });
});
