import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { connect, createServer as createNetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { silentLogger } from '../../ts/logger.js';
import { createServer } from '../../ts/server.js';
import { CLI, modelDir } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { runtimeLibrary } from '../support/runtime.js';
import { type RunningServer, startServer } from '../support/server.js';

const PREDICT = '/v1/models/half_plus_two:predict';
const BODY = '{"instances": [1.0, 2.0, 5.0]}';
const MODEL = ['--model_name=half_plus_two', `--model_base_path=${modelDir('half_plus_two')}`];

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of cleanUp.splice(0).reverse()) await work();
});

async function serve(...args: string[]): Promise<RunningServer> {
  const server = await startServer({ args: [...MODEL, ...args], models: ['half_plus_two'] });
  cleanUp.push(() => server.stop());
  return server;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'servable-server-'));
  cleanUp.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly version: string | undefined;
}

function predict(
  where: { host?: string; port?: number; socketPath?: string; agent?: Agent | false },
  path = PREDICT,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const out = httpRequest({ ...where, path, method: 'POST' }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body,
          version: response.headers['x-servable-model-version'] as string | undefined,
        }),
      );
    });
    out.on('error', reject);
    out.end(BODY);
  });
}

/** Runs the command line to its end. */
async function run(...args: string[]): Promise<{ status: number | null; text: string }> {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, SERVABLE_TENSORFLOW_LIBRARY: runtimeLibrary() },
  });
  let text = '';
  const collect = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, text };
}

/** A request whose body is only half sent. */
async function halfSent(port: number): Promise<{ socket: Socket; finish: () => Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.write(
    `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY.slice(0, 10)}`,
  );
  return {
    socket,
    finish: async () => {
      socket.write(BODY.slice(10));
      await once(socket, 'close');
      return text;
    },
  };
}

describe('listeners', () => {
  it('answer over IPv4 and IPv6, REST and gRPC alike', async () => {
    const server = await serve();
    const v4 = await predict({ host: '127.0.0.1', port: server.restPort });
    expect(v4).toMatchObject({ status: 200, version: '2' });
    expect(JSON.parse(v4.body)).toEqual({ predictions: [2.5, 3, 4.5] });
    expect(await predict({ host: '::1', port: server.restPort })).toEqual(v4);
    for (const address of [`127.0.0.1:${server.grpcPort}`, `[::1]:${server.grpcPort}`]) {
      expect(await grpcVersions(address)).toEqual([2n]);
    }
  });

  it('are shared by workers, which stop cleanly', async () => {
    const server = await serve('--workers=3');
    const answers = await Promise.all(
      Array.from({ length: 60 }, () =>
        predict({ host: '127.0.0.1', port: server.restPort, agent: false }),
      ),
    );
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect(await grpcVersions(server.grpc)).toEqual([2n]);
    expect(await server.stop()).toBe(0);
  });

  it('take Unix sockets beside the ports', async () => {
    const rest = join(folder(), 'rest');
    const grpc = join(folder(), 'grpc');
    const server = await serve(
      `--rest_api_socket_path=${rest}`,
      `--grpc_socket_path=${grpc}`,
      '--workers=2',
    );
    expect((await predict({ socketPath: rest })).status).toBe(200);
    expect(await grpcVersions(`unix:${grpc}`)).toEqual([2n]);
    const other = startServer({
      args: [`--model_base_path=${modelDir('half_plus_two')}`, `--rest_api_socket_path=${rest}`],
    });
    await expect(other).rejects.toThrow(`${rest}: another server answers on it`);
    expect(await server.stop()).toBe(0);
    expect([rest, grpc].filter((path) => existsSync(path))).toEqual([]);
  });

  it('open only after loading when asked to', async () => {
    const server = await serve('--listen_after_load');
    const lines = server.output();
    expect(lines.indexOf('available')).toBeGreaterThan(0);
    expect(lines.indexOf('available')).toBeLessThan(lines.indexOf('listening'));
  });
});

const STATUS = '/tensorflow.serving.ModelService/GetModelStatus';
const RELOAD = '/tensorflow.serving.ModelService/HandleReloadConfigRequest';

function rpc(address: string, path: string, request: Buffer): Promise<Buffer> {
  const client = new Client(address, credentials.createInsecure());
  const identity = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, identity, identity, request, (error, reply) => {
      client.close();
      if (error !== null) reject(error);
      else resolve(reply ?? Buffer.alloc(0));
    });
  });
}

async function grpcVersions(address: string): Promise<bigint[]> {
  const request = messageType('tensorflow.serving.GetModelStatusRequest').encode({
    modelSpec: { name: 'half_plus_two' },
  });
  const reply = await rpc(address, STATUS, request);
  const { modelVersionStatus } = messageType('tensorflow.serving.GetModelStatusResponse').decode(
    reply,
  );
  return modelVersionStatus.map(({ version }) => version);
}

describe('a new version', () => {
  it.each([1, 2])('is switched to without failing a request, with %i workers', async (workers) => {
    const base = folder();
    cpSync(join(modelDir('half_plus_two'), '1'), join(base, '1'), { recursive: true });
    const server = await startServer({
      args: ['--model_name=half_plus_two', `--model_base_path=${base}`, `--workers=${workers}`],
      models: ['half_plus_two'],
    });
    cleanUp.push(() => server.stop());
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    cleanUp.push(() => agent.destroy());
    const seen = new Map<string, number>();
    let running = true;
    const load = Array.from({ length: 4 }, async () => {
      while (running) {
        const { status, version } = await predict({
          host: '127.0.0.1',
          port: server.restPort,
          agent,
        });
        const key = `${status} version ${version}`;
        seen.set(key, (seen.get(key) ?? 0) + 1);
      }
    });
    await expect.poll(() => seen.get('200 version 1') ?? 0).toBeGreaterThan(20);
    mkdirSync(join(base, 'tmp'));
    cpSync(join(modelDir('half_plus_two'), '2'), join(base, 'tmp', '2'), { recursive: true });
    renameSync(join(base, 'tmp', '2'), join(base, '2'));
    await expect
      .poll(() => seen.get('200 version 2') ?? 0, { timeout: 30_000 })
      .toBeGreaterThan(20);
    await expect
      .poll(
        async () =>
          (await (await fetch(`${server.rest}/v1/models/half_plus_two`)).json()) as object,
        { timeout: 30_000 },
      )
      .toMatchObject({
        model_version_status: [
          { version: '2', state: 'AVAILABLE' },
          { version: '1', state: 'END' },
        ],
      });
    running = false;
    await Promise.all(load);
    expect([...seen.keys()].sort()).toEqual(['200 version 1', '200 version 2']);
  });
});

it('a reload over gRPC reaches the models from any worker', async () => {
  const server = await serve('--workers=2');
  const config = (name: string, path: string) => ({
    config: {
      modelConfigList: { config: [{ name, basePath: path, modelPlatform: 'tensorflow' }] },
    },
  });
  const request = messageType('tensorflow.serving.ReloadConfigRequest');
  await rpc(server.grpc, RELOAD, request.encode(config('three', modelDir('half_plus_three'))));
  const answer = await predict(
    { host: '127.0.0.1', port: server.restPort },
    '/v1/models/three:predict',
  );
  expect(JSON.parse(answer.body)).toEqual({ predictions: [3.5, 4, 5.5] });
  const refused = rpc(server.grpc, RELOAD, request.encode(config('three', 'relative')));
  await expect(refused).rejects.toThrow('absolute path');
  const still = await predict(
    { host: '127.0.0.1', port: server.restPort },
    '/v1/models/three:predict',
  );
  expect(still.status).toBe(200);
});

describe('signals', () => {
  it.each([1, 2])(
    'SIGTERM lets a request finish and ends with 0, with %i workers',
    async (workers) => {
      const server = await serve(`--workers=${workers}`);
      const { finish } = await halfSent(server.restPort);
      server.child.kill('SIGTERM');
      await expect
        .poll(() =>
          predict({ host: '127.0.0.1', port: server.restPort, agent: false }).then(
            () => 'open',
            () => 'closed',
          ),
        )
        .toBe('closed');
      const text = await finish();
      expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n/);
      expect(text.toLowerCase()).toContain('connection: close');
      // Not server.stop(): a second signal would end it at once.
      await expect.poll(() => server.child.exitCode, { timeout: 10_000 }).toBe(0);
    },
  );

  it('cuts off what outlasts the drain timeout', async () => {
    const server = await serve('--drain_timeout_seconds=1');
    await halfSent(server.restPort);
    expect(await server.stop()).toBe(0);
  });

  it('a second signal ends it at once', async () => {
    const server = await serve();
    await halfSent(server.restPort);
    server.child.kill('SIGINT');
    await expect
      .poll(() =>
        predict({ host: '127.0.0.1', port: server.restPort, agent: false }).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed');
    server.child.kill('SIGINT');
    expect(await server.stop()).toBe(1);
  });
});

describe('a start that fails', () => {
  it('says in one sentence that a port is in use', async () => {
    const port = await freePort();
    const other = createNetServer().listen(port, '::');
    await once(other, 'listening');
    cleanUp.push(() => other.close());
    const { status, text } = await run(
      'serve',
      ...MODEL,
      `--port=${await freePort()}`,
      `--rest_api_port=${port}`,
    );
    expect(status).toBe(1);
    expect(text).toMatch(new RegExp(`^servable: .*port ${port}.* in use[^\\n]*\\n$`));
  });

  it('names a library that is not there', async () => {
    const { status, text } = await run(
      'serve',
      ...MODEL,
      '--tensorflow_library=/nowhere/libtensorflow.so',
      `--port=${await freePort()}`,
      `--rest_api_port=${await freePort()}`,
    );
    expect(status).not.toBe(0);
    expect(text).toContain('/nowhere/libtensorflow.so');
  });

  it('needs a model to serve', async () => {
    const { status, text } = await run(
      'serve',
      `--port=${await freePort()}`,
      `--rest_api_port=${await freePort()}`,
    );
    expect(status).toBe(1);
    expect(text).toContain('set --model_base_path or --model_config_file');
  });

  it('tells why when every model failed for good', async () => {
    const base = folder();
    mkdirSync(join(base, '1'));
    writeFileSync(join(base, '1', 'saved_model.pb'), 'garbage');
    const { status, text } = await run(
      'serve',
      '--model_name=m',
      `--model_base_path=${base}`,
      '--max_num_load_retries=0',
      `--port=${await freePort()}`,
      `--rest_api_port=${await freePort()}`,
    );
    expect(status).toBe(1);
    expect(text).toContain(
      'servable(s) did not become available: {{{name: m version: 1} due to error: ',
    );
  });
});

it('the library starts and stops a server in this process, each once however often it is asked', async () => {
  const [port, restApiPort] = [await freePort(), await freePort()];
  const server = createServer({
    models: [
      {
        name: 'half_plus_two',
        basePath: modelDir('half_plus_two'),
        versionPolicy: { kind: 'all' },
        versionLabels: { stable: 1 },
      },
    ],
    port,
    restApiPort,
    workers: 1,
    tensorflowLibrary: runtimeLibrary(),
    allowVersionLabelsForUnavailableModels: true,
    logger: silentLogger,
  });
  await Promise.all([server.start(), server.start()]);
  const { rest } = await server.listening();
  expect(rest).toBe(`http://localhost:${restApiPort}`);
  const labelled = await predict(
    { host: '127.0.0.1', port: restApiPort },
    '/v1/models/half_plus_two/labels/stable:predict',
  );
  expect(labelled).toMatchObject({ status: 200, version: '1' });
  expect(server.models()[0]?.versions.map(({ state }) => state)).toEqual([
    'AVAILABLE',
    'AVAILABLE',
  ]);
  expect((await fetch(`${rest}/healthz/ready`)).status).toBe(200);
  await Promise.all([server.stop(), server.stop()]);
  await expect(predict({ host: '127.0.0.1', port: restApiPort })).rejects.toThrow();
});
