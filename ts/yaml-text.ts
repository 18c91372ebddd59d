import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
} from 'yaml';

/** A place in a text; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Something wrong in a text. */
export interface Problem extends Place {
  readonly message: string;
}

/** Keys and indexes that lead from the root of a document to a value. */
export type Path = readonly (string | number)[];

/** A parsed YAML or JSON document that knows where its values stand. */
export interface YamlText {
  /** Whole numbers are `bigint`, so that none loses digits; null for an empty document. */
  readonly value: unknown;
  /** Syntax errors and repeated keys; `value` says nothing where there are any. */
  readonly problems: readonly Problem[];
  /** Where a value stands: its key where it has one. */
  placeOf(path: Path): Place;
  /** Where a value itself stands, behind its key. */
  placeOfValue(path: Path): Place;
}

/** Aliases that stand for more than so many values are refused: a small text could grow without end. */
const MAX_ALIASES = 100;

/** Parses YAML, and so JSON too; never throws. */
export function parseYaml(text: string): YamlText {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter,
    intAsBigInt: true,
    prettyErrors: false,
    logLevel: 'error',
  });
  const at = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems: Problem[] = document.errors.map(({ message, pos }) => ({
    ...at(pos[0]),
    message: message.split('\n')[0] ?? '',
  }));
  let value: unknown = null;
  if (problems.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      problems.push({ ...at(0), message: error instanceof Error ? error.message : String(error) });
    }
  }
  return {
    value,
    problems,
    placeOf: (path) => at(offsetOf(document, path)),
    placeOfValue: (path) => at(valueOffset(document, path)),
  };
}

function valueOffset(document: Document, path: Path): number {
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  return (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0;
}

function offsetOf(document: Document, path: Path): number {
  const parent: unknown =
    path.length < 2 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isMap(parent)) {
    const last = String(path.at(-1));
    const pair = parent.items.find(
      (it) => isPair(it) && isScalar(it.key) && String(it.key.value) === last,
    );
    if (pair !== undefined && isScalar(pair.key)) return pair.key.range?.[0] ?? 0;
  }
  return isCollection(parent) ? valueOffset(document, path) : 0;
}

/**
 * The path of the value that makes a check fail: at each level the last value of the shortest beginning that fails.
 *
 * @param fails whether a value like the whole, but cut short, fails in the same way
 */
export function culprit(value: unknown, fails: (value: unknown) => boolean): Path {
  if (value === null || typeof value !== 'object') return [];
  const entries = Object.entries(value);
  for (let count = 1; count <= entries.length; count += 1) {
    const [key, item] = entries[count - 1] as [string, unknown];
    const before = entries.slice(0, count - 1);
    const whole = (last: unknown): unknown =>
      Array.isArray(value)
        ? [...before.map(([, it]) => it), last]
        : Object.fromEntries([...before, [key, last]]);
    if (!fails(whole(item))) continue;
    return [
      Array.isArray(value) ? Number(key) : key,
      ...culprit(item, (last) => fails(whole(last))),
    ];
  }
  return [];
}

/** A parsed value as JSON has it: a whole number that JavaScript would round is a text, which protobuf's JSON takes too. */
export function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (Array.isArray(value)) return value.map(jsonValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonValue(item)]));
}
