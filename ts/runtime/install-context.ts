import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../atomic-file.js';
import { type Disk, removeTree } from './disk.js';
import type { HttpClient } from './http.js';

/** What an install tells while it runs. Sizes in bytes. */
export type InstallEvent =
  | { readonly kind: 'waiting'; readonly pid: number }
  | { readonly kind: 'index'; readonly url: string; readonly from: string }
  | { readonly kind: 'download'; readonly name: string; readonly total: number }
  | { readonly kind: 'resume'; readonly name: string; readonly bytes: number }
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'retry'; readonly reason: string }
  | { readonly kind: 'whole'; readonly reason: string }
  | { readonly kind: 'unpack'; readonly name: string };

/** What every step of an install shares. */
export interface InstallContext {
  /** Null when all comes from local files. */
  readonly client: HttpClient | null;
  readonly disk: Disk;
  readonly parts: PartStore;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** First wait before a cut download is tried again, milliseconds. */
  readonly backOffMs: number;
  readonly onEvent: (event: InstallEvent) => void;
}

/** Adds up the bytes of all downloads of one install. */
export class Progress {
  readonly #onEvent: (event: InstallEvent) => void;
  #done = 0;
  #total = 0;

  constructor(onEvent: (event: InstallEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Announces bytes that are to come. */
  expect(bytes: number): void {
    this.#total += bytes;
  }

  /** Counts bytes that have come; negative when a download starts again. */
  add(bytes: number): void {
    this.#done += bytes;
    this.#onEvent({ kind: 'progress', done: this.#done, total: this.#total });
  }
}

/**
 * The folder where downloads grow: `<install>/.part`.
 *
 * `state.json` says of which file each part is; a part of another file is dropped, so that a resumed download never joins bytes
 * of two files.
 */
export class PartStore {
  readonly folder: string;
  #state: Record<string, string> | null = null;
  /** The last change of the state file: parts are asked for side by side, the file is written by one at a time. */
  #change: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Where unpacked files wait until all are right. */
  get output(): string {
    return join(this.folder, 'out');
  }

  async #load(): Promise<Record<string, string>> {
    if (this.#state !== null) return this.#state;
    await mkdir(this.folder, { recursive: true });
    try {
      const text = await readFile(join(this.folder, 'state.json'), 'utf8');
      this.#state = JSON.parse(text) as Record<string, string>;
    } catch (error) {
      const unknown = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!unknown && !(error instanceof SyntaxError)) throw error;
      this.#state = {};
    }
    return this.#state;
  }

  /**
   * The path of a part. `identity` names the exact bytes wanted; null = they cannot be named, start anew.
   */
  part(name: string, identity: string | null): Promise<string> {
    const next = this.#change.then(() => this.#claim(name, identity));
    this.#change = next.catch(() => undefined); // the caller has the error; the next one tries for itself
    return next;
  }

  async #claim(name: string, identity: string | null): Promise<string> {
    const state = await this.#load();
    const path = join(this.folder, `${name}.part`);
    if (identity === null || state[name] !== identity) {
      await removeTree(path);
      if (identity === null) delete state[name];
      else state[name] = identity;
      await writeAtomically(join(this.folder, 'state.json'), `${JSON.stringify(state)}\n`);
    }
    return path;
  }

  /** Bytes of unfinished downloads that a later run can continue. */
  async keptBytes(): Promise<number> {
    const state = await this.#load();
    let bytes = 0;
    for (const name of await readdir(this.folder)) {
      if (!name.endsWith('.part') || state[name.slice(0, -5)] === undefined) continue;
      bytes += (await stat(join(this.folder, name))).size;
    }
    return bytes;
  }

  /** Removes everything. */
  clear(): Promise<void> {
    this.#state = null;
    return removeTree(this.folder);
  }
}
