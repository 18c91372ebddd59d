import { ServingError } from '../errors.js';
import { redact } from '../proxy.js';
import { type HttpClient, readBody } from './http.js';

/** One file of a project, as the index lists it. */
export interface IndexFile {
  readonly filename: string;
  readonly url: string;
  /** Of the whole file, hex; null when the index gives none. */
  readonly sha256: string | null;
  /** Bytes; null when the index does not say. */
  readonly size: number | null;
  readonly yanked: boolean;
}

const ACCEPT =
  'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';
const MAX_INDEX_BYTES = 64 * 1024 * 1024;

interface SimpleFile {
  filename?: unknown;
  url?: unknown;
  hashes?: { sha256?: unknown };
  size?: unknown;
  yanked?: unknown;
}

function fromJson(text: string, base: string): IndexFile[] {
  const { files } = JSON.parse(text) as { files?: unknown };
  if (!Array.isArray(files)) throw new Error('no "files"');
  return (files as SimpleFile[]).flatMap((file) => {
    if (typeof file.filename !== 'string' || typeof file.url !== 'string') return [];
    const sha256 = file.hashes?.sha256;
    return {
      filename: file.filename,
      url: new URL(file.url, base).href,
      sha256: typeof sha256 === 'string' ? sha256.toLowerCase() : null,
      size: typeof file.size === 'number' ? file.size : null,
      yanked: file.yanked !== undefined && file.yanked !== false,
    };
  });
}

function unescapeHtml(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

/** Reads the older HTML form, which many company mirrors still serve. */
function fromHtml(text: string, base: string): IndexFile[] {
  const files: IndexFile[] = [];
  for (const [, attributes = '', label = ''] of text.matchAll(/<a\b([^>]*)>([^<]*)<\/a>/gi)) {
    const href = /\bhref\s*=\s*"([^"]*)"|\bhref\s*=\s*'([^']*)'/i.exec(attributes);
    if (href === null) continue;
    const url = new URL(unescapeHtml(href[1] ?? href[2] ?? ''), base);
    const sha256 = /^#sha256=([0-9a-f]{64})/i.exec(url.hash)?.[1]?.toLowerCase() ?? null;
    url.hash = '';
    const yanked = /\bdata-yanked\b/i.test(attributes);
    files.push({ filename: unescapeHtml(label).trim(), url: url.href, sha256, size: null, yanked });
  }
  return files;
}

/**
 * Lists a project's files (PEP 691 JSON, or PEP 503 HTML where the index has no JSON).
 *
 * @throws {ServingError} `NOT_FOUND` when the index has no such project, `PERMISSION_DENIED` when it wants a password,
 * `UNAVAILABLE` when it cannot be reached or read.
 */
export async function listFiles(
  client: HttpClient,
  indexUrl: string,
  project: string,
): Promise<IndexFile[]> {
  const url = `${indexUrl}/${project}/`;
  const reply = await client.get(url, { headers: { accept: ACCEPT } });
  const body = await readBody(reply, MAX_INDEX_BYTES);
  if (reply.status === 404) {
    throw new ServingError('NOT_FOUND', `${redact(url)}: the index has no project ${project}`);
  }
  if (reply.status === 401 || reply.status === 403) {
    const hint = 'put user and password into the index URL';
    throw new ServingError('PERMISSION_DENIED', `${redact(url)}: ${reply.status}, ${hint}`);
  }
  if (reply.status !== 200) {
    throw new ServingError('UNAVAILABLE', `${redact(url)}: the index answered ${reply.status}`);
  }
  const isJson = /json/i.test(reply.headers['content-type'] ?? '');
  try {
    const text = body.toString('utf8');
    return isJson ? fromJson(text, reply.url) : fromHtml(text, reply.url);
  } catch (error) {
    throw new ServingError('UNAVAILABLE', `${redact(url)}: not a package index`, { cause: error });
  }
}
