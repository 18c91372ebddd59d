import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import { loadError } from '../../ts/manager/load-summary.js';
import { parseModelServerConfig, reloadedConfigs } from '../../ts/manager/source/model-config.js';
import { Bench } from './support.js';

interface ReloadCase {
  id: string;
  config: string;
  fresh_server?: true;
  response: { code: string; details?: string };
  models_after: Record<string, Record<string, string> | 'NOT_FOUND'>;
}

const cases = JSON.parse(
  readFileSync(new URL('../fixtures/golden/reload.json', import.meta.url), 'utf8'),
) as ReloadCase[];

/** Where Servable answers differently on purpose. */
const DIFFERENT: Record<string, string> = {
  no_name: 'an entry without a name is refused instead of served under an empty name',
  logging_config: 'request logging works instead of being refused',
  missing_base_path: 'answers at once with the error of that model instead of never',
};

/** A server in the state in which the recording began. */
async function recorded(): Promise<Bench> {
  const bench = new Bench({ allowVersionLabelsForUnavailableModels: true });
  for (const version of [1, 2]) bench.folder.add('half_plus_two', version);
  bench.folder.add('half_plus_three', 123);
  bench.folder.add('echo', 1);
  bench.folder.add('broken', 1, 'garbage');
  bench.loader.behaviour = (dir) => {
    if (dir.includes('broken')) {
      throw new ServingError('OUT_OF_RANGE', 'Read less bytes than requested');
    }
  };
  await bench.start(
    bench.config('half_plus_two', { versionPolicy: { kind: 'all' } }),
    bench.config('half_plus_three'),
  );
  return bench;
}

async function reload(bench: Bench, text: string): Promise<string> {
  const config = parseModelServerConfig(text.replaceAll('@MODELS@', bench.folder.path), 'request');
  try {
    const [summary] = await Promise.all([
      bench.manager.apply(reloadedConfigs(config)),
      bench.settle(),
    ]);
    const error = loadError(summary, 'model(s)');
    return error === null ? 'OK' : `${error.code}: ${error.message}`;
  } catch (error) {
    return `${(error as ServingError).code}: ${(error as ServingError).message}`;
  } finally {
    await bench.settle();
  }
}

function states(bench: Bench, name: string): Record<string, string> | 'NOT_FOUND' {
  const statuses = bench.catalog.statuses.get(name) ?? [];
  if (statuses.length === 0) return 'NOT_FOUND';
  return Object.fromEntries(
    statuses.map(({ version, state, message }) => [
      version,
      message === '' ? state : `${state}: ${message}`,
    ]),
  );
}

const allStates = (bench: Bench, like: ReloadCase['models_after']) =>
  Object.fromEntries(Object.keys(like).map((name) => [name, states(bench, name)]));

const expected = ({ response: { code, details } }: ReloadCase) =>
  code === 'OK' ? 'OK' : `${code}: ${details}`;

test('reloads one after another answer and leave the models as recorded', async () => {
  const bench = await recorded();
  for (const step of cases.filter((it) => it.fresh_server === undefined)) {
    expect({ id: step.id, answer: await reload(bench, step.config) }).toEqual({
      id: step.id,
      answer: expected(step),
    });
    expect({ id: step.id, models: allStates(bench, step.models_after) }).toEqual({
      id: step.id,
      models: step.models_after,
    });
  }
});

test.each(cases.filter((it) => it.fresh_server && !(it.id in DIFFERENT)))(
  'reload $id answers and leaves the models as recorded',
  async (step) => {
    const bench = await recorded();
    expect(await reload(bench, step.config)).toBe(expected(step));
    expect(allStates(bench, step.models_after)).toEqual(step.models_after);
  },
);

const different = (id: string) => cases.find((it) => it.id === id) as ReloadCase;

test(`reload no_name: ${DIFFERENT.no_name}`, async () => {
  const bench = await recorded();
  expect(await reload(bench, different('no_name').config)).toMatch(
    /^INVALID_ARGUMENT: Illegal config entry 1/,
  );
  expect(states(bench, 'half_plus_two')).toEqual({ 1: 'AVAILABLE', 2: 'AVAILABLE' });
});

test(`reload logging_config: ${DIFFERENT.logging_config}`, async () => {
  const bench = await recorded();
  expect(await reload(bench, different('logging_config').config)).toBe('OK');
  expect(bench.manager.configs()[0]?.logging?.samplingConfig?.samplingRate).toBe(1);
});

test(`reload missing_base_path: ${DIFFERENT.missing_base_path}`, async () => {
  const bench = await recorded();
  const step = different('missing_base_path');
  expect(await reload(bench, step.config)).toMatch(
    /^UNKNOWN: 1 model\(s\) did not become available: \{\{\{name: lost\} due to error: NOT_FOUND: Could not find base path /,
  );
  expect(allStates(bench, step.models_after)).toEqual(step.models_after);
});

test('after a refused config the last good one is in force and the next good one is taken', async () => {
  const bench = await recorded();
  for (const id of ['duplicate_name', 'platform_change', 'unknown_platform', 'no_platform']) {
    expect(await reload(bench, different(id).config)).not.toBe('OK');
  }
  expect(bench.manager.configs().map(({ name }) => name)).toEqual([
    'half_plus_two',
    'half_plus_three',
  ]);
  expect(await reload(bench, different('add_echo').config)).toBe('OK');
  expect(states(bench, 'echo')).toEqual({ 1: 'AVAILABLE' });
});

test('a model that stays in the config as it was is not touched', async () => {
  const bench = await recorded();
  const { length } = bench.loader.calls;
  await reload(bench, different('same').config);
  expect(bench.loader.calls).toHaveLength(length);
  expect(bench.catalog.log.filter((it) => it.startsWith('withdraw'))).toEqual([]);
});

test('a removed model is forgotten once its versions are', async () => {
  const bench = await recorded();
  await reload(bench, different('remove_all_but_three').config);
  expect(states(bench, 'half_plus_two')).toEqual({ 1: 'END', 2: 'END' });
  bench.clock.advance(3_600_000);
  expect(bench.catalog.log.at(-1)).toBe('remove half_plus_two');
});

test('a model that is removed and comes back is loaded again', async () => {
  const bench = await recorded();
  await reload(bench, different('remove_all_but_three').config);
  expect(await reload(bench, different('same').config)).toBe('OK');
  expect(states(bench, 'half_plus_two')).toEqual({ 1: 'AVAILABLE', 2: 'AVAILABLE' });
});

test('another base path swaps the content of a version without unloading it first', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  bench.folder.add('other', 1);
  await bench.start(bench.config('m'));
  await bench.manager.apply([bench.config('m', { basePath: bench.config('other').basePath })]);
  await bench.look();
  expect(bench.loader.calls).toEqual([
    `${bench.config('m').basePath}/1`,
    `${bench.config('other').basePath}/1`,
  ]);
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('other tags load the model again', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  await bench.manager.apply([bench.config('m', { tags: ['serve', 'gpu'] })]);
  await bench.look();
  expect(bench.loader.calls).toHaveLength(2);
});
