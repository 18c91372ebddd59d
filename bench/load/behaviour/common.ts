import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clients } from '../clients.js';
import type { HttpLoad, LoadResult } from '../http-client.js';
import { benchModel } from '../paths.js';
import { cpuMicros } from '../process.js';
import { type Server, type Setting, startServableWith } from '../servers.js';

/** What every experiment is given. */
export interface Context {
  readonly setting: Setting;
  readonly clients: Clients;
  /** Interleaved rounds of what is compared; medians count. */
  readonly rounds: number;
  /** Seconds of each measured stretch. */
  readonly seconds: number;
  /** Seconds of the burst. */
  readonly burstSeconds: number;
  /** The largest number of models that is tried. */
  readonly maxModels: number;
}

/** Until V8 has compiled what runs often, a request costs ten times as much: what is measured has run for so long before, seconds. */
export const WARM_UP_SECONDS = 6;

/** What an experiment found: a table or lines of text, and what held or did not. */
export interface Finding {
  readonly title: string;
  readonly text: string;
  readonly verdicts: readonly string[];
}

/** One line for a bound. */
export function verdict(what: string, holds: boolean): string {
  return `${holds ? 'holds' : 'DOES NOT HOLD'}: ${what}`;
}

/** Starts Servable with several models (name → base path) and waits until all are available. */
export async function startModels(
  models: Readonly<Record<string, string>>,
  setting: Setting,
): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'servable-behaviour-'));
  const forget = (): void => rmSync(folder, { recursive: true, force: true });
  const file = join(folder, 'models.config');
  writeFileSync(file, configText(models));
  try {
    const last = Object.keys(models).at(-1) ?? '';
    const server = await startServableWith([`--model_config_file=${file}`], setting, last);
    await Promise.all(Object.keys(models).map((name) => untilAvailable(server.rest, name)));
    return { ...server, stop: () => server.stop().finally(forget) };
  } catch (error) {
    forget();
    throw error;
  }
}

/** As {@link startModels}; runs `use`, stops the server. */
export async function withModels<T>(
  models: Readonly<Record<string, string>>,
  setting: Setting,
  use: (server: Server) => Promise<T>,
): Promise<T> {
  const server = await startModels(models, setting);
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

/** A ModelServerConfig in text format. */
export function configText(models: Readonly<Record<string, string>>): string {
  const entries = Object.entries(models).map(
    ([name, basePath]) =>
      `  config { name: "${name}" base_path: "${basePath}" model_platform: "tensorflow" }`,
  );
  return `model_config_list {\n${entries.join('\n')}\n}\n`;
}

/** Base paths of models that make_models.py made. */
export function benchModels(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, benchModel(name)]));
}

/** Starts Servable with models that make_models.py made, runs `use`, stops it. */
export function withBenchModels<T>(
  names: readonly string[],
  setting: Setting,
  use: (server: Server) => Promise<T>,
): Promise<T> {
  return withModels(benchModels(names), setting, use);
}

async function untilAvailable(port: number, model: string): Promise<void> {
  while ((await fetch(`http://127.0.0.1:${port}/healthz/models/${model}`)).status !== 200) {
    await pause(50);
  }
}

/** Resolves after some milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The path of a model's REST predict. */
export function predictPath(model: string): string {
  return `/v1/models/${model}:predict`;
}

/**
 * Sends a body once.
 *
 * @throws {Error} with the answer's text when it is not 200: nothing but right answers is measured.
 */
export async function mustAnswer(port: number, path: string, body: Buffer): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body });
  const text = await answer.text();
  if (answer.status !== 200) {
    throw new Error(`${path} answers ${answer.status}: ${text.slice(0, 200)}`);
  }
}

/** Runs a load and adds the server's CPU time per request, µs. @throws {Error} when a request failed. */
export async function withCpu(
  pid: number,
  run: () => Promise<LoadResult>,
): Promise<LoadResult & { cpu: number }> {
  const before = cpuMicros(pid);
  const result = await run();
  if (result.errors > 0 || result.requests === 0) {
    throw new Error(`${result.errors} of ${result.errors + result.requests} requests failed`);
  }
  return { ...result, cpu: (cpuMicros(pid) - before) / result.requests };
}

/** Requests a second. */
export function rate({ requests, seconds }: Pick<LoadResult, 'requests' | 'seconds'>): number {
  return requests / seconds;
}

/** A load on one model of a server. */
export function loadOf(
  server: Server,
  model: string,
  body: Buffer,
  rest: Pick<HttpLoad, 'connections' | 'seconds'>,
): HttpLoad {
  return { port: server.rest, path: predictPath(model), body, ...rest };
}
