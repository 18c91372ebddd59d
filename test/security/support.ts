import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { afterEach } from 'vitest';
import { Door } from '../../ts/api/door.js';
import { GrpcServer } from '../../ts/api/grpc/server.js';
import { Inference } from '../../ts/api/infer.js';
import { createRestServer } from '../../ts/api/rest/server.js';
import { Connections, handTo, TOO_MANY } from '../../ts/listeners/connections.js';
import { accept } from '../../ts/listeners/listeners.js';
import { createLogger, type Logger } from '../../ts/logger.js';
import { bindListener } from '../../ts/native/listener.js';
import { type Options, resolveOptions } from '../../ts/options/options.js';
import { checkSecurity, Security, shareSecurity } from '../../ts/security/security.js';
import { FakeEngine, fakeCatalog } from '../api/fakes.js';
import { identity } from '../api/grpc-support.js';

const cleanUp: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const work of cleanUp.splice(0).reverse()) await work();
});

/** Runs `work` after the test. */
export function atEnd(work: () => Promise<void> | void): void {
  cleanUp.push(work);
}

/** A folder that is removed after the test. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'servable-security-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Log lines as JSON, to be searched and waited for. */
export class Log {
  readonly lines: string[] = [];
  readonly logger: Logger;
  readonly #waiting = new Set<() => void>();

  constructor() {
    this.logger = createLogger({
      level: 'debug',
      format: 'json',
      write: (line) => {
        this.lines.push(line);
        for (const look of this.#waiting) look();
      },
    });
  }

  /** Resolves once so many lines contain a text. */
  async count(text: string, wanted = 1): Promise<void> {
    const has = () => this.lines.filter((line) => line.includes(text)).length >= wanted;
    if (has()) return;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!has()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }
}

/** Both protocols on ports, with the real doors before a fake engine. */
export interface Front {
  readonly rest: number;
  readonly grpc: number;
  readonly engine: FakeEngine;
  readonly log: Log;
  readonly security: Security;
  readonly warnings: readonly string[];
}

/** Starts both protocols with the options of `servable serve`; ended after the test. */
export async function front(given: Partial<Options>): Promise<Front> {
  const { options } = resolveOptions({ securityPollWaitSeconds: 1, ...given });
  const warnings = await checkSecurity(options);
  const log = new Log();
  const { logger } = log;
  const security = await Security.open({ options, logger, shared: shareSecurity(1) });
  const engine = new FakeEngine();
  const inference = new Inference(engine, null, null, security.admission);
  const catalog = fakeCatalog();
  const door = Door.of(security, logger);
  const { app } = await createRestServer({
    inference,
    catalog,
    logger,
    settings: { timeoutMs: 30_000, maxBytes: 2 ** 20, maxExpansion: 200, compressMinBytes: 0 },
    cors: { enabled: false, origins: [], headers: [] },
    door,
    timeouts: {
      headersMs: options.requestHeaderTimeoutSeconds * 1000,
      requestMs: options.requestTimeoutSeconds * 1000,
      idleMs: options.idleTimeoutSeconds * 1000,
    },
    maxHeaderBytes: options.maxHeaderBytes,
    docs: '1.0.0',
    metrics: { paths: ['/monitoring/prometheus/metrics'], render: async () => '' },
    count: () => undefined,
    observer: null,
  });
  const grpc = new GrpcServer({
    inference,
    catalog,
    reload: async () => undefined,
    door,
    settings: {
      maxMessageBytes: 2 ** 20,
      maxConcurrentStreams: options.grpcMaxConcurrentStreams,
      idleTimeoutMs: 0,
      channelArguments: [],
      health: true,
      reflection: true,
      session: true,
    },
    observer: null,
  });
  const [restAt, grpcAt] = [bind(), bind()];
  const { connections, maxConnections } = security;
  const common = { security, balance: null };
  const acceptors = [
    ...accept('rest', [{ fd: restAt.fd, path: null }], {
      ...common,
      hand: handTo(app.server),
      open: new Connections(connections, maxConnections, TOO_MANY),
    }),
    ...accept('grpc', [{ fd: grpcAt.fd, path: null }], {
      ...common,
      hand: (socket) => grpc.accept(socket),
      open: new Connections(connections, maxConnections, null),
    }),
  ];
  await Promise.all(acceptors.map((each) => each.listen()));
  atEnd(async () => {
    for (const each of acceptors) each.stop();
    app.server.closeAllConnections();
    await app.close();
    await grpc.stop(100);
    security.close();
  });
  return { rest: restAt.port, grpc: grpcAt.port, engine, log, security, warnings };
}

function bind(): { fd: number; port: number } {
  return bindListener({ host: '127.0.0.1', port: 0 });
}

/** How a gRPC client calls. */
export interface GrpcCall {
  readonly port: number;
  readonly path: string;
  readonly body?: Uint8Array;
  /** The metadata `authorization`. */
  readonly token?: string;
  readonly credentials?: ChannelCredentials;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The status of a unary call: code, text, and the trailing metadata. */
export async function grpcStatus(
  call: GrpcCall,
): Promise<{ code: number; details: string; metadata: Metadata }> {
  const client = new Client(
    `localhost:${call.port}`,
    call.credentials ?? credentials.createInsecure(),
  );
  const metadata = new Metadata();
  if (call.token !== undefined) metadata.set('authorization', call.token);
  for (const [key, value] of Object.entries(call.metadata ?? {})) metadata.set(key, value);
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(
        call.path,
        identity,
        identity,
        Buffer.from(call.body ?? []),
        metadata,
        { deadline: Date.now() + 20_000 },
        (error: ServiceError | null) => {
          if (error === null) resolve({ code: 0, details: '', metadata: new Metadata() });
          else resolve({ code: error.code, details: error.details, metadata: error.metadata });
        },
      );
    });
  } finally {
    client.close();
  }
}
