import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { CLI } from '../../support/paths.js';
import { freePort } from '../../support/ports.js';
import { runtimeLibrary } from '../../support/runtime.js';

/** A server process that nobody waits for. */
export interface Launched {
  readonly child: ChildProcess;
  readonly restPort: number;
  readonly grpcPort: number;
  output(): string;
  /** Kills it with SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts `servable serve` and returns at once, so that it can be killed at any moment. */
export async function launch(
  args: readonly string[],
  ports: { readonly restPort?: number; readonly grpcPort?: number } = {},
): Promise<Launched> {
  const restPort = ports.restPort ?? (await freePort());
  const grpcPort = ports.grpcPort ?? (await freePort());
  const child = spawn(
    process.execPath,
    [CLI, 'serve', `--port=${grpcPort}`, `--rest_api_port=${restPort}`, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, SERVABLE_TENSORFLOW_LIBRARY: runtimeLibrary() },
    },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const exited = once(child, 'exit');
  return {
    child,
    restPort,
    grpcPort,
    output: () => text,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
