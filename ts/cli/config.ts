import { extname } from 'node:path';
import type { Command } from 'commander';
import { ServingError, toServingError } from '../errors.js';
import { parseConfigFile, problemLine, readText } from '../options/config-file.js';
import { optionSchemaText } from '../options/option-schema.js';
import { resolveOptions } from '../options/options.js';

const HELP = `
FILE is a configuration file (servable serve --config) or a model config file (--model_config_file): one whose name does not end in
.yaml, .yml or .json, or that begins with model_config_list, is taken for the second. Ends with 1 when anything is wrong.`;

/** Adds `servable config`. */
export function registerConfig(program: Command): void {
  const config = program.command('config').description('check configuration files');
  config
    .command('check')
    .description('say what is wrong with a file, by line and column')
    .argument('<file>', 'the file')
    .addHelpText('after', HELP)
    .action(async (file: string) => {
      const problems = await checkFile(file);
      for (const problem of problems) process.stderr.write(`${problem}\n`);
      if (problems.length > 0) throw failure(file, problems.length);
      process.stdout.write(`${file}: good\n`);
    });
  config
    .command('schema')
    .description('print the JSON schema of configuration files')
    .action(() => {
      process.stdout.write(optionSchemaText());
    });
}

/** What is wrong with a configuration file or a model config file, one line each; empty when it is good. */
export async function checkFile(path: string): Promise<string[]> {
  const text = readText(path);
  const ending = extname(path).toLowerCase();
  const isYaml = ['.yaml', '.yml', '.json'].includes(ending);
  if (!isYaml || /^\s*\{?\s*["']?(?:model_config_list|modelConfigList)\b/m.test(text)) {
    return checkModelConfig(path);
  }
  const { values, problems } = parseConfigFile(text);
  const lines = problems.map((problem) => problemLine(path, problem));
  if (lines.length > 0) return lines;
  try {
    const { options } = resolveOptions(values);
    const { checkSecurity } = await import('../security/security.js');
    await checkSecurity(options);
  } catch (error) {
    return [`${path}: ${toServingError(error).message}`];
  }
  // What the file leads to is checked too: the server would read it next.
  return values.modelConfigFile ? checkModelConfig(values.modelConfigFile) : [];
}

async function checkModelConfig(path: string): Promise<string[]> {
  const [{ readModelConfigFile }, { checkConfigs }] = await Promise.all([
    import('../manager/source/model-config.js'),
    import('../manager/config-check.js'),
  ]);
  try {
    checkConfigs(await readModelConfigFile(path), {
      current: new Map(),
      initial: true,
      isAvailable: () => true,
      allowUnavailableLabels: true,
    });
    return [];
  } catch (error) {
    const { message } = toServingError(error);
    const placed = /^Invalid protobuf file: '(.*)': line (\d+), column (\d+): (.*)$/s.exec(message);
    return [
      placed === null ? `${path}: ${message}` : `${placed.slice(1, 4).join(':')}: ${placed[4]}`,
    ];
  }
}

function failure(file: string, count: number): ServingError {
  return new ServingError(
    'INVALID_ARGUMENT',
    `${file}: ${count} ${count === 1 ? 'problem' : 'problems'}`,
  );
}
