import { createHash } from 'node:crypto';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../../errors.js';
import { CachePins } from './cache-pins.js';
import { digests, type LocalFile } from './download.js';
import { shown } from './location.js';

const MANIFEST = 'manifest.json';
const FILES = 'files';
const TEMPORARY = '.new-';

/** What the cache knows of a version it holds. */
interface Manifest {
  readonly format: 1;
  readonly location: string;
  readonly fingerprint: string;
  /** The SavedModel's folder, relative to the version's files. */
  readonly model: string;
  readonly bytes: number;
  readonly files: readonly LocalFile[];
}

/** What a version was made of, to be kept. */
export type CacheContent = Pick<Manifest, 'location' | 'fingerprint' | 'model' | 'files'>;

/**
 * Versions from stores and archives, unpacked on the local disk: one folder each with a manifest beside the files.
 *
 * A version appears by renaming a finished folder, so that other processes see all of it or nothing. What has not been used for longest is
 * removed when room is needed, but never what is pinned, here or by another process.
 */
export class ModelCache {
  readonly folder: string;
  readonly maxBytes: number;
  readonly #pins: CachePins;
  /** Versions whose files have been compared with their manifest since the start. */
  readonly #verified = new Set<string>();
  /** Bytes of downloads under way, which are in no manifest yet. */
  #reserved = 0;
  #ready: Promise<void> | null = null;

  /** @param maxBytes of all versions together; 0 is no limit */
  constructor(folder: string, maxBytes: number) {
    this.folder = folder;
    this.maxBytes = maxBytes > 0 ? maxBytes : Number.MAX_SAFE_INTEGER;
    this.#pins = new CachePins(folder);
  }

  /** The name of a version's folder: readable, and different for other content. */
  key(location: string, fingerprint: string): string {
    const readable = shown(location)
      .replace(/[^A-Za-z0-9._-]+/g, '_')
      .slice(-80);
    const hash = createHash('sha256').update(`${location}\0${fingerprint}`).digest('hex');
    return `${readable.replace(/^[._-]+/, '')}-${hash.slice(0, 16)}`;
  }

  /** Keeps a version, there or still to come, from being removed. */
  async pin(key: string): Promise<void> {
    await this.#prepare();
    await this.#pins.pin(key);
  }

  async unpin(key: string): Promise<void> {
    await this.#pins.unpin(key);
  }

  /** The SavedModel's folder of a version that is here and whole, or `null`. What is damaged is removed. */
  async find(key: string): Promise<string | null> {
    await this.#prepare();
    const manifest = await this.#manifest(key);
    if (manifest === null) return null;
    const root = join(this.folder, key, FILES);
    if (!(await this.#whole(key, manifest, root))) {
      await rm(join(this.folder, key), { recursive: true, force: true });
      return null;
    }
    const now = new Date();
    await utimes(join(this.folder, key, MANIFEST), now, now);
    return join(root, manifest.model);
  }

  /** A new folder to download into. It must be kept or dropped. */
  async begin(): Promise<string> {
    await this.#prepare();
    const folder = await mkdtemp(join(this.folder, `${TEMPORARY}${process.pid}-`));
    await mkdir(join(folder, FILES));
    return folder;
  }

  /** Where the files of a version go inside the folder of `begin`. */
  files(temporary: string): string {
    return join(temporary, FILES);
  }

  /** Turns a finished download into a version; resolves to its SavedModel's folder. */
  async keep(temporary: string, key: string, content: CacheContent): Promise<string> {
    const bytes = content.files.reduce((sum, { size }) => sum + size, 0);
    const manifest: Manifest = { format: 1, ...content, location: shown(content.location), bytes };
    await writeFile(join(temporary, MANIFEST), JSON.stringify(manifest, null, 1));
    const target = join(this.folder, key);
    try {
      await rename(temporary, target);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      // Another process was faster with the same content.
      await this.drop(temporary);
    }
    this.#verified.add(key);
    return join(target, FILES, content.model);
  }

  async drop(temporary: string): Promise<void> {
    await rm(temporary, { recursive: true, force: true });
  }

  /**
   * Makes room for `bytes` by removing what has not been used for longest, and holds it until `release`.
   *
   * @throws {ServingError} `FAILED_PRECONDITION` when it can never fit, `RESOURCE_EXHAUSTED` when it does not fit now
   */
  async reserve(bytes: number, what: string): Promise<{ release: () => void }> {
    if (bytes > this.maxBytes) {
      throw new ServingError(
        'FAILED_PRECONDITION',
        `${what}: has ${bytes} bytes, more than the ${this.maxBytes} of --model_cache_max_bytes`,
      );
    }
    await this.#prepare();
    this.#reserved += bytes;
    try {
      await this.#evict(what, bytes);
    } catch (error) {
      this.#reserved -= bytes;
      throw error;
    }
    let held = true;
    return {
      release: () => {
        if (held) this.#reserved -= bytes;
        held = false;
      },
    };
  }

  async #evict(what: string, bytes: number): Promise<void> {
    const entries = await this.#entries();
    let used = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    let free = await freeBytes(this.folder);
    const fits = () => used + this.#reserved <= this.maxBytes && this.#reserved <= free;
    for (const { key, bytes: size } of entries) {
      if (fits()) return;
      if (await this.#pins.pinned(key)) continue;
      await rm(join(this.folder, key), { recursive: true, force: true });
      this.#verified.delete(key);
      used -= size;
      free += size;
    }
    if (fits()) return;
    const why =
      this.#reserved > free
        ? `the disk has ${free} bytes free`
        : `${used} bytes are in use, and --model_cache_max_bytes is ${this.maxBytes}`;
    throw new ServingError(
      'RESOURCE_EXHAUSTED',
      `${what}: needs ${bytes} bytes in ${this.folder}, but ${why}`,
    );
  }

  /** What is there, the longest unused first. */
  async #entries(): Promise<{ key: string; bytes: number; usedAt: number }[]> {
    const names = await readdir(this.folder);
    const entries = await Promise.all(
      names.map(async (key) => {
        const manifest = await this.#manifest(key);
        if (manifest === null) return null;
        const { mtimeMs } = await stat(join(this.folder, key, MANIFEST));
        return { key, bytes: manifest.bytes, usedAt: mtimeMs };
      }),
    );
    return entries.filter((it) => it !== null).sort((a, b) => a.usedAt - b.usedAt);
  }

  async #manifest(key: string): Promise<Manifest | null> {
    if (key.startsWith('.')) return null;
    try {
      const text = await readFile(join(this.folder, key, MANIFEST), 'utf8');
      const manifest = JSON.parse(text) as Manifest;
      return manifest.format === 1 ? manifest : null;
    } catch (error) {
      // No manifest, or one that a full disk cut off: the version is not there.
      if (error instanceof SyntaxError || isMissing(error)) return null;
      throw error;
    }
  }

  async #whole(key: string, { files }: Manifest, root: string): Promise<boolean> {
    for (const { path, size, sha256 } of files) {
      try {
        const file = join(root, path);
        if ((await stat(file)).size !== size) return false;
        if (this.#verified.has(key)) continue;
        if ((await digests(file, false)).sha256 !== sha256) return false;
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
    }
    this.#verified.add(key);
    return true;
  }

  #prepare(): Promise<void> {
    this.#ready ??= this.#clean().catch((error: unknown) => {
      this.#ready = null;
      throw new ServingError(
        'FAILED_PRECONDITION',
        `model cache ${this.folder}: ${(error as Error).message}; set --model_cache_dir to a folder that can be written`,
        { cause: error },
      );
    });
    return this.#ready;
  }

  /** Removes what a process that ended left half done. */
  async #clean(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.folder)) {
      const pid = new RegExp(`^${TEMPORARY.replace('.', '\\.')}(\\d+)-`).exec(name)?.[1];
      if (pid === undefined || CachePins.running(Number(pid))) continue;
      await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
