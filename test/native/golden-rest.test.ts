import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GOLDEN_MODELS, goldenModelConfig } from '../support/model-config.js';
import { goldenFile } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

interface Case {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly response: { status: number; headers: Record<string, string>; body: string };
}

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
}

const RANGE = 'integers out of the range of the dtype are refused, not wrapped';
const DTYPES = 'half, bfloat16 and uint16 are accepted and printed';

/** Cases that differ from TensorFlow Serving on purpose: what is right here, and why. */
const DIFFERENT: Readonly<Record<string, { reason: string; status: number; body: RegExp }>> = {
  'status.label': {
    reason: 'status by label resolves the label',
    status: 200,
    body: /^\{\n "model_version_status": \[\n {2}\{\n {3}"version": "1",(?![\s\S]*"version": "2")/,
  },
  'status.unknown_label': {
    reason: 'status by label resolves the label',
    status: 400,
    body: /Unrecognized servable version label: none/,
  },
  'status.v1': {
    reason: 'GET /v1/models lists the models',
    status: 200,
    body: /"name": "half_plus_two"/,
  },
  'predict.bad_json4': {
    reason: 'text after the JSON root is an error',
    status: 400,
    body: /JSON Parse error: /,
  },
  'str.b64': {
    reason: 'output strings that are not UTF-8 are sent as b64',
    status: 200,
    body: /"upper": \{\s*"b64": "AP8="\s*\}/,
  },
  'dtype.float16.row': { reason: DTYPES, status: 200, body: /"predictions": \[\[1\.5, 65504\.0\]/ },
  'dtype.bfloat16.col': {
    reason: DTYPES,
    status: 200,
    body: /"outputs": \[\s*\[\s*1\.5,\s*3\.0\s*\]\s*\]/,
  },
  'dtype.uint16.col': {
    reason: DTYPES,
    status: 200,
    body: /"outputs": \[\s*\[\s*0,\s*65535\s*\]\s*\]/,
  },
  'dtype.uint16.bad.65536': {
    reason: DTYPES,
    status: 400,
    body: /JSON Value: 65536 Type: Number is not of expected type: uint16/,
  },
  'dtype.int8.bad.128': {
    reason: RANGE,
    status: 400,
    body: /JSON Value: 128 Type: Number is not of expected type: int8/,
  },
  'dtype.uint8.bad.256': {
    reason: RANGE,
    status: 400,
    body: /JSON Value: 256 Type: Number is not of expected type: uint8/,
  },
  'dtype.uint8.bad.-1': {
    reason: RANGE,
    status: 400,
    body: /JSON Value: -1 Type: Number is not of expected type: uint8/,
  },
};

/** Parses JSON in which NaN and the infinities are bare tokens. */
function parse(text: string): unknown {
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)\b/g, (token) =>
    token.startsWith('"') ? token : `"token:${token}"`,
  );
  return JSON.parse(quoted);
}

/** Equal values; numbers to a part in a million. Gives the path of the first difference, or null. */
function difference(ours: unknown, theirs: unknown, path = '$'): string | null {
  if (typeof ours === 'number' && typeof theirs === 'number') {
    const near = Math.abs(ours - theirs) <= 1e-6 * Math.max(1e-30, Math.abs(theirs));
    return near || ours === theirs ? null : `${path}: ${ours}, wanted ${theirs}`;
  }
  if (typeof ours !== 'object' || typeof theirs !== 'object' || ours === null || theirs === null) {
    return ours === theirs ? null : `${path}: ${String(ours)}, wanted ${String(theirs)}`;
  }
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  for (const key of keys) {
    const found = difference(
      (ours as Record<string, unknown>)[key],
      (theirs as Record<string, unknown>)[key],
      `${path}.${key}`,
    );
    if (found !== null) return found;
  }
  return null;
}

/** Up to where the reference prints a SignatureDef, which it marks with text that is random by design. */
function upToDump(text: string): string {
  const at = text.indexOf('goo.gle/debug');
  return at < 0 ? text : text.slice(0, at);
}

describe('answers recorded from TensorFlow Serving, over REST', () => {
  const cases = JSON.parse(readFileSync(goldenFile('rest.json'), 'utf8')) as Case[];
  let server: RunningServer;

  beforeAll(async () => {
    server = await startServer({
      args: [
        `--model_config_file=${goldenModelConfig()}`,
        '--allow_version_labels_for_unavailable_models=true',
      ],
      models: GOLDEN_MODELS,
    });
  });

  afterAll(async () => {
    expect(await server.stop()).toBe(0);
  });

  // Not fetch: that would add headers of its own and normalise the path.
  function send({ method, path, body, headers }: Case): Promise<Answer> {
    const given = Object.entries(headers).filter(([, value]) => value !== '');
    return new Promise((resolve, reject) => {
      const out = httpRequest(
        {
          host: '127.0.0.1',
          port: server.restPort,
          method,
          path,
          headers: Object.fromEntries(given),
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              type: response.headers['content-type'],
              body: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      out.on('error', reject);
      out.end(body ?? undefined);
    });
  }

  for (const each of cases) {
    const different = DIFFERENT[each.id];
    const title = different === undefined ? each.id : `${each.id} (differs: ${different.reason})`;
    it(title, async () => {
      const answer = await send(each);
      if (different !== undefined) {
        expect([answer.status, answer.body]).toEqual([
          different.status,
          expect.stringMatching(different.body),
        ]);
        return;
      }
      expect([answer.status, answer.body.slice(0, 2000)]).toEqual([
        each.response.status,
        expect.anything(),
      ]);
      expect(answer.type).toBe(each.response.headers['content-type']);
      if (answer.status === 200) {
        expect(difference(parse(answer.body), parse(each.response.body))).toBeNull();
      } else {
        const { error: ours } = JSON.parse(answer.body) as { error: string };
        const { error: theirs } = JSON.parse(each.response.body) as { error: string };
        const wanted = upToDump(theirs);
        expect(wanted === theirs ? ours : ours.slice(0, wanted.length)).toBe(wanted);
      }
    });
  }

  it('every deliberate difference is a recorded case', () => {
    const ids = new Set(cases.map(({ id }) => id));
    expect(Object.keys(DIFFERENT).filter((id) => !ids.has(id))).toEqual([]);
  });

  it('answers the request that ended the reference: rank 2 for a Conv2D model', async () => {
    const body = JSON.stringify({ instances: [new Array(784).fill(0)] });
    const answer = await send({
      id: '',
      method: 'POST',
      path: '/v1/models/image:predict',
      body,
      headers: {},
      response: { status: 0, headers: {}, body: '' },
    });
    expect(answer.status).toBe(400);
    const alive = await fetch(`${server.rest}/healthz/live`);
    expect(alive.status).toBe(200);
  });
});
