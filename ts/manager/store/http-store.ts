import { type CodeName, ServingError } from '../../errors.js';
import type { ProxyRules } from '../../proxy.js';
import { Limiter } from '../limiter.js';
import { type IndexNames, parseIndex } from './http-index.js';
import { type RemoteLocation, shown } from './location.js';
import {
  cancelled,
  type DownloadSink,
  type FolderListing,
  MAX_FILES,
  type ObjectStore,
  type StoredFile,
  type StoreLimits,
  within,
  withRetries,
} from './object-store.js';
import { proxiedFetch } from './proxied-fetch.js';

const REQUESTS_AT_ONCE = 8;
const MAX_DEPTH = 6;
/** Bytes of an index page. */
const MAX_INDEX_BYTES = 8 * 1024 * 1024;

/** A web server: archives by their address, and folders through the index pages it prints. */
export class HttpStore implements ObjectStore {
  readonly #location: RemoteLocation;
  readonly #limits: StoreLimits;
  readonly #proxies: ProxyRules;
  readonly #requests = new Limiter(() => REQUESTS_AT_ONCE);

  constructor(location: RemoteLocation, limits: StoreLimits, proxies: ProxyRules) {
    this.#location = location;
    this.#limits = limits;
    this.#proxies = proxies;
  }

  async list(folder: string): Promise<FolderListing> {
    const { files, folders } = await this.#index(folder);
    return {
      folders,
      files: files.map((name) => ({ ...UNKNOWN, name, path: child(folder, name) })),
    };
  }

  async walk(folder: string): Promise<StoredFile[]> {
    const found: { name: string; path: string }[] = [];
    const visit = async (path: string, prefix: string, depth: number): Promise<void> => {
      const { files, folders } = await this.#index(path);
      for (const name of files) found.push({ name: prefix + name, path: child(path, name) });
      if (found.length > MAX_FILES || depth >= MAX_DEPTH) {
        throw new ServingError('FAILED_PRECONDITION', `${this.#uri(path)}: too many files below`);
      }
      for (const name of folders) await visit(child(path, name), `${prefix}${name}/`, depth + 1);
    };
    await visit(folder, '', 0);
    return await Promise.all(
      found.map(({ name, path }) =>
        this.#requests.run(async () => ({ ...(await this.stat(path)), name })),
      ),
    );
  }

  async stat(path: string): Promise<StoredFile> {
    let reply = await this.#send(path, { method: 'HEAD' });
    // Addresses that are signed for GET only, and servers without HEAD, answer a read of the first byte.
    if ([400, 403, 405, 501].includes(reply.status)) {
      reply = await this.#send(path, { headers: { range: 'bytes=0-0' } });
      await reply.body?.cancel();
    }
    this.#expect(path, reply, [200, 206]);
    const { headers } = reply;
    const range = /\/(\d+)\s*$/.exec(headers.get('content-range') ?? '')?.[1];
    const length = range ?? (encoded(headers) ? null : headers.get('content-length'));
    const etag = headers.get('etag');
    const name = path.slice(path.lastIndexOf('/') + 1);
    return {
      name,
      path,
      size: length === null || length === undefined ? null : Number(length),
      tag: etag ?? headers.get('last-modified') ?? '',
      etag: etag?.startsWith('"') === true ? etag : null,
      md5: md5Of(headers),
      md5Certain: true,
    };
  }

  async download(file: StoredFile, sink: DownloadSink): Promise<number> {
    let received = 0;
    await withRetries(this.#limits, sink.signal, async () => {
      // A broken transfer goes on where it stopped, where the server can bind the rest to the same content.
      if (file.etag === null || file.size === null) {
        sink.onBytes(-received);
        received = 0;
      }
      received = await this.#receive(file, received, sink, (bytes) => {
        received += bytes;
        sink.onBytes(bytes);
      });
    });
    await sink.handle.truncate(received);
    return received;
  }

  async #receive(
    file: StoredFile,
    from: number,
    sink: DownloadSink,
    onBytes: (bytes: number) => void,
  ): Promise<number> {
    const uri = this.#uri(file.path);
    const resume = { range: `bytes=${from}-`, 'if-range': file.etag ?? '' };
    const reply = await this.#send(file.path, from > 0 ? { headers: resume } : {}, sink.signal);
    this.#expect(file.path, reply, from > 0 ? [200, 206] : [200]);
    const etag = reply.headers.get('etag');
    if (file.etag !== null && etag !== null && etag !== file.etag) {
      await reply.body?.cancel();
      throw new ServingError('ABORTED', `${uri}: has changed since it was listed`);
    }
    let position = reply.status === 206 ? from : 0;
    if (position < from) onBytes(position - from);
    const wanted = encoded(reply.headers) ? null : file.size;
    const reader = reply.body?.getReader();
    if (reader !== undefined) {
      try {
        for (;;) {
          const { done, value } = await within(
            reader.read(),
            this.#limits.timeoutMs,
            uri,
            sink.signal,
          );
          if (done) break;
          if (position + value.length > (wanted ?? sink.maxBytes)) throw tooMuch(uri, wanted, sink);
          await sink.handle.write(value, 0, value.length, position);
          position += value.length;
          onBytes(value.length);
        }
      } catch (error) {
        // The connection is given up, not drained.
        reader.cancel().catch(() => undefined);
        throw this.#fault(file.path, error, sink.signal);
      }
    }
    if (wanted !== null && position !== wanted) {
      throw new ServingError(
        'DATA_LOSS',
        `${uri}: got ${position} bytes, wanted the ${wanted} the server declares`,
      );
    }
    return position;
  }

  async #index(folder: string): Promise<IndexNames> {
    const path = folder === '' ? '' : `${folder}/`;
    const accept = 'application/json;q=0.9, text/html';
    const reply = await this.#send(path, { headers: { accept } });
    this.#expect(path, reply, [200]);
    const type = reply.headers.get('content-type') ?? '';
    const text = await this.#text(path, reply);
    const names = parseIndex(text, type, reply.url === '' ? this.#address(path) : reply.url);
    if (names !== null) return names;
    throw new ServingError(
      'FAILED_PRECONDITION',
      `${this.#uri(path)}: got ${type === '' ? 'no content type' : type}, wanted the address of a .zip or .tar.gz archive, or of a folder whose index the server prints`,
    );
  }

  async #text(path: string, reply: Response): Promise<string> {
    const length = Number(reply.headers.get('content-length') ?? 0);
    if (length > MAX_INDEX_BYTES) {
      await reply.body?.cancel();
      throw new ServingError('FAILED_PRECONDITION', `${this.#uri(path)}: is no folder index`);
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    const reader = reply.body?.getReader();
    for (; reader !== undefined; ) {
      const { done, value } = await within(
        reader.read(),
        this.#limits.timeoutMs,
        this.#uri(path),
      ).catch((error: unknown) => {
        throw this.#fault(path, error);
      });
      if (done) break;
      chunks.push(value);
      size += value.length;
      if (size > MAX_INDEX_BYTES) {
        await reader.cancel();
        break;
      }
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  async #send(
    path: string,
    init: { method?: string; headers?: Record<string, string> },
    signal?: AbortSignal,
  ): Promise<Response> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), this.#limits.timeoutMs);
    const { login } = this.#location;
    try {
      const whole = {
        ...init,
        headers: {
          // Bytes are counted and checked as they are stored, so they must not be packed on the way.
          'accept-encoding': 'identity',
          ...(login === '' ? {} : { authorization: basic(login) }),
          ...init.headers,
        },
        signal: signal === undefined ? silence.signal : AbortSignal.any([silence.signal, signal]),
      };
      return await proxiedFetch(this.#address(path), whole, this.#proxies);
    } catch (error) {
      if (silence.signal.aborted) {
        throw new ServingError(
          'UNAVAILABLE',
          `${this.#uri(path)}: no answer for ${this.#limits.timeoutMs / 1000} seconds`,
        );
      }
      throw this.#fault(path, error, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  #expect(path: string, reply: Response, statuses: readonly number[]): void {
    if (statuses.includes(reply.status)) return;
    reply.body?.cancel().catch(() => undefined);
    const code: CodeName =
      STATUS_CODES[reply.status] ?? (reply.status >= 500 ? 'UNAVAILABLE' : 'FAILED_PRECONDITION');
    const what = code === 'PERMISSION_DENIED' ? 'access denied' : 'the server answers';
    const text = `${what} (HTTP ${reply.status}${reply.statusText === '' ? '' : ` ${reply.statusText}`})`;
    throw new ServingError(code, `${this.#uri(path)}: ${text}`);
  }

  #fault(path: string, error: unknown, signal?: AbortSignal): ServingError {
    const uri = this.#uri(path);
    if (error instanceof ServingError) return error;
    if (signal?.aborted === true) return cancelled(uri);
    const { message, cause } = error as Error;
    const why = cause instanceof Error && cause.message !== '' ? cause.message : message;
    return new ServingError('UNAVAILABLE', `${uri}: ${why}`, { cause: error });
  }

  #address(path: string): string {
    const { scheme, bucket, query } = this.#location;
    return `${scheme}://${bucket}/${path}${query}`;
  }

  #uri(path: string): string {
    return shown(this.#address(path));
  }
}

const STATUS_CODES: Readonly<Record<number, CodeName>> = {
  401: 'PERMISSION_DENIED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  410: 'NOT_FOUND',
  408: 'UNAVAILABLE',
  412: 'ABORTED',
  416: 'DATA_LOSS',
  429: 'UNAVAILABLE',
};

/** What an index page tells of a file beside its name: nothing to rely on. */
const UNKNOWN = { size: null, tag: '', etag: null, md5: null, md5Certain: false } as const;

function child(folder: string, name: string): string {
  return `${folder === '' ? '' : `${folder}/`}${encodeURIComponent(name)}`;
}

/** The body is packed for the transfer, and its length is not that of the file. */
function encoded(headers: Headers): boolean {
  return !['', 'identity'].includes(headers.get('content-encoding') ?? '');
}

function md5Of(headers: Headers): string | null {
  const text =
    headers.get('content-md5') ??
    /(?:^|,\s*)md5=([^,\s]+)/.exec(headers.get('x-goog-hash') ?? '')?.[1] ??
    '';
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 16 ? bytes.toString('hex') : null;
}

function basic(login: string): string {
  return `Basic ${Buffer.from(decodeURIComponent(login)).toString('base64')}`;
}

function tooMuch(uri: string, wanted: number | null, sink: DownloadSink): ServingError {
  return wanted === null
    ? new ServingError('FAILED_PRECONDITION', `${uri}: is larger than ${sink.maxBytes} bytes`)
    : new ServingError(
        'DATA_LOSS',
        `${uri}: got more than the ${wanted} bytes the server declares`,
      );
}
