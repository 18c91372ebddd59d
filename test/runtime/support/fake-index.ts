import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FakeWheel, FILENAME, sha256 } from './fake-wheel.js';

/** How the server misbehaves; may be changed between requests. */
export interface Manners {
  /** Answer range requests with the whole file. */
  refuseRanges: boolean;
  /** Cut each reply of more bytes than this after as many; null: never. */
  cutAfter: number | null;
  /** Flip a byte at this offset of the file; null: none. */
  corruptAt: number | null;
  /** Serve the index as HTML only. */
  html: boolean;
  /** Hash the index claims; null: the true one. */
  claimedSha256: string | null;
}

/** What was asked. */
export interface Seen {
  /** `GET path [range]`, in order. */
  readonly requests: string[];
  /** Bytes of wheel sent. */
  wheelBytes: number;
  readonly hosts: Set<string>;
}

/** A package index and file server on the loopback. */
export interface FakeIndex {
  readonly url: string;
  readonly manners: Manners;
  readonly seen: Seen;
  close(): Promise<void>;
}

/** The request listener, for use under TLS too. */
export function fakeIndexHandler(wheel: FakeWheel, manners: Manners, seen: Seen): RequestListener {
  return (request, response) => {
    const range = request.headers.range;
    seen.requests.push(`${request.method} ${request.url}${range === undefined ? '' : ` ${range}`}`);
    if (request.url === '/simple/tensorflow-cpu/') {
      const digest = manners.claimedSha256 ?? sha256(wheel.bytes);
      if (manners.html) {
        response.setHeader('content-type', 'text/html');
        response.end(`<a href="../../files/${FILENAME}#sha256=${digest}">${FILENAME}</a>`);
        return;
      }
      response.setHeader('content-type', 'application/vnd.pypi.simple.v1+json');
      const file = { filename: FILENAME, url: `/files/${FILENAME}`, hashes: { sha256: digest } };
      response.end(JSON.stringify({ files: [file] }));
      return;
    }
    if (request.url !== `/files/${FILENAME}`) {
      response.statusCode = 404;
      response.end();
      return;
    }
    const bytes = Buffer.from(wheel.bytes);
    if (manners.corruptAt !== null)
      bytes[manners.corruptAt] = (bytes[manners.corruptAt] ?? 0) ^ 0xff;
    const [, from, to] = /^bytes=(\d+)-(\d+)?$/.exec(range ?? '') ?? [];
    let body = bytes;
    if (from !== undefined && !manners.refuseRanges) {
      const end = Math.min(Number(to ?? bytes.length - 1), bytes.length - 1);
      body = bytes.subarray(Number(from), end + 1);
      response.statusCode = 206;
      response.setHeader('content-range', `bytes ${from}-${end}/${bytes.length}`);
    }
    response.setHeader('etag', '"one"');
    response.setHeader('content-length', body.length);
    if (manners.cutAfter !== null && body.length > manners.cutAfter) {
      const part = body.subarray(0, manners.cutAfter);
      seen.wheelBytes += part.length;
      response.write(part, () => response.destroy());
      return;
    }
    seen.wheelBytes += body.length;
    response.end(body);
  };
}

/** The polite server's manners. */
export function goodManners(): Manners {
  return { refuseRanges: false, cutAfter: null, corruptAt: null, html: false, claimedSha256: null };
}

/** Listens on a free port of the loopback; resolves to the port. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Starts the index over plain HTTP. */
export async function startIndex(wheel: FakeWheel): Promise<FakeIndex> {
  const manners = goodManners();
  const seen: Seen = { requests: [], wheelBytes: 0, hosts: new Set() };
  const server = createServer(fakeIndexHandler(wheel, manners, seen));
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}/simple`,
    manners,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
