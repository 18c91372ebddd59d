import { ServingError } from './errors.js';

/** Which proxies requests go through, as `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say. */
export interface ProxyRules {
  /** For https targets, or null. */
  readonly httpsProxy: string | null;
  /** For http targets, or null. */
  readonly httpProxy: string | null;
  /** Hosts that are reached directly. */
  readonly noProxy: readonly string[];
}

/**
 * The rules of an environment; lower-case names go first, as everywhere.
 *
 * @param otherwise a proxy for both where the environment names none
 * @throws {ServingError} `INVALID_ARGUMENT` for a proxy that is no http or https URL
 */
export function proxyRules(
  env: Readonly<Record<string, string | undefined>>,
  otherwise?: string,
): ProxyRules {
  const all = env.ALL_PROXY ?? env.all_proxy ?? otherwise;
  return {
    httpsProxy: proxyOf(env.https_proxy, env.HTTPS_PROXY, all),
    httpProxy: proxyOf(env.http_proxy, env.HTTP_PROXY, all),
    noProxy: (env.no_proxy ?? env.NO_PROXY ?? '').split(/[\s,]+/).filter((host) => host !== ''),
  };
}

function proxyOf(...values: (string | undefined)[]): string | null {
  const value = values.find((candidate) => candidate !== undefined && candidate !== '');
  if (value === undefined) return null;
  const url = value.includes('://') ? value : `http://${value}`;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `proxy: expected http://host:port or https://host:port, got "${redact(value)}"`,
    );
  }
  return url;
}

/** The proxy to reach `url` through, or null for a direct connection. */
export function proxyFor(url: URL, rules: ProxyRules): string | null {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  for (const rule of rules.noProxy) {
    if (rule === '*') return null;
    const [, name = rule, rulePort] = /^(.*?)(?::(\d+))?$/.exec(rule) ?? [];
    if (rulePort !== undefined && rulePort !== port) continue;
    const suffix = name.toLowerCase().replace(/^\*?\./, '');
    if (host === suffix || host.endsWith(`.${suffix}`)) return null;
  }
  return url.protocol === 'https:' ? rules.httpsProxy : rules.httpProxy;
}

/** The value of an `authorization` header for the user and password of a URL, or null when it has none. */
export function basicAuth(url: URL): string | null {
  if (url.username === '') return null;
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** A URL without user, password and query: fit for messages and logs. */
export function redact(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/\?.*$/, '');
}
