/** A request's header fields by name, `:method` and its like included; of a field that came more than once the values joined by commas. */
export type RequestHeaders = Readonly<Record<string, string>>;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const NO_VALUE = /[\0\r\n]|^[ \t]|[ \t]$/;

const PSEUDO: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);

/** Fields of HTTP/1's connections, which HTTP/2 has no place for. */
const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Names that were looked at and are right: the same few come with each call. */
const MAX_KNOWN = 256;

/** Makes requests' headers of decoded fields, for one connection. */
export class HeaderReader {
  readonly #known = new Set<string>();
  #lastFields: readonly string[] | null = null;
  #last: RequestHeaders | null = null;

  /**
   * The headers of a request; null where RFC 9113 section 8 calls it malformed.
   *
   * @param fields name, value, name, value; the same array gives the same headers
   */
  request(fields: readonly string[]): RequestHeaders | null {
    if (fields === this.#lastFields) return this.#last;
    const headers = this.#read(fields);
    const isRequest = headers?.[':method'] && headers[':scheme'] && headers[':path'];
    this.#lastFields = fields;
    this.#last = isRequest ? headers : null;
    return this.#last;
  }

  /** Whether fields may come after a request's message. */
  areTrailers(fields: readonly string[]): boolean {
    const headers = this.#read(fields);
    if (headers === null) return false;
    for (const name in headers) if (name.startsWith(':')) return false;
    return true;
  }

  #read(fields: readonly string[]): RequestHeaders | null {
    const headers: Record<string, string> = Object.create(null);
    let isPastPseudo = false;
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] as string;
      const value = fields[at + 1] as string;
      if (NO_VALUE.test(value)) return null;
      const earlier = headers[name];
      if (name.charCodeAt(0) === 0x3a) {
        if (isPastPseudo || earlier !== undefined || !PSEUDO.has(name)) return null;
        headers[name] = value;
        continue;
      }
      isPastPseudo = true;
      if (!this.#isName(name) || (name === 'te' && value !== 'trailers')) return null;
      headers[name] = earlier === undefined ? value : `${earlier}${joint(name)}${value}`;
    }
    return headers;
  }

  #isName(name: string): boolean {
    if (this.#known.has(name)) return true;
    if (!TOKEN.test(name) || OF_CONNECTIONS.has(name)) return false;
    if (this.#known.size < MAX_KNOWN) this.#known.add(name);
    return true;
  }
}

/** A cookie may be sent in crumbs, RFC 9113 section 8.2.3. */
function joint(name: string): string {
  return name === 'cookie' ? '; ' : ',';
}

/** The bytes a request says its body has; null where it says nothing, -1 for what is no number. */
export function contentLength(headers: RequestHeaders): number | null {
  const given = headers['content-length'];
  if (given === undefined) return null;
  return /^\d{1,15}$/.test(given) ? Number(given) : -1;
}
