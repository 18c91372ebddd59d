import { type Logger as Pino, pino } from 'pino';
import { LevelControl, type LevelName, levelNumber } from './log-level.js';
import { surviveLostOutput } from './lost-output.js';

/** Fields of one log line; never tensors, bodies or tokens. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the parts of the server log through: one line an event. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  fatal(fields: LogFields, message: string): void;
  /** A logger whose lines all carry `fields`. */
  child(fields: LogFields): Logger;
}

/** How log lines are written. */
export interface LoggerOptions {
  readonly level: LevelName | LevelControl;
  /** `auto` is text on a terminal and JSON elsewhere. */
  readonly format: 'auto' | 'text' | 'json';
  /** Where lines go: standard error, unless a test collects them. */
  readonly write?: (line: string) => void;
}

const LEVELS: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** Makes the process's logger. Lines are written at once, so that none is lost when the process ends. */
export function createLogger(options: LoggerOptions): Logger {
  const write = options.write ?? writeToStandardError;
  const text = options.format === 'text' || (options.format === 'auto' && process.stderr.isTTY);
  const colour = text && options.write === undefined && process.stderr.isTTY && useColour();
  const stream = { write: text ? (line: string) => write(textLine(line, colour)) : write };
  const level =
    options.level instanceof LevelControl ? options.level : new LevelControl(options.level);
  return adapt(pino({ level: 'trace', base: null }, stream), level);
}

function writeToStandardError(line: string): void {
  surviveLostOutput();
  process.stderr.write(line);
}

function useColour(): boolean {
  return process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb';
}

function adapt(logger: Pino, level: LevelControl): Logger {
  const at =
    (name: 'debug' | 'info' | 'warn' | 'error' | 'fatal') =>
    (fields: LogFields, message: string): void => {
      if (level.allows(levelNumber(name))) logger[name](fields, message);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: (fields) => adapt(logger.child(fields), level),
  };
}

/** One line for people: time, level, message, then the fields as `key=value`. */
function textLine(json: string, colour: boolean): string {
  const { level, time, msg, err, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const name = LEVELS[Number(level)] ?? 'INFO';
  const clock = new Date(Number(time)).toISOString().slice(11, 23);
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${fieldText(value)}`);
  const stack = (err as { stack?: unknown } | undefined)?.stack;
  const tail = typeof stack === 'string' ? `\n${stack}` : '';
  const line = [msg, ...pairs].join('  ');
  if (!colour) return `${clock} ${name.padEnd(5)} ${line}${tail}\n`;
  const paint = Number(level) >= 50 ? 31 : Number(level) === 40 ? 33 : 36;
  return `\u001b[2m${clock}\u001b[0m \u001b[${paint}m${name.padEnd(5)}\u001b[0m ${line}${tail}\n`;
}

function fieldText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** A logger that writes nothing, for the library and for tests. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  child: () => silentLogger,
};
