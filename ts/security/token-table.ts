import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ServingError } from '../errors.js';
import { type Identity, UnauthenticatedError } from './identity.js';
import { matches, Scopes } from './scopes.js';

/** One entry of a tokens file. */
export interface TokenEntry {
  /** Unique in the file; part of tokens that `servable token create` made. */
  readonly id: string;
  /** For people and logs. */
  readonly name: string;
  /** SHA-256 of the token in hexadecimal; absent where a certificate identifies. */
  readonly sha256?: string;
  /** Name in a client certificate: `CN=NAME`, `DNS:NAME`, `URI:…`, `email:…` or `IP Address:…`; `*` is any text. */
  readonly certificate?: string;
  readonly scopes: readonly string[];
  /** ISO 8601 time; for people. */
  readonly created?: string;
  /** ISO 8601 time after which the entry does not count; null or absent is never. */
  readonly expires?: string | null;
}

/** The document of a tokens file. */
export interface TokenDocument {
  readonly tokens: readonly TokenEntry[];
}

interface Holder {
  readonly identity: Identity;
  readonly digest: Buffer | null;
  readonly certificate: string | null;
  readonly expiresAt: number;
}

const PREFIX = 'svb_';
const MADE = /^svb_([0-9A-Za-z]{8})_/;
const KEYS = new Set(['id', 'name', 'sha256', 'certificate', 'scopes', 'created', 'expires']);

/** A new random token: 256 bits, and the id of its entry so that it is found without trying all of them. */
export function makeToken(): { readonly id: string; readonly token: string } {
  const id = randomBytes(16).toString('base64url').replace(/[-_]/g, '').slice(0, 8).padEnd(8, '0');
  return { id, token: `${PREFIX}${id}_${randomBytes(32).toString('base64url')}` };
}

/**
 * The digest a token is kept as.
 *
 * SHA-256 and no slow password hash: a token is 256 random bits, so there is nothing to guess, and every request is checked.
 */
export function tokenDigest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Tokens and certificate names in force, by their hashes. Immutable: a changed file makes a new one. */
export class TokenTable {
  readonly #byId = new Map<string, Holder>();
  /** Tokens made elsewhere, which do not tell their id. */
  readonly #others: Holder[] = [];
  readonly #certificates: Holder[] = [];

  /**
   * @param source the file's name for error messages
   * @throws {ServingError} `INVALID_ARGUMENT` names the entry and what is wrong with it
   */
  constructor(document: unknown, source: string) {
    for (const [at, entry] of entriesOf(document, source).entries()) {
      const holder = holderOf(entry, `${source}: tokens[${at}]`);
      if (this.#byId.has(entry.id)) {
        throw new ServingError('INVALID_ARGUMENT', `${source}: id "${entry.id}" is there twice`);
      }
      this.#byId.set(entry.id, holder);
      if (holder.certificate !== null) this.#certificates.push(holder);
      else this.#others.push(holder);
    }
  }

  /** Entries in the file. */
  get size(): number {
    return this.#byId.size;
  }

  /** Whether there are entries for client certificates. */
  get hasCertificates(): boolean {
    return this.#certificates.length > 0;
  }

  /**
   * Who a token belongs to; null for a token that is not known. The comparison takes the same time wherever digests differ.
   *
   * @throws {UnauthenticatedError} the token is known and has expired
   */
  find(token: string, now: number): Identity | null {
    const digest = tokenDigest(token);
    const id = MADE.exec(token)?.[1];
    const named = id === undefined ? undefined : this.#byId.get(id);
    if (named !== undefined && hasDigest(named, digest)) return inForce(named, now);
    let found: Holder | null = null;
    for (const holder of this.#others) if (hasDigest(holder, digest)) found = holder;
    return found === null ? null : inForce(found, now);
  }

  /** Who the names in a client certificate belong to: the first entry that fits. */
  findCertificate(names: readonly string[], now: number): Identity | null {
    for (const holder of this.#certificates) {
      const pattern = holder.certificate ?? '';
      if (holder.expiresAt > now && names.some((name) => matches(pattern, name))) {
        return holder.identity;
      }
    }
    return null;
  }
}

function hasDigest(holder: Holder, digest: Buffer): boolean {
  return holder.digest !== null && timingSafeEqual(holder.digest, digest);
}

function inForce(holder: Holder, now: number): Identity {
  if (holder.expiresAt > now) return holder.identity;
  throw new UnauthenticatedError('invalid', 'the token has expired');
}

/** The entries of a document, each an object with known keys. */
function entriesOf(document: unknown, source: string): readonly TokenEntry[] {
  const tokens = (document as { tokens?: unknown } | null)?.tokens;
  if (!Array.isArray(tokens)) {
    throw new ServingError('INVALID_ARGUMENT', `${source}: wanted {"tokens": […]}`);
  }
  return tokens.map((entry: unknown, at) => {
    const where = `${source}: tokens[${at}]`;
    if (entry === null || typeof entry !== 'object') {
      throw new ServingError('INVALID_ARGUMENT', `${where}: wanted an object`);
    }
    const unknown = Object.keys(entry).find((key) => !KEYS.has(key));
    if (unknown !== undefined) {
      throw new ServingError('INVALID_ARGUMENT', `${where}: unknown key "${unknown}"`);
    }
    return entry as TokenEntry;
  });
}

function holderOf(entry: TokenEntry, where: string): Holder {
  const fail = (what: string): never => {
    throw new ServingError('INVALID_ARGUMENT', `${where}${what}`);
  };
  const { id, name, sha256, certificate, scopes, expires } = entry;
  if (typeof id !== 'string' || id === '') fail('.id: wanted text');
  if (typeof name !== 'string' || name === '') fail('.name: wanted text');
  if ((sha256 === undefined) === (certificate === undefined)) {
    fail(': wanted either sha256 or certificate');
  }
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(String(sha256))) {
    fail('.sha256: wanted 64 hexadecimal digits');
  }
  if (certificate !== undefined && !isCertificateName(certificate)) {
    fail('.certificate: wanted CN=NAME, DNS:NAME, URI:…, email:… or IP Address:…');
  }
  if (!Array.isArray(scopes) || scopes.length === 0) fail('.scopes: wanted a list with a scope');
  const expiresAt = expires == null ? Number.POSITIVE_INFINITY : Date.parse(String(expires));
  if (Number.isNaN(expiresAt)) fail('.expires: wanted a time such as 2030-01-31T12:00:00Z');
  try {
    return {
      identity: { name, scopes: new Scopes(scopes.map(String)) },
      digest: sha256 === undefined ? null : Buffer.from(sha256, 'hex'),
      certificate: certificate ?? null,
      expiresAt,
    };
  } catch (error) {
    throw new ServingError('INVALID_ARGUMENT', `${where}: ${(error as Error).message}`);
  }
}

function isCertificateName(text: unknown): boolean {
  return typeof text === 'string' && /^(?:CN=|DNS:|URI:|email:|IP Address:)./.test(text);
}
