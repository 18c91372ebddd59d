import type { Init, LogMetadata } from '../codec/messages.js';
import { Code, type CodeName, type CodeNumber, toServingError } from '../errors.js';
import type { LoggingRule } from '../manager/logging-rule.js';
import type { Captured } from './captured.js';
import { convert } from './convert.js';
import { logLine } from './log-line.js';
import { encodePredictionLog, type PredictionRecord } from './prediction-log.js';
import { type Redaction, type RedactionStyle, redact } from './redact.js';
import type { RotatingFile, RotationLimits } from './rotating-file.js';
import { frameRecord } from './tfrecord.js';

/** How the writer works. Can be sent to another thread. */
export interface LogWriterSettings {
  readonly limits: RotationLimits;
  /** Names to redact, each for every model or, as `model:name`, for one. */
  readonly redact: readonly string[];
  readonly redaction: RedactionStyle;
}

/** What the writer tells of a model's requests. */
export type CountLogged = (model: string, code: CodeNumber, count: number) => void;

/** What the writer works with; tests hand in their own. */
export interface LogWriterDeps {
  readonly count: CountLogged;
  /** One line for the server's log. */
  readonly warn: (fields: Readonly<Record<string, unknown>>, text: string) => void;
  readonly now: () => number;
  readonly file: (prefix: string, ending: string) => RotatingFile;
  /** Of hashed values; another one each time the server starts. */
  readonly key: Uint8Array;
}

/** Records wait for one another until so many bytes are there… */
const FLUSH_BYTES = 256 * 1024;
/** …and a disk that refuses is left alone for a while. */
const PAUSE_MS = 1000;
const WARN_EVERY_MS = 60_000;

/** A file being written, with what waits for it. */
interface Stream {
  readonly file: RotatingFile;
  waiting: Buffer[];
  waitingBytes: number;
  /** Records in `waiting`, by model. */
  counts: Map<string, number>;
  /** Refused before: not tried again until then. */
  pausedUntil: number;
  warnedAt: number;
}

/** Writes captured requests to files, as their models' rules say. Belongs to a thread of its own, because it waits for the disk. */
export class LogWriter {
  readonly #settings: LogWriterSettings;
  readonly #deps: LogWriterDeps;
  readonly #streams = new Map<string, Stream>();
  #rules: ReadonlyMap<string, LoggingRule> = new Map();
  #redactions = new Map<string, Redaction>();

  constructor(settings: LogWriterSettings, deps: LogWriterDeps) {
    this.#settings = settings;
    this.#deps = deps;
  }

  /** Follows other rules from now on; files that none names any more are ended. */
  setRules(rules: readonly LoggingRule[]): void {
    this.flush();
    this.#rules = new Map(rules.map((rule) => [rule.model, rule]));
    this.#redactions = new Map();
    const wanted = new Set(rules.map(streamKey));
    for (const [key, { file }] of this.#streams) {
      if (wanted.has(key)) continue;
      file.close();
      this.#streams.delete(key);
    }
  }

  /** Takes one request; it is on the disk after the next `flush`. Never throws. */
  add(captured: Captured): void {
    const rule = this.#rules.get(captured.model);
    // Captured before a reload that ended its logging.
    if (rule === undefined) return;
    const stream = this.#stream(rule);
    try {
      const bytes = this.#encoded(captured, rule);
      stream.waiting.push(bytes);
      stream.waitingBytes += bytes.length;
      stream.counts.set(rule.model, (stream.counts.get(rule.model) ?? 0) + 1);
    } catch (error) {
      const { code, message } = toServingError(error);
      this.#deps.count(rule.model, Code[code], 1);
      this.#warn(stream, { model: rule.model, code, error: message }, 'request not logged');
      return;
    }
    if (stream.waitingBytes >= FLUSH_BYTES) this.#write(stream);
  }

  /** Writes what waits, ends files that are due and deletes old ones. */
  flush(): void {
    for (const stream of this.#streams.values()) {
      this.#write(stream);
      stream.file.tend();
    }
  }

  /** Writes what waits and ends all files. */
  close(): void {
    this.flush();
    for (const { file } of this.#streams.values()) file.close();
    this.#streams.clear();
  }

  #encoded(captured: Captured, rule: LoggingRule): Buffer {
    const { signatureName, ...converted } = convert(captured);
    const redaction = this.#redaction(rule.model);
    const metadata = logMetadata(captured, rule, signatureName);
    const record: PredictionRecord = redact({ ...converted, metadata }, redaction);
    if (rule.format === 'tfrecord') return frameRecord(encodePredictionLog(record));
    const line = logLine(record, {
      atMs: captured.atMs,
      protocol: captured.method.startsWith('rest.') ? 'rest' : 'grpc',
      redacted: [...redaction.names],
    });
    return Buffer.from(`${line}\n`);
  }

  #redaction(model: string): Redaction {
    const known = this.#redactions.get(model);
    if (known !== undefined) return known;
    const { redact: names, redaction: style } = this.#settings;
    const own = `${model}:`;
    const mine = names.flatMap((name) => {
      if (name.startsWith(own)) return [name.slice(own.length)];
      return name.includes(':') ? [] : [name];
    });
    const redaction = { names: new Set(mine), style, key: this.#deps.key };
    this.#redactions.set(model, redaction);
    return redaction;
  }

  #stream(rule: LoggingRule): Stream {
    const key = streamKey(rule);
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      const file = this.#deps.file(rule.prefix, rule.format);
      stream = {
        file,
        waiting: [],
        waitingBytes: 0,
        counts: new Map(),
        pausedUntil: 0,
        warnedAt: Number.NEGATIVE_INFINITY,
      };
      this.#streams.set(key, stream);
    }
    return stream;
  }

  #write(stream: Stream): void {
    const { file, waiting, counts } = stream;
    if (waiting.length === 0) return;
    stream.waiting = [];
    stream.waitingBytes = 0;
    stream.counts = new Map();
    let code: CodeName = 'OK';
    const now = this.#deps.now();
    if (now < stream.pausedUntil) code = 'UNAVAILABLE';
    else {
      try {
        file.append(waiting.length === 1 ? (waiting[0] as Buffer) : Buffer.concat(waiting));
      } catch (error) {
        code = diskCode(error);
        stream.pausedUntil = now + PAUSE_MS;
        const reason = error instanceof Error ? error.message : String(error);
        this.#warn(
          stream,
          { code, error: reason },
          'request log cannot be written; serving goes on',
        );
      }
    }
    for (const [model, count] of counts) this.#deps.count(model, Code[code], count);
  }

  /** At most one line a minute of each file. */
  #warn(stream: Stream, fields: Readonly<Record<string, unknown>>, text: string): void {
    const now = this.#deps.now();
    if (now - stream.warnedAt < WARN_EVERY_MS) return;
    stream.warnedAt = now;
    this.#deps.warn(fields, text);
  }
}

function streamKey({ format, prefix }: LoggingRule): string {
  return `${format} ${prefix}`;
}

function logMetadata(
  { model, version, atMs }: Captured,
  rule: LoggingRule,
  signatureName: string,
): Init<LogMetadata> {
  return {
    modelSpec: { name: model, version: { value: version }, signatureName },
    samplingConfig: rule.sampling,
    savedModelTags: [...rule.tags],
    timestampSecs: BigInt(Math.floor(atMs / 1000)),
    dc: rule.dc,
  };
}

/** The code that a failure to write is counted as. */
function diskCode(error: unknown): CodeName {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
    case 'EMFILE':
    case 'ENFILE':
      return 'RESOURCE_EXHAUSTED';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'PERMISSION_DENIED';
    // A file stands where a folder should.
    case 'EEXIST':
    case 'ENOENT':
    case 'ENOTDIR':
      return 'NOT_FOUND';
    default:
      return 'UNKNOWN';
  }
}
