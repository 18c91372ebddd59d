import { link, mkdir, open, realpath, symlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, posix, sep } from 'node:path';
import { ServingError } from '../../errors.js';
import { safeName } from './location.js';
import { cancelled, MAX_FILES } from './object-store.js';

/** An archive this many times smaller than its content is a trap, where the content is large at all. */
const MAX_RATIO = 200;
const RATIO_FROM_BYTES = 256 * 1024 * 1024;

/** What is unpacked where. */
export interface UnpackOptions {
  /** The archive, for errors. */
  readonly origin: string;
  /** Bytes of the archive itself. */
  readonly archiveBytes: number;
  /** An empty folder that nobody else writes to. */
  readonly into: string;
  /** The most bytes that may come out. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Writes the entries of an archive and refuses those that could do harm.
 *
 * Links are made after every file is written, so that no file is written through one, and each must end inside the folder.
 */
export class Unpacker {
  readonly #options: UnpackOptions;
  readonly #links: { name: string; target: string }[] = [];
  #entries = 0;
  #bytes = 0;

  constructor(options: UnpackOptions) {
    this.#options = options;
  }

  /** The checked name of the next entry, or `null` for one that is passed over: the archive's own folder, and what macOS adds. */
  name(raw: string): string | null {
    this.#entries += 1;
    if (this.#entries > MAX_FILES) this.refuse(raw, `is one of more than ${MAX_FILES}`);
    const name = safeName(raw, this.#options.origin);
    const parts = name.split('/');
    const last = parts.at(-1) ?? '';
    if (name === '' || parts[0] === '__MACOSX' || last.startsWith('._') || last === '.DS_Store') {
      return null;
    }
    return name;
  }

  async folder(name: string): Promise<void> {
    await this.#attempt(name, () => mkdir(this.#path(name), { recursive: true }));
  }

  async file(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const { signal, origin } = this.#options;
    await this.folder(posix.dirname(name));
    const handle = await this.#attempt(name, () => open(this.#path(name), 'wx'));
    try {
      for await (const chunk of content) {
        if (signal.aborted) throw cancelled(origin);
        this.#count(name, chunk.length);
        await handle.write(chunk);
      }
    } finally {
      await handle.close();
    }
  }

  /** A second name of a file that has been unpacked before. */
  async hardLink(name: string, target: string): Promise<void> {
    const source = safeName(target, this.#options.origin);
    await this.folder(posix.dirname(name));
    await this.#attempt(name, () => link(this.#path(source), this.#path(name)));
  }

  /** A symbolic link, made by `finish`. */
  symbolicLink(name: string, target: string): void {
    const inside = posix.join(posix.dirname(name), target);
    if (isAbsolute(target) || inside.split('/')[0] === '..') {
      this.refuse(name, `is a link out of the archive, to ${JSON.stringify(target)}`);
    }
    this.#links.push({ name, target });
  }

  /** Makes the links. */
  async finish(): Promise<void> {
    const root = await realpath(this.#options.into);
    const inside = (path: string) => path === root || path.startsWith(root + sep);
    for (const { name, target } of this.#links) {
      const parent = dirname(this.#path(name));
      await this.#attempt(name, () => mkdir(parent, { recursive: true }));
      if (!inside(await realpath(parent))) this.refuse(name, 'lies behind a link out');
      await this.#attempt(name, () => symlink(target, this.#path(name)));
    }
    for (const { name, target } of this.#links) {
      const end = await this.#attempt(name, () => realpath(this.#path(name)));
      if (!inside(end)) {
        this.refuse(name, `is a link out of the archive, to ${JSON.stringify(target)}`);
      }
    }
  }

  /** @throws {ServingError} always: `FAILED_PRECONDITION` with the entry and what is wrong with it */
  refuse(name: string, why: string): never {
    throw new ServingError(
      'FAILED_PRECONDITION',
      `${this.#options.origin}: entry ${JSON.stringify(name)} ${why}; nothing of it was taken`,
    );
  }

  #count(name: string, bytes: number): void {
    const { maxBytes, archiveBytes } = this.#options;
    this.#bytes += bytes;
    if (this.#bytes > maxBytes) {
      this.refuse(name, `brings the content over ${maxBytes} bytes, the limit`);
    }
    if (this.#bytes > RATIO_FROM_BYTES && this.#bytes > archiveBytes * MAX_RATIO) {
      this.refuse(name, `brings the content over ${MAX_RATIO} times the size of the archive`);
    }
  }

  async #attempt<T>(name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      switch ((error as NodeJS.ErrnoException).code) {
        case 'EEXIST':
        case 'ENOTDIR':
          return this.refuse(name, 'comes twice');
        case 'ENOENT':
          return this.refuse(name, 'is a link to nothing');
        case 'ELOOP':
          return this.refuse(name, 'is a loop of links');
        default:
          throw error;
      }
    }
  }

  #path(name: string): string {
    return join(this.#options.into, name);
  }
}
