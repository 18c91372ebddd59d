import { loadOpLibrary, openRuntime, type RuntimeInfo, tryToOpen } from './native/runtime.js';

/** The opening under way, of the one library that a process can have. */
let opening: { readonly path: string; readonly ended: Promise<void> } | null = null;

/**
 * Begins to open libtensorflow without blocking this thread.
 *
 * Opening takes 0.4 to 0.5 s, in which this thread can load the servers' code: the sooner it begins, the sooner the first model does.
 * Any failure shows again, with its text, in `openRuntimeAside`.
 */
export function beginToOpen(path: string): Promise<void> {
  if (opening?.path !== path) opening = { path, ended: tryToOpen(path) };
  return opening.ended;
}

/**
 * Opens libtensorflow and the op libraries without blocking this thread.
 *
 * @throws {ServingError} as `openRuntime`
 */
export async function openRuntimeAside(
  path: string,
  opLibraries: readonly string[],
): Promise<RuntimeInfo> {
  await beginToOpen(path);
  const info = openRuntime(path);
  for (const library of opLibraries) loadOpLibrary(library);
  return info;
}
