import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ServingError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { Options } from '../options/options.js';
import type { Access } from './access.js';
import { Admission, shareOf } from './admission.js';
import { ClientAddresses } from './client-address.js';
import { RateLimit, rateLimitMemory } from './rate-limit.js';
import { TlsDoor } from './tls-door.js';
import { type TlsFiles, tlsPaths, usesTls } from './tls-files.js';
import type { TlsMaterial } from './tls-material.js';
import { type Watch, watchFiles } from './watch.js';

/** A port, as `--ssl_listeners` names it. */
export type ListenerName = 'grpc' | 'rest' | 'admin';

/** Made-up key ids must not become a flood for the issuer, and a new key should count soon. */
const REFETCH_MS = 5000;

/** Requests that run, beside those that wait. */
const RUNNING = 64;

const LISTENERS: readonly ListenerName[] = ['grpc', 'rest', 'admin'];

/** What all threads of a server share: counters in memory, and a secret for them. */
export interface SharedSecurity {
  readonly workers: number;
  readonly rates: SharedArrayBuffer;
  /** One number: connections that are open. */
  readonly connections: SharedArrayBuffer;
  readonly secret: Uint8Array;
}

/** What the threads of a server with `workers` of them are to share. */
export function shareSecurity(workers: number): SharedSecurity {
  return {
    workers,
    rates: rateLimitMemory(),
    connections: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
    secret: randomBytes(32),
  };
}

/** Who may come in, how much of them, and how their connections are protected: for one thread. */
export class Security {
  /** Null where everybody may do everything. */
  readonly access: Access | null;
  /** Null where clients may ask as often as they like. */
  readonly rateLimit: RateLimit | null;
  /** Whether a client is its address, also where it has shown a token. */
  readonly countsAddresses: boolean;
  readonly addresses: ClientAddresses;
  readonly admission: Admission;
  readonly maxConnections: number;
  readonly connections: Int32Array;
  readonly #options: Options;
  readonly #logger: Logger;
  readonly #doors = new Set<TlsDoor>();
  #tls: TlsMaterial | null;
  #watch: Watch | null = null;

  private constructor(
    { options, logger, shared }: OpenSecurity,
    access: Access | null,
    tls: TlsMaterial | null,
  ) {
    this.#options = options;
    this.#logger = logger;
    this.access = access;
    this.#tls = tls;
    const perSecond = options.rateLimitRequestsPerSecond;
    const burst = options.rateLimitBurst > 0 ? options.rateLimitBurst : Math.ceil(perSecond);
    this.rateLimit =
      perSecond > 0 ? new RateLimit({ perSecond, burst }, shared.rates, shared.secret) : null;
    this.countsAddresses = options.rateLimitBy === 'address';
    this.addresses = new ClientAddresses(options.trustedProxies);
    const total =
      options.maxInFlightRequests > 0
        ? options.maxInFlightRequests
        : options.maxQueuedRequests + RUNNING;
    this.admission = new Admission({
      total: shareOf(total, shared.workers),
      perModel: shareOf(options.maxInFlightRequestsPerModel, shared.workers),
    });
    this.maxConnections =
      options.maxConnections > 0 ? options.maxConnections : connectionsByOpenFiles();
    this.connections = new Int32Array(shared.connections);
    if (tls !== null) this.#watchTls();
  }

  /**
   * Reads what the options name and watches it.
   *
   * @throws {ServingError} `INVALID_ARGUMENT` names the option or file and what is wrong with it
   */
  static async open(given: OpenSecurity): Promise<Security> {
    const { options, logger } = given;
    const access = await openAccess(options, logger);
    const files = tlsFiles(options);
    const tls = usesTls(files) ? await readTls(files) : null;
    return new Security(given, access, tls);
  }

  /** Whether a port speaks TLS. */
  isSecure(listener: ListenerName): boolean {
    return this.#tls !== null && this.#options.sslListeners.includes(listener);
  }

  /**
   * Puts TLS before a listener that has it: connections are handed on decrypted.
   *
   * @param hand takes a connection that may be read
   * @returns takes an accepted connection
   */
  secure(
    listener: ListenerName,
    hand: (socket: Socket | TLSSocket) => void,
  ): (socket: Socket) => void {
    if (this.#tls === null || !this.isSecure(listener)) return hand;
    const door = new TlsDoor(this.#tls, listener === 'grpc' ? 'h2' : 'http/1.1', hand, (reason) =>
      this.#logger.debug({ listener, reason }, 'TLS connection refused'),
    );
    this.#doors.add(door);
    return (socket) => door.accept(socket);
  }

  /** Watches nothing any more. */
  close(): void {
    this.access?.close();
    this.#watch?.close();
  }

  #watchTls(): void {
    const files = tlsFiles(this.#options);
    const pollMs = this.#options.securityPollWaitSeconds * 1000;
    this.#watch = watchFiles(tlsPaths(files), pollMs, () => {
      readTls(files).then(
        (material) => this.#renew(material),
        (error: Error) =>
          this.#logger.error(
            { error: error.message },
            'certificates not taken: the last good ones stay',
          ),
      );
    });
  }

  #renew(material: TlsMaterial): void {
    if (material.clientVerify !== this.#tls?.clientVerify) {
      this.#logger.warn({}, 'whether clients are verified changes with the next start only');
    }
    this.#tls = material;
    for (const door of this.#doors) door.renew(material);
    const expires = new Date(material.expiresAt).toISOString();
    this.#logger.info({ expires }, 'certificates read again');
    for (const warning of material.warnings) this.#logger.warn({}, warning);
  }
}

/** What {@link Security.open} needs. */
export interface OpenSecurity {
  readonly options: Options;
  readonly logger: Logger;
  readonly shared: SharedSecurity;
}

/**
 * Reads everything once, for what is wrong with it, before anything else of a server starts.
 *
 * @returns sentences for the operator
 * @throws {ServingError} as {@link Security.open}
 */
export async function checkSecurity(options: Options): Promise<readonly string[]> {
  const warnings: string[] = [];
  const unknown = options.sslListeners.find((name) => !LISTENERS.includes(name as ListenerName));
  if (unknown !== undefined) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `--ssl_listeners: got "${unknown}", wanted some of ${LISTENERS.join(', ')}`,
    );
  }
  if (options.authTokensFile !== '') {
    const { readTokenFile } = await import('./token-file.js');
    warnings.push(...readTokenFile(options.authTokensFile).warnings);
  }
  const { authJwks, authJwtIssuer, authJwtAudience } = options;
  if (authJwks === '' && (authJwtIssuer !== '' || authJwtAudience.length > 0)) {
    throw new ServingError('INVALID_ARGUMENT', '--auth_jwt_issuer and its kin need --auth_jwks');
  }
  if (authJwks !== '') {
    if (authJwtIssuer === '') warnings.push('without --auth_jwt_issuer any issuer is accepted');
    if (authJwtAudience.length === 0) {
      warnings.push('without --auth_jwt_audience tokens for other services are accepted');
    }
    if (/^http:/i.test(authJwks)) {
      warnings.push(`--auth_jwks ${authJwks}: who is on the way can change the keys, use https`);
    }
  }
  const files = tlsFiles(options);
  const isSecure = usesTls(files);
  if (isSecure) warnings.push(...(await readTls(files)).warnings);
  if (!isSecure && (files.clientCaPath !== '' || files.clientVerify !== 'auto')) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      '--ssl_client_ca_path and --ssl_client_verify need --ssl_cert_path and --ssl_key_path',
    );
  }
  const hasAccess = options.authTokensFile !== '' || authJwks !== '';
  if (hasAccess && !isSecure && !isLoopback(options.host)) {
    warnings.push('tokens travel in the clear: set --ssl_cert_path, or put a TLS proxy in front');
  }
  return warnings;
}

async function openAccess(options: Options, logger: Logger): Promise<Access | null> {
  const { authTokensFile, authJwks } = options;
  if (authTokensFile === '' && authJwks === '') return null;
  const [{ Access }, { JwtVerifier }, { TokenFile }] = await Promise.all([
    import('./access.js'),
    import('./jwt.js'),
    import('./token-file.js'),
  ]);
  const pollMs = options.securityPollWaitSeconds * 1000;
  const jwt =
    authJwks === ''
      ? null
      : await JwtVerifier.open(
          {
            jwks: authJwks,
            issuer: options.authJwtIssuer,
            audience: options.authJwtAudience,
            algorithms: options.authJwtAlgorithms,
            scopeClaim: options.authJwtScopeClaim,
            scopeMap: options.authJwtScopeMap,
            pollMs,
            refetchMs: REFETCH_MS,
          },
          logger,
        );
  const tokens = authTokensFile === '' ? null : new TokenFile(authTokensFile, pollMs, logger);
  return new Access({ tokens, jwt, openPaths: options.authOpenPaths });
}

/** The code that reads certificates is loaded where there are some. */
async function readTls(files: TlsFiles): Promise<TlsMaterial> {
  const { readTlsMaterial } = await import('./tls-material.js');
  return readTlsMaterial(files, Date.now());
}

function tlsFiles(options: Options): TlsFiles {
  return {
    configFile: options.sslConfigFile,
    certPath: options.sslCertPath,
    keyPath: options.sslKeyPath,
    clientCaPath: options.sslClientCaPath,
    clientVerify: options.sslClientVerify,
    minVersion: options.sslMinVersion,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/** Descriptors kept for everything but clients: models, logs, libraries. */
const OTHER_FILES = 256;
const MANY = 65_536;

/** As many connections as the process may open files, less what else it opens. */
function connectionsByOpenFiles(): number {
  try {
    const [, soft] =
      /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    const files = Number(soft);
    return files > 0 ? Math.max(64, Math.min(MANY, files - OTHER_FILES)) : MANY;
  } catch {
    // Only Linux has the file.
    return MANY;
  }
}
