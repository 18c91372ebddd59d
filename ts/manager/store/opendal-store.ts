import type { Entry, Operator } from 'opendal';
import { type CodeName, ServingError } from '../../errors.js';
import { Limiter } from '../limiter.js';
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

/** Bytes of one ranged read. */
const PART_BYTES = 8 * 1024 * 1024;
/** Ranged reads at once of one bucket: with their buffers at most 64 MiB. */
const READS_AT_ONCE = 8;

/** What the store is. */
export interface OpendalStoreOptions {
  /** Such as `s3://bucket`, for errors. */
  readonly root: string;
  /** The operator to use now; asked for each request, because tokens expire. */
  readonly operator: () => Promise<Operator>;
  /** The store sends a real MD5 beside its entity tag (Google Cloud Storage, Azure). */
  readonly sendsMd5: boolean;
  readonly limits: StoreLimits;
}

/** A bucket reached through opendal: S3 and what speaks like it, OSS, Google Cloud Storage, Azure Blob Storage. */
export class OpendalStore implements ObjectStore {
  readonly #options: OpendalStoreOptions;
  readonly #reads = new Limiter(() => READS_AT_ONCE);

  constructor(options: OpendalStoreOptions) {
    this.#options = options;
  }

  async list(folder: string): Promise<FolderListing> {
    const files: StoredFile[] = [];
    const folders: string[] = [];
    let marker = false;
    await this.#each(folder, false, (name, entry) => {
      if (name === '') marker = true;
      else if (name.endsWith('/')) folders.push(name.slice(0, -1));
      else files.push(this.#file(name, entry));
    });
    if (files.length === 0 && folders.length === 0 && !marker) {
      throw new ServingError('NOT_FOUND', `${this.#uri(folder)}: nothing in the bucket begins so`);
    }
    return { files, folders };
  }

  async walk(folder: string): Promise<StoredFile[]> {
    const files: StoredFile[] = [];
    await this.#each(folder, true, (name, entry) => {
      if (name !== '' && !name.endsWith('/')) files.push(this.#file(name, entry));
    });
    return files;
  }

  async stat(path: string): Promise<StoredFile> {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const metadata = await this.#call(path, async (operator) => await operator.stat(path));
    return this.#file(name, { path: () => path, metadata: () => metadata });
  }

  async download(file: StoredFile, sink: DownloadSink): Promise<number> {
    const { size } = file;
    if (size === null) {
      throw new ServingError('DATA_LOSS', `${this.#uri(file.path)}: the store gives no size`);
    }
    const offsets: number[] = [];
    for (let offset = 0; offset < size; offset += PART_BYTES) offsets.push(offset);
    const parts = offsets.map((offset) =>
      this.#reads.run(async () => {
        if (sink.signal.aborted) throw cancelled(this.#uri(file.path));
        const length = Math.min(PART_BYTES, size - offset);
        const bytes = await withRetries(this.#options.limits, sink.signal, () =>
          this.#part(file, offset, length, sink.signal),
        );
        await sink.handle.write(bytes, 0, length, offset);
        sink.onBytes(length);
      }),
    );
    const outcomes = await Promise.allSettled(parts);
    const failed = outcomes.find((it) => it.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return size;
  }

  async #part(
    file: StoredFile,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const bytes = await this.#call(
      file.path,
      async (operator) => {
        const bound = operator.capability().readWithIfMatch && file.etag !== null;
        return await operator.read(file.path, {
          offset: BigInt(offset),
          size: BigInt(length),
          // The entity tag keeps parts of two contents from being put together.
          ...(bound && file.etag !== null ? { ifMatch: file.etag } : {}),
        });
      },
      signal,
    );
    if (bytes.length === length) return bytes;
    throw new ServingError(
      'DATA_LOSS',
      `${this.#uri(file.path)}: got ${bytes.length} bytes at ${offset}, wanted ${length} of the ${file.size} the store lists`,
    );
  }

  async #each(
    folder: string,
    recursive: boolean,
    take: (name: string, entry: Entry) => void,
  ): Promise<void> {
    const prefix = folder === '' ? '' : `${folder}/`;
    const lister = await this.#call(
      folder,
      async (operator) => await operator.lister(prefix === '' ? '/' : prefix, { recursive }),
    );
    for (let count = 0; ; count += 1) {
      const entry = await this.#call(folder, async () => await lister.next());
      if (entry === null) return;
      if (count >= MAX_FILES) {
        throw new ServingError(
          'FAILED_PRECONDITION',
          `${this.#uri(folder)}: holds more than ${MAX_FILES} entries; is this the folder of one model?`,
        );
      }
      const path = entry.path();
      take(path === '/' ? '' : path.slice(prefix.length), entry);
    }
  }

  async #call<T>(
    path: string,
    work: (operator: Operator) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const uri = this.#uri(path);
    try {
      // opendal cannot be interrupted: a stalled request is left behind, and what it brings late is dropped.
      const whole = this.#options.operator().then(work);
      return await within(whole, this.#options.limits.timeoutMs, uri, signal);
    } catch (error) {
      throw storeError(uri, error);
    }
  }

  #file(name: string, entry: Pick<Entry, 'path' | 'metadata'>): StoredFile {
    const { etag, contentMd5, contentLength, lastModified } = entry.metadata();
    const sendsMd5 = this.#options.sendsMd5;
    const md5 = sendsMd5 ? fromBase64(contentMd5) : plainMd5(etag);
    return {
      name,
      path: entry.path(),
      size: contentLength === null ? null : Number(contentLength),
      tag: etag ?? contentMd5 ?? lastModified ?? '',
      etag,
      md5,
      md5Certain: sendsMd5,
    };
  }

  #uri(path: string): string {
    return path === '' ? this.#options.root : `${this.#options.root}/${path}`;
  }
}

/** The tag of an object stored in one piece is its MD5, unless the store encrypts it with a key of its own. */
function plainMd5(etag: string | null): string | null {
  return /^"?([0-9a-f]{32})"?$/i.exec(etag ?? '')?.[1]?.toLowerCase() ?? null;
}

function fromBase64(md5: string | null): string | null {
  if (md5 === null) return null;
  const bytes = Buffer.from(md5, 'base64');
  return bytes.length === 16 ? bytes.toString('hex') : null;
}

const CODES: Readonly<Record<string, CodeName>> = {
  NotFound: 'NOT_FOUND',
  PermissionDenied: 'PERMISSION_DENIED',
  ConfigInvalid: 'INVALID_ARGUMENT',
  ConditionNotMatch: 'ABORTED',
  RangeNotSatisfied: 'DATA_LOSS',
};

/** opendal says `Kind (permanent) at operation, context: {…} => what the store answered`. */
function storeError(uri: string, cause: unknown): ServingError {
  if (cause instanceof ServingError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const kind = /^(\w+) \(\w+\)/.exec(text)?.[1] ?? '';
  let code: CodeName = CODES[kind] ?? 'UNAVAILABLE';
  if (/NoSuchBucket|ContainerNotFound|ContainerNotExists/.test(text)) code = 'NOT_FOUND';
  // opendal takes a refused signature for something unexpected.
  if (/status: 401/.test(text)) code = 'PERMISSION_DENIED';
  if (/reader got too (little|much) data/.test(text)) code = 'DATA_LOSS';
  return new ServingError(code, `${uri}: ${reason(code, text)}`, { cause });
}

function reason(code: CodeName, text: string): string {
  const status = /status: (\d{3})/.exec(text)?.[1];
  const sizes = /expect: (\d+), actual: (\d+)/.exec(text);
  if (code === 'DATA_LOSS' && sizes !== null) {
    return `got ${sizes[2]} bytes, wanted ${sizes[1]} as the store lists`;
  }
  if (code === 'ABORTED') return 'has changed since it was listed';
  const answer = /code: "([^"]*)", message: "([^"]*)"/.exec(text);
  const after = text.includes(' => ') ? text.slice(text.lastIndexOf(' => ') + 4) : text;
  // Signatures of shared-access addresses are secrets.
  const words = (answer === null ? after : `${answer[1]}: ${answer[2]}`)
    .replace(/([?&](sig|X-Amz-Signature|Signature|token)=)[^&\s")]*/gi, '$1…')
    .replace(/\s+/g, ' ')
    .slice(0, 300);
  const what = code === 'PERMISSION_DENIED' ? 'access denied' : 'the store answers';
  return status === undefined ? words : `${what} (HTTP ${status}): ${words}`;
}
