import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { beforeEach, describe, expect, it } from 'vitest';
import { Admin } from '../../ts/api/admin/admin.js';
import { createAdminServer } from '../../ts/api/admin/server.js';
import { ServingError } from '../../ts/errors.js';
import { silentLogger } from '../../ts/logger.js';
import type { ManagerOptions } from '../../ts/manager/options.js';
import { rereadModelConfigFile } from '../../ts/manager/source/model-config.js';
import { Bench } from '../manager/support.js';

let bench: Bench;
let app: FastifyInstance;
/** Levels that only keep what they are told. */
const told: unknown[] = [];
const logLevels = {
  all: () => ({ servable: 'info', tensorflow: 'warn' }) as const,
  set: (level: unknown, component: unknown) => void told.push([level, component]),
};

async function begin(options: Partial<ManagerOptions> = {}): Promise<void> {
  bench = new Bench({ fileSystemPollWaitSeconds: 0, numLoadThreads: 4, ...options });
  for (const version of [1, 2]) bench.folder.add('a', version);
  bench.folder.add('b', 1);
  await bench.start(bench.config('a', { versionPolicy: { kind: 'all' } }));
  const file = join(bench.folder.path, 'models.config');
  const admin = new Admin({
    manager: () => bench.manager,
    reread: () => rereadModelConfigFile(file),
    logLevels,
  });
  app = await createAdminServer({ admin, logger: silentLogger, isLocal: true, door: null });
}

beforeEach(() => begin());

async function ask(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; document: Record<string, unknown> }> {
  const options: InjectOptions = {
    method,
    url,
    headers: { host: 'localhost:8502', ...headers },
    ...(body === undefined
      ? {}
      : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  };
  const { statusCode, body: text } = await app.inject(options);
  return { status: statusCode, document: JSON.parse(text) as Record<string, unknown> };
}

const states = (document: Record<string, unknown>) =>
  (document.versions as { version: string; state: string }[])
    .map(({ version, state }) => `${version}:${state}`)
    .join(' ');

describe('list', () => {
  it('tells every model, its versions, their memory, and the limit', async () => {
    const { status, document } = await ask('GET', '/admin/models');
    expect(status).toBe(200);
    expect(document).toMatchObject({
      models: [
        {
          name: 'a',
          base_path: join(bench.folder.path, 'a'),
          loading: 'eager',
          version_labels: {},
          versions: [
            {
              version: '2',
              state: 'AVAILABLE',
              status: { error_code: 'OK', error_message: '' },
              memory_bytes: 12,
            },
            { version: '1', state: 'AVAILABLE' },
          ],
          error: null,
        },
      ],
      memory: { used_bytes: 24, limit_bytes: 0 },
    });
    expect((await ask('GET', '/admin/models/a')).document.name).toBe('a');
    expect(await ask('GET', '/admin/models/z')).toEqual({
      status: 404,
      document: { error: 'model "z": not in the config', code: 'NOT_FOUND' },
    });
  });
});

describe('load', () => {
  it('adds a model to the config and answers when it is available', async () => {
    const base_path = join(bench.folder.path, 'b');
    const { status, document } = await ask('POST', '/admin/models/b/load', { base_path });
    expect(status).toBe(200);
    expect(states(document)).toBe('1:AVAILABLE');
    expect(bench.manager.configs().map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('changes a model that is there', async () => {
    const { document } = await ask('POST', '/admin/models/a/load', {
      base_path: join(bench.folder.path, 'a'),
      model_version_policy: { specific: { versions: ['1'] } },
      version_labels: { stable: 1 },
    });
    expect(document.version_labels).toEqual({ stable: '1' });
    await bench.settle();
    expect(bench.catalog.versions('a')).toEqual([1n]);
  });

  it('tries a failed model again', async () => {
    bench.loader.behaviour = () => {
      throw new ServingError('DATA_LOSS', 'broken file');
    };
    const base_path = join(bench.folder.path, 'b');
    const failed = await ask('POST', '/admin/models/b/load', { base_path });
    expect(failed).toMatchObject({ status: 500, document: { code: 'UNKNOWN' } });
    expect(failed.document.error).toContain('DATA_LOSS: broken file');
    bench.loader.behaviour = () => undefined;
    expect(states((await ask('POST', '/admin/models/b/load')).document)).toBe('1:AVAILABLE');
  });

  it.each([
    [{ base_path: 'relative' }, 400, 'Expected model b to have an absolute path or URI'],
    [{ bas_path: '/x' }, 400, 'unknown field: "bas_path"'],
    [{ name: 'c', base_path: '/x' }, 400, 'name: got "c", wanted "b" as in the path'],
    [{ base_path: '/x', model_platform: 'onnx' }, 400, 'requests unsupported platform onnx'],
    [[], 400, 'got no object, wanted a ModelConfig in JSON'],
    ['{"base_path": ', 400, 'the body is no JSON'],
    [undefined, 404, 'model "b": not in the config'],
  ])('refuses %j and changes nothing', async (body, status, text) => {
    const answer = await ask('POST', '/admin/models/b/load', body);
    expect(answer.status).toBe(status);
    expect(answer.document.error).toContain(text);
    expect(bench.manager.configs()).toHaveLength(1);
  });
});

describe('unload', () => {
  it('takes a model out of the config; its name is enough to load it again', async () => {
    const { document } = await ask('POST', '/admin/models/a/unload');
    expect(document).toMatchObject({ name: 'a', unloaded: true, loads_again: 'when told to' });
    await bench.settle();
    expect(bench.catalog.published.size).toBe(0);
    expect((await ask('POST', '/admin/models/a/unload')).status).toBe(404);
    expect(states((await ask('POST', '/admin/models/a/load')).document)).toContain('1:AVAILABLE');
  });

  it('leaves a model that is loaded on demand in the config', async () => {
    await begin({ modelLoading: 'on_demand' });
    expect(states((await ask('POST', '/admin/models/a/load')).document)).toBe(
      '2:AVAILABLE 1:AVAILABLE',
    );
    const { document } = await ask('POST', '/admin/models/a/unload');
    expect(document.loads_again).toBe('at its next request');
    await bench.settle();
    expect(bench.catalog.status('a')).toBe('2:START 1:START');
  });
});

describe('labels', () => {
  it('are set, moved and taken away', async () => {
    const { document } = await ask('PUT', '/admin/models/a/labels/stable', { version: '1' });
    expect(document.version_labels).toEqual({ stable: '1' });
    await ask('PUT', '/admin/models/a/labels/stable', { version: 2 });
    expect(bench.catalog.labels.get('a')).toEqual([{ label: 'stable', version: 2n }]);
    expect((await ask('DELETE', '/admin/models/a/labels/stable')).status).toBe(200);
    expect(bench.catalog.labels.get('a')).toEqual([]);
  });

  it.each([
    ['PUT', 'a', { version: 9 }, 400, 'not currently available for inference'],
    ['PUT', 'a', { version: 'x' }, 400, 'version: got "x", wanted {"version": "2"}'],
    ['PUT', 'a', undefined, 400, 'version: got nothing'],
    ['PUT', 'z', { version: 1 }, 404, 'model "z": not in the config'],
    ['DELETE', 'a', undefined, 404, 'model "a": has no label "stable"'],
  ] as const)('%s of model %s with %j is refused', async (method, model, body, status, text) => {
    const answer = await ask(method, `/admin/models/${model}/labels/stable`, body);
    expect(answer.status).toBe(status);
    expect(answer.document.error).toContain(text);
  });
});

describe('config and reload', () => {
  it('what is in force can be sent back as it is', async () => {
    await ask('PUT', '/admin/models/a/labels/stable', { version: '1' });
    const { document } = await ask('GET', '/admin/config');
    expect(document).toEqual({
      model_config_list: {
        config: [
          {
            name: 'a',
            base_path: join(bench.folder.path, 'a'),
            model_platform: 'tensorflow',
            model_version_policy: { all: {} },
            version_labels: { stable: '1' },
          },
        ],
      },
    });
    const before = bench.manager.configs();
    expect((await ask('POST', '/admin/reload', document)).status).toBe(200);
    expect(bench.manager.configs()).toMatchObject(before);
    expect(bench.loader.calls).toHaveLength(2);
  });

  it('reads the model config file again', async () => {
    const path = join(bench.folder.path, 'b');
    const file = join(bench.folder.path, 'models.config');
    expect((await ask('POST', '/admin/reload')).document.error).toContain('ENOENT');
    writeFileSync(
      file,
      `model_config_list { config { name: 'b' base_path: '${path}' model_platform: 'tensorflow' } }`,
    );
    const { status, document } = await ask('POST', '/admin/reload');
    expect(status).toBe(200);
    expect(document.models).toMatchObject([{ name: 'b' }]);
  });

  it('a refused reload keeps what is in force', async () => {
    const twice = { name: 'a', base_path: '/a', model_platform: 'tensorflow' };
    const answer = await ask('POST', '/admin/reload', {
      model_config_list: { config: [twice, twice] },
    });
    expect(answer).toMatchObject({
      status: 400,
      document: { error: 'Illegal to list model a multiple times in config list' },
    });
    expect(bench.catalog.versions('a')).toEqual([2n, 1n]);
    expect((await ask('POST', '/admin/reload', {})).status).toBe(400);
  });
});

describe('who may ask', () => {
  it('no web page: not one of another origin, not one that was rebound to this machine', async () => {
    const origin = await ask('POST', '/admin/models/a/unload', undefined, { origin: 'http://e' });
    expect(origin).toMatchObject({ status: 403, document: { code: 'PERMISSION_DENIED' } });
    const rebound = await ask('GET', '/admin/models', undefined, { host: 'evil.example:8502' });
    expect(rebound.status).toBe(403);
    for (const host of ['127.0.0.1:8502', '[::1]:8502', 'localhost']) {
      expect((await ask('GET', '/admin/models', undefined, { host })).status).toBe(200);
    }
    expect(bench.manager.configs()).toHaveLength(1);
  });

  it('another page is not found, and a body over 16 MiB is refused', async () => {
    expect((await ask('GET', '/v1/models')).status).toBe(404);
    const big = await ask('POST', '/admin/reload', `"${'x'.repeat(17 * 1024 * 1024)}"`);
    expect(big.status).toBe(413);
  });
});

describe('the log level', () => {
  it('is told and set, for all or one component', async () => {
    const { document } = await ask('GET', '/admin/log_level');
    expect(document).toEqual({ levels: { servable: 'info', tensorflow: 'warn' } });
    await ask('PUT', '/admin/log_level', { level: 'debug' });
    const one = await ask('PUT', '/admin/log_level', { level: 'error', component: 'tensorflow' });
    expect(one.status).toBe(200);
    expect(told).toEqual([
      ['debug', null],
      ['error', 'tensorflow'],
    ]);
  });

  it('is not for the server where the log is the embedding program’s', async () => {
    const admin = new Admin({ manager: () => bench.manager, reread: null, logLevels: null });
    expect(() => admin.logLevels()).toThrow(/program that the server runs in/);
  });
});
