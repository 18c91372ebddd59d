import { readFileSync } from 'node:fs';

let known: string | null = null;

/** The version of this package. */
export function packageVersion(): string {
  known ??= read();
  return known;
}

function read(): string {
  const file = new URL('../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version;
}
