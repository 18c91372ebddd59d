import { posix } from 'node:path';
import { ServingError } from '../../errors.js';

/** Object stores and web servers that models are read from. */
export type RemoteScheme = 's3' | 'oss' | 'gs' | 'az' | 'http' | 'https';

const REMOTE: ReadonlySet<string> = new Set<RemoteScheme>([
  's3',
  'oss',
  'gs',
  'az',
  'http',
  'https',
]);
const ARCHIVE = /\.(zip|tar\.gz|tgz)$/i;

/** A place in a remote store. */
export interface RemoteLocation {
  readonly scheme: RemoteScheme;
  /** Bucket, container, or `host[:port]` of a web server. */
  readonly bucket: string;
  /** Key without slashes around it; for a web server the path as it stands in the URL, percent-encoded. */
  readonly path: string;
  /** `?…` of a web address, such as a signature; else empty. */
  readonly query: string;
  /** `user:password` of a web address; else empty. */
  readonly login: string;
}

/** The scheme of a URI in lower case, or `null` for a path. */
export function schemeOf(basePath: string): string | null {
  return /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(basePath)?.[1]?.toLowerCase() ?? null;
}

/** Whether a base path lies in a store that is reached over the network. */
export function isRemote(basePath: string): boolean {
  const scheme = schemeOf(basePath);
  return scheme !== null && REMOTE.has(scheme);
}

/**
 * Takes a URI such as `s3://bucket/models/m` apart.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` for another scheme or without a bucket
 */
export function parseRemote(uri: string): RemoteLocation {
  const scheme = schemeOf(uri);
  const rest = /^[^:]*:\/\/([^/?]*)\/?(.*)$/s.exec(uri);
  if (scheme === null || !REMOTE.has(scheme) || rest === null) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `${shown(uri)}: wanted a path, or a URI with one of ${[...REMOTE].join(', ')}`,
    );
  }
  const authority = rest[1] ?? '';
  if (authority === '') {
    throw new ServingError('INVALID_ARGUMENT', `${shown(uri)}: has no bucket or host`);
  }
  const web = scheme === 'http' || scheme === 'https';
  const [path = '', query = ''] = web ? split(rest[2] ?? '', '?') : [rest[2] ?? ''];
  const at = web ? authority.lastIndexOf('@') : -1;
  return {
    scheme: scheme as RemoteScheme,
    bucket: authority.slice(at + 1),
    path: path.replace(/^\/+|\/+$/g, ''),
    query: query === '' ? '' : `?${query}`,
    login: at < 0 ? '' : authority.slice(0, at),
  };
}

/** The URI of a child; `name` is a plain file name. */
export function childUri(uri: string, name: string): string {
  const scheme = schemeOf(uri);
  if (scheme !== 'http' && scheme !== 'https') return `${uri.replace(/\/+$/, '')}/${name}`;
  const [path = '', query = ''] = split(uri, '?');
  const child = `${path.replace(/\/+$/, '')}/${encodeURIComponent(name)}`;
  return query === '' ? child : `${child}?${query}`;
}

/** A URI fit for logs and answers: without login and query, which may be secrets. */
export function shown(uri: string): string {
  const scheme = schemeOf(uri);
  if (scheme !== 'http' && scheme !== 'https') return uri;
  return (split(uri, '?')[0] ?? '').replace(/\/\/[^/]*@/, '//');
}

/** Whether a path or URI names an archive that is unpacked. */
export function isArchive(path: string): boolean {
  const scheme = schemeOf(path);
  const web = scheme === 'http' || scheme === 'https';
  return ARCHIVE.test(web ? (split(path, '?')[0] ?? '') : path);
}

/** The name of an archive without `.zip`, `.tar.gz` or `.tgz`; other names stay as they are. */
export function archiveStem(name: string): string {
  return name.replace(ARCHIVE, '');
}

/**
 * Checks a name from a store or an archive before a file is written under it.
 *
 * @param origin what the name comes from, for the error
 * @returns the name with single forward slashes and none at its ends
 * @throws {ServingError} `FAILED_PRECONDITION` when it would lead out of its folder
 */
export function safeName(name: string, origin: string): string {
  const refuse = (why: string): never => {
    throw new ServingError(
      'FAILED_PRECONDITION',
      `${origin}: entry ${JSON.stringify(name)} ${why}; nothing of it was taken`,
    );
  };
  if (name.includes('\0')) refuse('has a NUL in its name');
  if (name.includes('\\')) refuse('has a backslash in its name');
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) refuse('is an absolute path');
  if (name.split('/').includes('..')) refuse('leads out of its folder with ".."');
  const clean = posix.normalize(name).replace(/\/+$/, '');
  if (clean.split('/').some((part) => Buffer.byteLength(part) > 255)) refuse('has too long a name');
  return clean === '.' ? '' : clean;
}

function split(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
