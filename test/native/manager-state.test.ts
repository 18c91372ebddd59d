import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { type RunningServer, startServer } from '../support/server.js';
import { ModelService, Models, PLUS_THREE, PLUS_TWO, predictOne } from './manager-support.js';

const models = new Models();
let server: RunningServer;
let service: ModelService;
let admin: string;

afterAll(() => models.remove());
afterEach(async () => {
  service.close();
  await server.stop();
});

const entry = (name: string, more = ''): string =>
  `config { name: "${name}" base_path: "${join(models.path, name)}" model_platform: "tensorflow" ${more} }`;

async function begin(config: string, served: readonly string[]): Promise<void> {
  const adminPort = await freePort();
  admin = `http://127.0.0.1:${adminPort}`;
  server = await startServer({
    args: [
      `--model_config_file=${config}`,
      '--model_config_file_poll_wait_seconds=1',
      `--model_config_state_file=${join(models.path, 'state.json')}`,
      `--admin_port=${adminPort}`,
    ],
    models: served,
  });
  service = new ModelService(server);
}

async function change(method: string, path: string, body?: unknown): Promise<void> {
  const answer = await fetch(`${admin}/admin/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(await answer.text()).toMatch(/^\{/);
  expect(answer.status).toBe(200);
}

it('what admin and gRPC changed is served after a kill and a restart, until the config file changes', async () => {
  for (const version of [1, 2]) models.add('two', version, PLUS_TWO);
  models.add('three', 1, PLUS_THREE);
  models.add('gone', 1, PLUS_TWO);
  const all = 'model_version_policy { all {} }';
  const list = (...entries: string[]) => `model_config_list { ${entries.join('\n')} }`;
  const config = models.write('models.config', list(entry('gone')));

  await begin(config, ['gone']);
  expect(await service.reload(list(entry('two', all), entry('gone')))).toBe('OK');
  await change('PUT', 'models/two/labels/stable', { version: 1 });
  await change('POST', 'models/gone/unload');
  await change('POST', 'models/three/load', { base_path: join(models.path, 'three') });
  server.child.kill('SIGKILL');
  await server.stop();
  service.close();

  await begin(config, ['two', 'three']);
  expect(server.output()).toContain('models as they were last changed');
  expect(await predictOne(server, 'two/labels/stable')).toBe(2.5);
  expect(await predictOne(server, 'three')).toBe(3.5);
  expect(await predictOne(server, 'gone')).toMatch(/^404 /);

  models.write('models.config', list(entry('gone'), entry('three')));
  await expect.poll(() => predictOne(server, 'gone'), { timeout: 15_000 }).toBe(2.5);
  await expect.poll(() => predictOne(server, 'two'), { timeout: 15_000 }).toMatch(/^404 /);
  service.close();
  await server.stop();

  await begin(config, ['gone', 'three']);
  expect(await predictOne(server, 'two')).toMatch(/^404 /);
});
