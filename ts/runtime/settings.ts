import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ServingError } from '../errors.js';
import { type ProxyRules, proxyRules } from '../proxy.js';

/** The package index asked when nothing else is configured: pip's own default. */
const DEFAULT_INDEX = 'https://pypi.org/simple';

/** How to reach the package index, gathered from options, environment and pip's files. */
export interface NetworkSettings extends ProxyRules {
  /** Simple index (PEP 503/691) without a trailing slash; may hold a user and password. */
  readonly indexUrl: string;
  /** Where `indexUrl` was found, for the user: `--index-url`, `PIP_INDEX_URL`, a file … */
  readonly indexFrom: string;
  /** PEM files with certificates to trust beside Node's own. */
  readonly caFiles: readonly string[];
}

type Env = Readonly<Record<string, string | undefined>>;

/** Reads the `[global]` and `[install]` keys of a pip.conf; a missing or unreadable file has none. */
function readPipFile(path: string): Map<string, string> {
  const values = new Map<string, string>();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return values;
    throw error;
  }
  let section = '';
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    const heading = /^\[(.+)\]$/.exec(line);
    if (heading?.[1] !== undefined) section = heading[1].trim();
    else if (section === 'global' || section === 'install') {
      const pair = /^([^#;=:]+?)\s*[=:]\s*(\S.*)$/.exec(line);
      if (pair?.[1] !== undefined && pair[2] !== undefined) {
        values.set(pair[1].replaceAll('_', '-'), pair[2].trim());
      }
    }
  }
  return values;
}

/** pip's configuration files, weakest first, as `pip config debug` lists them. */
function pipFiles(env: Env): string[] {
  const home = env.HOME ?? homedir();
  const files = ['/etc/xdg/pip/pip.conf', '/etc/pip.conf', join(home, '.pip', 'pip.conf')];
  if (process.platform === 'darwin') {
    files.push(join(home, 'Library', 'Application Support', 'pip', 'pip.conf'));
  }
  files.push(join(env.XDG_CONFIG_HOME || join(home, '.config'), 'pip', 'pip.conf'));
  if (env.VIRTUAL_ENV) files.push(join(env.VIRTUAL_ENV, 'pip.conf'));
  if (env.PIP_CONFIG_FILE) files.push(env.PIP_CONFIG_FILE);
  return files;
}

/** The first of uv's space-separated indexes, each `URL` or `name=URL`. */
function firstUvIndex(value: string | undefined): string | undefined {
  const first = value?.trim().split(/\s+/)[0];
  return first?.replace(/^[A-Za-z0-9_-]+=(?=https?:)/, '');
}

function chooseIndex(
  option: string | null,
  env: Env,
  fromFile: { url: string; file: string } | null,
): { indexUrl: string; indexFrom: string } {
  const sources: readonly (readonly [string | null | undefined, string])[] = [
    [option, '--index-url'],
    [env.PIP_INDEX_URL, 'PIP_INDEX_URL'],
    [env.UV_DEFAULT_INDEX?.replace(/^[A-Za-z0-9_-]+=(?=https?:)/, ''), 'UV_DEFAULT_INDEX'],
    [env.UV_INDEX_URL, 'UV_INDEX_URL'],
    [firstUvIndex(env.UV_INDEX), 'UV_INDEX'],
    [fromFile?.url, fromFile?.file ?? 'pip.conf'],
    [DEFAULT_INDEX, 'the default'],
  ];
  for (const [url, from] of sources) {
    if (!url) continue;
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw new ServingError('INVALID_ARGUMENT', `${from}: expected an http(s) URL, got "${url}"`);
    }
    return { indexUrl: url.replace(/\/+$/, ''), indexFrom: from };
  }
  throw new ServingError('INTERNAL', 'no package index');
}

/**
 * Gathers the network settings pip and uv would use, so that a machine set up for them needs nothing more.
 *
 * `indexUrl` is the `--index-url` option or null.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` when a URL cannot be used.
 */
export function networkSettings(indexUrl: string | null, env: Env): NetworkSettings {
  const pip = new Map<string, string>();
  let indexFile: { url: string; file: string } | null = null;
  for (const file of pipFiles(env)) {
    for (const [key, value] of readPipFile(file)) {
      pip.set(key, value);
      if (key === 'index-url') indexFile = { url: value, file };
    }
  }
  const files = [env.SSL_CERT_FILE, env.NODE_EXTRA_CA_CERTS, env.PIP_CERT, pip.get('cert')];
  return {
    ...chooseIndex(indexUrl, env, indexFile),
    caFiles: [...new Set(files.filter((file): file is string => Boolean(file)))],
    ...proxyRules(env, env.PIP_PROXY ?? pip.get('proxy')),
  };
}
