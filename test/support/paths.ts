import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The command line as `npm run build` leaves it. */
export const CLI = join(ROOT, 'dist', 'cli.js');

/** The bundled model, a base path with version 1. */
export const DEMO = join(ROOT, 'models', 'demo');

/** The base paths of the fixture models: one folder a model, its versions below. */
export function modelsDir(): string {
  return join(ROOT, 'test', 'fixtures', 'models');
}

/** The base path of one fixture model. */
export function modelDir(name: string): string {
  return join(modelsDir(), name);
}

/** A recorded answer file of TensorFlow Serving. */
export function goldenFile(name: string): string {
  return join(ROOT, 'test', 'fixtures', 'golden', name);
}
