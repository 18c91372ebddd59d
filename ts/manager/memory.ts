import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../errors.js';
import type { ServableId } from './events.js';

/** TensorFlow Serving's guess: what a model takes in memory against what its files take on disk. */
const MEMORY_PER_FILE_BYTE = 1.2;
/** A SavedModel has a handful of folders in two levels; a loop of links has no end. */
const MAX_DEPTH = 6;

/**
 * The memory a SavedModel is taken to need: 1.2 times the bytes of all files in its version directory.
 *
 * Never fails: what cannot be read counts nothing, and the load will say what is wrong.
 */
export async function estimateBytes(path: string, depth = 0): Promise<number> {
  const names = await readdir(path).catch(() => []);
  let bytes = 0;
  for (const name of names) {
    const child = join(path, name);
    const stats = await stat(child).catch(() => null);
    if (stats === null) continue;
    if (stats.isFile()) bytes += Math.ceil(stats.size * MEMORY_PER_FILE_BYTE);
    else if (stats.isDirectory() && depth < MAX_DEPTH)
      bytes += await estimateBytes(child, depth + 1);
  }
  return bytes;
}

/** Memory set aside for one version, from before its load until after its unloading. */
export interface Grant {
  readonly bytes: number;
  /** The load has succeeded: nothing is freed before the version is unloaded. */
  loaded(): void;
  /** The version is being unloaded: its memory will be free. */
  leaving(): void;
  /** The memory is free. Safe to call twice. */
  release(): void;
}

/** What the budget needs. */
export interface MemoryBudgetOptions {
  /** Bytes for all models; 0 is no limit. */
  readonly limitBytes: number;
  /** Starts to unload a model that nobody needs just now, but not `name`; false when there is none. */
  readonly evict: (name: string) => boolean;
  /** A version has left the memory. */
  readonly freed: () => void;
}

/** Sees to it that the models in memory, by their estimates, stay under a limit. */
export class MemoryBudget {
  readonly #options: MemoryBudgetOptions;
  #usedBytes = 0;
  /** Bytes of versions that are being unloaded. */
  #leavingBytes = 0;
  /** Versions being loaded, whose memory is free again when that fails, and versions being unloaded. */
  #passing = 0;
  #waiting: (() => void)[] = [];

  constructor(options: MemoryBudgetOptions) {
    this.#options = options;
  }

  /** Bytes set aside. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes for all models; 0 is no limit. */
  get limitBytes(): number {
    return this.#options.limitBytes;
  }

  /**
   * Sets memory aside, as soon as there is enough: models that are only kept for later are unloaded for it.
   *
   * @param wait is given each promise that has to be waited for, so that others may use the time
   * @throws {ServingError} `RESOURCE_EXHAUSTED` with TensorFlow Serving's text when no memory will be free by itself
   */
  async admit(
    { name, version }: ServableId,
    bytes: number,
    wait: (until: Promise<void>) => Promise<void> = (until) => until,
  ): Promise<Grant> {
    const { limitBytes, evict } = this.#options;
    while (limitBytes > 0 && this.#usedBytes + bytes > limitBytes) {
      // What is on its way out is not asked to leave again, and no more than needed is.
      const fitsSoon = this.#usedBytes - this.#leavingBytes + bytes <= limitBytes;
      const hopeless = bytes > limitBytes || (!fitsSoon && !evict(name) && this.#passing === 0);
      if (hopeless) {
        throw new ServingError(
          'RESOURCE_EXHAUSTED',
          `Insufficient resources to load servable {name: ${name} version: ${version}} (it needs about ${bytes} bytes, ${Math.max(limitBytes - this.#usedBytes, 0)} of ${limitBytes} are free)`,
        );
      }
      await wait(new Promise<void>((resolve) => this.#waiting.push(resolve)));
    }
    return this.#grant(bytes);
  }

  #grant(bytes: number): Grant {
    this.#usedBytes += bytes;
    this.#passing += 1;
    let state: 'loading' | 'loaded' | 'leaving' | 'released' = 'loading';
    return {
      bytes,
      loaded: () => {
        if (state !== 'loading') return;
        state = 'loaded';
        this.#passing -= 1;
        this.#wake();
      },
      leaving: () => {
        if (state !== 'loaded') return;
        state = 'leaving';
        this.#passing += 1;
        this.#leavingBytes += bytes;
      },
      release: () => {
        if (state === 'released') return;
        const wasInUse = state !== 'loading';
        if (state !== 'loaded') this.#passing -= 1;
        if (state === 'leaving') this.#leavingBytes -= bytes;
        state = 'released';
        this.#usedBytes -= bytes;
        this.#wake();
        if (wasInUse) this.#options.freed();
      },
    };
  }

  /** All look again: the first that fits goes on. */
  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
