import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModelConfig } from '../support/model-config.js';
import { ROOT } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { wireModel } from '../support/wire-models.js';

interface Case {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly body: string;
    readonly headers?: Record<string, string>;
  };
  readonly expected: {
    readonly http: number;
    readonly error?: string;
    readonly errorContains?: string;
    readonly emptyBody?: boolean;
    readonly json?: unknown;
    readonly jsonFile?: string;
  };
}

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
}

const FILE = join(ROOT, '..', 'shared', 'spec', 'cases', 'http.json');

/** Cases that differ on purpose: what is right here, and why. */
const DIFFERENT: Readonly<Record<string, { reason: string; status: number; body: RegExp }>> = {
  models_list: {
    reason: 'GET /v1/models lists the models',
    status: 200,
    body: /"name": "m"/,
  },
  version_overflow: {
    reason: 'the message is in the body',
    status: 400,
    body: /"error": "Failed to convert version: 18446744073709551615 to numeric\."/,
  },
  query_string: {
    reason: 'query strings are handled',
    status: 200,
    body: /"predictions": \[2\.5/,
  },
  head: { reason: 'HEAD is handled', status: 200, body: /^$/ },
  status_unknown_label: {
    reason: 'status by label resolves the label',
    status: 400,
    body: /"error": "Unrecognized servable version label: nope"/,
  },
};

/** Bodies that the case only describes. */
const BODIES: Readonly<Record<string, RegExp>> = {
  predict_nan: /"predictions": \[NaN, Infinity\s*\]/,
  not_v1: /^<HTML><HEAD>\n<TITLE>404 Not Found<\/TITLE>/,
};

let server: RunningServer;

// Not fetch: that would add headers of its own and normalise the path.
function send({ method, path, body, headers = {} }: Case['request']): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.restPort, method, path, headers };
    const out = httpRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        const type = response.headers['content-type'];
        resolve({ status, type, body: Buffer.concat(chunks).toString() });
      });
    });
    out.on('error', reject);
    out.end(body);
  });
}

function check({ name, expected }: Case, answer: Answer): void {
  expect([answer.status, answer.body]).toEqual([expected.http, expect.anything()]);
  const { error, errorContains, emptyBody, json, jsonFile } = expected;
  if (error !== undefined) {
    expect(answer.body).toBe(`{\n    "error": ${JSON.stringify(error)}\n}`);
    expect(answer.type).toBe('application/json');
  }
  if (errorContains !== undefined) {
    expect((JSON.parse(answer.body) as { error: string }).error).toContain(errorContains);
  }
  if (emptyBody === true) expect(answer.body).toBe('');
  if (json !== undefined) expect(JSON.parse(answer.body)).toEqual(json);
  if (jsonFile !== undefined) {
    // The file it names stands in TensorFlow Serving's tree; the recorded answers compare whole documents.
    expect(JSON.parse(answer.body)).toMatchObject({
      model_spec: { name: 'm', signature_name: '', version: '123' },
      metadata: { signature_def: { signature_def: { regress_x_to_y: expect.anything() } } },
    });
  }
  const body = BODIES[name];
  if (body !== undefined) expect(answer.body).toMatch(body);
}

if (!existsSync(FILE)) {
  it.skip(`the HTTP cases of the specification need ${FILE}, which is not on this machine`, () =>
    undefined);
} else {
  const { cases } = JSON.parse(readFileSync(FILE, 'utf8')) as { cases: Case[] };

  describe('the HTTP cases of the specification, all of them', () => {
    beforeAll(async () => {
      const config = writeModelConfig(`model_config_list { config {
        name: "m"
        base_path: "${wireModel('half_plus_two')}"
        model_platform: "tensorflow"
        model_version_policy { specific { versions: 123 } }
        version_labels { key: "Version_Label" value: 123 }
      } }\n`);
      server = await startServer({ args: [`--model_config_file=${config}`], models: ['m'] });
    });

    afterAll(async () => {
      expect(await server.stop()).toBe(0);
    });

    for (const each of cases) {
      const different = DIFFERENT[each.name];
      const title = different ? `${each.name} (differs: ${different.reason})` : each.name;
      it(title, async () => {
        const answer = await send(each.request);
        if (different === undefined) {
          check(each, answer);
        } else {
          expect(answer.status).toBe(different.status);
          expect(answer.body).toMatch(different.body);
        }
      });
    }

    it('has every deliberate difference among them', () => {
      const names = new Set(cases.map(({ name }) => name));
      const listed = [...Object.keys(DIFFERENT), ...Object.keys(BODIES)];
      expect(listed.filter((name) => !names.has(name))).toEqual([]);
      expect(cases.length).toBeGreaterThanOrEqual(66);
    });
  });
}
