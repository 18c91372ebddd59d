#!/usr/bin/env node
import * as nodeModule from 'node:module';
import { join } from 'node:path';
import { cacheRoot } from './cache-folder.js';
import { ServingError } from './errors.js';

/** Ends the process with the outcome of its command line. */
async function main(argv: readonly string[]): Promise<void> {
  const [first = '', ...rest] = argv;
  // The server's commands skip commander: what they do not load is time to the first answer.
  if (first === 'serve') {
    const { runServe } = await import('./cli/serve.js');
    return runServe(rest);
  }
  if (first === 'demo') {
    const { runDemo } = await import('./cli/demo.js');
    return runDemo(rest);
  }
  if (first === '--version' || first === '-V') {
    const { printVersions } = await import('./cli/version.js');
    return printVersions();
  }
  // TensorFlow Serving has no commands: its command line works after `servable` alone.
  if (first.startsWith('--') && first !== '--help') {
    const { runServe } = await import('./cli/serve.js');
    return runServe(argv);
  }
  const { runProgram } = await import('./cli/program.js');
  await runProgram(argv);
}

/** One sentence; the stack only of what nobody expected. */
function report(error: unknown): number {
  if (error instanceof ServingError) {
    process.stderr.write(`servable: ${error.message}\n`);
    return (error as { exitCode?: number }).exitCode ?? 1;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`servable: unexpected error\n${text}\n`);
  return 1;
}

/**
 * Keeps compiled code between starts, where Node can: from 22.8 on.
 *
 * In this user's cache and not in the temporary folder, which would be Node's choice: whoever can write there chooses what runs.
 */
function keepCompiledCode(): void {
  const { enableCompileCache } = nodeModule as { enableCompileCache?: (folder: string) => unknown };
  if (enableCompileCache === undefined) return;
  try {
    enableCompileCache(join(cacheRoot(process.env, process.platform), 'compiled'));
  } catch {
    // A user without a home has no cache: a start takes a little longer.
  }
}

keepCompiledCode();

main(process.argv.slice(2)).then(
  () => process.exit(),
  (error: unknown) => process.exit(report(error)),
);
