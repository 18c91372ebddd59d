import { readFileSync } from 'node:fs';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { ServingError } from '../errors.js';
import type { Logger } from '../logger.js';
import { type Identity, UnauthenticatedError } from './identity.js';
import { isScope, Scopes } from './scopes.js';
import { tokenDigest } from './token-table.js';
import { type Watch, watchFiles } from './watch.js';

/** How JSON Web Tokens are accepted. */
export interface JwtSettings {
  /** URL or file of the issuer's keys (JWKS). */
  readonly jwks: string;
  /** What `iss` must be; empty is any. */
  readonly issuer: string;
  /** One of these must be in `aud`; empty is any. */
  readonly audience: readonly string[];
  /** Signature algorithms that are accepted. */
  readonly algorithms: readonly string[];
  /** Claim whose words are scopes; a dot leads into an object. */
  readonly scopeClaim: string;
  /** `CLAIM VALUE SCOPE` each: who has the value in the claim gets the scope. */
  readonly scopeMap: readonly string[];
  readonly pollMs: number;
  /** A key that is not known has the keys of a URL fetched again, but not sooner than so long after the last time. */
  readonly refetchMs: number;
}

/** Algorithms with a public key. `none` and shared secrets are never accepted. */
export const JWT_ALGORITHMS: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Difference between clocks that is allowed for, in seconds. */
const CLOCK_SKEW_S = 30;
/** A checked token is not checked again for so long: as long may a key that was taken back still count. */
const REMEMBER_MS = 60_000;
const REMEMBERED = 4096;
const JWKS_TIMEOUT_MS = 5000;
const JWKS_MAX_AGE_MS = 300_000;

interface Rule {
  readonly claim: string;
  readonly value: string;
  readonly scope: string;
}

interface Remembered {
  readonly identity: Identity;
  readonly until: number;
}

type Jose = typeof import('jose');

/** Whether text has the form of a signed JSON Web Token. */
export function isJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}

/** Verifies JSON Web Tokens against an issuer's keys, which may change while it runs. */
export class JwtVerifier {
  readonly #jose: Jose;
  readonly #settings: JwtSettings;
  readonly #rules: readonly Rule[];
  readonly #remembered = new Map<string, Remembered>();
  #keys: JWTVerifyGetKey;
  #watch: Watch | null = null;

  private constructor(jose: Jose, settings: JwtSettings, keys: JWTVerifyGetKey) {
    this.#jose = jose;
    this.#settings = settings;
    this.#rules = settings.scopeMap.map(parseRule);
    this.#keys = keys;
  }

  /** @throws {ServingError} `INVALID_ARGUMENT` a setting or the file of keys that cannot be used */
  static async open(settings: JwtSettings, logger: Logger): Promise<JwtVerifier> {
    checkAlgorithms(settings.algorithms);
    const jose = await import('jose');
    const { jwks } = settings;
    if (isUrl(jwks)) {
      const keys = jose.createRemoteJWKSet(new URL(jwks), {
        timeoutDuration: JWKS_TIMEOUT_MS,
        cacheMaxAge: JWKS_MAX_AGE_MS,
        cooldownDuration: settings.refetchMs,
      });
      return new JwtVerifier(jose, settings, keys);
    }
    const verifier = new JwtVerifier(jose, settings, readKeys(jose, jwks));
    verifier.#watch = watchFiles([jwks], settings.pollMs, () => verifier.#reread(logger));
    return verifier;
  }

  /**
   * Who a token speaks for. Answers at once for a token that was checked a moment ago.
   *
   * @throws {UnauthenticatedError} the token is not accepted; `UNAVAILABLE` the issuer's keys cannot be had
   */
  identify(token: string): Identity | Promise<Identity> {
    const key = tokenDigest(token).toString('base64');
    const known = this.#remembered.get(key);
    if (known !== undefined) {
      if (known.until > Date.now()) return known.identity;
      this.#remembered.delete(key);
    }
    return this.#verify(token, key);
  }

  close(): void {
    this.#watch?.close();
  }

  async #verify(token: string, key: string): Promise<Identity> {
    const { issuer, audience, algorithms } = this.#settings;
    const keys = this.#keys;
    let payload: JWTPayload;
    try {
      ({ payload } = await this.#jose.jwtVerify(token, keys, {
        algorithms: [...algorithms],
        clockTolerance: CLOCK_SKEW_S,
        requiredClaims: ['exp'],
        ...(issuer === '' ? {} : { issuer }),
        ...(audience.length === 0 ? {} : { audience: [...audience] }),
      }));
    } catch (error) {
      throw this.#explain(error);
    }
    const identity = {
      name: `jwt:${payload.sub ?? 'no subject'}`,
      scopes: new Scopes(this.#scopesOf(payload)),
    };
    const expires = ((payload.exp ?? 0) + CLOCK_SKEW_S) * 1000;
    // Keys that were replaced meanwhile vouch for nothing.
    if (keys === this.#keys) {
      this.#remember(key, { identity, until: Math.min(expires, Date.now() + REMEMBER_MS) });
    }
    return identity;
  }

  #remember(key: string, entry: Remembered): void {
    if (this.#remembered.size >= REMEMBERED) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.set(key, entry);
  }

  #scopesOf(payload: JWTPayload): string[] {
    const scopes = valuesOf(payload, this.#settings.scopeClaim).filter(isScope);
    for (const { claim, value, scope } of this.#rules) {
      if (valuesOf(payload, claim).includes(value)) scopes.push(scope);
    }
    return scopes;
  }

  #explain(error: unknown): ServingError {
    const { errors } = this.#jose;
    const cause = { cause: error };
    const invalid = (what: string) => new UnauthenticatedError('invalid', what, cause);
    if (error instanceof errors.JWTExpired) return invalid('the token has expired');
    if (error instanceof errors.JWTClaimValidationFailed) {
      return invalid(`the token's claim "${error.claim}" is not accepted`);
    }
    if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
      return new ServingError('UNAVAILABLE', "the issuer's keys cannot be had now", cause);
    }
    if (error.code === 'ERR_JOSE_GENERIC' || error instanceof errors.JWKSInvalid) {
      return new ServingError('UNAVAILABLE', "the issuer's keys cannot be had now", cause);
    }
    if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) {
      return invalid("the token's algorithm is not accepted");
    }
    if (error instanceof errors.JWKSNoMatchingKey) {
      return invalid("no key of the issuer fits the token's signature");
    }
    return invalid('the token or its signature is not valid');
  }

  #reread(logger: Logger): void {
    const { jwks } = this.#settings;
    try {
      this.#keys = readKeys(this.#jose, jwks);
      this.#remembered.clear();
      logger.info({ path: jwks }, 'JWKS file read again');
    } catch (error) {
      const { message } = error as Error;
      logger.error({ path: jwks, error: message }, 'JWKS file not taken: the last good one stays');
    }
  }
}

/** Whether keys come over the network. */
export function isUrl(jwks: string): boolean {
  return /^https?:\/\//i.test(jwks);
}

function readKeys(jose: Jose, path: string): JWTVerifyGetKey {
  try {
    const document = JSON.parse(readFileSync(path, 'utf8')) as { keys?: { kty?: unknown }[] };
    if (document.keys?.some(({ kty }) => kty === 'oct')) {
      throw new Error('holds a shared secret (kty oct), wanted public keys');
    }
    return jose.createLocalJWKSet(document as Parameters<Jose['createLocalJWKSet']>[0]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServingError('INVALID_ARGUMENT', `--auth_jwks: ${path}: ${reason}`, { cause });
  }
}

function checkAlgorithms(algorithms: readonly string[]): void {
  const bad = algorithms.find((name) => !JWT_ALGORITHMS.includes(name));
  if (bad !== undefined || algorithms.length === 0) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `--auth_jwt_algorithms: got "${bad ?? ''}", wanted some of ${JWT_ALGORITHMS.join(', ')}`,
    );
  }
}

function parseRule(text: string): Rule {
  const match = /^(\S+)\s+(\S|\S.*\S)\s+(\S+)$/.exec(text.trim());
  const [, claim = '', value = '', scope = ''] = match ?? [];
  if (match === null || !isScope(scope)) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `--auth_jwt_scope_map: got "${text}", wanted CLAIM VALUE SCOPE, such as "groups data-science predict:*"`,
    );
  }
  return { claim, value, scope };
}

/** The values of a claim: words of a text, or the texts of a list. A name with dots may lead into objects. */
function valuesOf(payload: JWTPayload, claim: string): string[] {
  let found: unknown = Object.hasOwn(payload, claim) ? payload[claim] : payload;
  if (found === payload) {
    for (const part of claim.split('.')) {
      const inner: unknown = found;
      if (inner === null || typeof inner !== 'object' || !Object.hasOwn(inner, part)) return [];
      found = (inner as Record<string, unknown>)[part];
    }
  }
  if (typeof found === 'string') return [found, ...found.split(' ')];
  if (!Array.isArray(found)) return [];
  return found.filter((value): value is string => typeof value === 'string');
}
