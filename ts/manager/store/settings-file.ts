import { readFileSync } from 'node:fs';

/** Where settings come from: the environment, and the user's home for files. */
export interface SettingsSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

/** The first of these variables that is set and not empty. */
export function variable({ env }: SettingsSource, ...names: string[]): string | null {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value !== undefined && value !== '') return value;
  }
  return null;
}

/** The text of a settings file, or `null` when it is not there or not for us to read. */
export function settingsText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES' || code === 'EISDIR')
      return null;
    throw error;
  }
}

/** One section of an INI file with its keys in lower case; empty when there is no such section. */
export function iniSection(text: string, section: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let current = '';
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const header = /^\[\s*(.*?)\s*\]$/.exec(line)?.[1];
    if (header !== undefined) {
      current = header;
      continue;
    }
    const at = line.indexOf('=');
    if (current !== section || at < 0) continue;
    const key = line.slice(0, at).trim().toLowerCase();
    const value = line
      .slice(at + 1)
      .replace(/\s[#;].*$/, '')
      .trim();
    // Lines that are indented belong to a nested setting such as `s3 =`.
    if (!/^\s/.test(raw)) values.set(key, value);
  }
  return values;
}

/** The options that are set. */
export function given(options: Readonly<Record<string, string | null>>): Record<string, string> {
  const entries = Object.entries(options).filter(
    (entry): entry is [string, string] => entry[1] !== null && entry[1] !== '',
  );
  return Object.fromEntries(entries);
}
