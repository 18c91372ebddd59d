import { readFileSync } from 'node:fs';
import { ServingError } from '../errors.js';
import { jsonValue, type Problem, parseYaml } from '../yaml-text.js';
import { nearest } from './flags.js';
import {
  OPTION_NAMES,
  OPTIONS,
  type OptionName,
  type OptionSpec,
  type Options,
  type OptionValue,
  optionKey,
  valueProblem,
} from './options.js';

/** What a configuration file says, and what is wrong with it. */
export interface ConfigFile {
  /** Values by configuration key, only those that are given and right. */
  readonly values: Partial<Options>;
  /** In the order they stand in the file. */
  readonly problems: readonly Problem[];
}

/** Editors look for it; it says nothing about the server. */
const SCHEMA_KEY = '$schema';

/**
 * Reads a configuration file: YAML or JSON, one option a key, named as its flag (`rest_api_port: 8501`).
 *
 * @throws {ServingError} `INVALID_ARGUMENT` with file, line and column of the first thing that is wrong, or why it cannot be read
 */
export function readConfigFile(path: string): Partial<Options> {
  const { values, problems } = parseConfigFile(readText(path));
  const [first, ...others] = problems;
  if (first === undefined) return values;
  const more =
    others.length === 0 ? '' : ` (and ${others.length} more: servable config check ${path})`;
  throw new ServingError('INVALID_ARGUMENT', `${problemLine(path, first)}${more}`);
}

/**
 * The text of a file.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming the file and why it cannot be read
 */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServingError('INVALID_ARGUMENT', `${path}: cannot be read: ${reason}`, { cause });
  }
}

/** One line for a problem, in the form that editors jump to: `servable.yaml:3:1: …`. */
export function problemLine(path: string, { line, column, message }: Problem): string {
  return `${path}:${line}:${column}: ${message}`;
}

/** Parses the text of a configuration file; never throws. */
export function parseConfigFile(text: string): ConfigFile {
  const yaml = parseYaml(text);
  if (yaml.problems.length > 0) return { values: {}, problems: yaml.problems };
  if (yaml.value === null) return { values: {}, problems: [] };
  if (typeof yaml.value !== 'object' || Array.isArray(yaml.value)) {
    const message = 'got no keys, wanted one option a line, such as "rest_api_port: 8501"';
    return { values: {}, problems: [{ ...yaml.placeOfValue([]), message }] };
  }
  const values: Record<string, OptionValue> = {};
  const problems: Problem[] = [];
  for (const [key, given] of Object.entries(yaml.value)) {
    if (key === SCHEMA_KEY) continue;
    if (!Object.hasOwn(OPTIONS, key)) {
      problems.push({ ...yaml.placeOf([key]), message: unknownKey(key) });
      continue;
    }
    const name = key as OptionName;
    const spec: OptionSpec = OPTIONS[name];
    const value = jsonValue(given);
    const problem = valueProblem(spec, value);
    if (problem === null) values[optionKey(name)] = value as OptionValue;
    else problems.push({ ...yaml.placeOfValue([key]), message: `${name}: ${problem}` });
  }
  return { values: values as Partial<Options>, problems };
}

function unknownKey(key: string): string {
  const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll('-', '_');
  const near = Object.hasOwn(OPTIONS, snake) ? snake : nearest(snake, OPTION_NAMES);
  return `unknown option "${key}": ${near === null ? 'see servable serve --help' : `did you mean ${near}?`}`;
}
