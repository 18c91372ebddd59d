import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './contenders.js';
import type { LoadResult } from './http-client.js';
import { benchModel, CLI, ROOT, serverFile } from './paths.js';
import { installTfjs } from './prepare.js';
import { type Subject, start } from './process.js';

/** A contender's process and its ports; a port that it does not have is 0. */
export interface Server extends Subject {
  readonly rest: number;
  readonly grpc: number;
  /** Port of the line protocol of servers/bare-run.mjs. */
  readonly orders: number;
}

/** What starting a contender needs to know. */
export interface Setting {
  readonly python: string;
  readonly library: string;
  /** Extra flags of `servable serve`. */
  readonly flags: readonly string[];
}

/** The contenders, by the names that the table shows. */
export const SERVERS = {
  'fastify echo': (_model: string) => plain('echo-rest.mjs', 'rest'),
  'grpc-js echo': (_model: string) => plain('echo-grpc.mjs', 'grpc'),
  servable: (model: string, setting: Setting) => startServable(benchModel(model), model, setting),
  'library, bare run': startBareRun,
  'tfjs-node + fastify': startTfjs,
  'TensorFlow + FastAPI': (model: string, setting: Setting) =>
    startPython('tensorflow', model, setting),
  'OpenVINO + FastAPI': (model: string, setting: Setting) =>
    startPython('openvino', model, setting),
} satisfies Record<string, (model: string, setting: Setting) => Promise<Server>>;

export type ServerName = keyof typeof SERVERS;

const NO_PORTS = { rest: 0, grpc: 0, orders: 0 };
const LISTENING = /listening (\d+)/;

async function plain(file: string, port: 'rest' | 'grpc'): Promise<Server> {
  const subject = await start(process.execPath, [serverFile(file)], LISTENING);
  return { ...subject, ...NO_PORTS, [port]: Number(subject.match[1]) };
}

function environment(setting: Setting): NodeJS.ProcessEnv {
  return { ...process.env, SERVABLE_TENSORFLOW_LIBRARY: setting.library };
}

/**
 * Starts Servable on one base path and waits until the model answers.
 *
 * @throws {Error} when it exits or the model is not there after two minutes.
 */
export async function startServable(
  basePath: string,
  model: string,
  setting: Pick<Setting, 'flags' | 'library' | 'python'>,
): Promise<Server> {
  const models = [`--model_name=${model}`, `--model_base_path=${basePath}`];
  return startServableWith(models, setting, model);
}

/** As {@link startServable} for any set of models; waits until `model` answers. */
export async function startServableWith(
  models: readonly string[],
  setting: Pick<Setting, 'flags' | 'library' | 'python'>,
  model: string,
): Promise<Server> {
  const ports = { rest: await freePort(), grpc: await freePort() };
  const flags = ['--host=127.0.0.1', `--port=${ports.grpc}`, `--rest_api_port=${ports.rest}`];
  const args = [CLI, 'serve', ...models, ...flags, '--log_level=info', ...setting.flags];
  const subject = await start(
    process.execPath,
    args,
    /Exporting HTTP\/REST API at:/,
    environment(setting),
  );
  const server = { ...subject, ...NO_PORTS, ...ports };
  try {
    await available(server, model, 120_000);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

async function available(server: Server, model: string, milliseconds: number): Promise<void> {
  const url = `http://127.0.0.1:${server.rest}/healthz/models/${model}`;
  const until = performance.now() + milliseconds;
  let last = 0;
  while (performance.now() < until) {
    last = (await fetch(url)).status;
    if (last === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`servable: model "${model}" is not available after ${milliseconds} ms (${last})`);
}

async function startBareRun(model: string, setting: Setting): Promise<Server> {
  const args = [serverFile('bare-run.mjs'), join(ROOT, 'dist', 'index.js')];
  const version = join(benchModel(model), '1');
  const env = environment(setting);
  const subject = await start(process.execPath, [...args, version], LISTENING, env);
  return { ...subject, ...NO_PORTS, orders: Number(subject.match[1]) };
}

async function startTfjs(model: string, setting: Setting): Promise<Server> {
  const folder = await installTfjs(setting.python);
  const args = [serverFile('tfjs.mjs'), folder, join(benchModel(model), '1')];
  const subject = await start(process.execPath, args, LISTENING);
  return { ...subject, ...NO_PORTS, rest: Number(subject.match[1]) };
}

async function startPython(engine: string, model: string, setting: Setting): Promise<Server> {
  const args = [serverFile('http_model.py'), engine, join(benchModel(model), '1')];
  const subject = await start(setting.python, args, LISTENING);
  return { ...subject, ...NO_PORTS, rest: Number(subject.match[1]) };
}

/** One order to servers/bare-run.mjs. */
export interface BareRun {
  mode: 'predict' | 'parse';
  /** Raw float32 values, or the JSON text. */
  content: Buffer;
  shape: readonly number[];
  inFlight: number;
}

/** Has the library run for some seconds. */
export async function runBare(port: number, run: BareRun, seconds: number): Promise<LoadResult> {
  return order<LoadResult>(port, run, { seconds });
}

/** Has the library run once; resolves to the output's values. */
export async function bareAnswer(port: number, run: BareRun): Promise<number[]> {
  return (await order<{ values: number[] }>(port, run, { once: true })).values;
}

async function order<T>(port: number, run: BareRun, more: object): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'servable-bare-'));
  try {
    const file = join(folder, 'content');
    writeFileSync(file, run.content);
    const { mode, shape, inFlight } = run;
    const text = await exchange(port, JSON.stringify({ mode, shape, inFlight, file, ...more }));
    const answer = JSON.parse(text) as T & { failure?: string };
    if (answer.failure !== undefined) throw new Error(answer.failure);
    return answer;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function exchange(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${line}\n`));
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.once('error', reject).once('end', () => resolve(text));
  });
}
