import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { ServingError } from '../../errors.js';
import { bodyText } from '../bodies.js';
import { responseText } from '../log-line.js';
import { decodePredictionLog, type PredictionRecord } from '../prediction-log.js';
import { type LogKind, specOf } from '../request-spec.js';
import { readRecords } from '../tfrecord.js';

/** One request of a log, in whichever form the log has it; the other form is made when it is asked for. */
export interface LoggedRequest {
  readonly kind: LogKind;
  readonly model: string;
  /** The version that answered; null where the log does not say. */
  readonly version: bigint | null;
  /** When it was answered, in milliseconds since 1970; null where the log does not say. */
  readonly atMs: number | null;
  /** The time is known to the second only. */
  readonly isWholeSecond: boolean;
  /** The request message; null in a log of JSON lines. */
  readonly message: Buffer | null;
  /** The body of the REST API, or protobuf's JSON of a kind that REST has not. */
  body(): string;
  /** What was answered, as the JSON of the log's lines; null where the log does not say. */
  response(): string | null;
}

const KINDS: readonly string[] = ['classify', 'regress', 'multiInference', 'sessionRun', 'predict'];

/**
 * Reads the requests of a log, TFRecord or JSON lines: its first byte tells. Records without a request are left out.
 *
 * @throws {ServingError} `DATA_LOSS` or `INVALID_ARGUMENT` with the file, and record or line, for one that cannot be read
 */
export async function* readLog(path: string): AsyncGenerator<LoggedRequest> {
  if ((await firstByte(path)) === '{'.charCodeAt(0)) yield* readLines(path);
  else yield* readMessages(path);
}

async function firstByte(path: string): Promise<number | null> {
  try {
    const file = await open(path);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, 0);
      return bytesRead === 0 ? null : (buffer[0] ?? null);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new ServingError('NOT_FOUND', `${path}: ${(cause as Error).message}`, { cause });
  }
}

async function* readMessages(path: string): AsyncGenerator<LoggedRequest> {
  let number = 0;
  const records = readRecords(path);
  for (;;) {
    number += 1;
    let record: PredictionRecord | null = null;
    try {
      const next = await records.next();
      if (next.done) return;
      record = decodePredictionLog(next.value);
    } catch (cause) {
      throw at(path, `record ${number}`, cause);
    }
    if (record !== null) yield fromRecord(record);
  }
}

function fromRecord(record: PredictionRecord): LoggedRequest {
  const { metadata, kind, request } = record;
  const seconds = Number(metadata.timestampSecs ?? 0n);
  const { modelSpec } = metadata;
  return {
    kind,
    model: specOf(kind, request).name || (modelSpec?.name ?? ''),
    version: modelSpec?.version?.value ?? null,
    atMs: seconds === 0 ? null : seconds * 1000,
    isWholeSecond: true,
    message: request,
    body: () => bodyText(kind, request),
    response: () => (record.response === null ? null : responseText(kind, record.response)),
  };
}

/** What a line of the log says, as far as a replay needs it. */
interface Line {
  readonly time?: string;
  readonly model: string;
  readonly version?: string;
  readonly signature?: string;
  readonly method: string;
  readonly request: object;
  readonly response?: object | null;
}

async function* readLines(path: string): AsyncGenerator<LoggedRequest> {
  let number = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: 1e9 })) {
    number += 1;
    if (text.trim() === '') continue;
    try {
      yield fromLine(text);
    } catch (cause) {
      throw at(path, `line ${number}`, cause);
    }
  }
}

function fromLine(text: string): LoggedRequest {
  const line = JSON.parse(text) as Line;
  if (!KINDS.includes(line.method) || typeof line.model !== 'string') {
    throw new ServingError('INVALID_ARGUMENT', 'not a line of a request log');
  }
  const kind = line.method as LogKind;
  // The texts themselves, because parsing would change large integers and floats of whole numbers.
  const { request, response } = parts(text);
  const name = JSON.stringify(line.signature ?? '');
  const hasOwnSpec = kind === 'multiInference' || kind === 'sessionRun';
  const isEmpty = request.trim() === '{}';
  const signed = `{"signature_name":${name}${isEmpty ? '' : ','}${request.slice(1)}`;
  const atMs = line.time === undefined ? Number.NaN : Date.parse(line.time);
  return {
    kind,
    model: line.model,
    version: /^-?\d+$/.test(line.version ?? '') ? BigInt(line.version ?? '0') : null,
    atMs: Number.isNaN(atMs) ? null : atMs,
    isWholeSecond: false,
    message: null,
    body: () => (hasOwnSpec || line.signature === undefined ? request : signed),
    response: () => (line.response == null ? null : response),
  };
}

/** The texts of `request` and `response`, which are the last two members, in this order. */
function parts(line: string): { request: string; response: string } {
  const start = line.indexOf(',"request":') + ',"request":'.length;
  const end = endOfObject(line, start);
  const rest = line.slice(end).replace(/^,"response":/, '');
  return { request: line.slice(start, end), response: rest.slice(0, rest.lastIndexOf('}')) };
}

/** Where the object that begins at `start` ends. */
function endOfObject(text: string, start: number): number {
  let depth = 0;
  let isText = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (isText) {
      if (character === '\\') at += 1;
      else if (character === '"') isText = false;
    } else if (character === '"') isText = true;
    else if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  throw new ServingError('INVALID_ARGUMENT', 'not a line of a request log');
}

function at(path: string, where: string, cause: unknown): ServingError {
  const code = cause instanceof ServingError ? cause.code : 'INVALID_ARGUMENT';
  return new ServingError(code, `${path}: ${where}: ${(cause as Error).message}`, { cause });
}
