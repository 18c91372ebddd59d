import { type ParseArgsConfig, parseArgs } from 'node:util';

type OptionsOf<T> = { options: T; strict: true; allowPositionals: false };

/** The options after an npm script's `--`. What it does not know ends the process with status 2 and one line that says so. */
export function readArguments<T extends NonNullable<ParseArgsConfig['options']>>(
  script: string,
  options: T,
): ReturnType<typeof parseArgs<OptionsOf<T>>>['values'] {
  try {
    return parseArgs<OptionsOf<T>>({ options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    refuse(script, (error as Error).message);
  }
}

/** A number above 0, or the end of the process. */
export function positive(script: string, name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  refuse(script, `--${name}: got "${text}", wanted a number above 0`);
}

/** Ends the process with one line about what was asked of it. */
export function refuse(script: string, message: string): never {
  process.stderr.write(`npm run ${script}: ${message}; --help lists the options\n`);
  process.exit(2);
}
