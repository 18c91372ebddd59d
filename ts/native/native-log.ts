import { addon, call } from './load.js';

/**
 * Sends standard error of the whole process through a pipe: TensorFlow's lines come out in the form of our log, everything else as it
 * came. Safe to call twice.
 *
 * @param json the form of TensorFlow's lines; else text for people
 * @returns the descriptor that leads where standard error led before
 * @throws {ServingError} `RESOURCE_EXHAUSTED` no descriptor or thread is left
 */
export function routeStderr(json: boolean): number {
  return call(() => addon().routeStderr(json));
}

/** The descriptor that leads where standard error leads for the outside: 2 where nothing is routed. */
export function realStderr(): number {
  return call(() => addon().realStderr());
}

/** Lines of TensorFlow's below this, by pino's numbers, are dropped from now on. Has an effect where standard error is routed. */
export function setNativeLogLevel(level: number): void {
  call(() => addon().setNativeLogLevel(level));
}
