import { type FindOptions, findRuntime, type RuntimeChoice, RuntimeMissingError } from './find.js';

/** Is there somebody to ask: both ends on a terminal, and no CI. */
export function isInteractive(): boolean {
  const { CI } = process.env;
  return process.stdin.isTTY === true && process.stderr.isTTY === true && !CI;
}

/**
 * Finds the runtime, and offers to install it where there is none and somebody to ask.
 *
 * A library that was named by option or environment is never replaced by another.
 *
 * @throws {RuntimeMissingError} `FAILED_PRECONDITION` with the command to run; its `exitCode` is 3.
 */
export async function ensureRuntime(
  options: FindOptions & { readonly interactive: boolean },
): Promise<RuntimeChoice> {
  try {
    return await findRuntime(options);
  } catch (error) {
    const env = options.env ?? process.env;
    const isNamed = Boolean(options.library || env.SERVABLE_TENSORFLOW_LIBRARY);
    const mayAsk = error instanceof RuntimeMissingError && options.interactive && !isNamed;
    if (!mayAsk) throw error;
    // Only now: the network code costs more to load than a start with an installed runtime may take.
    const { offerInstall } = await import('./offer.js');
    if (!(await offerInstall())) throw error;
  }
  return findRuntime(options);
}
