import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { CLI, modelDir } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { type RunningServer, type ServeOptions, startServer } from '../support/server.js';
import { Models, PLUS_THREE, PLUS_TWO, predictOne } from './manager-support.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of cleanUp.splice(0).reverse()) await work();
});

function folder(): Models {
  const models = new Models();
  cleanUp.push(() => models.remove());
  return models;
}

async function serve(options: ServeOptions): Promise<RunningServer> {
  const server = await startServer(options);
  cleanUp.push(() => server.stop());
  return server;
}

/** Runs the command line to its end. */
async function run(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args], {
      env: { ...process.env, ...env },
    });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

describe('options', () => {
  it('a flag goes before a variable, and a variable before the configuration file', async () => {
    const models = folder();
    models.add('from-flag', 1, PLUS_TWO);
    const adminPort = await freePort();
    const file = models.write(
      'servable.yaml',
      `# the port of the file is never bound: the test's flags go before it
port: 1
model_name: from-file
model_base_path: ${join(models.path, 'from-file')}
file_system_poll_wait_seconds: 0
admin_port: 2
drain_timeout_seconds: 1
`,
    );
    const server = await serve({
      args: [`--config=${file}`, `--model_base_path=${join(models.path, 'from-flag')}`],
      env: { SERVABLE_MODEL_NAME: 'from-variable', SERVABLE_ADMIN_PORT: String(adminPort) },
      models: ['from-variable'],
    });
    expect(await predictOne(server, 'from-variable')).toBe(2.5);
    expect((await fetch(`http://127.0.0.1:${adminPort}/admin/models`)).status).toBe(200);
  });

  it('SERVABLE_CONFIG names the configuration file too, and a bad one keeps the server from starting', async () => {
    const file = folder().write('servable.yaml', 'rest_api_prt: 1\n');
    const { code, err } = await run({ SERVABLE_CONFIG: file }, 'serve');
    expect(code).toBe(1);
    expect(err).toBe(
      `servable: ${file}:1:1: unknown option "rest_api_prt": did you mean rest_api_port?\n`,
    );
  });

  it('sessions with XLA, bfloat16, a session config file and thread counts answer right', async () => {
    const models = folder();
    const server = await serve({
      args: [
        '--model_name=m',
        `--model_base_path=${modelDir('half_plus_two')}`,
        '--xla_cpu_compilation_enabled',
        '--mixed_precision=bfloat16',
        '--per_process_gpu_memory_fraction=0.3',
        '--tensorflow_intra_op_parallelism=2',
        `--tensorflow_session_config_file=${models.write('session.config', 'allow_soft_placement: true\n')}`,
        '--use_alts_credentials',
        '--prefer_tflite_model',
        '--skip_initialize_tpu',
        '--thread_pool_factory_config_file=/x',
        '--enable_profiler=false',
      ],
      models: ['m'],
    });
    expect(await predictOne(server, 'm')).toBe(2.5);
    for (const flag of [
      'use_alts_credentials',
      'prefer_tflite_model',
      'skip_initialize_tpu',
      'thread_pool_factory_config_file',
      'enable_profiler',
    ]) {
      expect(server.output()).toMatch(new RegExp(`--${flag} has no effect: `));
    }
  });

  it('tags that no graph has are an error that names them', async () => {
    const { code, err } = await run(
      {},
      'serve',
      '--model_name=m',
      `--model_base_path=${modelDir('half_plus_two')}`,
      '--saved_model_tags=serve,gpu',
      `--port=${await freePort()}`,
      `--rest_api_port=${await freePort()}`,
    );
    expect(code).toBe(1);
    expect(err).toMatch(
      /Could not find meta graph def matching supplied tags: \{ (serve gpu|gpu serve) \}/,
    );
  });
});

describe('servable models', () => {
  it('lists, loads, labels, reloads and unloads over a Unix socket that only its user may open', async () => {
    const models = folder();
    models.add('a', 1, PLUS_TWO);
    models.add('a', 2, PLUS_THREE);
    models.add('b', 7, PLUS_THREE);
    const socket = join(models.path, 'admin.sock');
    const text = (...names: string[]): string =>
      `model_config_list { ${names
        .map(
          (name) =>
            `config { name: '${name}' base_path: '${join(models.path, name)}' model_platform: 'tensorflow' model_version_policy { all {} } }`,
        )
        .join(' ')} }`;
    const config = models.write('models.config', text('a'));
    const server = await serve({
      args: [
        `--model_config_file=${config}`,
        `--admin_socket_path=${socket}`,
        '--allow_version_labels_for_unavailable_models',
      ],
      models: ['a'],
    });
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect((await fetch(`${server.rest}/admin/models`)).status, 'off on the public port').toBe(404);
    const env = { SERVABLE_ADMIN_SOCKET_PATH: socket };
    const command = (...args: string[]) => run(env, 'models', ...args);
    const list = async (): Promise<string[]> =>
      (await command('list')).out
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(/\s+/).slice(0, 4).join(' '));

    expect((await command('label', 'a', 'stable', '1')).code).toBe(0);
    expect(await predictOne(server, 'a/labels/stable')).toBe(2.5);
    expect(await list()).toEqual([
      expect.stringMatching(/^a 2 AVAILABLE/),
      expect.stringMatching(/^a 1 AVAILABLE stable/),
    ]);
    const refused = await command('label', 'a', 'stable', '9');
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/version 9 of model a, which is not currently available/);

    expect((await command('load', 'b', '--base_path', join(models.path, 'b'))).code).toBe(0);
    expect(await predictOne(server, 'b')).toBe(3.5);
    const inForce = JSON.parse((await command('config')).out) as {
      model_config_list: { config: { name: string }[] };
    };
    expect(inForce.model_config_list.config.map(({ name }) => name)).toEqual(['a', 'b']);

    expect((await command('unload', 'b')).code).toBe(0);
    await expect.poll(() => predictOne(server, 'b')).toMatch(/^404 /);
    expect((await command('load', 'b')).code).toBe(0);
    expect(await predictOne(server, 'b')).toBe(3.5);

    models.write('models.config', text('b'));
    expect((await command('reload')).code).toBe(0);
    await expect.poll(() => predictOne(server, 'a')).toMatch(/^404 /);
    const json = models.write('in-force.json', JSON.stringify(inForce));
    expect((await command('reload', json)).code).toBe(0);
    expect(await predictOne(server, 'a/labels/stable')).toBe(2.5);
  });

  it('says how to start a server that can be asked', async () => {
    const { code, err } = await run({}, 'models', 'list', '--server', `${await freePort()}`);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^servable: no admin API at 127.0.0.1:\d+: .*; start the server with --admin_port or --admin_socket_path\n$/,
    );
  });
});
