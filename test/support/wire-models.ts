import { join } from 'node:path';
import { writeModelConfig } from './model-config.js';
import { modelDir, ROOT } from './paths.js';

/** A base path below test/fixtures/wire. */
export function wireModel(name: string): string {
  return join(ROOT, 'test', 'fixtures', 'wire', name);
}

/** The models of test/fixtures/wire. */
export const WIRE_MODELS = [
  'half_plus_three',
  'half_plus_two',
  'words',
  'matrices',
  'readings',
  'objects',
  'defaults',
  'slow',
] as const;

/** A `--model_config_file` of every wire model and of the named fixture models beside them. */
export function wireModelConfig(...fixtures: readonly string[]): string {
  const entries = [
    ...WIRE_MODELS.map((name) => [name, wireModel(name)] as const),
    ...fixtures.map((name) => [name, modelDir(name)] as const),
  ];
  const list = entries.map(
    ([name, path]) =>
      `  config { name: "${name}" base_path: "${path}" model_platform: "tensorflow" }\n`,
  );
  return writeModelConfig(`model_config_list {\n${list.join('')}}\n`);
}
