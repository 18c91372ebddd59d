import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { FakeWeb } from '../store/support/fake-web.js';
import { http } from '../support/http.js';
import { writeModelConfig } from '../support/model-config.js';
import { CLI, modelDir } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { runtimeLibrary } from '../support/runtime.js';
import { type RunningServer, startServer } from '../support/server.js';
import { report, stillAnswers, WITNESS } from './support/chaos.js';

const folder = mkdtempSync(join(tmpdir(), 'servable-disk-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `sh` starts the server with what `before` sets up: limits and redirections that a process keeps. */
const under = (before: string, redirection = ''): string[] => [
  'sh',
  '-c',
  `${before} exec "$0" "$@" ${redirection}`,
  process.execPath,
  CLI,
];

const entry = (name: string, path: string): string =>
  `config { name: "${name}" base_path: "${path}" model_platform: "tensorflow" }`;

it('a disk that is full fails the download it meets, and nothing else', async () => {
  const web = await FakeWeb.start();
  web.put('big/1/saved_model.pb', readFileSync(join(modelDir(WITNESS), '1', 'saved_model.pb')));
  web.put('big/1/variables/variables.index', Buffer.alloc(8 * 1024 * 1024, 1));
  const cache = join(folder, 'cache');
  mkdirSync(cache);
  const config = [entry(WITNESS, modelDir(WITNESS)), entry('big', `${web.url}/big`)];
  // No file may grow over 1 MiB; without the trap the kernel would end the process instead of failing the write.
  const server = await startServer({
    command: under('trap "" XFSZ; ulimit -f 2048;'),
    args: [
      `--model_config_file=${writeModelConfig(`model_config_list { ${config.join('\n')} }`)}`,
      `--model_cache_dir=${cache}`,
      '--max_num_load_retries=0',
    ],
    models: [WITNESS],
  });
  const status = async (): Promise<string> => (await fetch(`${server.rest}/v1/models/big`)).text();
  await expect.poll(status, { timeout: 50_000 }).toMatch(/EFBIG|file too large/i);
  await stillAnswers(server);
  expect(await server.stop()).toBe(0);
  const left = readdirSync(cache).filter(
    (name) => name.startsWith('.new-') || /-[0-9a-f]{16}$/.test(name),
  );
  expect(left).toEqual([]);
  report('disk full during a download', { faults: 1, lost: 0 });
});

/** A server that cannot write its log: readiness is asked for instead. */
async function withLog(redirection: string, use: (server: RunningServer) => Promise<void>) {
  const [restPort, grpcPort] = [await freePort(), await freePort()];
  const [program = 'sh', ...first] = under('', redirection);
  const child = spawn(
    program,
    [
      ...first,
      'serve',
      `--port=${grpcPort}`,
      `--rest_api_port=${restPort}`,
      `--model_name=${WITNESS}`,
      `--model_base_path=${modelDir(WITNESS)}`,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, SERVABLE_TENSORFLOW_LIBRARY: runtimeLibrary() },
    },
  );
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const server = {
    child,
    restPort,
    grpcPort,
    rest: `http://127.0.0.1:${restPort}`,
    grpc: `127.0.0.1:${grpcPort}`,
    output: () => '',
    printed: () => Promise.reject(new Error('the log goes nowhere')),
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
  const isReady = async (): Promise<boolean> => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('the server ended');
    const answer = await http({ port: restPort, path: '/healthz/ready' }).catch(() => null);
    return answer?.status === 200;
  };
  try {
    await expect.poll(isReady, { timeout: 30_000, interval: 50 }).toBe(true);
    await use(server);
    expect(await server.stop()).toBe(0);
  } finally {
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}

it('a log on a full disk keeps nobody from being served', async () => {
  await withLog('2>/dev/full', async (server) => {
    for (let round = 0; round < 20; round += 1) await stillAnswers(server);
    // Something to be logged: a model that is not there any more, and garbage.
    await http({ port: server.restPort, path: '/v1/models/none:predict', body: '{' });
    await stillAnswers(server);
  });
  report('log on a full disk', { faults: 1, lost: 0 });
});

it('a log reader that is gone keeps nobody from being served', async () => {
  await withLog('', async (server) => {
    server.child.stderr?.destroy();
    server.child.stdout?.destroy();
    for (let round = 0; round < 20; round += 1) await stillAnswers(server);
  });
  report('log reader gone', { faults: 1, lost: 0 });
});
