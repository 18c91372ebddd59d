import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { silentLogger } from '../../ts/logger.js';
import type { Clock, Timer } from '../../ts/manager/clock.js';
import { ModelManager } from '../../ts/manager/manager.js';
import type { ModelConfig } from '../../ts/manager/model-config.js';
import type { CatalogWriter, LoadModel, WarmUp } from '../../ts/manager/model-deps.js';
import { defaultManagerOptions, type ManagerOptions } from '../../ts/manager/options.js';
import type { SourceStatus, VersionStatus } from '../../ts/native/catalog.js';
import type { LoadedModel, LoadOptions, ModelInfo } from '../../ts/native/model.js';

/** Time that moves only when told to. */
export class FakeClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Lets time pass; timers fire in their order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter((it) => it.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = due.at;
      due.callback();
    }
    this.#now = end;
  }

  get pending(): number {
    return this.#timers.size;
  }
}

/** A model that is only a name. */
export class FakeModel implements LoadedModel {
  readonly signatures = [];
  readonly info: ModelInfo;
  closed = false;
  #leases = 0;
  #whenFree: (() => void)[] = [];

  constructor(exportDir: string) {
    this.info = { exportDir, tags: ['serve'], tensorflowVersion: '', devices: [] };
  }

  signatureDefMap(): Buffer {
    return Buffer.alloc(0);
  }

  /** As the engine does, waits for requests. */
  async close(): Promise<void> {
    if (this.#leases > 0) await new Promise<void>((resolve) => this.#whenFree.push(resolve));
    this.closed = true;
  }

  lease(): void {
    this.#leases += 1;
  }

  endLease(): void {
    this.#leases -= 1;
    if (this.#leases === 0) for (const free of this.#whenFree.splice(0)) free();
  }
}

/** The catalog as the engine has it: leases hold a withdrawn model open, and misuse throws. */
export class FakeCatalog implements CatalogWriter {
  readonly published = new Map<string, FakeModel>();
  readonly statuses = new Map<string, readonly VersionStatus[]>();
  readonly labels = new Map<string, readonly { label: string; version: bigint }[]>();
  readonly sources = new Map<string, SourceStatus>();
  /** Every publish, withdraw and remove, such as `publish m/1`. */
  readonly log: string[] = [];

  publish(name: string, version: bigint, model: LoadedModel): void {
    const key = `${name}/${version}`;
    if ((model as FakeModel).closed) throw new Error(`${key} is closed`);
    const before = this.published.get(key);
    this.published.set(key, model as FakeModel);
    this.log.push(`${before === undefined ? 'publish' : 'replace'} ${key}`);
  }

  async withdraw(name: string, version: bigint): Promise<void> {
    const key = `${name}/${version}`;
    const model = this.published.get(key);
    if (model === undefined) throw new Error(`${key} is not published`);
    this.published.delete(key);
    this.log.push(`withdraw ${key}`);
    await model.close();
  }

  setLabels(name: string, labels: readonly { label: string; version: bigint }[]): void {
    this.labels.set(name, labels);
  }

  setStatus(name: string, versions: readonly VersionStatus[]): void {
    this.statuses.set(name, versions);
  }

  setSource(name: string, source: SourceStatus): void {
    this.sources.set(name, source);
  }

  remove(name: string): void {
    this.statuses.delete(name);
    this.sources.delete(name);
    this.labels.delete(name);
    this.log.push(`remove ${name}`);
  }

  /** Begins a request on the newest version; the function returned ends it. */
  request(name: string): () => void {
    const versions = this.versions(name);
    const newest = versions[0];
    if (newest === undefined) throw new Error(`Servable not found for request: Latest(${name})`);
    const model = this.published.get(`${name}/${newest}`) as FakeModel;
    if (model.closed) throw new Error(`${name}/${newest} serves although it is closed`);
    model.lease();
    return () => {
      if (model.closed) throw new Error(`${name}/${newest} was closed during a request`);
      model.endLease();
    };
  }

  /** Published versions, highest first. */
  versions(name: string): bigint[] {
    return [...this.published.keys()]
      .filter((key) => key.startsWith(`${name}/`))
      .map((key) => BigInt(key.slice(name.length + 1)))
      .sort((a, b) => (a > b ? -1 : 1));
  }

  /** The status of a model in short, such as `2:AVAILABLE 1:END(NOT_FOUND…)`. */
  status(name: string): string {
    const statuses = this.statuses.get(name);
    if (statuses === undefined) return 'unknown';
    return statuses
      .map(({ version, state, code, message }) =>
        code === 0 ? `${version}:${state}` : `${version}:${state}(${code} ${message})`,
      )
      .join(' ');
  }
}

/** A loader whose results the test decides: by default every load succeeds at once. */
export class FakeLoader {
  /** Directories in the order they were asked for. */
  readonly calls: string[] = [];
  /** What the last load was asked for. */
  last: LoadOptions | null = null;
  readonly models: FakeModel[] = [];
  running = 0;
  mostRunning = 0;
  /** Answers a load: throw to fail it, wait to delay it. */
  behaviour: (exportDir: string) => Promise<void> | void = () => undefined;

  readonly load: LoadModel = async (options) => {
    const { exportDir } = options;
    this.calls.push(exportDir);
    this.last = options;
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      await this.behaviour(exportDir);
    } finally {
      this.running -= 1;
    }
    const model = new FakeModel(exportDir);
    this.models.push(model);
    return model;
  };
}

/** A folder of models that is removed after the test. */
export class ModelFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'servable manager '));

  constructor() {
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }));
  }

  /** Makes a version directory with a SavedModel in it; the same directory again gets other content. */
  add(model: string, version: bigint | number | string, content = 'saved'): string {
    const path = join(this.path, model, String(version));
    mkdirSync(join(path, 'variables'), { recursive: true });
    writeFileSync(join(path, 'saved_model.pb'), content);
    writeFileSync(join(path, 'variables', 'variables.index'), content);
    return path;
  }

  /** Makes a folder without versions. */
  addEmpty(...parts: string[]): string {
    const path = join(this.path, ...parts);
    mkdirSync(path, { recursive: true });
    return path;
  }

  remove(model: string, version?: bigint | number | string): void {
    const path = join(this.path, model, version === undefined ? '' : String(version));
    rmSync(path, { recursive: true, force: true });
  }

  /** Gives a file another modification time, as writing the same size again would. */
  touch(path: string, seconds: number): void {
    utimesSync(path, seconds, seconds);
  }
}

/** A manager on fakes. Looks come only from `look`, so that no test depends on time. */
export class Bench {
  readonly clock = new FakeClock();
  readonly catalog = new FakeCatalog();
  readonly loader = new FakeLoader();
  readonly folder = new ModelFolder();
  readonly warnings: string[] = [];
  /** Warms a loaded model up: throw to fail it, wait to delay it. */
  warmUp: WarmUp = async () => ({ records: null, runs: 0, elapsedMs: 0, skipped: [] });
  /** Requests of each model, as the engine counts them. */
  readonly requests = new Map<string, number>();
  readonly manager: ModelManager;

  constructor(options: Partial<ManagerOptions> = {}) {
    const warn = (_fields: object, text: string) => void this.warnings.push(text);
    this.manager = new ModelManager({
      catalog: this.catalog,
      loadModel: this.loader.load,
      warmUp: (model, batching) => this.warmUp(model, batching),
      clock: this.clock,
      logger: { ...silentLogger, warn },
      requestCounts: () => this.requests,
      options: {
        ...defaultManagerOptions,
        fileSystemPollWaitSeconds: -1,
        numInitialLoadThreads: 8,
        ...options,
      },
    });
    onTestFinished(() => void this.manager.stop(0));
  }

  config(name: string, more: Partial<ModelConfig> = {}): ModelConfig {
    return {
      name,
      basePath: join(this.folder.path, name),
      versionPolicy: { kind: 'latest', numVersions: 1 },
      versionLabels: new Map(),
      ...more,
    };
  }

  /** Starts with these models and waits for the first load. */
  async start(...configs: ModelConfig[]): ReturnType<ModelManager['initialLoad']> {
    this.manager.start(configs);
    await this.look();
    return await this.manager.initialLoad();
  }

  /** One look at every model and whatever follows from it without waiting for time or requests. */
  async look(): Promise<void> {
    await this.manager.poll();
    await quiet();
  }

  /** Two looks: what has changed since the last one and stays as it is now is taken. */
  async settle(): Promise<void> {
    await this.look();
    await this.look();
  }
}

/** Turns of the event loop without a file operation under way after which nothing more happens by itself. */
const STILL_TURNS = 3;

/**
 * Waits until everything that can happen by itself has happened.
 *
 * Looks and loads wait for the file system a few times in a row: it is quiet once no operation has been under way for a few turns.
 *
 * @param rounds at least so many file operations in a row are waited for
 */
export async function quiet(rounds = 20): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all([0, 1, 2, 3].map(() => stat(tmpdir())));
    await turn();
  }
  for (let still = 0; still < STILL_TURNS; still += 1) {
    await turn();
    if (process.getActiveResourcesInfo().some((it) => it.startsWith('FSReq'))) still = 0;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
