import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../support/paths.js';

/** The folder with what operators deploy. */
export const DEPLOY = join(ROOT, 'deploy');

/** The entry script that the images install as /usr/bin/tf_serving_entrypoint.sh. */
export const ENTRYPOINT = join(DEPLOY, 'docker', 'tf_serving_entrypoint.sh');

/** The command that the images install as /usr/bin/tensorflow_model_server. */
export const MODEL_SERVER = join(DEPLOY, 'docker', 'tensorflow_model_server');

/** Whether a program is on PATH. */
export function installed(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', program]).status === 0;
}

/** Every file below deploy/ whose name ends so, relative to it, sorted. */
export function deployFiles(ending: string): string[] {
  return readdirSync(DEPLOY, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .sort();
}

/** A file below deploy/. */
export function deployText(file: string): string {
  return readFileSync(join(DEPLOY, file), 'utf8');
}

/** A YAML file's documents as plain values; fails on a syntax error or a doubled key. */
export function yamlDocuments(file: string): unknown[] {
  return parseAllDocuments(deployText(file), { merge: true, uniqueKeys: true }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${file}: ${error.message}`);
    return document.toJS() as unknown;
  });
}

type Path = readonly (string | number)[];

/** What stands at a path of keys and indices in a parsed document; undefined where the path leads nowhere. */
export function at(value: unknown, ...path: Path): unknown {
  let place = value;
  for (const step of path) {
    if (typeof place !== 'object' || place === null) return undefined;
    place = (place as Record<string | number, unknown>)[step];
  }
  return place;
}

/** The list at a path. */
export function listAt(value: unknown, ...path: Path): unknown[] {
  const found = at(value, ...path);
  if (!Array.isArray(found)) throw new Error(`${path.join('.')}: not a list`);
  return found;
}

/** The text at a path. */
export function textAt(value: unknown, ...path: Path): string {
  const found = at(value, ...path);
  if (typeof found !== 'string') throw new Error(`${path.join('.')}: not a text`);
  return found;
}

/** A copy with another value at a path, or without what stood there where the value is undefined. */
export function changed(document: unknown, path: Path, value: unknown): unknown {
  const copy: unknown = structuredClone(document);
  const last = path.at(-1);
  const parent = at(copy, ...path.slice(0, -1));
  if (last === undefined || typeof parent !== 'object' || parent === null) {
    throw new Error(`${path.join('.')}: nothing to change`);
  }
  const fields = parent as Record<string | number, unknown>;
  if (value === undefined) delete fields[last];
  else fields[last] = value;
  return copy;
}

/** One instruction of a Dockerfile, its continued lines joined. */
export interface Instruction {
  /** Upper case, as in `FROM`. */
  readonly name: string;
  readonly rest: string;
}

/** A Dockerfile's instructions without comments, in order. */
export function dockerInstructions(text: string): Instruction[] {
  const joined = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, ' ');
  return joined
    .split('\n')
    .map((line) => /^\s*([A-Za-z]+)\s+(.*\S)\s*$/.exec(line))
    .filter((match) => match !== null)
    .map((match) => ({ name: (match[1] as string).toUpperCase(), rest: match[2] as string }));
}
