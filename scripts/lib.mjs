// What the project's own scripts share: where things are, running a program, plain failures.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The built command line. */
export const CLI = join(ROOT, 'dist', 'cli.js');

/** Ends the script with one sentence. */
export function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Runs a program in the root with its output shown; resolves to its exit status, 1 where a signal ended it. */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const { onLine, ...rest } = options;
    const child = spawn(program, args, {
      cwd: ROOT,
      stdio: onLine === undefined ? 'inherit' : ['inherit', 'pipe', 'inherit'],
      ...rest,
    });
    if (onLine !== undefined) {
      let pending = '';
      child.stdout.setEncoding('utf8').on('data', (chunk) => {
        process.stdout.write(chunk);
        const lines = (pending + chunk).split('\n');
        pending = lines.pop() ?? '';
        for (const line of lines) onLine(line);
      });
      child.stdout.on('end', () => onLine(pending));
    }
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 1));
  });
}

/** Runs a program in the root and returns what it printed. */
export function capture(program, args, options = {}) {
  const result = spawnSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    throw new Error(
      `${program} ${args.join(' ')}: exit status ${result.status}\n${result.stdout}${result.stderr}`,
    );
  }
  return result.stdout;
}

/** A JSON file below the root. */
export function readJson(...parts) {
  return JSON.parse(readFileSync(join(ROOT, ...parts), 'utf8'));
}

/** npm as it is called from a script, whatever shell npm itself was started by. */
export function npm() {
  const path = process.env.npm_execpath;
  return path !== undefined && existsSync(path) && /npm-cli\.js$/.test(path)
    ? { program: process.execPath, first: [path] }
    : { program: 'npm', first: [] };
}

/**
 * Makes sure that there is a TensorFlow library and returns its path.
 *
 * `SERVABLE_TENSORFLOW_LIBRARY` wins; otherwise the runtime is installed where it is missing, without questions.
 */
export async function ensureRuntime() {
  const named = process.env.SERVABLE_TENSORFLOW_LIBRARY;
  if (named) {
    if (!existsSync(named)) fail(`SERVABLE_TENSORFLOW_LIBRARY: ${named} does not exist`);
    return named;
  }
  if (!existsSync(CLI)) fail('dist/cli.js is missing: run "npm run build"');
  const status = await run(process.execPath, [CLI, 'runtime', 'install', '--if-missing']);
  if (status !== 0)
    fail(
      'the TensorFlow runtime could not be installed: see above, then run "node dist/cli.js runtime install"',
    );
  return capture(process.execPath, [CLI, 'runtime', 'path']).trim();
}

/** Where programs that tests build once are kept, for every checkout of this user. */
export const TOOLS = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'servable',
  'test-tools',
);
