import { readFileSync, statSync } from 'node:fs';
import { ServingError } from '../errors.js';
import type { Logger } from '../logger.js';
import { TokenTable } from './token-table.js';
import { type Watch, watchFiles, worldReadable } from './watch.js';

/** A tokens file as it is now, and what its owner should be told. */
export interface ReadTokens {
  readonly table: TokenTable;
  readonly warnings: readonly string[];
}

/**
 * Reads a tokens file.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` names the file and what is wrong with it
 */
export function readTokenFile(path: string): ReadTokens {
  const document = readTokenDocument(path);
  const table = new TokenTable(document, path);
  const warning = worldReadable(path, statSync(path));
  return { table, warnings: warning === null ? [] : [warning] };
}

/** The JSON of a tokens file, not checked. */
export function readTokenDocument(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServingError('INVALID_ARGUMENT', `tokens file ${path}: ${reason}`, { cause });
  }
}

/** A tokens file that is read again whenever it changes. A file that cannot be used leaves the last good one in force. */
export class TokenFile {
  #table: TokenTable;
  readonly #watch: Watch;

  /** @throws {ServingError} `INVALID_ARGUMENT` the file cannot be used as it is now */
  constructor(path: string, pollMs: number, logger: Logger) {
    const { table } = readTokenFile(path);
    this.#table = table;
    this.#watch = watchFiles([path], pollMs, () => {
      try {
        const read = readTokenFile(path);
        this.#table = read.table;
        logger.info({ path, tokens: read.table.size }, 'tokens file read again');
        for (const warning of read.warnings) logger.warn({}, warning);
      } catch (error) {
        const { message } = error as Error;
        logger.error({ path, error: message }, 'tokens file not taken: the last good one stays');
      }
    });
  }

  /** What is in force. */
  get table(): TokenTable {
    return this.#table;
  }

  close(): void {
    this.#watch.close();
  }
}
