import { setTimeout as delay } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpAnswer, http, rawConnection } from '../support/http.js';
import { writeModelConfig } from '../support/model-config.js';
import { modelDir } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { wireModel, wireModelConfig } from '../support/wire-models.js';

const BODY = '{"instances": [1.0, 2.0, 5.0]}';
const PREDICT = '/v1/models/two:predict';
const ODD_NAME = "a/b:c %d+é'()[]";
const ODD_PATH = 'a%2Fb%3Ac%20%25d+%C3%A9%27()%5B%5D';

/** Versions 1 and 2 of one model with labels, and the model of an odd name. */
function config(): string {
  return writeModelConfig(`model_config_list {
    config {
      name: "two" base_path: "${modelDir('half_plus_two')}" model_platform: "tensorflow"
      model_version_policy { all {} }
      version_labels { key: "stable" value: 1 }
      version_labels { key: "blue/green" value: 2 }
    }
    config { name: "${ODD_NAME}" base_path: "${wireModel('half_plus_three')}" model_platform: "tensorflow" }
    config { name: "slow" base_path: "${wireModel('slow')}" model_platform: "tensorflow" }
    config { name: "echo" base_path: "${modelDir('echo')}" model_platform: "tensorflow" }
  }\n`);
}

let server: RunningServer;
const ask = (
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> =>
  http({ port: server.restPort, path, headers, ...(body === undefined ? {} : { body }) });

beforeAll(async () => {
  server = await startServer({
    args: [
      `--model_config_file=${config()}`,
      '--rest_api_compress_min_bytes=1000',
      '--rest_api_enable_cors_support=true',
      '--rest_api_cors_origins=https://a.example,https://b.example',
      '--rest_api_cors_headers=Content-Type,Authorization',
    ],
    models: ['two', 'slow', 'echo', encodeURIComponent(ODD_NAME)],
  });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

describe('requests over the wire', () => {
  it('answers Expect: 100-continue before the body is sent', async () => {
    const connection = await rawConnection(server.restPort);
    connection.socket.write(
      `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n`,
    );
    await connection.received(/^HTTP\/1.1 100 Continue\r\n\r\n$/);
    connection.socket.write(BODY);
    const text = await connection.closed();
    expect(text).toMatch(/HTTP\/1.1 200 OK\r\n[\s\S]*"predictions": \[2\.5, 3\.0, 4\.5\s*\]/);
  });

  it('takes chunked bodies, in any pieces', async () => {
    const connection = await rawConnection(server.restPort);
    connection.socket.write(
      `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`,
    );
    for (const char of BODY) connection.socket.write(`1\r\n${char}\r\n`);
    connection.socket.write('0\r\n\r\n');
    expect(await connection.closed()).toContain('"predictions": [2.5, 3.0, 4.5');
  });

  it('takes HTTP/1.0 and several requests at once on a connection', async () => {
    const old = await rawConnection(server.restPort);
    old.socket.write(`POST ${PREDICT} HTTP/1.0\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`);
    expect(await old.closed()).toMatch(/^HTTP\/1.[01] 200 OK[\s\S]*predictions/);
    const connection = await rawConnection(server.restPort);
    const one = (body: string, close: boolean): string =>
      `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${close ? 'Connection: close\r\n' : ''}\r\n${body}`;
    connection.socket.write(
      one('{"instances": [1]}', false) + one('{"instances": [2]}', false) + one('{"x"', true),
    );
    const text = await connection.closed();
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 400']);
    expect(text.indexOf('[2.5')).toBeLessThan(text.indexOf('[3.0'));
  });

  it.each([
    ['of curl', 'application/x-www-form-urlencoded'],
    ['of JSON with a charset', 'application/json; charset=utf-8'],
    ['that is plain text', 'text/plain'],
    ['that is none', 'no type;;'],
  ])('takes a content type %s', async (_what, type) => {
    const answer = await ask(PREDICT, BODY, { 'content-type': type });
    expect(JSON.parse(answer.text)).toEqual({ predictions: [2.5, 3, 4.5] });
    expect(answer.headers['content-type']).toBe('application/json');
  });

  it('takes no content type', async () => {
    expect((await ask(PREDICT, BODY)).status).toBe(200);
  });

  it('decodes names after matching', async () => {
    const answer = await ask(`/v1/models/${ODD_PATH}:predict`, BODY);
    expect(JSON.parse(answer.text)).toEqual({ predictions: [3.5, 4, 5.5] });
    const metadata = await ask(`/V1/models/${ODD_PATH}/metadata`);
    expect(JSON.parse(metadata.text)).toMatchObject({ model_spec: { name: ODD_NAME } });
    const list = JSON.parse((await ask('/v1/models')).text) as { models: { name: string }[] };
    expect(list.models.map(({ name }) => name).sort()).toEqual([ODD_NAME, 'echo', 'slow', 'two']);
  });
});

describe('versions and labels on every verb', () => {
  const EXAMPLES = '{"signature_name": "SIGNATURE", "examples": [{"x": 4.0}]}';
  const VERBS: [verb: string, body: string | undefined][] = [
    [':predict', BODY],
    [':classify', EXAMPLES.replace('SIGNATURE', 'classify_scores')],
    [':regress', EXAMPLES.replace('SIGNATURE', 'regress_x_to_y')],
    ['/metadata', undefined],
  ];
  const PLACES: [place: string, version: string][] = [
    ['', '2'],
    ['/versions/1', '1'],
    ['/versions/2', '2'],
    ['/labels/stable', '1'],
    ['/labels/blue%2Fgreen', '2'],
  ];
  for (const [verb, body] of VERBS) {
    it.each(PLACES)(`two%s${verb} is answered by version %s`, async (place, version) => {
      const answer = await ask(`/v1/models/two${place}${verb}`, body);
      expect(answer.status, answer.text).toBe(200);
      expect(answer.headers['x-servable-model-version']).toBe(version);
    });

    it(`an unknown version is 404 and an unknown label 400 on ${verb}`, async () => {
      const version = await ask(`/v1/models/two/versions/9${verb}`, body);
      expect([version.status, JSON.parse(version.text)]).toEqual([
        404,
        { error: 'Servable not found for request: Specific(two, 9)' },
      ]);
      const label = await ask(`/v1/models/two/labels/none${verb}`, body);
      expect([label.status, JSON.parse(label.text)]).toEqual([
        400,
        { error: 'Unrecognized servable version label: none' },
      ]);
    });
  }

  it('the status is of all versions, one, or the one of a label', async () => {
    const versions = async (place: string): Promise<string[]> => {
      const { text } = await ask(`/v1/models/two${place}`);
      const document = JSON.parse(text) as { model_version_status: { version: string }[] };
      return document.model_version_status.map(({ version }) => version);
    };
    expect(await versions('')).toEqual(['2', '1']);
    expect(await versions('/versions/1')).toEqual(['1']);
    expect(await versions('/labels/blue%2Fgreen')).toEqual(['2']);
  });
});

describe('the time limit', () => {
  it('answers 504 when it is over, and others meanwhile', async () => {
    const limited = await startServer({
      args: [
        `--model_config_file=${config()}`,
        '--rest_api_timeout_in_ms=1500',
        '--drain_timeout_seconds=1',
      ],
      models: ['two', 'slow'],
    });
    const port = limited.restPort;
    // The first run of a graph is slower than the later ones.
    await http({ port, path: PREDICT, body: BODY });
    const began = performance.now();
    let isAnswered = false;
    const late = http({
      port,
      path: '/v1/models/slow:predict',
      body: '{"instances": [2000000]}',
    }).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await delay(50);
    const other = await http({ port, path: PREDICT, body: BODY });
    expect([other.status, isAnswered]).toEqual([200, false]);
    const answer = await late;
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      504,
      { error: 'Timed out waiting for notification' },
    ]);
    const took = performance.now() - began;
    expect(took).toBeGreaterThan(1400);
    // The run takes some 20 seconds: the answer did not wait for it, and neither does the server's end.
    expect(took).toBeLessThan(8000);
    expect(await limited.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(16_000);
  });
});

describe('codings', () => {
  it('takes gzip bodies', async () => {
    const answer = await ask(PREDICT, gzipSync(BODY), { 'content-encoding': 'gzip' });
    expect(JSON.parse(answer.text)).toEqual({ predictions: [2.5, 3, 4.5] });
  });

  it('compresses large answers when asked to', async () => {
    const body = JSON.stringify({ inputs: new Array(1000).fill(1) });
    const plain = await ask(PREDICT, body);
    expect(plain.headers['content-encoding']).toBeUndefined();
    const gzip = await ask(PREDICT, body, { 'accept-encoding': 'gzip, deflate' });
    expect(gzip.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(gzip.bytes)).toEqual(plain.bytes);
    const br = await ask(PREDICT, body, { 'accept-encoding': 'br' });
    expect(br.headers['content-encoding']).toBe('br');
    expect(brotliDecompressSync(br.bytes)).toEqual(plain.bytes);
    expect(br.headers['content-length']).toBe(String(br.bytes.length));
  });

  it('prints what is not finite as tokens, null or strings', async () => {
    const body = '{"signature_name": "flat_float32", "instances": [NaN, Infinity, -Infinity, 1]}';
    const printed = async (accept?: string): Promise<string> => {
      const headers = accept === undefined ? {} : { accept };
      const { text } = await ask('/v1/models/echo:predict', body, headers as never);
      return text.replace(/\s+/g, ' ');
    };
    expect(await printed()).toContain('[NaN, Infinity, -Infinity, 1.0 ]');
    expect(await printed('application/json; nonfinite=null')).toContain('[null, null, null, 1.0 ]');
    expect(await printed('application/json; nonfinite=string')).toContain(
      '["NaN", "Infinity", "-Infinity", 1.0 ]',
    );
  });
});

describe('headers', () => {
  it('repeats the request id and makes one where there is none', async () => {
    const given = await ask(PREDICT, BODY, { 'x-request-id': 'mine-7' });
    expect(given.headers['x-request-id']).toBe('mine-7');
    const made = await ask(PREDICT, BODY);
    expect(made.headers['x-request-id']).toMatch(/^[0-9a-f]{12}-\w+$/);
    const refused = await ask('/v1/models/two:nothing', BODY);
    expect(refused.status).toBe(400);
    expect(refused.headers['x-request-id']).toMatch(/^[0-9a-f]{12}-\w+$/);
  });

  it('names configured origins and headers for CORS', async () => {
    const from = (origin: string): Promise<HttpAnswer> => ask(PREDICT, BODY, { origin });
    const allowed = await from('https://b.example');
    expect(allowed.headers['access-control-allow-origin']).toBe('https://b.example');
    expect(allowed.headers['access-control-allow-headers']).toBe('Content-Type, Authorization');
    expect(allowed.headers['access-control-allow-methods']).toBe('POST, GET');
    const other = await from('https://c.example');
    expect(other.status).toBe(200);
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
    const preflight = await http({
      port: server.restPort,
      method: 'OPTIONS',
      path: PREDICT,
      headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(200);
    expect(preflight.headers['access-control-allow-origin']).toBe('https://a.example');
  });
});

describe('health pages', () => {
  it.each([
    ['/healthz/live', 200],
    ['/healthz/ready', 200],
    ['/healthz/models/two', 200],
    ['/healthz/models/two/versions/1', 200],
    ['/healthz/models/two/versions/9', 404],
    ['/healthz/models/two/labels/stable', 200],
    [`/healthz/models/${ODD_PATH}`, 200],
    ['/healthz/models/none', 404],
  ])('%s answers %i', async (path, status) => {
    expect((await ask(path)).status).toBe(status);
  });
});

describe('--enable_signature_method_name_check', () => {
  const CLASSIFY = (name: string): string =>
    `{"signature_name": "${name}", "examples": [{"x": 1.0}]}`;
  const cases: [path: string, body: string, status: number, error: string][] = [
    [
      '/v1/models/words:predict',
      '{"signature_name": "own_method", "instances": ["a"]}',
      500,
      'Expected prediction signature method_name to be one of {tensorflow/serving/predict, tensorflow/serving/classify, tensorflow/serving/regress}. Was: example.com/own/method',
    ],
    [
      '/v1/models/half_plus_two:classify',
      CLASSIFY('regress_x_to_y'),
      400,
      'Expected classification signature method_name to be tensorflow/serving/classify. Was: tensorflow/serving/regress',
    ],
    [
      '/v1/models/half_plus_two:regress',
      CLASSIFY('classify_x_to_y'),
      400,
      'Expected regression signature method_name to be tensorflow/serving/regress. Was: tensorflow/serving/classify',
    ],
  ];

  it('refuses what does not fit the call', async () => {
    const strict = await startServer({
      args: [`--model_config_file=${wireModelConfig()}`, '--enable_signature_method_name_check'],
      models: ['words', 'half_plus_two'],
    });
    for (const [path, body, status, error] of cases) {
      const answer = await http({ port: strict.restPort, path, body });
      expect([answer.status, JSON.parse(answer.text)]).toEqual([status, { error }]);
    }
    const fits = await http({
      port: strict.restPort,
      path: '/v1/models/half_plus_two:classify',
      body: CLASSIFY('classify_x_to_y'),
    });
    expect(fits.status).toBe(200);
    expect(await strict.stop()).toBe(0);
  });

  it('is off by default: only the structure decides', async () => {
    const lax = await startServer({
      args: [`--model_config_file=${wireModelConfig()}`],
      models: ['words', 'half_plus_two'],
    });
    const [predict, classify] = await Promise.all(
      cases.slice(0, 2).map(([path, body]) => http({ port: lax.restPort, path, body })),
    );
    expect(predict?.status).toBe(200);
    expect(classify?.text).toContain('Expected classification signature outputs to contain');
    expect(await lax.stop()).toBe(0);
  });
});
