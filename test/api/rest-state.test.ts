import { expect, test } from 'vitest';
import { fakeCatalog, versionStatus } from './fakes.js';
import { rest } from './rest-support.js';

const catalog = fakeCatalog([
  {
    name: 'm',
    versions: [
      versionStatus(3n, { state: 'LOADING' }),
      versionStatus(2n),
      versionStatus(1n, { state: 'END' }),
    ],
    labels: [],
  },
]);

async function versions(url: string): Promise<string[]> {
  const app = await rest({ catalog });
  const document = (await app.inject(url)).json() as {
    model_version_status?: { version: string }[];
    models?: { model_version_status: { version: string }[] }[];
  };
  const list = document.models?.[0]?.model_version_status ?? document.model_version_status ?? [];
  return list.map(({ version }) => version);
}

test('a status answer can be asked for versions in some states only', async () => {
  expect(await versions('/v1/models/m')).toEqual(['3', '2', '1']);
  expect(await versions('/v1/models/m?state=AVAILABLE')).toEqual(['2']);
  expect(await versions('/v1/models/m?state=available,loading')).toEqual(['3', '2']);
  expect(await versions('/v1/models/m?state=END&state=LOADING')).toEqual(['3', '1']);
  expect(await versions('/v1/models/m?state=UNLOADING')).toEqual([]);
  expect(await versions('/v1/models?state=AVAILABLE')).toEqual(['2']);
});

test('a state there is not is refused', async () => {
  const app = await rest({ catalog });
  const answer = await app.inject('/v1/models/m?state=READY');
  expect(answer.statusCode).toBe(400);
  expect(answer.json()).toEqual({
    error: 'state: got "READY", wanted one of START, LOADING, AVAILABLE, UNLOADING, END',
  });
});

test('a configured model without versions tells why', async () => {
  const empty = fakeCatalog([{ name: 'lost', versions: [], labels: [] }]);
  const app = await rest({ catalog: empty });
  const error = async () => (await app.inject('/v1/models/lost')).json();
  expect(await error()).toEqual({ error: 'Could not find any versions of model lost' });
  const message = 'Could not find base path /lost for servable lost with error ENOENT';
  empty.sources.set('lost', { onDemand: false, code: 5, message });
  const answer = await app.inject('/v1/models/lost');
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toEqual({
    error: `Could not find any versions of model lost: ${message}`,
  });
  expect((await app.inject('/v1/models')).json()).toEqual({
    models: [
      {
        name: 'lost',
        model_version_status: [],
        version_labels: {},
        base_path_status: { error_code: 'NOT_FOUND', error_message: message },
      },
    ],
  });
});

test('a model that waits for its first request is ready, one that has failed is not', async () => {
  const models = fakeCatalog([
    { name: 'waits', versions: [versionStatus(1n, { state: 'START' })], labels: [] },
    { name: 'failed', versions: [versionStatus(1n, { state: 'END', code: 15 })], labels: [] },
  ]);
  const app = await rest({ catalog: models });
  const health = async (name: string) => (await app.inject(`/healthz/models/${name}`)).statusCode;
  expect(await health('waits')).toBe(503);
  for (const name of ['waits', 'failed']) {
    models.sources.set(name, { onDemand: true, code: 0, message: '' });
  }
  expect(await health('waits')).toBe(200);
  expect(await health('waits/versions/1')).toBe(200);
  expect(await health('failed')).toBe(503);
});
