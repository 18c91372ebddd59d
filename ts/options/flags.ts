import { ServingError } from '../errors.js';
import type { Options } from './options.js';
import {
  OPTION_NAMES,
  OPTIONS,
  type OptionName,
  type OptionSpec,
  type OptionValue,
  optionKey,
} from './options.js';

/** What a command line said. */
export interface ParsedFlags {
  /** Values by configuration key, only those that were given. */
  readonly values: Partial<Options>;
  /** `--config`: the configuration file; null when not given. */
  readonly config: string | null;
  /** True for `--help` or `-h`. */
  readonly help: boolean;
  /** True for `--version`. */
  readonly version: boolean;
}

/** What `--config` is for. */
export const CONFIG_DOC =
  'file with the same options, YAML or JSON; flags and variables go before it';

const TRUE = new Set(['true', '1', 'yes', 'on']);
const FALSE = new Set(['false', '0', 'no', 'off']);

/**
 * Reads flags as TensorFlow Serving spells them.
 *
 * `--rest_api_port=8501`, `--rest_api_port 8501`, `--rest-api-port 8501` and `-rest_api_port=8501` are one flag; a boolean is also `--flag`,
 * `--flag=false`, `--flag false` and `--noflag`; the last of a repeated flag wins.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` for an unknown flag (with the nearest name), a missing or malformed value, a stray argument.
 */
export function parseFlags(argv: readonly string[]): ParsedFlags {
  const values: Record<string, OptionValue> = {};
  let config: string | null = null;
  let help = false;
  let version = false;
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] as string;
    if (argument === '--') continue;
    if (argument === '-h' || argument === '--help') {
      help = true;
      continue;
    }
    if (argument === '--version') {
      version = true;
      continue;
    }
    const file = /^--?config(?:=(.*))?$/is.exec(argument);
    if (file !== null) {
      config = file[1] ?? argv[++i] ?? '';
      if (config === '') {
        throw new ServingError('INVALID_ARGUMENT', `--config needs a value: ${CONFIG_DOC}`);
      }
      continue;
    }
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(argument);
    if (match === null) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `unexpected argument "${argument}": flags start with --`,
      );
    }
    const [name, negated] = findFlag(match[1] as string);
    const spec: OptionSpec = OPTIONS[name];
    let value = match[2];
    if (spec.kind === 'boolean') {
      const next = argv[i + 1]?.toLowerCase();
      if (
        value === undefined &&
        next !== undefined &&
        !negated &&
        (TRUE.has(next) || FALSE.has(next))
      ) {
        value = next;
        i++;
      }
      values[optionKey(name)] = negated ? false : booleanValue(`--${name}`, value);
      continue;
    }
    if (value === undefined) {
      const next = argv[i + 1];
      // A negative number is a value; anything else that starts with a dash is the next flag.
      if (next === undefined || (next.startsWith('-') && !/^-\d/.test(next))) {
        throw new ServingError('INVALID_ARGUMENT', `--${name} needs a value: ${spec.doc}`);
      }
      value = next;
      i++;
    }
    values[optionKey(name)] = parseValue(name, value, `--${name}`);
  }
  return { values: values as Partial<Options>, config, help, version };
}

/**
 * Reads a value as it is written on a command line or in a variable.
 *
 * @param origin what is named in errors: the flag or the variable
 * @throws {ServingError} `INVALID_ARGUMENT` for text that is not of the option's kind
 */
export function parseValue(name: OptionName, value: string, origin: string): OptionValue {
  const spec: OptionSpec = OPTIONS[name];
  switch (spec.kind) {
    case 'number': {
      const number = Number(value);
      if (value.trim() === '' || Number.isNaN(number)) {
        throw new ServingError('INVALID_ARGUMENT', `${origin}: got "${value}", wanted a number`);
      }
      return number;
    }
    case 'boolean':
      return booleanValue(origin, value);
    case 'list':
      return value === '' ? [] : value.split(',').map((item) => item.trim());
    default:
      return value;
  }
}

function booleanValue(origin: string, value: string | undefined): boolean {
  if (value === undefined) return true;
  if (TRUE.has(value.toLowerCase())) return true;
  if (FALSE.has(value.toLowerCase())) return false;
  throw new ServingError('INVALID_ARGUMENT', `${origin}: got "${value}", wanted true or false`);
}

/** Finds the option a flag means, and whether the flag turns it off. */
function findFlag(written: string): readonly [OptionName, boolean] {
  const name = written.replaceAll('-', '_').toLowerCase();
  if (Object.hasOwn(OPTIONS, name)) return [name as OptionName, false];
  const positive = name.replace(/^no_?/, '');
  if (positive !== name && Object.hasOwn(OPTIONS, positive)) {
    if (OPTIONS[positive as OptionName].kind === 'boolean') return [positive as OptionName, true];
  }
  const near = nearest(name, OPTION_NAMES);
  const hint = near === null ? 'see --help' : `did you mean --${near}?`;
  throw new ServingError('INVALID_ARGUMENT', `unknown flag --${written}: ${hint}`);
}

/** The candidate with the fewest edits from `word`, or null when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = distance(word, candidate, least);
    if (edits < least) {
      least = edits;
      best = candidate;
    }
  }
  return best;
}

/** Edit distance with adjacent swaps; stops counting at `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? limit;
}

/** `--help` of the server's commands, one option a line, grouped. */
export function flagsHelp(): string {
  const groups = new Map<string, string[]>();
  for (const name of OPTION_NAMES) {
    const spec: OptionSpec = OPTIONS[name];
    const lines = groups.get(spec.group) ?? [];
    groups.set(spec.group, lines);
    lines.push(`  --${name.padEnd(44)} ${spec.doc}${defaultText(spec)}`);
  }
  const titles: Record<string, string> = {
    Accepted: 'Accepted for TensorFlow Serving command lines, with a warning when set',
  };
  groups.set('Configuration', [
    `  --${'config'.padEnd(44)} ${CONFIG_DOC}`,
    '  Every option is also a variable, SERVABLE_ and its name in capitals: SERVABLE_REST_API_PORT=8501.',
  ]);
  return [...groups]
    .map(([group, lines]) => `${titles[group] ?? group}:\n${lines.join('\n')}`)
    .join('\n\n');
}

function defaultText(spec: OptionSpec): string {
  if (spec.group === 'Accepted') return '';
  const choices = spec.kind === 'choice' ? `${spec.choices.join('|')}; ` : '';
  const unit = spec.kind === 'number' && spec.unit !== undefined ? ` ${spec.unit}` : '';
  const value = spec.kind === 'list' ? spec.default.join(',') : String(spec.default);
  return value === '' ? '' : ` (${choices}default ${value}${unit})`;
}
