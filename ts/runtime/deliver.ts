import { basename } from 'node:path';
import { ServingError } from '../errors.js';
import { type LocalFile, openLocalFile, requireSpace } from './disk.js';
import { type Fetched, fetchMembers, fetchWhole, unpackLocal } from './fetch-wheel.js';
import type { HttpClient } from './http.js';
import type { InstallContext } from './install-context.js';
import type { Trust } from './manifest.js';
import { fetchNvidia, unpackNvidia } from './nvidia.js';
import { type IndexFile, listFiles } from './package-index.js';
import type { PinnedPackage, PinnedWheel } from './pinned-wheel.js';
import { type Host, projectOf, type Variant } from './platform.js';
import { openRemoteFile, RangesRefused } from './remote-file.js';
import {
  chooseWheel,
  findLibraries,
  parseRecord,
  type WantedMember,
  type WheelDirectory,
} from './wheel.js';
import { readMember } from './zip.js';

/** What the delivery has to bring. */
export interface Want {
  readonly version: string;
  readonly variant: Variant;
  readonly host: Host;
  readonly pin: PinnedWheel | null;
  readonly strip: boolean;
}

/** What lies checked in the output folder. */
export interface Delivery {
  readonly wheel: string;
  readonly trust: Trust;
  readonly stripped: boolean;
  readonly files: readonly Fetched[];
}

/** ELF only: a macOS library is signed, and any change breaks the signature. */
function canStrip(want: Want): boolean {
  return want.strip && want.host.platform === 'linux';
}

/** Gives the libraries the hashes known in advance; null when the wheel is not the pinned one. */
function pinnedMembers(
  directory: WheelDirectory,
  filename: string,
  pin: PinnedWheel | null,
): WantedMember[] | null {
  if (pin === null || pin.filename !== filename) return null;
  return directory.libraries.map((entry) => {
    const member = pin.members.find(({ name }) => name === entry.name);
    if (member === undefined || member.size !== entry.size) {
      const message = `${filename}: ${entry.name} is not the known file; nothing was installed`;
      throw new ServingError('DATA_LOSS', message);
    }
    return { entry, sha256: member.sha256 };
  });
}

/** Gives the libraries the hashes the wheel's own list says. */
async function recordedMembers(
  file: LocalFile,
  directory: WheelDirectory,
): Promise<WantedMember[]> {
  const { record, libraries } = directory;
  if (record === null) {
    throw new ServingError('DATA_LOSS', `${file.name}: holds no RECORD of its files`);
  }
  const hashes = parseRecord((await readMember(file, record)).toString('utf8'));
  return libraries.map((entry) => {
    const sha256 = hashes.get(entry.name);
    if (sha256 !== undefined) return { entry, sha256 };
    const message = `${file.name}: its RECORD has no sha256 of ${entry.name}`;
    throw new ServingError('DATA_LOSS', message);
  });
}

/** Bytes the libraries take on disk. */
function diskSize(want: Want, members: readonly WantedMember[]): number {
  return members.reduce((sum, { entry }) => {
    const pinned = want.pin?.members.find(({ name }) => name === entry.name);
    return sum + (canStrip(want) && pinned !== undefined ? pinned.loadedSize : entry.size);
  }, 0);
}

/** Unpacks the libraries of a wheel on this machine, checked by the pinned hashes or else by the wheel's own list. */
async function unpackWheel(
  context: InstallContext,
  want: Want,
  path: string,
  wheel: { filename: string; isChecked: boolean },
): Promise<Delivery> {
  const file = await openLocalFile(path);
  let members: WantedMember[];
  let trust: Trust = wheel.isChecked ? 'index' : 'record';
  try {
    const directory = await findLibraries(file, want.host.platform);
    const pinned = pinnedMembers(directory, wheel.filename, want.pin);
    if (pinned !== null) trust = 'pinned';
    members = pinned ?? (await recordedMembers(file, directory));
  } finally {
    await file.close();
  }
  await requireSpace(context.disk, context.parts.output, diskSize(want, members));
  const stripped = canStrip(want);
  const files = await unpackLocal(context, path, members, { strip: stripped });
  return { wheel: wheel.filename, trust, stripped, files };
}

/** Fetches just the two libraries; null when the server does not serve ranges. */
async function fetchRanges(
  context: InstallContext & { readonly client: HttpClient },
  want: Want,
  file: IndexFile,
): Promise<Delivery | null> {
  try {
    const remote = await openRemoteFile(context.client, file.url);
    const directory = await findLibraries(remote, want.host.platform);
    const members = pinnedMembers(directory, file.filename, want.pin);
    if (members === null) return null;
    const compressed = members.reduce((sum, { entry }) => sum + entry.compressedSize, 0);
    const kept = await context.parts.keptBytes();
    const needed = compressed + diskSize(want, members) - kept;
    await requireSpace(context.disk, context.parts.folder, needed);
    const stripped = canStrip(want);
    const identity = want.pin?.sha256 ?? file.sha256 ?? remote.etag;
    const files = await fetchMembers(context, remote, members, { identity, strip: stripped });
    return { wheel: file.filename, trust: 'pinned', stripped, files };
  } catch (error) {
    if (!(error instanceof RangesRefused)) throw error;
    context.onEvent({ kind: 'whole', reason: error.message });
    return null;
  }
}

/** The wheel to take, with the hash it must have. */
async function locate(
  context: InstallContext & { readonly client: HttpClient },
  want: Want,
  options: { indexUrl: string; full: boolean },
): Promise<IndexFile> {
  const project = projectOf(want.variant, want.host);
  const files = await listFiles(context.client, options.indexUrl, project);
  const file = chooseWheel(files, want, want.pin);
  const isPinned = want.pin?.filename === file.filename;
  if (isPinned && file.sha256 !== null && file.sha256 !== want.pin.sha256) {
    const message = `${file.filename}: the index lists sha256 ${file.sha256}, expected ${want.pin.sha256}`;
    throw new ServingError('DATA_LOSS', message);
  }
  if (isPinned) return { ...file, sha256: want.pin.sha256 };
  if (!options.full) {
    const message = `${file.filename}: not in the table of known checksums; add --full to fetch the whole wheel and check it by the index's sha256`;
    throw new ServingError('FAILED_PRECONDITION', message);
  }
  if (file.sha256 !== null) return file;
  const message = `${file.filename}: the index gives no sha256; download it by other means and use --from`;
  throw new ServingError('FAILED_PRECONDITION', message);
}

/**
 * Brings the libraries from the package index, by ranges where that can be checked, else as the whole wheel.
 *
 * @throws {ServingError} see `installRuntime`.
 */
export async function deliverRemote(
  context: InstallContext & { readonly client: HttpClient },
  want: Want,
  options: { indexUrl: string; full: boolean; nvidia: readonly PinnedPackage[] },
): Promise<Delivery> {
  const file = await locate(context, want, options);
  let delivery = options.full ? null : await fetchRanges(context, want, file);
  if (delivery === null) {
    const unpacked = want.pin?.members.reduce((sum, { loadedSize }) => sum + loadedSize, 0) ?? 0;
    const path = await fetchWhole(context, file, unpacked);
    const wheel = { filename: file.filename, isChecked: true };
    delivery = await unpackWheel(context, want, path, wheel);
  }
  const nvidia = await fetchNvidia(context, options.indexUrl, options.nvidia);
  return { ...delivery, files: [...delivery.files, ...nvidia] };
}

/** Brings the libraries from wheels on this machine: TensorFlow's first, then NVIDIA's. */
export async function deliverLocal(
  context: InstallContext,
  want: Want,
  paths: readonly string[],
): Promise<Delivery> {
  const [first, ...others] = paths;
  if (first === undefined) throw new ServingError('INVALID_ARGUMENT', '--from: no wheel named');
  const wheel = { filename: basename(first), isChecked: false };
  const delivery = await unpackWheel(context, want, first, wheel);
  const files = [...delivery.files];
  for (const path of others) files.push(...(await unpackNvidia(context, path)));
  return { ...delivery, files };
}
