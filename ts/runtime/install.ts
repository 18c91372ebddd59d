import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { syncFolder } from '../atomic-file.js';
import { ServingError } from '../errors.js';
import { redact } from '../proxy.js';
import { type Delivery, deliverLocal, deliverRemote } from './deliver.js';
import { type Disk, diskFull, isDiskFull, megabytes, removeIfEmpty, removeTree } from './disk.js';
import { createHttpClient } from './http.js';
import { type InstallContext, type InstallEvent, PartStore, Progress } from './install-context.js';
import { acquireLock } from './lock.js';
import {
  type Installed,
  looksComplete,
  type Manifest,
  readManifest,
  runtimeRoot,
  writeManifest,
} from './manifest.js';
import { linkNvidia } from './nvidia.js';
import { type PinTable, pinnedWheel } from './pinned-wheel.js';
import {
  type Host,
  libraryNames,
  requireSupportedHost,
  type Variant,
  versionProblem,
} from './platform.js';
import { networkSettings } from './settings.js';
import { requireWheelFor } from './wheel.js';

/** Where CUDA's libraries come from. */
export type CudaSource =
  | { readonly kind: 'fetch' }
  | { readonly kind: 'reuse'; readonly folder: string | null };

/** What to install, and with which world around it. */
export interface InstallOptions {
  readonly version: string;
  /** Null: the CPU build. */
  readonly cuda: CudaSource | null;
  /** Install folder; null: in the cache. */
  readonly folder: string | null;
  readonly indexUrl: string | null;
  /** Fetch and check the whole wheel instead of ranges of it. */
  readonly full: boolean;
  /** Wheels on this machine: TensorFlow's first, then NVIDIA's. Nothing is fetched then. */
  readonly from: readonly string[];
  readonly strip: boolean;
  /** Install again over a finished install. */
  readonly force: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly host: Host;
  readonly pins: PinTable;
  readonly disk: Disk;
  readonly signal: AbortSignal;
  /** First wait before a cut download is tried again, milliseconds. */
  readonly backOffMs: number;
  readonly onEvent: (event: InstallEvent) => void;
}

/** What came of it. `fresh` is false when it was there already. */
export interface InstallResult extends Installed {
  readonly fresh: boolean;
  /** The main library's path. */
  readonly library: string;
}

/** The folder an install goes to. */
export function installFolder(
  options: Pick<InstallOptions, 'folder' | 'env' | 'host'>,
  version: string,
  variant: Variant,
): string {
  const root = runtimeRoot(options.env, options.host.platform);
  return options.folder === null ? join(root, `${version}-${variant}`) : resolve(options.folder);
}

function finished(folder: string, version: string, variant: Variant): Installed | null {
  const manifest = readManifest(folder);
  if (manifest === null || manifest.version !== version || manifest.variant !== variant)
    return null;
  const installed = { folder, manifest };
  return looksComplete(installed) ? installed : null;
}

function done(installed: Installed, fresh: boolean): InstallResult {
  return { ...installed, fresh, library: join(installed.folder, installed.manifest.library) };
}

/** Moves the checked trees into place, the manifest last: until it is there the install does not count. */
async function commit(folder: string, parts: PartStore, manifest: Manifest): Promise<void> {
  await rm(join(folder, 'manifest.json'), { force: true });
  for (const name of ['tensorflow', 'nvidia']) {
    const place = join(folder, name);
    // Renamed, not removed: a process that has it open keeps it until it is done.
    if (existsSync(place)) await rename(place, join(parts.folder, `replaced-${name}`));
    const made = join(parts.output, name);
    if (existsSync(made)) await rename(made, place);
  }
  await syncFolder(folder);
  await writeManifest(folder, manifest);
}

function requireOwnFolder(folder: string): void {
  const isForeign = existsSync(join(folder, 'tensorflow')) && readManifest(folder) === null;
  if (isForeign && !existsSync(join(folder, '.part'))) {
    const message = `${folder}: holds a tensorflow folder that Servable did not install; choose another --dir`;
    throw new ServingError('ALREADY_EXISTS', message);
  }
}

/** Decides what stays on disk after a failure, and what the user is told. */
async function explain(error: unknown, folder: string, parts: PartStore): Promise<unknown> {
  await removeTree(parts.output);
  const code = (error as { code?: unknown } | null)?.code;
  if (isDiskFull(error) || code === 'RESOURCE_EXHAUSTED') {
    await parts.clear();
    return isDiskFull(error) ? diskFull(folder, null, error) : error;
  }
  const kept = code === 'DATA_LOSS' ? 0 : await parts.keptBytes();
  if (kept === 0) await parts.clear();
  else if (error instanceof ServingError && error.code === 'UNAVAILABLE') {
    const hint = `${megabytes(kept)} are kept, the same command continues`;
    return new ServingError(error.code, `${error.message}; ${hint}`, { cause: error });
  }
  return error;
}

function unwritable(folder: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') return error;
  const message = `${folder}: cannot be written (${code}); choose another place with --dir`;
  return new ServingError('PERMISSION_DENIED', message, { cause: error });
}

async function deliver(
  options: InstallOptions,
  version: string,
  variant: Variant,
  parts: PartStore,
): Promise<Delivery> {
  const { disk, signal, backOffMs, onEvent, host, pins, cuda, strip } = options;
  const pin = pinnedWheel(pins, version, variant, host);
  const want = { version, variant, host, pin, strip };
  const shared = { disk, signal, backOffMs, onEvent, parts, progress: new Progress(onEvent) };
  if (options.from.length > 0) {
    return deliverLocal({ ...shared, client: null }, want, options.from);
  }
  const settings = networkSettings(options.indexUrl, options.env);
  onEvent({ kind: 'index', url: redact(settings.indexUrl), from: settings.indexFrom });
  const nvidia = cuda?.kind === 'fetch' ? (pins.nvidia[version] ?? null) : [];
  if (nvidia === null) {
    const message = `${version}: NVIDIA's libraries are known for ${Object.keys(pins.nvidia).join(', ')} only; use --cuda=reuse`;
    throw new ServingError('FAILED_PRECONDITION', message);
  }
  const client = createHttpClient(settings);
  try {
    const context: InstallContext & { client: typeof client } = { ...shared, client };
    return await deliverRemote(context, want, {
      indexUrl: settings.indexUrl,
      full: options.full,
      nvidia,
    });
  } finally {
    client.close();
  }
}

/**
 * Installs TensorFlow's two libraries, and CUDA's if asked for.
 *
 * Safe to run twice at once (the second waits and finds it done) and to be cut at any moment: the folder counts as an install
 * only once every file has been checked, synced and moved into place.
 *
 * @throws {ServingError} with one sentence that says what to do; after damage or a full disk nothing half-written is left, after
 * a cut connection only what the next run continues.
 */
export async function installRuntime(options: InstallOptions): Promise<InstallResult> {
  const local =
    options.from[0] === undefined ? null : requireWheelFor(options.from[0], options.host);
  const version = local?.version ?? options.version;
  const variant = local?.variant ?? (options.cuda === null ? 'cpu' : 'cuda12');
  requireSupportedHost(options.host, variant);
  const problem = versionProblem(version);
  if (problem !== null) throw new ServingError('INVALID_ARGUMENT', `TensorFlow ${problem}`);
  const folder = installFolder(options, version, variant);
  const present = finished(folder, version, variant);
  if (present !== null && !options.force) return done(present, false);
  requireOwnFolder(folder);

  const parts = new PartStore(join(folder, '.part'));
  const lock = await acquireLock(join(folder, '.lock'), (pid) => {
    options.onEvent({ kind: 'waiting', pid });
  }).catch((error: unknown) => {
    throw isDiskFull(error) ? diskFull(folder, null, error) : unwritable(folder, error);
  });
  try {
    const other = finished(folder, version, variant);
    if (other !== null && !options.force) return done(other, false);
    try {
      await removeTree(parts.output);
      await mkdir(parts.output, { recursive: true });
      const delivery = await deliver(options, version, variant, parts);
      const reused =
        options.cuda?.kind === 'reuse'
          ? await linkNvidia(parts.output, options.cuda.folder, options.env)
          : null;
      const hasNvidia = delivery.files.some((file) => file.path.startsWith('nvidia/'));
      const manifest: Manifest = {
        format: 1,
        version,
        variant,
        platform: options.host.platform,
        arch: options.host.arch,
        wheel: delivery.wheel,
        trust: delivery.trust,
        stripped: delivery.stripped,
        installed: new Date().toISOString(),
        library: `tensorflow/${libraryNames(options.host.platform).main}`,
        files: delivery.files,
        nvidia:
          reused !== null
            ? { kind: 'linked', from: reused }
            : hasNvidia
              ? { kind: 'fetched', from: null }
              : null,
      };
      await commit(folder, parts, manifest);
      await parts.clear();
      return done({ folder, manifest }, true);
    } catch (error) {
      throw unwritable(folder, await explain(error, folder, parts));
    }
  } finally {
    await lock.release();
    await removeIfEmpty(folder);
  }
}
