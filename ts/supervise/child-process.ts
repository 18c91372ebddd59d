import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { type Ending, LastLines } from './serving-process.js';

/** A helper process of the server that may die: what it says comes as messages. */
export interface HelperProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  /** What TensorFlow wrote when it ended the process; null where it said nothing. */
  lastFatal(): string | null;
  say(message: object): void;
  end(): void;
}

/**
 * Starts one of our scripts with a line for messages, whose buffers and big numbers arrive as they are.
 *
 * What TensorFlow prints there goes to this process' standard error.
 */
export function startHelper(script: URL, onMessage: (message: unknown) => void): HelperProcess {
  const child = fork(script, [], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // The server has the GPUs, and TensorFlow takes all memory of those it sees.
    env: { TF_CPP_MIN_LOG_LEVEL: '2', ...process.env, CUDA_VISIBLE_DEVICES: '-1' },
  });
  const lines = new LastLines();
  child.stderr?.on('data', (chunk: Buffer) => {
    process.stderr.write(chunk);
    lines.add(chunk.toString('utf8'));
  });
  const ended = new Promise<Ending>((resolve) => {
    child.once('error', () => resolve({ code: 1, signal: null }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  child.on('message', onMessage);
  // Neither it nor its line keeps the server from ending.
  child.unref();
  child.channel?.unref();
  (child.stderr as Socket | null)?.unref();
  return {
    child,
    ended,
    lastFatal: () => lines.fatal,
    say: (message) => {
      if (child.connected) child.send(message, () => undefined);
    },
    end: () => void child.kill('SIGKILL'),
  };
}

/** How a helper ended, for a sentence. */
export function endingText({ code, signal }: Ending): string {
  return signal ?? `exit status ${code}`;
}
