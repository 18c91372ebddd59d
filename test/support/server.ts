import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CLI } from './paths.js';
import { freePort } from './ports.js';
import { runtimeLibrary } from './runtime.js';

/** How to start a server process for a test. */
export interface ServeOptions {
  /** Arguments after the command; the ports are added. */
  args: readonly string[];
  /** The command and its first arguments; `node dist/cli.js` where absent. */
  command?: readonly string[];
  /** The subcommand: `serve` where absent. */
  subcommand?: string;
  /** Added to the environment. */
  env?: Readonly<Record<string, string>>;
  /** The working folder of the process. */
  cwd?: string;
  /** Models that must be AVAILABLE before the promise resolves. */
  models?: readonly string[];
  /** How long start-up may take, in milliseconds; 60 000 where absent. */
  timeoutMs?: number;
}

/** A server process under test. */
export interface RunningServer {
  readonly child: ChildProcess;
  readonly restPort: number;
  readonly grpcPort: number;
  /** `http://127.0.0.1:port`. */
  readonly rest: string;
  /** `127.0.0.1:port`. */
  readonly grpc: string;
  /** Everything printed so far, both streams in order of arrival. */
  output(): string;
  /** Resolves to the first match in what the process prints, now or later. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends SIGTERM and resolves to the exit status once the process has gone. */
  stop(): Promise<number | null>;
}

/** The line that TensorFlow Serving's users wait for. */
export const REST_READY = 'Exporting HTTP/REST API at:';

/**
 * Starts `servable serve` on two free ports, waits for its log line and for the named models.
 *
 * @throws {Error} with everything the process printed where it ends or stays silent.
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const restPort = await freePort();
  const grpcPort = await freePort();
  const [program = process.execPath, ...first] = options.command ?? [process.execPath, CLI];
  const child = spawn(
    program,
    [
      ...first,
      options.subcommand ?? 'serve',
      `--port=${grpcPort}`,
      `--rest_api_port=${restPort}`,
      ...options.args,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, SERVABLE_TENSORFLOW_LIBRARY: runtimeLibrary(), ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    },
  );
  let text = '';
  const collect = (chunk: Buffer): void => {
    text += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = once(child, 'exit').then(([status]) => status as number | null);

  const server: RunningServer = {
    child,
    restPort,
    grpcPort,
    rest: `http://127.0.0.1:${restPort}`,
    grpc: `127.0.0.1:${grpcPort}`,
    output: () => text,
    printed: async (pattern) => {
      const holds = async (): Promise<boolean> => pattern.test(text);
      await until(server, Date.now() + 30_000, String(pattern), holds);
      return pattern.exec(text) as RegExpExecArray;
    },
    stop: () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      return exited;
    },
  };
  const deadline = Date.now() + (options.timeoutMs ?? 60_000);
  try {
    await until(server, deadline, `"${REST_READY}"`, async () => text.includes(REST_READY));
    for (const model of options.models ?? []) {
      await until(server, deadline, `model "${model}"`, () => available(server.rest, model));
    }
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return server;
}

/** Whether every version that the status answer names is AVAILABLE, and there is one. */
export async function available(rest: string, model: string): Promise<boolean> {
  const response = await fetch(`${rest}/v1/models/${model}`);
  if (!response.ok) return false;
  const document = (await response.json()) as { model_version_status?: { state: string }[] };
  const versions = document.model_version_status ?? [];
  return versions.length > 0 && versions.every((version) => version.state === 'AVAILABLE');
}

async function until(
  server: RunningServer,
  deadline: number,
  what: string,
  holds: () => Promise<boolean>,
): Promise<void> {
  while (!(await holds())) {
    const { exitCode, signalCode } = server.child;
    if (exitCode !== null || signalCode !== null) {
      throw new Error(`the server ended (${exitCode ?? signalCode}):\n${server.output()}`);
    }
    if (Date.now() > deadline) throw new Error(`no ${what} in time:\n${server.output()}`);
    await delay(20);
  }
}
