import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** What the benchmarks make and install; never committed. */
export const CACHE = join(ROOT, 'bench', '.cache');

/** Base path of a model that make_models.py made; the version is 1. */
export function benchModel(name: string): string {
  return join(CACHE, 'models', name);
}

/** A program of a baseline. */
export function serverFile(name: string): string {
  return join(ROOT, 'bench', 'load', 'servers', name);
}

/** The built command line. */
export const CLI = join(ROOT, 'dist', 'cli.js');
