import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a test may do to a request before the server answers it; `true` when it has answered. */
export type Interference = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A web server for files in memory: HEAD, ranges, entity tags, and folder indexes in HTML or JSON. */
export class FakeWeb {
  /** By path without the leading slash. */
  readonly files = new Map<string, Buffer>();
  /** Every request, such as `GET /m/1.zip`. */
  readonly requests: string[] = [];
  index: 'html' | 'json' | 'none' = 'html';
  interfere: Interference = () => false;
  readonly #server = createServer((request, response) => this.#answer(request, response));

  static async start(): Promise<FakeWeb> {
    const web = new FakeWeb();
    await new Promise<void>((resolve) => web.#server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => web.stop());
    return web;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  put(path: string, content: string | Buffer): void {
    this.files.set(path, Buffer.from(content));
  }

  /** Puts a small SavedModel under a prefix. */
  putModel(prefix: string, content: string): void {
    this.put(`${prefix}/saved_model.pb`, content);
    this.put(`${prefix}/variables/variables.index`, 'index');
  }

  count(text: string): number {
    return this.requests.filter((it) => it === text).length;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '').slice(1);
    this.requests.push(`${request.method} /${path}`);
    if (this.interfere(request, response)) return;
    const file = this.files.get(path);
    if (file !== undefined) sendFile(request, response, file);
    else this.#sendIndex(path, response);
  }

  #sendIndex(path: string, response: ServerResponse): void {
    const prefix = path === '' || path.endsWith('/') ? path : `${path}/`;
    const below = [...this.files.keys()].filter((key) => key.startsWith(prefix));
    if (below.length === 0 || this.index === 'none') {
      response.writeHead(404).end();
      return;
    }
    const names = below.map((key) => key.slice(prefix.length).replace(/\/.*$/, '/'));
    const unique = [...new Set(names)];
    if (this.index === 'json') {
      const entries = unique.map((name) => ({
        name: name.replace(/\/$/, ''),
        type: name.endsWith('/') ? 'directory' : 'file',
      }));
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(entries));
      return;
    }
    const links = unique.map((name) => {
      const href = name.split('/').map(encodeURIComponent).join('/');
      return `<a href="${href}">${name}</a>`;
    });
    const sorting =
      '<a href="?C=N;O=D">Name</a><a href="../">Parent</a><a href="https://x.test/">x</a>';
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(`<html><body>${sorting}${links.join('\n')}</body></html>`);
  }
}

/** Answers HEAD and GET of a file with its length, its tag and one range. */
export function sendFile(request: IncomingMessage, response: ServerResponse, file: Buffer): void {
  const etag = `"${createHash('md5').update(file).digest('hex')}"`;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const from = Number(range?.[1] ?? 0);
  const to = Math.min(range?.[2] ? Number(range[2]) + 1 : file.length, file.length);
  const part = range === null ? file : file.subarray(from, to);
  response.writeHead(range === null ? 200 : 206, {
    'content-type': 'application/octet-stream',
    'content-length': part.length,
    'accept-ranges': 'bytes',
    etag,
    ...(range === null ? {} : { 'content-range': `bytes ${from}-${to - 1}/${file.length}` }),
  });
  response.end(request.method === 'HEAD' ? undefined : part);
}
