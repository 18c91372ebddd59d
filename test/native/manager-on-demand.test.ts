import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { predictFloats } from '../support/grpc.js';
import { type RunningServer, startServer } from '../support/server.js';
import { ModelService, Models, PLUS_THREE, PLUS_TWO, predictOne } from './manager-support.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of cleanUp.splice(0).reverse()) await work();
});

const NAMES = ['a', 'b', 'c'];

async function serve(
  ...args: string[]
): Promise<{ server: RunningServer; service: ModelService; models: Models }> {
  const models = new Models();
  cleanUp.push(() => models.remove());
  models.add('a', 1, PLUS_TWO);
  models.add('b', 1, PLUS_THREE);
  models.add('c', 1, PLUS_TWO);
  const entries = NAMES.map(
    (name) =>
      `config { name: '${name}' base_path: '${join(models.path, name)}' model_platform: 'tensorflow' }`,
  );
  const config = models.write('models.config', `model_config_list { ${entries.join('\n')} }`);
  const server = await startServer({
    args: [`--model_config_file=${config}`, '--model_loading=on_demand', ...args],
  });
  cleanUp.push(() => server.stop());
  const service = new ModelService(server);
  cleanUp.push(() => service.close());
  return { server, service, models };
}

describe('models on demand', () => {
  it.each([1, 2])('are loaded by their first request, with %i workers', async (workers) => {
    const { server, service } = await serve(`--workers=${workers}`, '--pinned_models=c');
    expect(await service.states('a')).toEqual({ 1: 'START' });
    await expect.poll(() => service.states('c'), { timeout: 20_000 }).toEqual({ 1: 'AVAILABLE' });
    const answers = await Promise.all(['a', 'a', 'b', 'a'].map((name) => predictOne(server, name)));
    expect(answers).toEqual([2.5, 2.5, 3.5, 2.5]);
    expect(await service.states('a')).toEqual({ 1: 'AVAILABLE' });
    expect(await predictOne(server, 'z')).toMatch(
      /^404 Servable not found for request: Latest\(z\)$/,
    );
    expect(await predictOne(server, 'a/versions/9')).toMatch(/^404 /);
  });

  it('are loaded by gRPC and by a look at their signatures too', async () => {
    const { server } = await serve();
    const outputs = await predictFloats({
      address: server.grpc,
      model: 'b',
      inputs: { x: { shape: [1], values: [1] } },
    });
    expect(outputs.y?.values).toEqual([3.5]);
    const metadata = await fetch(`${server.rest}/v1/models/a/metadata`);
    expect(metadata.status).toBe(200);
    expect(await metadata.text()).toContain('"serving_default"');
  });

  it('make room for each other under a limit', async () => {
    // Room for one of these models, not for two.
    const { server, service } = await serve('--total_model_memory_limit_bytes=20000');
    for (const [name, value] of [
      ['a', 2.5],
      ['b', 3.5],
      ['a', 2.5],
      ['c', 2.5],
    ] as const) {
      expect(await predictOne(server, name)).toBe(value);
      const states = await Promise.all(NAMES.map((it) => service.states(it)));
      expect(states.filter((it) => JSON.stringify(it).includes('AVAILABLE'))).toHaveLength(1);
    }
    expect(server.output()).toContain('unloading to make room');
  });

  it('answer UNAVAILABLE at the deadline of a request that waits too long', async () => {
    const { server, service, models } = await serve('--rest_api_timeout_in_ms=1');
    models.add('a', 2, PLUS_TWO);
    const first = await predictOne(server, 'b');
    // On a busy machine the model may be there in time, and its run late.
    expect([
      3.5,
      '503 Servable is still loading for request: Latest(b)',
      '504 Timed out waiting for notification',
    ]).toContain(first);
    // One that is late before it reaches the catalog has nothing loaded; the next may.
    const asked = async () => {
      await predictOne(server, 'b');
      return await service.states('b');
    };
    await expect.poll(asked, { timeout: 20_000 }).toEqual({ 1: 'AVAILABLE' });
  });
});
