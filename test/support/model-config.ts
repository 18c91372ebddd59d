import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goldenFile, modelsDir } from './paths.js';

/** The models of the recorded answers: a file for `--model_config_file`, written into a folder of its own. */
export function goldenModelConfig(): string {
  const text = readFileSync(goldenFile('models.config'), 'utf8').replaceAll(
    '@MODELS@',
    modelsDir(),
  );
  return writeModelConfig(text);
}

/** Writes a ModelServerConfig in text format into a folder of its own; gives the file's path. */
export function writeModelConfig(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'servable-config-')), 'models.config');
  writeFileSync(path, text);
  return path;
}

/** The names in `goldenModelConfig`, for waiting until all are AVAILABLE. */
export const GOLDEN_MODELS = [
  'half_plus_two',
  'half_plus_three',
  'echo',
  'multi',
  'strings',
  'counter',
  'fails',
  'lookup',
  'image',
] as const;
