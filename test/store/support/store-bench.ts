import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { silentLogger } from '../../../ts/logger.js';
import { ModelManager } from '../../../ts/manager/manager.js';
import type { ModelConfig } from '../../../ts/manager/model-config.js';
import { defaultManagerOptions, type ManagerOptions } from '../../../ts/manager/options.js';
import type { LoadOpendal } from '../../../ts/manager/store/connect.js';
import { defaultStoreOptions, type StoreOptions } from '../../../ts/manager/store/settings.js';
import { ModelStores } from '../../../ts/manager/store/stores.js';
import { FakeCatalog, FakeClock, FakeLoader } from '../../manager/support.js';

/** A folder that is removed after the test. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'servable store '));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Options of a server whose home and cache are `folder` and whose environment is `env` alone. */
export function storeOptions(
  folder: string,
  env: Record<string, string> = {},
  more: Partial<StoreOptions> = {},
): StoreOptions {
  return {
    ...defaultStoreOptions({ HOME: folder, ...env }),
    storeTimeoutSeconds: 5,
    storeRetryPauseMs: 1,
    ...more,
  };
}

/** A manager whose stores are real and whose models are only names. Looks come only when asked. */
export class StoreBench {
  readonly clock = new FakeClock();
  readonly catalog = new FakeCatalog();
  readonly loader = new FakeLoader();
  readonly warnings: string[] = [];
  /** What each load found in saved_model.pb. */
  readonly loaded: string[] = [];
  /** Status texts of versions while they were fetched, without repetitions. */
  readonly progress: string[] = [];
  readonly folder: string;
  readonly stores: ModelStores;
  readonly manager: ModelManager;

  constructor({
    env = {},
    stores = {},
    manager = {},
    folder = temporaryFolder(),
    load,
  }: {
    env?: Record<string, string>;
    stores?: Partial<StoreOptions>;
    manager?: Partial<ManagerOptions>;
    folder?: string;
    load?: LoadOpendal;
  } = {}) {
    this.folder = folder;
    this.stores = new ModelStores(storeOptions(folder, env, stores), load);
    this.loader.behaviour = (exportDir) => {
      this.loaded.push(readFileSync(join(exportDir, 'saved_model.pb'), 'utf8'));
    };
    const warn = (_fields: object, text: string) => void this.warnings.push(text);
    this.manager = new ModelManager({
      catalog: this.catalog,
      loadModel: this.loader.load,
      clock: this.clock,
      logger: { ...silentLogger, warn },
      stores: this.stores,
      options: {
        ...defaultManagerOptions,
        fileSystemPollWaitSeconds: -1,
        numInitialLoadThreads: 8,
        ...manager,
      },
    });
    this.manager.events.on('fetching', ({ name }) => {
      queueMicrotask(() => {
        const text = this.catalog.statuses.get(name)?.find((it) => it.message !== '')?.message;
        if (text !== undefined && this.progress.at(-1) !== text) this.progress.push(text);
      });
    });
    onTestFinished(() => this.manager.stop(0));
  }

  config(name: string, basePath: string, more: Partial<ModelConfig> = {}): ModelConfig {
    return {
      name,
      basePath,
      versionPolicy: { kind: 'latest', numVersions: 1 },
      versionLabels: new Map(),
      ...more,
    };
  }

  /** Starts with these models, looks once and waits until each has settled. */
  async start(...configs: ModelConfig[]): ReturnType<ModelManager['initialLoad']> {
    this.manager.start(configs);
    await this.manager.poll();
    return await this.manager.initialLoad();
  }

  /** Two looks a while apart, so that what changed is seen and then taken. */
  async settle(): Promise<void> {
    this.clock.advance(10_000);
    await this.manager.poll();
    await this.manager.poll();
  }

  /** Waits until the status of a model is `wanted`, or matches it. */
  async reaches(name: string, wanted: string | RegExp): Promise<void> {
    const poll = expect.poll(() => this.catalog.status(name), { timeout: 20_000, interval: 5 });
    if (typeof wanted === 'string') await poll.toBe(wanted);
    else await poll.toMatch(wanted);
  }

  /** Names of the versions in the cache. */
  cached(): string[] {
    const path = join(this.folder, '.cache', 'servable', 'models');
    return readdirSync(path).filter((name) => !name.startsWith('.in-use'));
  }
}
