import { ServingError } from '../errors.js';
import { redact } from '../proxy.js';
import { type HttpClient, type HttpReply, readBody } from './http.js';
import type { ByteSource } from './zip.js';

/** The server answers range requests with the whole file: it has to be fetched whole. */
export class RangesRefused extends Error {
  constructor(url: string) {
    super(`${redact(url)}: the server does not serve ranges`);
    this.name = 'RangesRefused';
  }
}

/** A file on a server that serves ranges. */
export interface RemoteFile extends ByteSource {
  readonly url: string;
  /** The server's strong entity tag, or null: with it a file that changed is noticed. */
  readonly etag: string | null;
  /** Starts one range; the caller reads the body to its end or destroys it. */
  range(offset: number, length: number, signal?: AbortSignal): Promise<HttpReply>;
}

const ATTEMPTS = 4;

/** The first wait before trying again, milliseconds; each further one is twice as long. */
export const BACKOFF_MS = 300;

/** Is trying again worth it: the network failed, or the server said it is busy. */
export function isTransient(error: unknown): boolean {
  return error instanceof ServingError && error.code === 'UNAVAILABLE';
}

/** Waits before attempt `attempt` (1 = first retry), `first` ms doubled each time; rejects as soon as `signal` says so. */
export function backOff(attempt: number, first: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      },
      first * 2 ** (attempt - 1),
    );
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Turns a reply that is no range into the right error. */
export function refuseStatus(reply: HttpReply): Error {
  reply.body.destroy();
  if (reply.status === 200) return new RangesRefused(reply.url);
  const busy = reply.status === 429 || reply.status >= 500;
  const message = `${redact(reply.url)}: the server answered ${reply.status}`;
  return new ServingError(busy ? 'UNAVAILABLE' : 'NOT_FOUND', message);
}

function totalSize(reply: HttpReply): number {
  const total = /\/(\d+)$/.exec(reply.headers['content-range'] ?? '')?.[1];
  if (total === undefined) {
    reply.body.destroy();
    throw new RangesRefused(reply.url);
  }
  return Number(total);
}

async function repeatedly<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isTransient(error)) throw error;
      await backOff(attempt, BACKOFF_MS);
    }
  }
}

/**
 * Opens a remote file for reading by ranges.
 *
 * @throws {RangesRefused} when the server ignores ranges.
 * @throws {ServingError} `UNAVAILABLE` after four attempts, `NOT_FOUND` when the server will not give the file.
 */
export async function openRemoteFile(client: HttpClient, url: string): Promise<RemoteFile> {
  const first = await repeatedly(async () => {
    const reply = await client.get(url, { headers: { range: 'bytes=0-0' } });
    if (reply.status !== 206) throw refuseStatus(reply);
    const size = totalSize(reply);
    await readBody(reply, 1);
    return { reply, size };
  });
  const tag = first.reply.headers.etag;
  const etag = tag === undefined || tag.startsWith('W/') ? null : tag;

  async function range(offset: number, length: number, signal?: AbortSignal): Promise<HttpReply> {
    const headers: Record<string, string> = { range: `bytes=${offset}-${offset + length - 1}` };
    if (etag !== null) headers['if-range'] = etag;
    const reply = await client.get(url, { headers, signal });
    if (reply.status !== 206) throw refuseStatus(reply);
    const start = /^bytes (\d+)-/.exec(reply.headers['content-range'] ?? '')?.[1];
    if (start !== undefined && Number(start) !== offset) {
      reply.body.destroy();
      throw new RangesRefused(url);
    }
    return reply;
  }

  return {
    name: redact(url),
    url,
    size: first.size,
    etag,
    range,
    read(offset, length) {
      if (length === 0) return Promise.resolve(Buffer.alloc(0));
      return repeatedly(async () => {
        const body = await readBody(await range(offset, length), length);
        if (body.length === length) return body;
        const message = `${redact(url)}: expected ${length} bytes, got ${body.length}`;
        throw new ServingError('UNAVAILABLE', message);
      });
    },
  };
}
