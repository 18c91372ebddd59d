import { cpSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ModelService, Models } from '../native/manager-support.js';
import { modelDir } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { report, SEED, sized, stillAnswers, WITNESS } from './support/chaos.js';
import { SteadyLoad } from './support/load.js';
import { Random } from './support/random.js';

const models = new Models();
let server: RunningServer;
let service: ModelService;

beforeAll(async () => {
  const entry = (name: string, path: string): string =>
    `config { name: '${name}' base_path: '${path}' model_platform: 'tensorflow' model_version_policy { all {} } }`;
  mkdirSync(join(models.path, 'mutant'));
  const config = models.write(
    'models.config',
    `model_config_list { ${entry(WITNESS, modelDir(WITNESS))} ${entry('mutant', join(models.path, 'mutant'))} }`,
  );
  server = await startServer({
    args: [`--model_config_file=${config}`, '--max_num_load_retries=0', '--num_load_threads=2'],
    models: [WITNESS],
  });
  service = new ModelService(server);
});
afterAll(async () => {
  service?.close();
  expect(await server?.stop()).toBe(0);
  models.remove();
});

/** A version of `from` below the mutant's base path, whose files `change` has changed; whole at once. */
function place(version: number, from: string, change: (folder: string) => void): void {
  const copy = join(models.path, `.copy-${version}`);
  cpSync(join(modelDir(from), '1'), copy, { recursive: true });
  change(copy);
  models.place(copy, 'mutant', version);
}

/** Waits until each version has loaded or failed; gives how many did which. */
async function outcomes(count: number): Promise<{ loaded: number; failed: number }> {
  const look = async (): Promise<string[]> => {
    const states = await service.states('mutant');
    return states === 'NOT_FOUND' ? [] : Object.values(states);
  };
  await expect
    .poll(async () => (await look()).filter((it) => /^(AVAILABLE|END)/.test(it)).length, {
      timeout: 600_000,
      interval: 200,
    })
    .toBe(count);
  const states = await look();
  const loaded = states.filter((state) => state.startsWith('AVAILABLE')).length;
  return { loaded, failed: count - loaded };
}

const SAVED_MODEL = 'saved_model.pb';
const VARIABLES = join('variables', 'variables.data-00000-of-00001');
const INDEX = join('variables', 'variables.index');
const SOURCES = ['half_plus_two', 'echo', 'multi', 'strings', 'image', 'counter'] as const;

it('SavedModels that are cut, corrupt or have flipped bits load or fail, and never end the server', async () => {
  const random = new Random(SEED);
  const load = new SteadyLoad(server, { clients: 1, pauseMs: 20 });
  const cuts: [from: string, file: string, keep: number][] = [
    ['half_plus_two', SAVED_MODEL, 0],
    ['half_plus_two', SAVED_MODEL, 100],
    ['image', SAVED_MODEL, 20_000],
    ['image', VARIABLES, 1000],
    ['image', INDEX, 100],
    ['half_plus_two', VARIABLES, 0],
  ];
  let version = 0;
  for (const [from, file, keep] of cuts) {
    place(++version, from, (folder) => truncateSync(join(folder, file), keep));
  }
  const mutations = sized(12, 200);
  for (let index = 0; index < mutations; index += 1) {
    const file = random.pick([SAVED_MODEL, SAVED_MODEL, SAVED_MODEL, VARIABLES, INDEX]);
    place(++version, random.pick(SOURCES), (folder) => {
      const path = join(folder, file);
      writeFileSync(path, random.mutated(readFileSync(path)));
    });
  }
  const { loaded, failed } = await outcomes(version);
  expect(failed).toBeGreaterThanOrEqual(cuts.length - 1);
  const seen = await load.stop();
  expect(seen.lost).toEqual([]);
  await stillAnswers(server);
  report('mutated SavedModels', {
    inputs: version,
    answered: seen.answered,
    lost: 0,
    note: `${loaded} loaded, ${failed} refused with the reason in their status; seed ${SEED}`,
  });
});
