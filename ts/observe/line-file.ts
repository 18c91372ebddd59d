import { fstatSync } from 'node:fs';
import { type DestinationStream, destination } from 'pino';
import type { Logger } from '../logger.js';
import type { LineSink } from './access-log.js';
import { ACCESS_LOG_DROPPED } from './definitions.js';
import { count } from './registry.js';

type Sonic = ReturnType<typeof destination>;

/** Characters that are gathered before they are handed on; what is less is after a second. */
const CHUNK = 16_384;
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
  readonly #chunk: number;
  readonly #timer: NodeJS.Timeout;
  /** Lines that are gathered: each write of the stream costs more than a line. */
  #text = '';
  #lines = 0;
  #failed = false;

  /** Opens a file at its end; its folder is made. What goes wrong later is logged once and counted. */
  constructor(place: LinePlace, logger: Logger) {
    this.#logger = logger;
    const isPipe = 'fd' in place && !fstatSync(place.fd).isFile();
    this.#chunk = isPipe ? PIPE_BYTES / 2 : CHUNK;
    this.#stream = destination({
      dest: 'fd' in place ? place.fd : place.file,
      sync: false,
      append: true,
      mkdir: true,
      // At 0 the stream does not tell when everything is written.
      minLength: 1,
      maxLength: MOST_BYTES,
      maxWrite: isPipe ? PIPE_BYTES : 2 * CHUNK,
    } as Parameters<typeof destination>[0]);
    this.#stream.on('drop', (chunk: unknown) => {
      const text = String(chunk);
      count(ACCESS_LOG_DROPPED, [], text.split('\n').length - 1);
    });
    this.#stream.on('error', (error: Error) => this.#fail(error));
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS).unref();
  }

  write(line: string): void {
    this.#text += line;
    this.#lines += 1;
    if (this.#text.length >= this.#chunk) this.#flush();
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    this.#flush();
    if (this.#failed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stream.once('error', () => resolve());
      this.#stream.flush(() => resolve());
    });
  }

  #flush(): void {
    if (this.#lines === 0) return;
    const [text, lines] = [this.#text, this.#lines];
    this.#text = '';
    this.#lines = 0;
    if (this.#failed) count(ACCESS_LOG_DROPPED, [], lines);
    else this.#stream.write(text);
  }

  /** A full disk, a pipe without a reader: serving goes on without the log. */
  #fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#logger.error({ error: error.message }, 'the access log cannot be written; it is off now');
    this.#stream.destroy();
  }
}
