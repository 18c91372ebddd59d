import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { predictFloats } from '../support/grpc.js';
import { CLI, modelDir, ROOT } from '../support/paths.js';
import { runtimeLibrary } from '../support/runtime.js';
import { type RunningServer, startServer } from '../support/server.js';
import { DEPLOY, dockerInstructions, ENTRYPOINT, installed, MODEL_SERVER } from './support.js';

let folder: string;
let bin: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'servable-entrypoint-'));
  chmodSync(folder, 0o755);
  bin = join(folder, 'bin');
  mkdirSync(bin);
});

function program(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

/** The image's environment: its variables are the script's defaults, and nothing of ours leaks in. */
function environment(variables: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { PATH: `${bin}${delimiter}/usr/bin${delimiter}/bin`, ...variables };
}

describe('the entry script with a fake server', () => {
  beforeEach(() => {
    program('tensorflow_model_server', `printf '%s\\n' "$$" "$@" > ${folder}/called`);
  });

  async function called(
    args: readonly string[],
    variables: Record<string, string> = {},
  ): Promise<string[]> {
    const child = spawn(ENTRYPOINT, args, { env: environment(variables), stdio: 'inherit' });
    const [status] = await once(child, 'exit');
    expect(status).toBe(0);
    const [pid, ...rest] = readFileSync(join(folder, 'called'), 'utf8').trimEnd().split('\n');
    expect(pid, 'exec keeps the process id').toBe(String(child.pid));
    return rest;
  }

  it('alone, it serves /models/model on 8500 and 8501', async () => {
    expect(await called([])).toEqual([
      '--port=8500',
      '--rest_api_port=8501',
      '--model_name=model',
      '--model_base_path=/models/model',
    ]);
  });

  it('MODEL_NAME and MODEL_BASE_PATH say which model', async () => {
    const variables = { MODEL_NAME: 'half plus two', MODEL_BASE_PATH: '/srv/modèles/' };
    expect(await called([], variables)).toEqual(
      expect.arrayContaining([
        '--model_name=half plus two',
        '--model_base_path=/srv/modèles/half plus two',
      ]),
    );
  });

  it('arguments come last and arrive as they were', async () => {
    const args = [
      '--rest_api_port=9999',
      '--model_config_file=/models/a b*.pbtxt',
      '--grpc_channel_arguments=$HOME `id`',
      '',
    ];
    // The last, empty argument is an empty last line, which trimEnd took.
    expect((await called(args)).slice(4)).toEqual(args.slice(0, -1));
  });

  it('the server gets the signals', async () => {
    program('tensorflow_model_server', `echo up; exec sleep 600`);
    const child = spawn(ENTRYPOINT, [], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  });

  it('a missing server is an error of the script', () => {
    const env = { PATH: '/usr/bin:/bin' };
    const { status, stderr } = spawnSync(ENTRYPOINT, { env, encoding: 'utf8' });
    expect(status).toBe(127);
    expect(stderr).toContain('tensorflow_model_server');
  });
});

it('tensorflow_model_server is "servable serve", in the same process', async () => {
  program('servable', `printf '%s\\n' "$$" "$@" > ${folder}/called`);
  const child = spawn(MODEL_SERVER, ['--model_name=a b', '--port=1'], { env: environment() });
  expect((await once(child, 'exit'))[0]).toBe(0);
  expect(readFileSync(join(folder, 'called'), 'utf8').trimEnd().split('\n')).toEqual([
    String(child.pid),
    'serve',
    '--model_name=a b',
    '--port=1',
  ]);
});

/** The bytes of a HealthCheckResponse whose status is SERVING. */
const SERVING = '0801';

function grpcHealth(address: string): Promise<string> {
  const client = new Client(address, credentials.createInsecure());
  const identity = (bytes: Buffer): Buffer => bytes;
  return new Promise<string>((resolve, reject) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      identity,
      identity,
      Buffer.alloc(0),
      { deadline: Date.now() + 10_000 },
      (error, reply) => (error === null ? resolve(reply?.toString('hex') ?? '') : reject(error)),
    );
  }).finally(() => client.close());
}

/** Runs the Dockerfile's HEALTHCHECK against a URL and resolves to its exit status. */
async function healthcheck(url: string): Promise<number> {
  const text = readFileSync(join(DEPLOY, 'docker', 'Dockerfile'), 'utf8');
  const found = dockerInstructions(text).find(({ name }) => name === 'HEALTHCHECK');
  const [command, ...args] = JSON.parse(found?.rest.replace(/^.*? CMD /, '') ?? '') as string[];
  expect(command).toBe('node');
  const env = { ...process.env, SERVABLE_HEALTH_URL: url };
  const [status] = await once(spawn(process.execPath, args, { env }), 'exit');
  return status as number;
}

describe('the entry script with the real server', () => {
  let server: RunningServer | null = null;

  beforeEach(() => {
    mkdirSync(join(folder, 'models'));
    // As in the image: the command on PATH, the shim beside it.
    program('servable', `exec '${process.execPath}' '${CLI}' "$@"`);
    symlinkSync(MODEL_SERVER, join(bin, 'tensorflow_model_server'));
  });

  afterEach(async () => {
    await server?.stop();
    server = null;
  });

  function copyModel(fixture: string, name: string, versions?: readonly string[]): void {
    const to = join(folder, 'models', name);
    for (const version of versions ?? ['1']) {
      cpSync(join(modelDir(fixture), '1'), join(to, version), { recursive: true });
    }
  }

  /** Starts the script, its ports moved by trailing arguments as a user would. */
  function start(
    models: readonly string[],
    args: readonly string[],
    command: readonly string[] = ['/bin/sh', '-c', 'shift; exec "$0" "$@"', ENTRYPOINT],
  ): Promise<RunningServer> {
    return startServer({
      // startServer names a subcommand, which the script does not take.
      command,
      args,
      models,
      cwd: '/',
      env: {
        PATH: environment().PATH as string,
        MODEL_BASE_PATH: join(folder, 'models'),
        // The image's user may have none of these.
        HOME: '/nonexistent',
        TMPDIR: '/nonexistent',
        XDG_CACHE_HOME: '/nonexistent',
      },
    });
  }

  async function answers(running: RunningServer, model: string): Promise<void> {
    const response = await fetch(`${running.rest}/v1/models/${model}:predict`, {
      method: 'POST',
      body: '{"instances": [1.0, 2.0, 5.0]}',
    });
    expect(await response.json()).toEqual({ predictions: [2.5, 3, 4.5] });
    const outputs = await predictFloats({
      address: running.grpc,
      model,
      inputs: { x: { shape: [2], values: [1, 2] } },
    });
    expect(outputs.y?.values).toEqual([2.5, 3]);
  }

  it('alone, it serves the model under MODEL_BASE_PATH/model over REST and gRPC', async () => {
    copyModel('half_plus_two', 'model');
    server = await start(['model'], []);
    await answers(server, 'model');
    expect(await grpcHealth(server.grpc)).toBe(SERVING);
    expect(await healthcheck(`${server.rest}/healthz/ready`)).toBe(0);
    expect(await healthcheck(`${server.rest}/healthz/models/none`)).toBe(1);
    expect(await server.stop(), 'SIGTERM reached the server').toBe(0);
    expect(await healthcheck(`${server.rest}/healthz/ready`)).toBe(1);
  });

  it('with --model_config_file, it serves what that names instead', async () => {
    copyModel('half_plus_two', 'modelA');
    copyModel('half_plus_two', 'modelB', ['1', '2']);
    const config = join(folder, 'models', 'model_config.pbtxt');
    writeFileSync(
      config,
      `model_config_list {
         config { name: 'modelA' base_path: '${folder}/models/modelA/' model_platform: 'tensorflow' model_version_policy { all: {} } }
         config { name: 'modelB' base_path: '${folder}/models/modelB/' model_platform: 'tensorflow'
                  model_version_policy { specific { versions: 1 versions: 2 } }
                  version_labels { key: 'stable' value: 1 } version_labels { key: 'canary' value: 2 } }
       }`,
    );
    const flags = [`--model_config_file=${config}`, '--model_config_file_poll_wait_seconds=30'];
    server = await start(['modelA', 'modelB'], flags);
    await answers(server, 'modelA');
    await answers(server, 'modelB');
    for (const which of ['versions/1', 'versions/2', 'labels/stable', 'labels/canary']) {
      const url = `${server.rest}/v1/models/modelB/${which}:predict`;
      const response = await fetch(url, { method: 'POST', body: '{"instances": [1.0]}' });
      expect(await response.json(), which).toEqual({ predictions: [2.5] });
    }
    expect((await fetch(`${server.rest}/v1/models/model`)).status).toBe(404);
    expect(await grpcHealth(server.grpc)).toBe(SERVING);
  });

  const why = noSealedMachine();
  if (why !== null) console.log(`skipped: read-only root as another user: ${why}`);

  it.skipIf(why !== null)('it runs on a read-only root as user 1000', async () => {
    copyModel('half_plus_two', 'model');
    // Repository, runtime and node may lie where user 1000 may not look, such as /root: they are bound into the folder.
    for (const name of ['repository', 'runtime']) mkdirSync(join(folder, name));
    for (const name of ['node', 'entrypoint.sh']) writeFileSync(join(folder, name), '');
    program('servable', `exec '${folder}/node' '${folder}/repository/dist/cli.js' "$@"`);
    const bound = [
      [ROOT, 'repository'],
      [dirname(runtimeLibrary()), 'runtime'],
      [process.execPath, 'node'],
      [ENTRYPOINT, 'entrypoint.sh'],
      [MODEL_SERVER, 'bin/tensorflow_model_server'],
    ];
    // The symlink of the other tests points into the repository.
    rmSync(join(bin, 'tensorflow_model_server'));
    writeFileSync(join(bin, 'tensorflow_model_server'), '');
    writeFileSync(
      join(folder, 'sealed.sh'),
      `set -eu
       mount --make-rprivate /
       mount --bind '${folder}' '${folder}'
       ${bound.map(([from, to]) => `mount --bind '${from}' '${folder}/${to}'`).join('\n')}
       ${bound.map(([, to]) => `mount -o remount,bind,ro '${folder}/${to}'`).join('\n')}
       for place in '${folder}' /; do mount -o remount,bind,ro "$place"; done
       if touch '${folder}/written' /written 2>/dev/null; then echo 'this root can be written'; exit 9; fi
       shift
       export SERVABLE_TENSORFLOW_LIBRARY='${folder}/runtime'
       exec setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs '${folder}/entrypoint.sh' "$@"`,
    );
    const command = ['unshare', '--mount', '/bin/sh', join(folder, 'sealed.sh')];
    server = await start(['model'], [], command);
    await answers(server, 'model');
    const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\s+1000\s+1000/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(await server.stop()).toBe(0);
  });
});

/** Why this machine cannot make a mount namespace, or null where it can. */
function noSealedMachine(): string | null {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  for (const tool of ['unshare', 'setpriv']) if (!installed(tool)) return `no ${tool}`;
  const script = 'mount --make-rprivate / && mount -o remount,bind,ro /';
  const tried = spawnSync('unshare', ['--mount', 'sh', '-c', script], { encoding: 'utf8' });
  return tried.status === 0 ? null : `mounts are not allowed here (${tried.stderr.trim()})`;
}
