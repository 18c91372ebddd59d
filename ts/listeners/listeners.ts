import { createServer as createNetServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ReloadConfig } from '../api/grpc/model-service.js';
import type { GrpcServer } from '../api/grpc/server.js';
import { type DemandModel, Inference, type JudgeSuspect } from '../api/infer.js';
import type { RestServer } from '../api/rest/server.js';
import type { Logger } from '../logger.js';
import { catalog } from '../native/catalog.js';
import { InferQueue } from '../native/infer-queue.js';
import type { Options } from '../options/options.js';
import { packageVersion } from '../version.js';
import { Acceptor, type Balance, type ListenOn } from './acceptor.js';

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

/** The listeners of one thread: its inference queue, REST and gRPC on it, and their sockets. */
export class Listeners {
  readonly #queue: InferQueue;
  readonly #rest: RestServer | null;
  readonly #grpc: GrpcServer | null;
  readonly #acceptors: readonly Acceptor[];
  #stopping: Promise<void> | null = null;

  private constructor(
    queue: InferQueue,
    rest: RestServer | null,
    grpc: GrpcServer | null,
    acceptors: readonly Acceptor[],
  ) {
    this.#queue = queue;
    this.#rest = rest;
    this.#grpc = grpc;
    this.#acceptors = acceptors;
  }

  /** Builds the servers and accepts connections; resolves once they do. */
  static async start(dependencies: ListenerDependencies): Promise<Listeners> {
    const { options, sockets, balance } = dependencies;
    const queue = new InferQueue({
      asTensorContent: options.enableSerializationAsTensorContent,
      checkMethodName: options.enableSignatureMethodNameCheck,
    });
    const onDemand = options.modelLoading === 'on_demand';
    const inference = new Inference(
      queue,
      onDemand ? dependencies.demand : null,
      dependencies.judge,
    );
    const [rest, grpc] = await Promise.all([
      sockets.rest.length === 0 ? null : startRest(inference, dependencies),
      sockets.grpc.length === 0 ? null : startGrpc(inference, dependencies),
    ]);
    const acceptors: Acceptor[] = [];
    if (rest !== null) {
      // The HTTP server listens itself on the first socket and is handed the connections of the second.
      const others = sockets.rest.slice(1);
      acceptors.push(
        ...sockets.rest.slice(0, 1).map((on) => new Acceptor(rest.app.server, on, balance)),
      );
      const hand = (socket: Socket): void => void rest.app.server.emit('connection', socket);
      acceptors.push(...others.map((on) => acceptor(on, hand, null)));
    }
    if (grpc !== null) {
      const hand = (socket: Socket): void => grpc.accept(socket);
      acceptors.push(...sockets.grpc.map((on) => acceptor(on, hand, balance)));
    }
    const listeners = new Listeners(queue, rest, grpc, acceptors);
    await Promise.all(acceptors.map((each) => each.listen()));
    return listeners;
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
    this.#rest?.announceEnd();
    if (delayMs > 0) await delay(delayMs);
    const until = performance.now() + deadlineMs;
    for (const each of this.#acceptors) each.stop();
    await Promise.all([
      this.#rest === null ? null : stopRest(this.#rest, this.#queue, deadlineMs),
      this.#grpc?.stop(deadlineMs),
    ]);
    await before(until, this.#queue.close());
  }
}

function acceptor(on: ListenOn, hand: (socket: Socket) => void, balance: Balance | null): Acceptor {
  return new Acceptor(createNetServer({ noDelay: true }, hand), on, balance);
}

async function startRest(
  inference: Inference,
  { options, logger }: ListenerDependencies,
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
    docs: options.restApiEnableDocs ? packageVersion() : null,
  });
}

async function startGrpc(
  inference: Inference,
  { options, reload }: ListenerDependencies,
): Promise<GrpcServer> {
  const { GrpcServer } = await import('../api/grpc/server.js');
  return new GrpcServer({
    inference,
    catalog,
    reload,
    settings: {
      maxMessageBytes: options.grpcMaxMessageBytes,
      channelArguments: options.grpcChannelArguments,
      health: options.enableGrpcHealthcheckService,
      reflection: options.enableGrpcReflection,
      session: options.enableSessionService,
    },
  });
}

/** Waits for running requests; connections that only idle are closed at once. */
async function stopRest(rest: RestServer, queue: InferQueue, deadlineMs: number): Promise<void> {
  const closed = rest.drain();
  const { server } = rest.app;
  server.closeIdleConnections();
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  const open = (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_error, count) => resolve(count ?? 0)));
  const until = performance.now() + deadlineMs;
  while (((await open()) > 0 || queue.inFlight() > 0) && performance.now() < until) {
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
