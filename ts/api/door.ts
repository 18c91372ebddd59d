import { ServingError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { Access, CertificateNames } from '../security/access.js';
import { tooOften } from '../security/admission.js';
import { addressKey, type ClientAddresses } from '../security/client-address.js';
import { authorize, type Identity } from '../security/identity.js';
import type { RateLimit } from '../security/rate-limit.js';
import type { Action } from '../security/scopes.js';

/** What a door decides by. */
export interface DoorParts {
  readonly access: Access | null;
  readonly rateLimit: RateLimit | null;
  /** A client is its address, also where it has shown a token. */
  readonly countsAddresses: boolean;
  readonly addresses: ClientAddresses;
}

/** A request as far as the door looks at it. */
export interface Caller {
  /** Of a page, or `/SERVICE/METHOD`. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly certificate: CertificateNames;
  /** Address of the other end; undefined on a Unix socket. */
  readonly peer: string | undefined;
  /** The value of `X-Forwarded-For`. */
  readonly forwarded: string | undefined;
  /** Whether the request counts for the rate limit: probes and metrics do not. */
  readonly counts: boolean;
}

/** Refusals of one second make one line, so that a flood of them does not fill the log. */
const LOG_EVERY_MS = 1000;

/** Lets requests in by who sends them and how often, before their body is read. There is none where all may ask all they like. */
export class Door {
  readonly #parts: DoorParts;
  readonly #logger: Logger;
  #refused = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;

  private constructor(parts: DoorParts, logger: Logger) {
    this.#parts = parts;
    this.#logger = logger;
  }

  /** A door, or null where it would let everybody pass. */
  static of(parts: DoorParts, logger: Logger): Door | null {
    return parts.access === null && parts.rateLimit === null ? null : new Door(parts, logger);
  }

  /**
   * Who sends a request; null where that does not matter.
   *
   * @throws {ServingError} `UNAUTHENTICATED` no valid credentials; `RESOURCE_EXHAUSTED` too many requests
   */
  identify(caller: Caller): Identity | null | Promise<Identity | null> {
    const { access } = this.#parts;
    if (access === null || access.isOpen(caller.path)) return this.count(caller, null);
    let identity: Identity | Promise<Identity>;
    try {
      identity = access.identify(caller.authorization, caller.certificate);
    } catch (error) {
      return this.#refuse(caller, error, null);
    }
    if (!(identity instanceof Promise)) return this.count(caller, identity);
    return identity.then(
      (found) => this.count(caller, found),
      (error: unknown) => this.#refuse(caller, error, null),
    );
  }

  /**
   * Refuses what somebody may not do.
   *
   * @param model null for what is no model's
   * @throws {ServingError} `PERMISSION_DENIED`
   */
  authorize(identity: Identity | null, action: Action, model: string | null, caller: Caller): void {
    if (identity === null) return;
    try {
      authorize(identity, action, model);
    } catch (error) {
      this.#refuse(caller, error, identity);
    }
  }

  /**
   * Counts a request for the rate limit; returns its identity.
   *
   * @throws {ServingError} `RESOURCE_EXHAUSTED` too many requests
   */
  count(caller: Caller, identity: Identity | null): Identity | null {
    const { rateLimit, countsAddresses } = this.#parts;
    if (rateLimit === null || !caller.counts) return identity;
    const wait = rateLimit.take(
      identity === null || countsAddresses ? this.#client(caller) : `token ${identity.name}`,
    );
    if (wait > 0) throw tooOften(wait);
    return identity;
  }

  /** Whoever tries out tokens is counted by address. */
  #refuse(caller: Caller, error: unknown, identity: Identity | null): never {
    const wait = this.#parts.rateLimit?.take(this.#client(caller)) ?? 0;
    this.#refused += 1;
    const now = performance.now();
    if (error instanceof ServingError && now - this.#loggedAt >= LOG_EVERY_MS) {
      const { addresses } = this.#parts;
      this.#logger.warn(
        {
          refused: this.#refused,
          reason: error.message,
          path: caller.path,
          address: addresses.of(caller.peer, caller.forwarded),
          ...(identity === null ? {} : { identity: identity.name }),
        },
        'access refused',
      );
      this.#loggedAt = now;
      this.#refused = 0;
    }
    throw wait > 0 ? tooOften(wait) : error;
  }

  #client({ peer, forwarded }: Caller): string {
    return `address ${addressKey(this.#parts.addresses.of(peer, forwarded))}`;
  }
}
