import { readFile } from 'node:fs/promises';
import type protobuf from 'protobufjs';
import textformat from 'protobufjs/ext/textformat.js';
import { ServingError } from '../errors.js';
import { type MessageType, toPlain } from './messages.js';

/**
 * Reads protobuf text format.
 *
 * @param source the file's name for error messages
 * @throws {ServingError} `INVALID_ARGUMENT` naming file, line and column; unknown fields are errors
 */
export function parseText<T>(type: MessageType<T>, text: string, source: string): T {
  const result = attempt(type.reflection, text);
  if (result.failure === null) return toPlain(type.reflection, result.message) as T;
  const where = place(type.reflection, text, result.failure);
  throw new ServingError(
    'INVALID_ARGUMENT',
    `Invalid protobuf file: '${source}': ${where}${withoutLine(result.failure.message)}`,
    { cause: result.failure },
  );
}

/**
 * Reads a file in protobuf text format.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming file, line and column, or why the file cannot be read
 */
export async function readTextFile<T>(type: MessageType<T>, path: string): Promise<T> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ServingError('INVALID_ARGUMENT', `Invalid protobuf file: '${path}': ${reason}`, {
      cause: error,
    });
  }
  return parseText(type, text, path);
}

/** Prints a message in protobuf text format, one field a line. */
export function printText<T extends object>(type: MessageType<T>, message: T): string {
  return textformat.toText(type.reflection, type.reflection.fromObject(message));
}

type Attempt = { failure: null; message: object } | { failure: Error };

function attempt(type: protobuf.Type, text: string): Attempt {
  try {
    return { failure: null, message: textformat.fromText(type, text) };
  } catch (error) {
    return { failure: error instanceof Error ? error : new Error(String(error)) };
  }
}

/**
 * The place of an error: the end of the shortest beginning of the text that fails the same way, because the parser gives at most a line.
 *
 * Empty when only the whole text fails like that.
 */
function place(type: protobuf.Type, text: string, { message }: Error): string {
  const fails = (length: number) =>
    attempt(type, text.slice(0, length)).failure?.message === message;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fails(middle)) high = middle;
    else low = middle + 1;
  }
  const before = text.slice(0, low).split('\n');
  if (low >= text.trimEnd().length && !/ \(line \d+\)$/.test(message)) return '';
  return `line ${before.length}, column ${Math.max(before.at(-1)?.length ?? 1, 1)}: `;
}

function withoutLine(message: string): string {
  return message.replace(/ \(line \d+\)$/, '').replace(/^\./, '');
}
