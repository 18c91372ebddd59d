import { fstatSync } from 'node:fs';
import { type DestinationStream, destination } from 'pino';
import type { Logger } from '../logger.js';
import type { LineSink } from './access-log.js';
import { ACCESS_LOG_DROPPED } from './definitions.js';
import { count } from './registry.js';

type Sonic = ReturnType<typeof destination>;

/** Bytes that wait before they are written; less is written once a second. */
const BUFFER_BYTES = 8192;
const FLUSH_MS = 1000;
/** A pipe takes so much at once without a line of another thread in between. */
const PIPE_BYTES = 4096;
/** What may wait for a destination that does not take it; the rest is dropped and counted. */
const MOST_BYTES = 8 * 1024 * 1024;

/** Where the lines of an access log go. */
export type LinePlace = { readonly fd: number } | { readonly file: string };

/** A file or a descriptor that takes lines without making anybody wait. */
export class LineFile implements LineSink {
  readonly #stream: Sonic & DestinationStream;
  readonly #logger: Logger;
  #failed = false;

  /** Opens a file at its end; its folder is made. What goes wrong later is logged once and counted. */
  constructor(place: LinePlace, logger: Logger) {
    this.#logger = logger;
    const isPipe = 'fd' in place && !fstatSync(place.fd).isFile();
    this.#stream = destination({
      dest: 'fd' in place ? place.fd : place.file,
      sync: false,
      append: true,
      mkdir: true,
      minLength: isPipe ? PIPE_BYTES / 2 : BUFFER_BYTES,
      maxLength: MOST_BYTES,
      maxWrite: isPipe ? PIPE_BYTES : 2 * BUFFER_BYTES,
      periodicFlush: FLUSH_MS,
    } as Parameters<typeof destination>[0]);
    this.#stream.on('drop', () => count(ACCESS_LOG_DROPPED, []));
    this.#stream.on('error', (error: Error) => this.#fail(error));
  }

  write(line: string): void {
    if (this.#failed) count(ACCESS_LOG_DROPPED, []);
    else this.#stream.write(line);
  }

  close(): Promise<void> {
    if (this.#failed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stream.once('error', () => resolve());
      this.#stream.flush(() => resolve());
    });
  }

  /** A full disk, a pipe without a reader: serving goes on without the log. */
  #fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#logger.error({ error: error.message }, 'the access log cannot be written; it is off now');
    this.#stream.destroy();
  }
}
