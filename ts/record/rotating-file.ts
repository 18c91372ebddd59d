import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** When a file is full, and how many are kept. Zero is no limit. */
export interface RotationLimits {
  /** A file that has reached this size is followed by a new one. */
  readonly rotateBytes: number;
  /** So is one of this age. */
  readonly rotateSeconds: number;
  /** Files of one prefix, the one being written included; the oldest goes. */
  readonly maxFiles: number;
  /** Bytes of all files of one prefix. */
  readonly maxTotalBytes: number;
  /** Files that were last written before so many seconds go. */
  readonly maxAgeSeconds: number;
}

/** A file that is being written. */
export interface OpenFile {
  readonly fd: number;
  readonly path: string;
  bytes: number;
  /** When it was begun. */
  readonly since: number;
}

/** The file calls this uses, so that tests can make them fail. */
export interface FileCalls {
  open(path: string): number;
  write(fd: number, bytes: Uint8Array): number;
  truncate(fd: number, length: number): void;
  close(fd: number): void;
}

/** Never follows a link and never touches a file that is there already; only the server's user reads what is personal data. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

const SYSTEM: FileCalls = {
  open: (path) => openSync(path, FLAGS, 0o600),
  write: (fd, bytes) => writeSync(fd, bytes),
  truncate: (fd, length) => ftruncateSync(fd, length),
  close: (fd) => closeSync(fd),
};

/**
 * Files named `prefix.TIME-NUMBER.ending`, written one after the other; the oldest are deleted past the limits. Blocks: it belongs to
 * a thread of its own.
 */
export class RotatingFile {
  readonly #prefix: string;
  readonly #ending: string;
  readonly #limits: RotationLimits;
  readonly #now: () => number;
  readonly #calls: FileCalls;
  #open: OpenFile | null = null;
  #number = 0;

  /**
   * @param prefix path and beginning of the name
   * @param ending such as `tfrecord`
   */
  constructor(
    prefix: string,
    ending: string,
    limits: RotationLimits,
    now: () => number = Date.now,
    calls: FileCalls = SYSTEM,
  ) {
    this.#prefix = prefix;
    this.#ending = ending;
    this.#limits = limits;
    this.#now = now;
    this.#calls = calls;
  }

  /**
   * Appends whole records.
   *
   * When that fails nothing of them stays in the file, which is closed; the next call begins another one.
   *
   * @throws {Error} of the file system
   */
  append(bytes: Uint8Array): void {
    this.#rotateIfDue();
    const file = this.#open ?? this.#begin();
    try {
      for (let at = 0; at < bytes.length; ) at += this.#calls.write(file.fd, bytes.subarray(at));
      file.bytes += bytes.length;
    } catch (error) {
      // A record of which half was written would make the rest of the file unreadable.
      ignoring(() => this.#calls.truncate(file.fd, file.bytes));
      this.close();
      if (file.bytes === 0) ignoring(() => unlinkSync(file.path));
      throw error;
    }
  }

  #rotateIfDue(): void {
    if (this.#open === null) return;
    const { rotateBytes, rotateSeconds } = this.#limits;
    const { bytes, since } = this.#open;
    const isFull = rotateBytes > 0 && bytes >= rotateBytes;
    const isOld = rotateSeconds > 0 && this.#now() - since >= rotateSeconds * 1000;
    if (isFull || isOld) this.close();
  }

  /** Ends the file if it is due although nothing is written, and deletes what is past the limits. */
  tend(): void {
    this.#rotateIfDue();
    this.#prune();
  }

  /** Ends the file. Safe to call twice. */
  close(): void {
    const file = this.#open;
    this.#open = null;
    if (file !== null) ignoring(() => this.#calls.close(file.fd));
  }

  #begin(): OpenFile {
    mkdirSync(dirname(this.#prefix), { recursive: true, mode: 0o700 });
    const now = this.#now();
    const time = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
    for (;;) {
      this.#number += 1;
      const number = String(this.#number).padStart(6, '0');
      const path = `${this.#prefix}.${time}-${number}.${this.#ending}`;
      try {
        this.#open = { fd: this.#calls.open(path), path, bytes: 0, since: now };
      } catch (error) {
        // Another server, or this one before it was restarted within a second.
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
        throw error;
      }
      this.#prune();
      return this.#open;
    }
  }

  #prune(): void {
    const { maxFiles, maxTotalBytes, maxAgeSeconds } = this.#limits;
    if (maxFiles === 0 && maxTotalBytes === 0 && maxAgeSeconds === 0) return;
    const oldest = this.#now() - maxAgeSeconds * 1000;
    let [kept, bytes] = [0, 0];
    for (const { path, size, modified } of this.#files()) {
      kept += 1;
      bytes += size;
      const isTooMuch =
        (maxFiles > 0 && kept > maxFiles) ||
        (maxTotalBytes > 0 && bytes > maxTotalBytes) ||
        (maxAgeSeconds > 0 && modified < oldest);
      if (isTooMuch && path !== this.#open?.path) ignoring(() => unlinkSync(path));
    }
  }

  /** The files of this prefix, newest first: their names begin with their time. */
  #files(): { path: string; size: number; modified: number }[] {
    const folder = dirname(this.#prefix);
    const start = `${basename(this.#prefix)}.`;
    const pattern = new RegExp(`^\\d{8}T\\d{6}Z-\\d{6,}\\.${this.#ending}$`);
    const names = ignoring(() => readdirSync(folder)) ?? [];
    return names
      .filter((name) => name.startsWith(start) && pattern.test(name.slice(start.length)))
      .sort()
      .reverse()
      .flatMap((name) => {
        const path = join(folder, name);
        const stats = ignoring(() => statSync(path));
        return stats === null ? [] : [{ path, size: stats.size, modified: stats.mtimeMs }];
      });
  }
}

/** The result, or null where the file system refuses: what is only tidying up must not end the writing. */
function ignoring<T>(act: () => T): T | null {
  try {
    return act();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return null;
  }
}
