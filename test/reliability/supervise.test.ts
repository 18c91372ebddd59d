import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Models, PLUS_TWO } from '../native/manager-support.js';
import { http } from '../support/http.js';
import { DEMO, modelDir } from '../support/paths.js';
import { RpcClient } from '../support/rpc.js';
import { type RunningServer, startServer } from '../support/server.js';
import { wireModel } from '../support/wire-models.js';
import { childrenOf, RestLoad, servingPid } from './support.js';

/** A body of another rank than the image model's Conv2D takes: without the shape check TensorFlow ends the process. */
const DEADLY = '{"inputs": [[1.0, 2.0]]}';
/** Runs for about a second. */
const SLOW = '{"instances": [100000]}';
const CLIENTS = 4;

const models = new Models();
let config = '';
beforeAll(() => {
  models.add('half_plus_two', 1, PLUS_TWO);
  const entry = (name: string, path: string): string =>
    `config { name: "${name}" base_path: "${path}" model_platform: "tensorflow" }`;
  const list = [
    entry('image', modelDir('image')),
    entry('half_plus_two', `${models.path}/half_plus_two`),
    entry('slow', wireModel('slow')),
  ];
  config = models.write('models.config', `model_config_list { ${list.join(' ')} }`);
});
afterAll(() => models.remove());

function supervised(...args: string[]): Promise<RunningServer> {
  return startServer({
    args: [
      '--supervise',
      `--model_config_file=${config}`,
      '--input_shape_check=off',
      '--log_format=json',
      ...args,
    ],
    models: ['half_plus_two', 'image', 'slow'],
  });
}

async function predict(server: RunningServer, model: string, body: string): Promise<string> {
  const response = await fetch(`${server.rest}/v1/models/${model}:predict`, {
    method: 'POST',
    body,
  });
  return `${response.status} ${await response.text()}`;
}

/** The fields of the log lines with this message. */
function logged(server: RunningServer, message: RegExp): Record<string, unknown>[] {
  return server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => message.test(String(line.msg)));
}

describe('a supervised server', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await supervised('--workers=2');
  });
  afterAll(() => server.stop());

  it('answers again after kill -9, and only what was in flight is lost', async () => {
    const load = new RestLoad(server.restPort, CLIENTS);
    while (load.result.answered < 200) await delay(10);
    const before = servingPid(server);
    process.kill(before, 'SIGKILL');
    await server.printed(/is started again/);
    const answered = load.result.answered;
    while (load.result.answered < answered + 200) await delay(10);
    const { lost, longestGapMs } = await load.stop();
    console.log(
      `kill -9: ${lost.length} lost of ${CLIENTS} in flight, ${longestGapMs.toFixed()} ms`,
    );
    expect(lost.length).toBeLessThanOrEqual(CLIENTS);
    expect(new Set(lost)).toEqual(new Set(lost.map(() => 'ECONNRESET')));
    expect(servingPid(server)).not.toBe(before);
    expect(logged(server, /is started again/)).toMatchObject([
      { signal: 'SIGKILL', cause: 'killed', suspected: false, crashes: 1, restartInMs: 0 },
    ]);
  });

  it('survives a request that ends TensorFlow, tries out what ran and refuses the one at fault', async () => {
    const bystander = predict(server, 'slow', SLOW);
    await delay(100);
    await Promise.all([
      expect(predict(server, 'image', DEADLY)).rejects.toThrow(),
      expect(bystander).rejects.toThrow(),
    ]);
    // Whoever comes while it is started again waits for its turn.
    const [answer, refused, cleared] = await Promise.all([
      predict(server, 'half_plus_two', '{"instances": [1.0]}'),
      predict(server, 'image', DEADLY),
      predict(server, 'slow', SLOW),
    ]);
    expect(answer).toMatch(/^200 /);
    expect(refused).toMatch(/^400 .*ended the serving process and then its trial.*fingerprint/s);
    expect(cleared).toMatch(/^200 /);
    const crash = logged(server, /is started again/).at(-1);
    expect(crash).toMatchObject({ signal: 'SIGABRT', cause: 'abort', suspected: true });
    const ran = crash?.inFlight as { model: string; version: string; method: string }[];
    expect(ran.map((it) => `${it.model} ${it.version} ${it.method}`).sort()).toEqual([
      'image 1 rest.predict',
      'slow 1 rest.predict',
    ]);
    expect(String(crash?.stderr)).toContain('Check failed');
    expect(logged(server, /suspect cleared/)).toMatchObject([{ model: 'slow' }]);
    // It is known now: no further trial, no further crash, also over another connection and after another restart.
    const serving = servingPid(server);
    expect(await predict(server, 'image', DEADLY)).toMatch(/^400 .*refused for another \d+ s/s);
    expect(servingPid(server)).toBe(serving);
    process.kill(serving, 'SIGKILL');
    await server.printed(/"crashes":3/);
    expect(await predict(server, 'image', DEADLY)).toMatch(/^400 .*refused for another \d+ s/s);
    expect(logged(server, /suspect refused/)).toHaveLength(1);
  });

  it('keeps Unix sockets over kill -9: who connects meanwhile waits, and nothing is left in the end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'servable-unix-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [rest, grpc, admin] = ['rest', 'grpc', 'admin'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const own = await supervised(
      '--workers=2',
      `--rest_api_socket_path=${rest}`,
      `--grpc_socket_path=${grpc}`,
      `--admin_socket_path=${admin}`,
    );
    const ask = async (): Promise<void> => {
      const answer = await http({
        socketPath: rest,
        path: '/v1/models/half_plus_two:predict',
        body: '{"instances": [1.0]}',
      });
      expect(answer).toMatchObject({ status: 200 });
      const rpc = new RpcClient(`unix:${grpc}`);
      const { outputs } = await rpc.predict('half_plus_two', { x: [1] });
      rpc.close();
      expect(outputs.y?.floatVal).toEqual([2.5]);
      const listed = await http({ socketPath: admin, path: '/admin/models' });
      expect(listed.status).toBe(200);
    };
    await ask();
    for (let crash = 1; crash <= 2; crash += 1) {
      const before = servingPid(own);
      process.kill(before, 'SIGKILL');
      while (alive(before)) await delay(5);
      await ask();
      expect(logged(own, /is started again/)).toHaveLength(crash);
    }
    expect(statSync(admin).mode & 0o777).toBe(0o600);
    expect(await own.stop()).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('goes on serving when its supervisor is killed only until what is in flight is done', async () => {
    const other = await supervised('--workers=2');
    const serving = servingPid(other);
    other.child.kill('SIGKILL');
    await once(other.child, 'exit');
    while (alive(serving)) await delay(20);
    expect(childrenOf(other.child.pid)).toEqual([]);
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('the end of a supervised server', () => {
  it('is 0 after SIGTERM, also where every process of the service gets it', async () => {
    const server = await supervised();
    process.kill(servingPid(server), 'SIGTERM');
    expect(await server.stop()).toBe(0);
    expect(server.output()).not.toContain('is started again');
  });

  it('comes at once with the second signal', async () => {
    const server = await supervised('--drain_delay_seconds=3600');
    server.child.kill('SIGTERM');
    const ready = async (): Promise<number> => (await fetch(`${server.rest}/healthz/ready`)).status;
    while ((await ready()) !== 503) await delay(10);
    expect(await predict(server, 'half_plus_two', '{"instances": [1.0]}')).toMatch(/^200 /);
    server.child.kill('SIGTERM');
    expect(await server.stop()).toBe(1);
  });

  it('comes with the reason when it crashes too often, with the status of the last crash', async () => {
    const server = await supervised('--supervise_max_crashes=1');
    onTestFinished(() => void server.child.kill('SIGKILL'));
    await expect(predict(server, 'image', DEADLY)).rejects.toThrow();
    const [status] = (await once(server.child, 'exit')) as [number];
    expect(status).toBe(134);
    expect(server.output()).toMatch(
      /died 1 times within 120 s \(--supervise_max_crashes\): given up/,
    );
  });

  it('passes on the status of a start that fails', async () => {
    await expect(
      startServer({
        args: ['--supervise', `--model_base_path=${DEMO}`, '--op_library=/nowhere.so'],
      }),
    ).rejects.toThrow(/the server ended \(1\)/);
  });
});
