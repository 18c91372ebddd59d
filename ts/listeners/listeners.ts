import { createServer as createNetServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Door } from '../api/door.js';
import type { ReloadConfig } from '../api/grpc/model-service.js';
import type { GrpcServer } from '../api/grpc/server.js';
import { type DemandModel, Inference, type JudgeSuspect } from '../api/infer.js';
import type { RestServer } from '../api/rest/server.js';
import type { Logger } from '../logger.js';
import { catalog } from '../native/catalog.js';
import { countRest } from '../native/counters.js';
import { InferQueue } from '../native/infer-queue.js';
import { EventLoopFigures } from '../observe/event-loop.js';
import type { Observer } from '../observe/observer.js';
import type { Options } from '../options/options.js';
import { Capture, type CaptureSetup } from '../record/capture.js';
import type { Security } from '../security/security.js';
import { packageVersion } from '../version.js';
import { Acceptor, type Balance, type ListenOn } from './acceptor.js';
import { Connections, handTo, TOO_MANY } from './connections.js';
import { openObserver } from './open-observer.js';

/** What one thread listens on. */
export interface Sockets {
  readonly rest: readonly ListenOn[];
  readonly grpc: readonly ListenOn[];
}

/** What the listeners of one thread need. */
export interface ListenerDependencies {
  readonly options: Options;
  readonly sockets: Sockets;
  readonly reload: ReloadConfig;
  /** Has a model loaded that waits for its first request. */
  readonly demand: DemandModel;
  /** Has a request tried out that may have ended an earlier process; null where there are none. */
  readonly judge: JudgeSuspect | null;
  readonly logger: Logger;
  readonly security: Security;
  /** Where the metrics page is answered; none turns it off. */
  readonly metricsPaths: readonly string[];
  /** The thread's number. */
  readonly worker: number;
  /** Shared with the other workers; null for the only one. */
  readonly balance: Balance | null;
}

/** How long a stop takes at most, in milliseconds. */
export interface StopTimes {
  /** Requests are still accepted for so long; REST answers already tell their clients to connect again. */
  readonly delayMs: number;
  /** What is in flight then gets so long. */
  readonly deadlineMs: number;
}

interface Parts {
  readonly queue: InferQueue;
  readonly inference: Inference;
  readonly rest: RestServer | null;
  readonly grpc: GrpcServer | null;
  readonly acceptors: readonly Acceptor[];
  /** The connections of REST. */
  readonly open: Connections;
  readonly figures: EventLoopFigures;
  /** Null where nothing watches the requests. */
  readonly observer: Observer | null;
}

/** The system notices peers that have gone without a word. */
const ACCEPTED = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const;

/** The listeners of one thread: its inference queue, REST and gRPC on it, and their sockets. */
export class Listeners {
  readonly #parts: Parts;
  #capture: Capture | null = null;
  #stopping: Promise<void> | null = null;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Builds the servers and accepts connections; resolves once they do. */
  static async start(dependencies: ListenerDependencies): Promise<Listeners> {
    const { options, sockets, balance } = dependencies;
    // Loaded before the queue is made: that waits for the loader's lock, which is held while libtensorflow is being opened.
    await Promise.all([
      sockets.rest.length === 0 ? null : import('../api/rest/server.js'),
      sockets.grpc.length === 0 ? null : import('../api/grpc/server.js'),
    ]);
    const observer = await openObserver(options, dependencies.logger, dependencies.worker);
    const onDemand = options.modelLoading === 'on_demand';
    const queue = new InferQueue({
      asTensorContent: options.enableSerializationAsTensorContent,
      checkMethodName: options.enableSignatureMethodNameCheck,
      maxJsonDepth: options.maxJsonDepth,
      maxTensorElements: options.maxTensorElements,
      onDemand,
      stages: observer !== null,
    });
    const inference = new Inference(
      queue,
      onDemand ? dependencies.demand : null,
      dependencies.judge,
      dependencies.security.admission,
    );
    const [rest, grpc] = await Promise.all([
      sockets.rest.length === 0 ? null : startRest(inference, observer, dependencies),
      sockets.grpc.length === 0 ? null : startGrpc(inference, observer, dependencies),
    ]);
    const { security } = dependencies;
    const open = new Connections(security.connections, security.maxConnections, TOO_MANY);
    const calls = new Connections(security.connections, security.maxConnections, null);
    const acceptors: Acceptor[] = [];
    if (rest !== null) {
      const hand = handTo(rest.app.server);
      acceptors.push(...accept('rest', sockets.rest, { hand, open, security, balance }));
    }
    if (grpc !== null) {
      const hand = (socket: Socket): void => grpc.accept(socket);
      acceptors.push(...accept('grpc', sockets.grpc, { hand, open: calls, security, balance }));
    }
    const figures = new EventLoopFigures(dependencies.worker, () => inference.inFlight());
    const listeners = new Listeners({
      queue,
      inference,
      rest,
      grpc,
      acceptors,
      open,
      figures,
      observer,
    });
    await Promise.all(acceptors.map((each) => each.listen()));
    return listeners;
  }

  /** Captures a share of the answered requests from now on; null: no more. */
  capture(makeSetup: () => CaptureSetup | null): void {
    const setup = makeSetup();
    this.#capture?.end();
    this.#capture = setup === null ? null : new Capture(setup);
    this.#parts.inference.record(this.#capture);
  }

  /**
   * Accepts no more after `delayMs`, lets requests finish for `deadlineMs`, then cuts connections off. Safe to call twice.
   *
   * Runs cannot be interrupted: one that is still going when the time is up is left behind.
   */
  stop(times: StopTimes): Promise<void> {
    this.#stopping ??= this.#stop(times);
    return this.#stopping;
  }

  async #stop({ delayMs, deadlineMs }: StopTimes): Promise<void> {
    const { queue, rest, grpc, acceptors, open } = this.#parts;
    rest?.announceEnd();
    if (delayMs > 0) await delay(delayMs);
    const until = performance.now() + deadlineMs;
    for (const each of acceptors) each.stop();
    await Promise.all([
      rest === null ? null : stopRest(rest, () => open.open + queue.inFlight(), deadlineMs),
      grpc?.stop(deadlineMs),
    ]);
    await before(until, queue.close());
    this.capture(() => null);
    this.#parts.figures.stop();
    await this.#parts.observer?.close();
  }
}

interface Accept {
  /** Takes a connection that may be read. */
  readonly hand: (socket: Socket) => void;
  readonly open: Connections;
  readonly security: Security;
  readonly balance: Balance | null;
}

/** Accepts connections on every socket of a listener: counted, and on ports behind TLS where that is on. */
export function accept(
  name: 'rest' | 'grpc',
  sockets: readonly ListenOn[],
  { hand, open, security, balance }: Accept,
): Acceptor[] {
  const secured = security.secure(name, hand);
  return sockets.map((on) => {
    const next = on.path === null ? secured : hand;
    // As Node's own HTTP server: a REST client may end its side before it has its answer.
    const options = { ...ACCEPTED, allowHalfOpen: name === 'rest' };
    const server = createNetServer(options, (socket) => open.take(socket, next));
    return new Acceptor(server, on, balance);
  });
}

async function startRest(
  inference: Inference,
  observer: Observer | null,
  { options, logger, security, metricsPaths }: ListenerDependencies,
): Promise<RestServer> {
  const { createRestServer } = await import('../api/rest/server.js');
  return createRestServer({
    inference,
    catalog,
    logger,
    settings: {
      timeoutMs: options.restApiTimeoutInMs,
      maxBytes: options.maxBodyBytes,
      maxExpansion: options.maxBodyExpansion,
      compressMinBytes: options.restApiCompressMinBytes,
    },
    cors: {
      enabled: options.restApiEnableCorsSupport,
      origins: options.restApiCorsOrigins,
      headers: options.restApiCorsHeaders,
    },
    door: Door.of(security, logger),
    timeouts: {
      headersMs: options.requestHeaderTimeoutSeconds * 1000,
      requestMs: options.requestTimeoutSeconds * 1000,
      idleMs: options.idleTimeoutSeconds * 1000,
    },
    maxHeaderBytes: options.maxHeaderBytes,
    docs: options.restApiEnableDocs ? packageVersion() : null,
    metrics: {
      paths: metricsPaths,
      // Only loaded where somebody asks.
      render: async (format) => {
        const { metricsPage } = await import('../observe/page.js');
        return metricsPage(catalog, format);
      },
    },
    count: countRest,
    observer,
  });
}

async function startGrpc(
  inference: Inference,
  observer: Observer | null,
  { options, logger, reload, security }: ListenerDependencies,
): Promise<GrpcServer> {
  const { GrpcServer } = await import('../api/grpc/server.js');
  return new GrpcServer({
    inference,
    catalog,
    reload,
    door: Door.of(security, logger),
    settings: {
      maxMessageBytes: options.grpcMaxMessageBytes,
      maxConcurrentStreams: options.grpcMaxConcurrentStreams,
      idleTimeoutMs: options.grpcIdleTimeoutSeconds * 1000,
      channelArguments: options.grpcChannelArguments,
      health: options.enableGrpcHealthcheckService,
      reflection: options.enableGrpcReflection,
      session: options.enableSessionService,
    },
    observer,
  });
}

/** Waits for running requests; connections that only idle are closed at once. */
async function stopRest(rest: RestServer, busy: () => number, deadlineMs: number): Promise<void> {
  const closed = rest.drain();
  const { server } = rest.app;
  server.closeIdleConnections();
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  const until = performance.now() + deadlineMs;
  while (busy() > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  clearInterval(idle);
  server.closeAllConnections();
  await closed;
}

/** Waits for `work`, but not longer than the time `until`. */
async function before(until: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, until - performance.now()));
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
