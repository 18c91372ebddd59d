import { basename } from 'node:path';
import { ServingError } from '../errors.js';
import type { IndexFile } from './package-index.js';
import type { PinnedWheel } from './pinned-wheel.js';
import {
  type Host,
  libraryNames,
  newestFirst,
  projectOf,
  type Variant,
  wheelPlatform,
} from './platform.js';
import { type ByteSource, readDirectory, type ZipEntry } from './zip.js';

/** A wheel's file name taken apart: what it is and for which machine. */
export interface WheelName {
  readonly filename: string;
  readonly project: string;
  readonly version: string;
  readonly variant: Variant;
  readonly platform: NodeJS.Platform | null;
  readonly arch: string | null;
}

/** Reads a wheel's file name (PEP 427); null when it is none. */
export function parseWheelName(path: string): WheelName | null {
  const filename = basename(path);
  const match = /^([^-]+)-([^-]+)(?:-\d[^-]*)?-[^-]+-[^-]+-([^-]+)\.whl$/.exec(filename);
  const [, name, version, tag] = match ?? [];
  if (name === undefined || version === undefined || tag === undefined) return null;
  const platform = tag.startsWith('macosx') ? 'darwin' : tag.includes('linux') ? 'linux' : null;
  const arch = /x86_64$/.test(tag) ? 'x64' : /(aarch64|arm64)$/.test(tag) ? 'arm64' : null;
  const project = name.replaceAll('_', '-').toLowerCase();
  const isCuda = project === 'tensorflow' && platform === 'linux' && arch === 'x64';
  return { filename, project, version, variant: isCuda ? 'cuda12' : 'cpu', platform, arch };
}

/**
 * Picks the wheel of a version for this machine: the pinned one, else the one of the newest Python.
 *
 * @throws {ServingError} `NOT_FOUND` naming the versions there are.
 */
export function chooseWheel(
  files: readonly IndexFile[],
  want: { version: string; variant: Variant; host: Host },
  pin: PinnedWheel | null,
): IndexFile {
  const pinned = pin && files.find((file) => file.filename === pin.filename);
  if (pinned) return pinned;
  const project = projectOf(want.variant, want.host);
  const platform = wheelPlatform(want.host);
  const fitting = files.filter((file) => platform.test(file.filename));
  const named = fitting.filter((file) => parseWheelName(file.filename)?.version === want.version);
  const [best] = named.sort(
    (a, b) => Number(a.yanked) - Number(b.yanked) || newestFirst(a.filename, b.filename),
  );
  if (best !== undefined) return best;
  const versions = new Set(fitting.map((file) => parseWheelName(file.filename)?.version ?? ''));
  const released = [...versions].filter((version) => /^\d+\.\d+\.\d+$/.test(version));
  const known = released.sort(newestFirst).slice(0, 5).join(', ') || 'none';
  const machine = `${want.host.platform} ${want.host.arch}`;
  throw new ServingError(
    'NOT_FOUND',
    `${project} ${want.version}: the index has no wheel for ${machine} (newest it has: ${known})`,
  );
}

/** A member to install with the hash it must have. */
export interface WantedMember {
  readonly entry: ZipEntry;
  /** Hex; null when nothing says what it must be. */
  readonly sha256: string | null;
}

/** The two libraries in a wheel's directory, and the entry of the list of hashes. */
export interface WheelDirectory {
  readonly libraries: readonly ZipEntry[];
  readonly record: ZipEntry | null;
  readonly entries: readonly ZipEntry[];
}

/**
 * Finds TensorFlow's two libraries in a wheel.
 *
 * @throws {ServingError} `NOT_FOUND` when the wheel does not hold both.
 */
export async function findLibraries(
  source: ByteSource,
  platform: NodeJS.Platform,
): Promise<WheelDirectory> {
  const entries = await readDirectory(source);
  const names = libraryNames(platform);
  const libraries = [names.main, names.framework].map((name) => {
    const entry = entries.find((candidate) => candidate.name === `tensorflow/${name}`);
    if (entry === undefined) {
      throw new ServingError('NOT_FOUND', `${source.name}: holds no tensorflow/${name}`);
    }
    return entry;
  });
  const record = entries.find((entry) => entry.name.endsWith('.dist-info/RECORD')) ?? null;
  return { libraries, record, entries };
}

/** Reads a RECORD (PEP 376: path,sha256=base64url,size): path → SHA-256 in hex. */
export function parseRecord(text: string): Map<string, string> {
  const hashes = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^(?:"((?:[^"]|"")*)"|([^,]*)),sha256=([A-Za-z0-9_-]+)=*,/.exec(line);
    if (match?.[3] === undefined) continue;
    const path = match[1]?.replaceAll('""', '"') ?? match[2] ?? '';
    hashes.set(path, Buffer.from(match[3], 'base64url').toString('hex'));
  }
  return hashes;
}

/**
 * Refuses a wheel that is for another machine or is not TensorFlow.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` saying what the wheel is.
 */
export function requireWheelFor(path: string, host: Host): WheelName {
  const wheel = parseWheelName(path);
  if (wheel === null || (wheel.project !== 'tensorflow' && wheel.project !== 'tensorflow-cpu')) {
    const wanted = 'expected a wheel of tensorflow or tensorflow-cpu with its original file name';
    throw new ServingError('INVALID_ARGUMENT', `${path}: ${wanted}`);
  }
  if (wheel.platform !== host.platform || wheel.arch !== host.arch) {
    const got = wheel.platform === null ? 'another system' : `${wheel.platform} ${wheel.arch}`;
    const wanted = `${host.platform} ${host.arch}`;
    throw new ServingError('INVALID_ARGUMENT', `${path}: is for ${got}, this machine is ${wanted}`);
  }
  return wheel;
}
