import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ServingError } from '../errors.js';
import { openLocalFile, requireSpace } from './disk.js';
import type { HttpClient } from './http.js';
import type { InstallContext } from './install-context.js';
import { hashFile } from './manifest.js';
import type { IndexFile } from './package-index.js';
import { PartFile } from './part-file.js';
import { openRemoteFile, RangesRefused, type RemoteFile, refuseStatus } from './remote-file.js';
import { type UnpackedFile, unpackMember } from './unpack.js';
import type { WantedMember } from './wheel.js';
import { dataOffset, type ZipEntry } from './zip.js';

/** An unpacked member and its path below the output folder. */
export interface Fetched extends UnpackedFile {
  readonly path: string;
}

function clientOf(context: InstallContext): HttpClient {
  if (context.client === null) throw new ServingError('INTERNAL', 'no HTTP client');
  return context.client;
}

/** A path below `folder` for a member's name; names that lead outside are refused. */
function placeOf(folder: string, entry: ZipEntry): string {
  const parts = entry.name.split('/');
  if (entry.name.startsWith('/') || parts.some((part) => part === '..' || part.includes('\\'))) {
    throw new ServingError('DATA_LOSS', `${entry.name}: the wheel names a path outside itself`);
  }
  return join(folder, ...parts);
}

/** Download and unpacking side by side; if one fails the other is stopped, and what failed first is what counts. */
async function together(
  download: (signal: AbortSignal) => Promise<void>,
  unpack: () => Promise<UnpackedFile>,
  outer: AbortSignal,
): Promise<UnpackedFile> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const failures: unknown[] = [];
  const failed = (error: unknown) => {
    failures.push(error);
    stop.abort(error);
    return null;
  };
  // Both are waited for: nothing may still write when the caller cleans up.
  const [, unpacked] = await Promise.all([download(signal).catch(failed), unpack().catch(failed)]);
  if (failures.length > 0 || unpacked === null) throw failures[0];
  return unpacked;
}

async function fetchMember(
  context: InstallContext,
  file: RemoteFile,
  member: WantedMember,
  options: { identity: string | null; strip: boolean },
): Promise<Fetched> {
  const { entry, sha256 } = member;
  const { disk, parts, progress, signal, onEvent } = context;
  const offset = await dataOffset(file, entry);
  const stretch = `${offset}+${entry.compressedSize}`;
  const identity = options.identity === null ? null : `${options.identity} ${stretch}`;
  const name = basename(entry.name);
  const part = new PartFile({
    path: await parts.part(name, identity),
    length: entry.compressedSize,
    resumable: true,
    disk,
    open: (from, abort) => file.range(offset + from, entry.compressedSize - from, abort),
    backOffMs: context.backOffMs,
    onBytes: (added) => progress.add(added),
    onRetry: (reason) => onEvent({ kind: 'retry', reason }),
  });
  const kept = await part.adopt();
  if (kept > 0) {
    onEvent({ kind: 'resume', name, bytes: kept });
    progress.add(kept);
  }
  const target = placeOf(parts.output, entry);
  await mkdir(dirname(target), { recursive: true });
  const unpacked = await together(
    (abort) => part.download(abort),
    () =>
      unpackMember({ entry, chunks: part.chunks(), target, sha256, strip: options.strip, disk }),
    signal,
  );
  return { ...unpacked, path: entry.name };
}

/**
 * Fetches members out of a remote wheel by ranges: each is downloaded, inflated, checked and written at the same time.
 *
 * @throws {RangesRefused} when the server changes its mind about ranges.
 * @throws {ServingError} `DATA_LOSS` when a hash differs, `UNAVAILABLE` when the network stays down.
 */
export async function fetchMembers(
  context: InstallContext,
  file: RemoteFile,
  members: readonly WantedMember[],
  options: { identity: string | null; strip: boolean },
): Promise<Fetched[]> {
  const total = members.reduce((sum, { entry }) => sum + entry.compressedSize, 0);
  context.onEvent({ kind: 'download', name: basename(file.name), total });
  context.progress.expect(total);
  const results = await Promise.allSettled(
    members.map((member) => fetchMember(context, file, member, options)),
  );
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  // Damage outranks a cut connection: it decides that nothing is kept.
  const damage = failures.find((error) => (error as ServingError).code === 'DATA_LOSS');
  if (failures.length > 0) throw damage ?? failures[0];
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

/**
 * Downloads a whole file and checks it, continuing where an earlier run stopped if the server serves ranges.
 *
 * Resolves to its path in the part folder.
 *
 * @throws {ServingError} `DATA_LOSS` when its hash is not the expected one.
 */
export async function fetchWhole(
  context: InstallContext,
  file: IndexFile,
  spaceBeside: number,
): Promise<string> {
  const { disk, parts, progress, signal, onEvent } = context;
  const client = clientOf(context);
  let remote: RemoteFile | null = null;
  try {
    remote = await openRemoteFile(client, file.url);
  } catch (error) {
    if (!(error instanceof RangesRefused)) throw error;
  }
  const path = await parts.part(file.filename, remote === null ? null : file.sha256);
  const part = new PartFile({
    path,
    length: remote?.size ?? null,
    resumable: remote !== null,
    disk,
    async open(from, abort) {
      if (remote !== null) return remote.range(from, remote.size - from, abort);
      const reply = await client.get(file.url, { signal: abort });
      if (reply.status === 200) return reply;
      throw refuseStatus(reply);
    },
    backOffMs: context.backOffMs,
    onBytes: (added) => progress.add(added),
    onRetry: (reason) => onEvent({ kind: 'retry', reason }),
  });
  const kept = await part.adopt();
  const size = remote?.size ?? file.size ?? 0;
  await requireSpace(disk, parts.folder, size - kept + spaceBeside);
  onEvent({ kind: 'download', name: file.filename, total: size });
  progress.expect(size);
  if (kept > 0) {
    onEvent({ kind: 'resume', name: file.filename, bytes: kept });
    progress.add(kept);
  }
  await part.download(signal);
  const found = await hashFile(path);
  if (file.sha256 !== null && found !== file.sha256) {
    const message = `${file.filename}: sha256 is ${found}, expected ${file.sha256}`;
    throw new ServingError('DATA_LOSS', `${message}; nothing was installed`);
  }
  return path;
}

/** Unpacks members of a wheel on this machine. */
export async function unpackLocal(
  context: InstallContext,
  path: string,
  members: readonly WantedMember[],
  options: { strip: boolean; executable?: (entry: ZipEntry) => boolean },
): Promise<Fetched[]> {
  const { disk, parts, onEvent, signal } = context;
  const file = await openLocalFile(path);
  const fetched: Fetched[] = [];
  try {
    for (const { entry, sha256 } of members) {
      signal.throwIfAborted();
      onEvent({ kind: 'unpack', name: entry.name });
      const target = placeOf(parts.output, entry);
      await mkdir(dirname(target), { recursive: true });
      const chunks = file.stream(await dataOffset(file, entry), entry.compressedSize);
      const executable = options.executable?.(entry) ?? false;
      const { strip } = options;
      const unpacked = await unpackMember({
        entry,
        chunks,
        target,
        sha256,
        strip,
        executable,
        disk,
      });
      fetched.push({ ...unpacked, path: entry.name });
    }
  } finally {
    await file.close();
  }
  return fetched;
}
