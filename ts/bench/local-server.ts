import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { ServingError } from '../errors.js';

/** A server that was started to be measured. */
export interface LocalServer {
  readonly pid: number;
  readonly restPort: number;
  readonly grpcPort: number;
  readonly model: string;
  /** Stops it and waits until it is gone. */
  stop(): Promise<void>;
}

/** How to start it. */
export interface LocalServerOptions {
  /** The program and its first arguments, up to the command `serve`. */
  readonly command: readonly string[];
  /** A SavedModel, or a base path. Absolute. */
  readonly folder: string;
  /** Further flags of the server. */
  readonly flags: readonly string[];
  readonly signal: AbortSignal;
}

/** The name the model is served under. */
const MODEL = 'model';
/** A large model may take minutes to load. */
const START_TIMEOUT_MS = 600_000;
const POLL_MS = 50;
/** Of what it printed, for the error that says why it ended. */
const KEPT_OUTPUT = 4000;
/** After SIGTERM it gets so long. */
const STOP_TIMEOUT_MS = 10_000;

/**
 * Starts a server for one model on this machine, on free ports, and waits until the model answers.
 *
 * @throws {ServingError} `UNAVAILABLE` with the end of what it printed
 */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const [restPort, grpcPort] = [await freePort(), await freePort()];
  const [program = process.execPath, ...first] = options.command;
  const flags = [
    '--host=127.0.0.1',
    `--rest_api_port=${restPort}`,
    `--port=${grpcPort}`,
    `--model_name=${MODEL}`,
    `--model_base_path=${options.folder}`,
    '--log_level=error',
    ...options.flags,
  ];
  const child = spawn(program, [...first, 'serve', ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => {
    printed = (printed + chunk.toString()).slice(-KEPT_OUTPUT);
  });
  const ended = endOf(child);
  const onExit = (): void => void child.kill('SIGKILL');
  process.once('exit', onExit);
  const stop = async (): Promise<void> => {
    process.off('exit', onExit);
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(late);
  };
  try {
    await untilReady(ended, restPort, options.signal);
  } catch (cause) {
    await stop();
    const text = printed.trim();
    const reason = text === '' ? (cause as Error).message : text;
    throw new ServingError('UNAVAILABLE', `the server for ${options.folder}: ${reason}`, { cause });
  }
  return { pid: child.pid ?? 0, restPort, grpcPort, model: MODEL, stop };
}

/** How a process ended, or why it never began. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(`it ended with ${code ?? signal}`));
    child.on('error', (error) => resolve(`it cannot be started: ${error.message}`));
  });
}

async function untilReady(ended: Promise<string>, port: number, signal: AbortSignal) {
  const until = performance.now() + START_TIMEOUT_MS;
  let end: string | null = null;
  const noted = ended.then((how) => {
    end = how;
  });
  for (;;) {
    if (signal.aborted) throw new Error('interrupted');
    if (end !== null) throw new Error(end);
    if (performance.now() > until) throw new Error('the model was not loaded in time');
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz/models/${MODEL}`);
      await answer.arrayBuffer();
      if (answer.status === 200) return;
    } catch {
      // The port is not open yet.
    }
    await Promise.race([noted, new Promise((done) => setTimeout(done, POLL_MS))]);
  }
}

/** A port nobody listens on just now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
