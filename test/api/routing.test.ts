import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Inference } from '../../ts/api/infer.js';
import { createRestServer } from '../../ts/api/rest/server.js';
import { silentLogger } from '../../ts/logger.js';
import { ROOT } from '../support/paths.js';
import { FakeEngine, fakeCatalog, versionStatus } from './fakes.js';

interface Case {
  readonly name: string;
  readonly request: {
    method: string;
    path: string;
    body: string;
    headers?: Record<string, string>;
  };
  readonly expected: { http: number; error?: string; emptyBody?: boolean };
}

const FILE = join(ROOT, '..', 'shared', 'spec', 'cases', 'http.json');

/** What is answered by the routes alone, without an engine. */
const ROUTED =
  /^(malformed_|models_list|version_overflow|method_case|query_string|trailing_slash|put|delete|head|not_v1|root|options_|status_unknown|metadata_unknown|case_insensitive|reserved_chars)/;

/** Rows that differ on purpose, with the status that is right here. */
const DIFFERENT: Readonly<Record<string, { status: number; reason: string }>> = {
  models_list: { status: 200, reason: 'GET /v1/models lists the models' },
  query_string: { status: 200, reason: 'query strings are handled' },
  head: { status: 200, reason: 'HEAD is handled' },
  version_overflow: { status: 400, reason: 'the message is in the body' },
  status_unknown_label: { status: 400, reason: 'status by label resolves the label' },
};

if (!existsSync(FILE)) {
  it.skip(`the routing table needs ${FILE}, which is not on this machine`, () => undefined);
} else {
  const { cases } = JSON.parse(readFileSync(FILE, 'utf8')) as { cases: Case[] };
  describe('the routing table of the specification', () => {
    let app: FastifyInstance;
    beforeAll(async () => {
      ({ app } = await createRestServer({
        inference: new Inference(new FakeEngine()),
        catalog: fakeCatalog([
          {
            name: 'm',
            versions: [versionStatus(123n)],
            labels: [{ label: 'Version_Label', version: 123n }],
          },
        ]),
        logger: silentLogger,
        settings: { timeoutMs: 0, maxBytes: 1e6, maxExpansion: 100, compressMinBytes: 0 },
        cors: { enabled: false, origins: ['*'], headers: [] },
      }));
    });
    afterAll(() => app.close());

    for (const { name, request, expected } of cases.filter((each) => ROUTED.test(each.name))) {
      // The fake catalog answers metadata by itself: its label texts are the native catalog's.
      if (name === 'metadata_unknown_label') continue;
      const different = DIFFERENT[name];
      it(different === undefined ? name : `${name} (differs: ${different.reason})`, async () => {
        const headers =
          request.headers ?? (name === 'options_origin' ? { origin: 'http://example.com' } : {});
        const answer = await app.inject({
          method: request.method as 'GET',
          url: request.path,
          headers,
          ...(request.body === '' ? {} : { payload: request.body }),
        });
        expect(answer.statusCode).toBe(different?.status ?? expected.http);
        if (different !== undefined) return;
        if (expected.error !== undefined) {
          expect(answer.body).toBe(`{\n    "error": ${JSON.stringify(expected.error)}\n}`);
        }
        if (expected.emptyBody === true) expect(answer.body).toBe('');
      });
    }

    it('covers the table', () => {
      expect(cases.filter((each) => ROUTED.test(each.name)).length).toBeGreaterThan(25);
    });
  });
}
