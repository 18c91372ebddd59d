import { Worker } from 'node:worker_threads';
import { loadOpLibrary, openRuntime, type RuntimeInfo, runtimeInfo } from './native/runtime.js';

/**
 * Opens libtensorflow and the op libraries without blocking this thread.
 *
 * Opening takes 0.4 to 0.5 s, in which this thread can load the servers' code. The library belongs to the process, so it stays
 * open when the thread that opened it has ended.
 *
 * @throws {ServingError} as `openRuntime`
 */
export async function openRuntimeAside(
  path: string,
  opLibraries: readonly string[],
): Promise<RuntimeInfo> {
  if (runtimeInfo() === null) await warmUp(path);
  const info = openRuntime(path);
  for (const library of opLibraries) loadOpLibrary(library);
  return info;
}

/** Any failure shows again, with its text, when this thread opens the library. */
function warmUp(path: string): Promise<void> {
  const source = new URL('./runtime-thread.js', import.meta.url);
  const worker = new Worker(source, { workerData: path });
  return new Promise((resolve) => {
    worker.once('error', () => resolve());
    worker.once('exit', () => resolve());
  });
}
