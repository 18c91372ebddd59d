import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { goldenFile } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { ModelService, Models, PLUS_THREE } from './manager-support.js';

interface ReloadCase {
  readonly id: string;
  readonly config: string;
  readonly fresh_server?: true;
  readonly response: { readonly code: string; readonly details?: string };
  readonly models_after: Readonly<Record<string, Record<string, string> | 'NOT_FOUND'>>;
}

const cases = JSON.parse(readFileSync(goldenFile('reload.json'), 'utf8')) as ReloadCase[];

/** Where Servable answers differently on purpose: the answer, and models whose states differ with it. */
const DIFFERENT: Readonly<Record<string, { why: string; answer: RegExp; keeps?: true }>> = {
  no_name: {
    why: 'an entry without a name is refused instead of served under an empty name',
    answer: /^INVALID_ARGUMENT: Illegal config entry 1/,
    keeps: true,
  },
  logging_config: { why: 'request logging works instead of being refused', answer: /^OK$/ },
  missing_base_path: {
    why: 'answers at once with the error of that model instead of never',
    answer:
      /^UNKNOWN: 1 model\(s\) did not become available: \{\{\{name: lost\} due to error: NOT_FOUND: Could not find base path /,
  },
};
const UNTOUCHED = {
  half_plus_two: { 2: 'AVAILABLE', 1: 'AVAILABLE' },
  half_plus_three: { 123: 'AVAILABLE' },
};

const models = new Models();
let server: RunningServer;
let service: ModelService;

beforeAll(() => {
  for (const version of ['1', '2'])
    models.add('half_plus_two', version, ['half_plus_two', version]);
  models.add('half_plus_three', 123, PLUS_THREE);
  models.add('echo', 1, ['echo', '1']);
  models.addBroken('broken', 1);
});
afterAll(() => models.remove());

const placed = (text: string): string => text.replaceAll('@MODELS@', models.path);

/** A server in the state in which the recording began. */
async function begin(): Promise<void> {
  const path = (name: string) => join(models.path, name);
  const config = models.write(
    'models.config',
    `model_config_list {
       config { name: "half_plus_two" base_path: "${path('half_plus_two')}" model_platform: "tensorflow" model_version_policy { all {} } }
       config { name: "half_plus_three" base_path: "${path('half_plus_three')}" model_platform: "tensorflow" }
     }`,
  );
  server = await startServer({
    args: [
      `--model_config_file=${config}`,
      '--allow_version_labels_for_unavailable_models=true',
      '--workers=2',
    ],
    models: ['half_plus_two', 'half_plus_three'],
  });
  service = new ModelService(server);
}

afterEach(async () => {
  service.close();
  await server.stop();
});

async function statesOf(names: readonly string[]): Promise<Record<string, unknown>> {
  const states = await Promise.all(names.map((name) => service.states(name)));
  return Object.fromEntries(names.map((name, i) => [name, states[i]]));
}

async function expectStates(step: ReloadCase, wanted: Record<string, unknown>): Promise<void> {
  await expect
    .poll(async () => ({ id: step.id, models: await statesOf(Object.keys(wanted)) }), {
      timeout: 15_000,
    })
    .toEqual({ id: step.id, models: wanted });
}

describe('reloads as TensorFlow Serving answered them', () => {
  it('one after another on one server', async () => {
    await begin();
    for (const step of cases.filter((it) => it.fresh_server === undefined)) {
      const { code, details } = step.response;
      const wanted = code === 'OK' ? 'OK' : `${code}: ${details}`;
      expect({ id: step.id, answer: await service.reload(placed(step.config)) }).toEqual({
        id: step.id,
        answer: wanted,
      });
      await expectStates(step, step.models_after);
    }
  });

  it.each(cases.filter((it) => it.fresh_server && !Object.hasOwn(DIFFERENT, it.id)))(
    '$id on a server of its own',
    async (step) => {
      await begin();
      const { code, details } = step.response;
      const answer = await service.reload(placed(step.config));
      expect(answer).toBe(code === 'OK' ? 'OK' : `${code}: ${details}`);
      await expectStates(step, step.models_after);
    },
  );

  it.each(Object.entries(DIFFERENT).map(([id, how]) => ({ id, ...how })))(
    '$id, on purpose different: $why',
    async ({ id, answer, keeps }) => {
      const step = cases.find((it) => it.id === id) as ReloadCase;
      await begin();
      expect(await service.reload(placed(step.config))).toMatch(answer);
      await expectStates(step, keeps ? { ...step.models_after, ...UNTOUCHED } : step.models_after);
    },
  );
});

it('after refused configs the last good one is in force, and the next good one is taken', async () => {
  await begin();
  for (const id of ['duplicate_name', 'platform_change', 'unknown_platform', 'no_platform']) {
    const step = cases.find((it) => it.id === id) as ReloadCase;
    expect(await service.reload(placed(step.config))).not.toBe('OK');
    await expectStates(step, UNTOUCHED);
  }
  const good = cases.find((it) => it.id === 'add_echo') as ReloadCase;
  expect(await service.reload(placed(good.config))).toBe('OK');
  await expectStates(good, good.models_after);
});
