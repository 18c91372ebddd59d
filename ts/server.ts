import { setTimeout as delay } from 'node:timers/promises';
import { type Addresses, announce } from './announce.js';
import { isServing } from './api/model-status.js';
import { startBatching } from './batching-setup.js';
import { Deferred } from './deferred.js';
import { ServingError } from './errors.js';
import type { ListenOn } from './listeners/acceptor.js';
import type { AdminListeners, AdminSockets } from './listeners/admin-listeners.js';
import type { ListenerDependencies, StopTimes } from './listeners/listeners.js';
import type { SocketFile } from './listeners/socket-file.js';
import { type BoundSockets, bindSockets, closeSockets } from './listeners/sockets.js';
import { workerCount } from './listeners/worker-count.js';
import { LevelControl } from './log-level.js';
import { createLogger, type Logger } from './logger.js';
import { systemClock } from './manager/clock.js';
import { measureEvents } from './manager/event-metrics.js';
import { firstOutcomes } from './manager/first-outcomes.js';
import { failedForGood, type LoadSummary, loadError } from './manager/load-summary.js';
import { ModelManager } from './manager/manager.js';
import type { ManagerOptions } from './manager/options.js';
import type { Stores } from './manager/store/stores.js';
import { managerOptions, poolOptions, storeOptions, warmUpWith } from './manager-options.js';
import { ModelConfigs } from './model-configs.js';
import type { ServerModel } from './models.js';
import { drainBatches } from './native/batching.js';
import { catalog, type ModelStatus } from './native/catalog.js';
import { requestCounts } from './native/counters.js';
import { closeFd } from './native/listener.js';
import { loadModel } from './native/model.js';
import { configurePool } from './native/pool.js';
import { type RuntimeInfo, runtimeInfo } from './native/runtime.js';
import { metricsPaths } from './options/monitoring-config.js';
import { type Options, resolveOptions } from './options/options.js';
import { sessionSettings } from './options/session-config.js';
import { type Capturing, RequestLogs } from './request-logs.js';
import { findRuntime } from './runtime/find.js';
import { openRuntimeAside } from './runtime-opener.js';
import { checkSecurity, Security, shareSecurity } from './security/security.js';
import { Isolation } from './supervise/isolation.js';
import { givenSockets, type Supervised } from './supervise/supervised.js';

export type { Addresses } from './announce.js';
export type { ServerModel } from './models.js';

/** Every option of `servable serve` by its configuration key, and the models. All have defaults. */
export interface ServerOptions extends Partial<Options> {
  /** The models to serve; without it `modelConfigFile` or `modelName` and `modelBasePath` say. */
  readonly models?: readonly ServerModel[];
  /** Where log lines go; by `logLevel` and `logFormat` to standard error when left out. */
  readonly logger?: Logger;
}

/** A TensorFlow model server in this process. There can be one at a time, because its catalog belongs to the process. */
export interface Server {
  /**
   * Opens the ports and starts to load the models; resolves when every model has loaded or failed. Safe to call twice.
   *
   * @throws {ServingError} `UNAVAILABLE` port in use; `FAILED_PRECONDITION` no TensorFlow library; `UNKNOWN` every model failed for good;
   *   `INVALID_ARGUMENT` a bad config
   */
  start(): Promise<void>;
  /** Not ready, no new connections, requests in flight finish within the drain timeout, models are unloaded. Safe to call twice. */
  stop(): Promise<void>;
  /** Resolves once requests are accepted, which is before the models have loaded. */
  listening(): Promise<Addresses>;
  /** What status answers say of every model. */
  models(): ModelStatus[];
  /** The TensorFlow library in use, or null before it is open. */
  runtime(): RuntimeInfo | null;
  /** Rejects if the server breaks after it has started; never resolves. */
  readonly broken: Promise<never>;
}

/**
 * Makes a server; nothing happens before `start()`.
 *
 * @param supervised internal: its place under `servable serve --supervise`
 * @throws {ServingError} `INVALID_ARGUMENT` an option that is unknown or out of range
 */
export function createServer(
  options: ServerOptions = {},
  supervised: Supervised | null = null,
): Server {
  const { models, logger, ...given } = options;
  const { options: complete, warnings } = resolveOptions(given);
  if (complete.supervise && supervised === null) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      '--supervise: only `servable serve` can start another process to serve from',
    );
  }
  const level = new LevelControl(complete.logLevel);
  const log = logger ?? createLogger({ level, format: complete.logFormat });
  return new ModelServer({
    options: complete,
    warnings,
    given: models,
    logger: log,
    level: logger === undefined ? level : null,
    supervised,
  });
}

/** Threads that own listeners: the parts of one server in this thread, or in workers. */
interface Front extends Capturing {
  stop(times: StopTimes): Promise<void>;
}

interface ModelServerParts {
  readonly options: Options;
  readonly warnings: readonly string[];
  readonly given: readonly ServerModel[] | undefined;
  readonly logger: Logger;
  /** Of that logger; null where it was given. */
  readonly level: LevelControl | null;
  readonly supervised: Supervised | null;
}

class ModelServer implements Server {
  readonly #options: Options;
  readonly #warnings: readonly string[];
  readonly #configs: ModelConfigs;
  readonly #logger: Logger;
  readonly #level: LevelControl | null;
  readonly #supervised: Supervised | null;
  #isolation: Isolation | null = null;
  #manager: ModelManager | null = null;
  #front: Front | null = null;
  #admin: AdminListeners | null = null;
  #security: Security | null = null;
  #requestLogs: RequestLogs | null = null;
  #metricsPaths: readonly string[] = [];
  /** Descriptors that nobody listens on yet. */
  #bound: readonly number[] = [];
  /** Unix sockets that were bound here. */
  #socketFiles: readonly SocketFile[] = [];
  #started: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;
  readonly #addresses = new Deferred<Addresses>();
  readonly #broken = new Deferred<never>();

  constructor({ options, warnings, given, logger, level, supervised }: ModelServerParts) {
    this.#options = options;
    this.#warnings = warnings;
    this.#configs = new ModelConfigs({ given, options, logger });
    this.#logger = logger;
    this.#level = level;
    this.#supervised = supervised;
  }

  start(): Promise<void> {
    this.#started ??= this.#start().catch(async (error: unknown) => {
      this.#addresses.reject(error);
      await this.stop();
      throw error;
    });
    return this.#started;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  listening(): Promise<Addresses> {
    return this.#addresses.promise;
  }

  get broken(): Promise<never> {
    return this.#broken.promise;
  }

  models(): ModelStatus[] {
    return catalog.list();
  }

  runtime(): RuntimeInfo | null {
    return runtimeInfo();
  }

  async #start(): Promise<void> {
    const options = this.#options;
    const warnings = [...this.#warnings, ...(await checkSecurity(options))];
    for (const warning of warnings) this.#logger.warn({}, warning);
    // First, so that a port in use is told before TensorFlow is opened.
    const sockets = await bindSockets(options, givenSockets(this.#supervised));
    this.#bound = sockets.bound;
    this.#socketFiles = sockets.files;
    const runtime = this.#openRuntime();
    // Awaited below: until then a failure must not count as unhandled.
    runtime.catch(() => undefined);
    this.#isolation = new Isolation({
      supervised: this.#supervised,
      options,
      library: async () => (await runtime).path,
      logger: this.#logger,
    });
    configurePool(poolOptions(options));
    await this.#configs.read();
    this.#stopIfAsked();
    const session = await sessionSettings(options);
    for (const warning of session.warnings) this.#logger.warn({}, warning);
    this.#metricsPaths = await metricsPaths(options.monitoringConfigFile);
    // Loaded here, because it is time that the library takes to open as well.
    const { ModelStores } = await import('./manager/store/stores.js');
    const settings = managerOptions(options, session, await startBatching(options, session));
    const manager = this.#makeManager(runtime, settings, new ModelStores(storeOptions(options)));
    this.#requestLogs = RequestLogs.follow(manager, options, session, this.#logger);
    await this.#configs.start(manager);
    if (options.listenAfterLoad) {
      await runtime;
      this.#requireOne(await manager.initialLoad());
    }
    // Connections that came while nobody served have waited so far; they need not be told that models are loading.
    if (this.#supervised?.inheritance.restarted) await firstOutcomes(manager);
    this.#stopIfAsked();
    this.#front = await this.#open(sockets);
    this.#requestLogs?.serve(this.#front);
    this.#admin = await this.#openAdmin(sockets.admin, manager);
    const { port, restApiPort, adminPort } = options;
    this.#logger.info({ grpc: port, rest: restApiPort, admin: adminPort }, 'listening');
    await runtime;
    // Whoever waits for the lines TensorFlow Serving logs sends its first request right after them.
    await firstOutcomes(manager);
    this.#stopIfAsked();
    if (this.models().some(isServing)) catalog.setReady(true);
    this.#addresses.resolve(announce(options, this.#logger));
    this.#requireOne(await manager.initialLoad());
    this.#isolation.serving();
    this.#stopIfAsked();
    catalog.setReady(true);
  }

  async #openRuntime(): Promise<RuntimeInfo> {
    const { tensorflowLibrary, opLibrary } = this.#options;
    const opened = runtimeInfo();
    const path =
      opened !== null && tensorflowLibrary === ''
        ? opened.path
        : (await findRuntime({ library: tensorflowLibrary || null })).path;
    const info = await openRuntimeAside(path, opLibrary);
    this.#logger.info({ version: info.version, path: info.path }, 'TensorFlow library open');
    for (const warning of info.warnings) this.#logger.warn({}, warning);
    return info;
  }

  #makeManager(
    runtime: Promise<RuntimeInfo>,
    settings: ManagerOptions,
    stores: Stores,
  ): ModelManager {
    this.#manager = new ModelManager({
      catalog: this.#isolation?.watching(catalog) ?? catalog,
      // Versions are found and their states told while the library is still being opened.
      loadModel: async (what, origin) => {
        await runtime;
        await this.#isolation?.beforeLoad(what, origin);
        return loadModel(what);
      },
      clock: systemClock,
      logger: this.#logger,
      ...warmUpWith(this.#options),
      options: settings,
      stores,
      requestCounts: () => new Map(requestCounts().map((it) => [it.name, it.requests])),
    });
    measureEvents(this.#manager);
    return this.#manager;
  }

  async #open({ rest, grpc }: BoundSockets): Promise<Front> {
    const common = {
      options: this.#options,
      sockets: { rest, grpc },
      reload: (config: Buffer) => this.#reload(config),
      demand: (name: string) => this.#running().demand(name),
      judge: this.#isolation?.judge ?? null,
      logger: this.#logger,
      metricsPaths: this.#metricsPaths,
      level: this.#level,
    };
    const count = workerCount(this.#options.workers);
    const shared = shareSecurity(count);
    const security = await Security.open({ options: this.#options, logger: this.#logger, shared });
    this.#security = security;
    if (count === 1) {
      const { Listeners } = await import('./listeners/listeners.js');
      // The listeners own the descriptors from here on.
      this.#disown([...rest, ...grpc]);
      const own: ListenerDependencies = { ...common, security, worker: 0, balance: null };
      return Listeners.start(own);
    }
    const { Workers } = await import('./workers.js');
    const onCrash = (error: Error): void => this.#broken.reject(error);
    const workers = await Workers.start({ ...common, shared, onCrash });
    // They have duplicates; one that stayed open here would take connections that nobody accepts.
    for (const fd of this.#disown([...rest, ...grpc])) closeFd(fd);
    return workers;
  }

  async #reload(bytes: Buffer): Promise<void> {
    const [{ messageType }, { reloadedConfigs }] = await Promise.all([
      import('./codec/messages.js'),
      import('./manager/source/model-config.js'),
    ]);
    const config = messageType('tensorflow.serving.ModelServerConfig').decode(bytes);
    const configs = reloadedConfigs(config);
    const failure = loadError(await this.#running().apply(configs), 'model(s)');
    await this.#configs.state?.written();
    if (failure !== null) throw failure;
  }

  #running(): ModelManager {
    if (this.#manager === null) throw new ServingError('UNAVAILABLE', 'the server is starting');
    return this.#manager;
  }

  async #openAdmin(on: AdminSockets, manager: ModelManager): Promise<AdminListeners | null> {
    const security = this.#security;
    if (on.sockets.length === 0 || security === null) return null;
    const [{ Admin }, { LogLevels }, { AdminListeners }] = await Promise.all([
      import('./api/admin/admin.js'),
      import('./observe/log-levels.js'),
      import('./listeners/admin-listeners.js'),
    ]);
    const logLevels = this.#level === null ? null : new LogLevels(this.#level);
    const { reread, state } = this.#configs;
    const admin = new Admin({ manager: () => manager, reread, state, logLevels });
    this.#disown(on.sockets);
    return AdminListeners.start(admin, on, this.#logger, security);
  }

  #requireOne(summary: LoadSummary): void {
    if (!failedForGood(summary)) return;
    throw (
      loadError(summary, 'servable(s)') ?? new ServingError('UNKNOWN', 'no model became available')
    );
  }

  #stopIfAsked(): void {
    if (this.#stopped !== null) throw new ServingError('CANCELLED', 'the server was stopped');
  }

  async #stop(): Promise<void> {
    const { drainTimeoutSeconds, drainDelaySeconds } = this.#options;
    const deadlineMs = drainTimeoutSeconds * 1000;
    const delayMs = this.#front === null ? 0 : drainDelaySeconds * 1000;
    const until = performance.now() + delayMs + deadlineMs;
    catalog.setReady(false);
    drainBatches(true);
    await this.#configs.stop();
    await this.#admin?.stop();
    // Whoever sends requests here looks from time to time whether it is ready: until then they are answered.
    const closing = delay(delayMs).then(() => this.#supervised?.say({ kind: 'closing' }));
    await this.#front?.stop({ delayMs, deadlineMs });
    await closing;
    await this.#requestLogs?.stop(Math.max(1000, until - performance.now()));
    this.#isolation?.stop();
    this.#security?.close();
    // Models may still be busy with what was cut off above; a moment is enough for the others.
    await this.#manager?.stop(Math.max(1000, until - performance.now()));
    this.#closeBound();
  }

  /** Gives the descriptors of sockets away; returns them. */
  #disown(sockets: readonly ListenOn[]): number[] {
    const fds = sockets.map(({ fd }) => fd);
    this.#bound = this.#bound.filter((fd) => !fds.includes(fd));
    return fds;
  }

  #closeBound(): void {
    closeSockets(this.#bound, this.#socketFiles);
    this.#bound = [];
    this.#socketFiles = [];
  }
}
