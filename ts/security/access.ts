import { bearerToken, type Identity, UnauthenticatedError } from './identity.js';
import { isJwt, type JwtVerifier } from './jwt.js';
import { matches } from './scopes.js';
import type { TokenFile } from './token-file.js';

/** Names in the client certificate of a connection, such as `CN=trainer`; null without a verified one. */
export type CertificateNames = () => readonly string[] | null;

/** What decides who is let in. */
export interface AccessParts {
  readonly tokens: TokenFile | null;
  readonly jwt: JwtVerifier | null;
  /** Paths that need no credentials; `*` is any text. */
  readonly openPaths: readonly string[];
}

/** Says who a request comes from. There is none where neither tokens nor keys are configured: then everybody is let in. */
export class Access {
  readonly #parts: AccessParts;

  constructor(parts: AccessParts) {
    this.#parts = parts;
  }

  /** Whether a path (of a page, or `/SERVICE/METHOD`) needs no credentials. */
  isOpen(path: string): boolean {
    return this.#parts.openPaths.some((pattern) => matches(pattern, path));
  }

  /**
   * Who sends a request, by its token or else by its connection's certificate.
   *
   * @param authorization the header's or metadata's value
   * @throws {UnauthenticatedError} no credentials, or none that are accepted; `UNAVAILABLE` the issuer's keys cannot be had
   */
  identify(
    authorization: string | undefined,
    certificate: CertificateNames,
  ): Identity | Promise<Identity> {
    const { tokens, jwt } = this.#parts;
    const token = bearerToken(authorization);
    if (token === null) return this.#byCertificate(certificate());
    const identity = tokens?.table.find(token, Date.now()) ?? null;
    if (identity !== null) return identity;
    if (jwt !== null && isJwt(token)) return jwt.identify(token);
    throw new UnauthenticatedError('invalid', 'the token is not known');
  }

  close(): void {
    this.#parts.tokens?.close();
    this.#parts.jwt?.close();
  }

  #byCertificate(names: readonly string[] | null): Identity {
    const table = this.#parts.tokens?.table;
    if (names !== null && table?.hasCertificates) {
      const identity = table.findCertificate(names, Date.now());
      if (identity !== null) return identity;
      throw new UnauthenticatedError('invalid', 'the client certificate is not known');
    }
    throw new UnauthenticatedError(
      'missing',
      'credentials are needed: send Authorization: Bearer TOKEN',
    );
  }
}
