import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Interference, sendFile } from './fake-web.js';

/** Reads whom a request asks for what: a refusal, or bucket and key once its signature has been found right. */
export type Authorize = (
  request: IncomingMessage,
) => { readonly refusal: string } | { readonly bucket: string; readonly key: string };

/** Objects of one page of a listing: small, so that tests turn pages. */
const PAGE = 3;

/** A bucket that speaks the listing of S3 and OSS (path style) and checks every signature. */
export class FakeBucket {
  readonly objects = new Map<string, Buffer>();
  readonly requests: string[] = [];
  interfere: Interference = () => false;
  /** Says another entity tag than the MD5, as buckets with keys of their own do. */
  strangeTags = false;
  readonly #name: string;
  readonly #authorize: Authorize;
  readonly #server = createServer((request, response) => this.#answer(request, response));

  private constructor(name: string, authorize: Authorize) {
    this.#name = name;
    this.#authorize = authorize;
  }

  static async start(name: string, authorize: Authorize): Promise<FakeBucket> {
    const bucket = new FakeBucket(name, authorize);
    await new Promise<void>((resolve) => bucket.#server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => bucket.stop());
    return bucket;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://host');
    this.requests.push(`${request.method} ${url.pathname}`);
    if (this.interfere(request, response)) return;
    const asked = this.#authorize(request);
    if ('refusal' in asked) {
      sendError(response, 403, 'SignatureDoesNotMatch', asked.refusal);
      return;
    }
    const { bucket, key } = asked;
    const object = this.objects.get(key);
    const wanted = request.headers['if-match'];
    if (bucket !== this.#name) {
      sendError(response, 404, 'NoSuchBucket', 'The specified bucket does not exist');
    } else if (key === '') {
      this.#list(url.searchParams, response);
    } else if (object === undefined) {
      sendError(response, 404, 'NoSuchKey', 'no such key');
    } else if (wanted !== undefined && wanted !== this.#tag(object)) {
      sendError(response, 412, 'PreconditionFailed', 'changed');
    } else {
      sendFile(request, response, object);
    }
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const items = new Map<string, string>();
    for (const [key, object] of [...this.objects].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!key.startsWith(prefix)) continue;
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const item = cut < 0 ? key : key.slice(0, cut + 1);
      if (item <= after || items.has(item)) continue;
      items.set(item, cut < 0 ? this.#contents(key, object) : commonPrefix(item));
    }
    const page = [...items].slice(0, PAGE);
    const more = items.size > page.length;
    const token = more ? `<NextContinuationToken>${page.at(-1)?.[0]}</NextContinuationToken>` : '';
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${token}${page.map(([, xml]) => xml).join('')}</ListBucketResult>`,
    );
  }

  #contents(key: string, object: Buffer): string {
    return `<Contents><Key>${key}</Key><Size>${object.length}</Size><ETag>${this.#tag(object)}</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`;
  }

  #tag(object: Buffer): string {
    const salt = this.strangeTags ? 'key' : '';
    return `"${createHash('md5').update(object).update(salt).digest('hex')}"`;
  }
}

function commonPrefix(prefix: string): string {
  return `<CommonPrefixes><Prefix>${prefix}</Prefix></CommonPrefixes>`;
}

function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  );
}
