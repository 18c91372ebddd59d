import { addon, call } from './load.js';

/** The libtensorflow this process has opened. */
export interface RuntimeInfo {
  /** Such as `2.21.0`. */
  version: string;
  path: string;
  /** What its user should be told, such as a second TensorFlow in the process; usually empty. */
  warnings: string[];
}

/**
 * Opens libtensorflow, once per process: the same path again is a no-op, another path an error.
 *
 * Blocks for 0.4 to 0.5 s the first time.
 *
 * @throws {ServingError} `FAILED_PRECONDITION` or `NOT_FOUND` with the path and what is wrong with it
 */
export function openRuntime(path: string): RuntimeInfo {
  return call(() => addon().openRuntime(path));
}

/**
 * Opens libtensorflow on another thread, if it can be: `openRuntime` then answers at once, or tells what is wrong.
 *
 * A process that ends meanwhile waits for it.
 */
export function tryToOpen(path: string): Promise<void> {
  return addon().openRuntimeAside(path);
}

/** The open libtensorflow, or `null`. */
export function runtimeInfo(): RuntimeInfo | null {
  return call(() => addon().runtimeInfo());
}

/**
 * Loads a library of custom operations into the open runtime, before the models that use them.
 *
 * @throws {ServingError} TensorFlow's code and text; `FAILED_PRECONDITION` when no runtime is open
 */
export function loadOpLibrary(path: string): void {
  call(() => addon().loadOpLibrary(path));
}
