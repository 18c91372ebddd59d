import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { writeAtomically } from '../atomic-file.js';
import { ServingError } from '../errors.js';
import { absent, type Candidate, judge, libraryIn, type RuntimeSource } from './candidate.js';
import { removeTree } from './disk.js';
import {
  type Installed,
  listInstalled,
  looksComplete,
  readManifest,
  runtimeRoot,
} from './manifest.js';
import { type Host, THIS_HOST } from './platform.js';
import { askPython, environmentPackageFolders, pythonTensorflowVersion } from './python.js';
import { systemLibraries } from './system.js';

type Env = Readonly<Record<string, string | undefined>>;

/** How to look; everything has a default. */
export interface FindOptions {
  /** `--tensorflow_library`: a file, or a folder that holds one. It alone counts when given. */
  readonly library?: string | null;
  readonly env?: Env;
  readonly host?: Host;
  /** Folder npm packages are looked up from, beside our own. */
  readonly cwd?: string;
}

/** The library to open. */
export interface RuntimeChoice {
  readonly path: string;
  readonly source: RuntimeSource;
  /** Null when it cannot be told without opening the library. */
  readonly version: string | null;
}

/** The command that makes a missing runtime appear. */
export const INSTALL_COMMAND = 'servable runtime install';

/** No usable TensorFlow on this machine. The command line ends with `exitCode`. */
export class RuntimeMissingError extends ServingError {
  readonly exitCode = 3;

  constructor(message: string) {
    super('FAILED_PRECONDITION', message);
    this.name = 'RuntimeMissingError';
  }
}

interface World {
  readonly env: Env;
  readonly host: Host;
  readonly cwd: string;
}

function usePath(world: World): string {
  return join(runtimeRoot(world.env, world.host.platform), 'use.json');
}

/** What `servable runtime use` chose, or null. */
export function readUse(env: Env, host: Host = THIS_HOST): string | null {
  try {
    const text = readFileSync(usePath({ env, host, cwd: '' }), 'utf8');
    const { path } = JSON.parse(text) as { path?: unknown };
    return typeof path === 'string' ? path : null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Remembers a choice for every later start; null forgets it. */
export async function writeUse(
  path: string | null,
  env: Env,
  host: Host = THIS_HOST,
): Promise<void> {
  const file = usePath({ env, host, cwd: '' });
  if (path === null) return removeTree(file);
  await mkdir(dirname(file), { recursive: true });
  await writeAtomically(file, `${JSON.stringify({ path })}\n`);
}

/** A named file or folder. A folder of ours knows its version. */
function named(source: RuntimeSource, origin: string, value: string, world: World): Candidate {
  const path = resolve(world.cwd, value);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return absent(source, origin, `${path}: no such file or folder`);
  const library = found.isDirectory() ? libraryIn(path, world.host.platform) : path;
  if (library === null) return absent(source, origin, `${path}: holds no TensorFlow library`);
  const version = readManifest(dirname(dirname(library)))?.version ?? null;
  return judge({ source, origin, path: library, version }, world.host);
}

/** Installs, best first: the newest version, and of one version the CUDA build where there is an NVIDIA driver. */
function byPreference(installs: Installed[]): Installed[] {
  if (!existsSync('/proc/driver/nvidia/version')) return installs;
  return installs.sort((a, b) =>
    a.manifest.version === b.manifest.version
      ? b.manifest.variant.localeCompare(a.manifest.variant)
      : 0,
  );
}

function* cached(world: World): Generator<Candidate> {
  const root = runtimeRoot(world.env, world.host.platform);
  const installs = byPreference(listInstalled(root));
  if (installs.length === 0) yield absent('cache', root, 'nothing installed');
  for (const installed of installs) {
    const { folder, manifest } = installed;
    if (looksComplete(installed)) {
      const path = join(folder, manifest.library);
      yield judge({ source: 'cache', origin: folder, path, version: manifest.version }, world.host);
    } else {
      const again = `files are missing or changed; run: ${INSTALL_COMMAND} --version ${manifest.version}`;
      yield absent('cache', folder, again);
    }
  }
}

/** A package somebody publishes for their own machines: `@servable/runtime-<platform>-<arch>`, `-cuda12` first. */
function* packaged(world: World): Generator<Candidate> {
  const base = `@servable/runtime-${world.host.platform}-${world.host.arch}`;
  const places = [import.meta.url, join(world.cwd, 'package.json')];
  for (const name of [`${base}-cuda12`, base]) {
    const manifest = places
      .map((place) => resolvePackage(place, name))
      .find((found) => found !== null);
    if (manifest === undefined) continue;
    const folder = dirname(manifest);
    const path = libraryIn(folder, world.host.platform);
    yield path === null
      ? absent('npm', name, `${folder}: holds no TensorFlow library`)
      : judge({ source: 'npm', origin: name, path, version: null }, world.host);
    return;
  }
  yield absent('npm', base, 'not installed');
}

function resolvePackage(from: string, name: string): string | null {
  try {
    return createRequire(from).resolve(`${name}/package.json`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return null;
    throw error;
  }
}

function pythonCandidate(folder: string, origin: string, world: World): Candidate {
  const path = libraryIn(folder, world.host.platform);
  if (path === null) return absent('python', origin, `${folder}: holds no C++ library`);
  const version = pythonTensorflowVersion(folder);
  return judge({ source: 'python', origin, path, version }, world.host);
}

async function* pythons(world: World): AsyncGenerator<Candidate> {
  const known = environmentPackageFolders('tensorflow', world.env);
  for (const folder of known) yield pythonCandidate(folder, folder, world);
  const asked = await askPython('tensorflow', world.env);
  if (asked.length === 0) yield absent('python', 'python3', 'python3 finds no tensorflow');
  for (const folder of asked) {
    if (!known.includes(folder)) yield pythonCandidate(folder, `python3: ${folder}`, world);
  }
}

/** Looks in order, one place at a time: whoever stops early pays for no more. */
async function* look(options: FindOptions): AsyncGenerator<Candidate> {
  const world: World = {
    env: options.env ?? process.env,
    host: options.host ?? THIS_HOST,
    cwd: options.cwd ?? process.cwd(),
  };
  if (options.library) {
    yield named('option', '--tensorflow_library', options.library, world);
    return;
  }
  const fromEnv = world.env.SERVABLE_TENSORFLOW_LIBRARY;
  if (fromEnv) {
    yield named('env', 'SERVABLE_TENSORFLOW_LIBRARY', fromEnv, world);
    return;
  }
  const chosen = readUse(world.env, world.host);
  if (chosen !== null) yield named('use', 'servable runtime use', chosen, world);
  yield* cached(world);
  yield* packaged(world);
  yield* pythons(world);
  yield* systemLibraries(world);
}

/**
 * Looks everywhere and says what was found, best first.
 *
 * A library given by option or environment ends the search: it is meant, whether it works or not.
 */
export async function candidates(options: FindOptions = {}): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for await (const candidate of look(options)) found.push(candidate);
  return found;
}

/**
 * Finds the TensorFlow library to open: option, environment, `servable runtime use`, cache, npm package, Python's, the system's.
 *
 * Nothing is opened, and no process is started unless the faster places have none.
 *
 * @throws {RuntimeMissingError} `FAILED_PRECONDITION` with the command to run, or what is wrong with the library that was named.
 */
export async function findRuntime(options: FindOptions = {}): Promise<RuntimeChoice> {
  for await (const { source, origin, path, version, problem } of look(options)) {
    if (path !== null && problem === null) return { path, source, version };
    if (source === 'option' || source === 'env') {
      const what = path === null ? problem : `${path}: ${problem}`;
      throw new RuntimeMissingError(`${origin}: ${what}`);
    }
  }
  throw new RuntimeMissingError(`no TensorFlow library found; run: ${INSTALL_COMMAND}`);
}
