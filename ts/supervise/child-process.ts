import { type ChildProcess, fork } from 'node:child_process';
import type { Ending } from './serving-process.js';

/** A helper process of the server that may die: what it says comes as messages. */
export interface HelperProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
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
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new Promise<Ending>((resolve) => {
    child.once('error', () => resolve({ code: 1, signal: null }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  child.on('message', onMessage);
  // Neither it nor its line keeps the server from ending.
  child.unref();
  child.channel?.unref();
  return {
    child,
    ended,
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
