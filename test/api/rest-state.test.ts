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
