import { expect, it } from 'vitest';
import { Code } from '../../ts/errors.js';
import { rest } from './rest-support.js';

it('requests that do not come to the engine are counted once, by the model in their path', async () => {
  const counts: (readonly [string, number])[] = [];
  const app = await rest({
    count: (model, code) => void counts.push([model, code]),
    settings: { maxBytes: 10 },
  });
  const post = (url: string, payload: string) => app.inject({ method: 'POST', url, payload });
  await post('/v1/models/half_plus_two:predict', '{}');
  expect(counts).toEqual([]);
  await post('/v1/models/half_plus_two:predict', '{"instances": [1]}');
  await post('/v1/nonsense', '{}');
  for (const path of ['/half_plus_two', '/half_plus_two/metadata', '/none', '', '?state=NO']) {
    await app.inject({ method: 'GET', url: `/v1/models${path}` });
  }
  await app.inject({ method: 'GET', url: '/healthz/live' });
  expect(counts).toEqual([
    ['half_plus_two', Code.RESOURCE_EXHAUSTED],
    ['', Code.INVALID_ARGUMENT],
    ['half_plus_two', Code.OK],
    ['half_plus_two', Code.OK],
    ['none', Code.NOT_FOUND],
    ['', Code.OK],
    ['', Code.INVALID_ARGUMENT],
  ]);
});
