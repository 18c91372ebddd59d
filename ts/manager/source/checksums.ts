import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../../errors.js';
import { digests } from '../store/download.js';
import { errorCode, message } from './version-directory.js';

/** The file of a version that lists its own checksums. */
const OWN = 'SHA256SUMS';
const MAX_DEPTH = 6;

/** A version on the local disk. */
export interface VersionFiles {
  readonly name: string;
  readonly version: bigint;
  readonly path: string;
}

/** What versions are checked against. */
export interface ChecksumSettings {
  readonly modelChecksumsFile: string;
  readonly requireChecksums: boolean;
}

/**
 * Checks the files of a version: against the entries `model/version/…` of the checksum file where it has any, else against the version's
 * own `SHA256SUMS` where there is one.
 *
 * Every file of the version must be listed, and every listed file must be there. The version's own list guards against damage, the file of
 * the configuration also against somebody who may write to the version.
 *
 * @throws {ServingError} `DATA_LOSS` a file is not the one listed; `FAILED_PRECONDITION` a file is not listed, or a list is required and
 *   there is none; `INVALID_ARGUMENT` a list that cannot be read
 */
export async function verifyChecksums(
  version: VersionFiles,
  { modelChecksumsFile, requireChecksums }: ChecksumSettings,
): Promise<void> {
  // Where the configuration has a list and insists on it, a version cannot vouch for itself.
  const ownCounts = modelChecksumsFile === '' || !requireChecksums;
  const found =
    (await entriesOf(version, modelChecksumsFile)) ??
    (ownCounts ? await ownEntries(join(version.path, OWN)) : null);
  if (found === null) {
    if (!requireChecksums) return;
    throw new ServingError(
      'FAILED_PRECONDITION',
      `${version.path}: has no checksums, which --require_checksums wants: ${
        ownCounts
          ? `a file ${OWN}`
          : `entries ${version.name}/${version.version}/… in ${modelChecksumsFile}`
      }`,
    );
  }
  const { entries, source } = found;
  const files = await listFiles(version.path);
  for (const file of files) {
    if (!entries.has(file)) {
      throw new ServingError(
        'FAILED_PRECONDITION',
        `${join(version.path, file)}: is not listed in ${source}`,
      );
    }
  }
  for (const [file, wanted] of entries) await verifyFile(join(version.path, file), wanted, source);
}

interface Entries {
  /** Lowercase hex by the file's path below the version. */
  readonly entries: ReadonlyMap<string, string>;
  readonly source: string;
}

async function verifyFile(path: string, wanted: string, source: string): Promise<void> {
  let sha256: string;
  try {
    ({ sha256 } = await digests(path, false));
  } catch (cause) {
    throw new ServingError('DATA_LOSS', `${path}: listed in ${source}, ${message(cause)}`, {
      cause,
    });
  }
  if (sha256 === wanted) return;
  throw new ServingError(
    'DATA_LOSS',
    `${path}: its SHA-256 is ${sha256}, wanted ${wanted} (${source})`,
  );
}

/** A version's entries in the file of the configuration; null where it has none. Read each time, so that new versions can be added. */
async function entriesOf({ name, version }: VersionFiles, file: string): Promise<Entries | null> {
  if (file === '') return null;
  const all = parseChecksums(await readText(file, '--model_checksums_file'), file);
  const prefix = `${name}/${version}/`;
  const own = [...all].filter(([path]) => path.startsWith(prefix));
  if (own.length === 0) return null;
  return {
    entries: new Map(own.map(([path, sum]) => [path.slice(prefix.length), sum])),
    source: file,
  };
}

async function ownEntries(path: string): Promise<Entries | null> {
  try {
    await stat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
  return { entries: parseChecksums(await readText(path, OWN), path), source: path };
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new ServingError('INVALID_ARGUMENT', `${what}: ${message(cause)}`, { cause });
  }
}

/**
 * Reads what `sha256sum` prints: a digest, a space, a space or `*`, and a path.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming the line that is something else
 */
export function parseChecksums(text: string, source: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const match = /^([0-9a-fA-F]{64}) [ *](.+)$/.exec(line);
    const path = match?.[2]?.replace(/^(?:\.\/)+/, '');
    if (match?.[1] === undefined || path === undefined || path.split('/').includes('..')) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `${source}: line ${index + 1}: got ${JSON.stringify(line.slice(0, 80))}, wanted a SHA-256 and a path below, as sha256sum prints them`,
      );
    }
    entries.set(path, match[1].toLowerCase());
  }
  return entries;
}

/** Every file below a folder but its list of checksums. */
async function listFiles(root: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (prefix: string, depth: number): Promise<void> => {
    for (const name of (await readdir(join(root, prefix))).sort()) {
      const path = join(prefix, name);
      // What a link leads to counts.
      const isFolder = (await stat(join(root, path))).isDirectory();
      if (isFolder && depth < MAX_DEPTH) await walk(path, depth + 1);
      else if (!isFolder && path !== OWN) files.push(path);
    }
  };
  await walk('', 0);
  return files;
}
