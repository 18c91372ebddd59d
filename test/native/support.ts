import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServingError } from '../../ts/errors.js';
import { catalog } from '../../ts/native/catalog.js';
import type { InferQueue } from '../../ts/native/infer-queue.js';
import { loadModel } from '../../ts/native/model.js';
import { openRuntime } from '../../ts/native/runtime.js';
import { goldenFile, modelDir, ROOT } from '../support/paths.js';
import { runtimeLibrary } from '../support/runtime.js';

/** Opens the tests' libtensorflow. */
export function open(): void {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  openRuntime(runtimeLibrary());
}

/** The folder of one version of a fixture model. */
export function versionDir(name: string, version: number): string {
  return join(modelDir(name), String(version));
}

/** Loads a fixture model and publishes it. */
export async function publish(name: string, version: number): Promise<void> {
  const model = await loadModel({
    exportDir: versionDir(name, version),
    tags: ['serve'],
    configProto: null,
    inputShapeCheck: 'auto',
  });
  catalog.publish(name, BigInt(version), model);
}

/** What a queue answered. */
export interface Answer {
  failure: ServingError | null;
  reply: Buffer | null;
  version: number | bigint;
}

/** One request as a promise. */
export function ask(
  queue: InferQueue,
  target: number,
  body: string | Buffer,
  deadlineMs = 0,
): Promise<Answer> {
  return new Promise((resolve) => {
    queue.infer(target, Buffer.from(body), deadlineMs, (failure, reply, version) =>
      resolve({ failure, reply, version }),
    );
  });
}

/** A file of recorded answers. */
export function golden<T>(name: string): T[] {
  return JSON.parse(readFileSync(goldenFile(name), 'utf8')) as T[];
}

/** What a child process did. */
export interface ChildResult {
  code: number | string | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a script of `test/native/children` on the built package.
 *
 * A process of its own is what crashes, leaks and exit codes can be seen in.
 */
export async function child(script: string, ...args: string[]): Promise<ChildResult> {
  const file = join(ROOT, 'test', 'native', 'children', script);
  const env = {
    ...process.env,
    SERVABLE_TENSORFLOW_LIBRARY: runtimeLibrary(),
    TF_CPP_MIN_LOG_LEVEL: '3',
    MODELS: modelDir('.'),
    DIST: join(ROOT, 'dist'),
  };
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', file, ...args],
      { env, timeout: 120_000, maxBuffer: 1 << 26 },
    );
    return { code: 0, signal: null, stdout, stderr };
  } catch (error) {
    const { code = null, signal = null, stdout = '', stderr = '' } = error as Partial<ChildResult>;
    return { code, signal, stdout, stderr };
  }
}
