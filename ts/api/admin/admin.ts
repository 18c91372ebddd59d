import { codeName, ServingError } from '../../errors.js';
import { checkConfigs } from '../../manager/config-check.js';
import type { ConfigState } from '../../manager/config-state.js';
import { type LoadSummary, loadError } from '../../manager/load-summary.js';
import type { ModelManager } from '../../manager/manager.js';
import type { ModelConfig } from '../../manager/model-config.js';
import type { ModelReport } from '../../manager/model-report.js';
import {
  configDocument,
  configsFromJson,
  reloadedFromJson,
} from '../../manager/source/config-json.js';
import type { LogLevels } from '../../observe/log-levels.js';

/** The part of the manager that an operator works on. */
export type AdminManager = Pick<
  ModelManager,
  'list' | 'memory' | 'configs' | 'apply' | 'load' | 'rest'
>;

/** What the operations need. */
export interface AdminDependencies {
  readonly manager: () => AdminManager;
  /** Reads the model config file again; null where there is none. */
  readonly reread: (() => Promise<readonly ModelConfig[] | null>) | null;
  /** Where the config in force is kept; null or left out: nowhere. */
  readonly state?: Pick<ConfigState, 'written' | 'report'> | null;
  /** Null where the log is somebody else's. */
  readonly logLevels: Pick<LogLevels, 'all' | 'set'> | null;
}

/** A document to answer with. */
export type Document = Readonly<Record<string, unknown>>;

/**
 * What an operator does with the models of a running server. Changes are checked as a whole before any model is touched.
 *
 * They last until the next reload; where the model config file is polled, until its next read. With a state file they last over restarts, and
 * until the model config file changes.
 */
export class Admin {
  readonly #dependencies: AdminDependencies;
  /** Configs of models that were unloaded here, so that a name is enough to load one again. */
  readonly #unloaded = new Map<string, ModelConfig>();

  constructor(dependencies: AdminDependencies) {
    this.#dependencies = dependencies;
  }

  /** Every model of the config in force, and the memory they are taken to need. */
  list(): Document {
    const { usedBytes, limitBytes } = this.#manager.memory();
    return {
      models: this.#manager.list().map(modelDocument),
      memory: { used_bytes: usedBytes, limit_bytes: limitBytes },
      ...(this.#dependencies.state
        ? { config_state: { ...this.#dependencies.state.report() } }
        : {}),
    };
  }

  /**
   * One model.
   *
   * @throws {ServingError} `NOT_FOUND` it is not in the config
   */
  model(name: string): Document {
    const report = this.#manager.list().find(({ config }) => config.name === name);
    if (report === undefined) throw notConfigured(name);
    return modelDocument(report);
  }

  /**
   * Brings a model into memory and waits until it has settled: with a config it is added or changed, without one it is tried again.
   *
   * @param given a ModelConfig in JSON without its name; null to load what is configured or was unloaded here
   * @throws {ServingError} `INVALID_ARGUMENT` a bad config; `NOT_FOUND` no such model; why it does not load
   */
  async load(name: string, given: unknown): Promise<Document> {
    const configs = this.#manager.configs();
    const known = configs.find((config) => config.name === name);
    let wanted: ModelConfig | undefined;
    if (given !== null) wanted = modelFromJson(name, given);
    else if (known === undefined) wanted = this.#unloaded.get(name);
    if (wanted === undefined && known === undefined) throw notConfigured(name);
    if (wanted !== undefined) {
      const others = configs.filter((config) => config.name !== name);
      await this.#apply([...others, wanted]);
      this.#unloaded.delete(name);
    }
    refuseFailed(await this.#manager.load(name));
    return this.model(name);
  }

  /**
   * Takes a model out of memory after its last request: out of the config too, unless it is loaded on demand.
   *
   * @throws {ServingError} `NOT_FOUND` it is not in the config
   */
  async unload(name: string): Promise<Document> {
    const configs = this.#manager.configs();
    const config = configs.find((it) => it.name === name);
    if (config === undefined) throw notConfigured(name);
    if (this.#manager.rest(name))
      return { name, unloaded: true, loads_again: 'at its next request' };
    await this.#apply(configs.filter((it) => it !== config));
    this.#unloaded.set(name, config);
    return { name, unloaded: true, loads_again: 'when told to' };
  }

  /**
   * Replaces the config: by the one given, a ModelServerConfig in JSON, or by what the model config file says now.
   *
   * @throws {ServingError} with TensorFlow Serving's text when it is refused; what was in force then stays
   */
  async reload(given: unknown): Promise<Document> {
    const configs = given === null ? await this.#reread() : reloadedFromJson(given);
    refuseFailed(await this.#apply(configs));
    return this.list();
  }

  /** The config in force, as a ModelServerConfig in JSON. */
  config(): Document {
    return configDocument(this.#manager.configs());
  }

  /**
   * Points a label at a version, or takes it away.
   *
   * @throws {ServingError} `NOT_FOUND` no such model or label; `FAILED_PRECONDITION` the version is not available
   */
  async setLabel(name: string, label: string, version: bigint | null): Promise<Document> {
    const configs = this.#manager.configs();
    const config = configs.find((it) => it.name === name);
    if (config === undefined) throw notConfigured(name);
    const versionLabels = new Map(config.versionLabels);
    if (version !== null) versionLabels.set(label, version);
    else if (!versionLabels.delete(label)) {
      throw new ServingError('NOT_FOUND', `model "${name}": has no label "${label}"`);
    }
    await this.#apply(configs.map((it) => (it === config ? { ...it, versionLabels } : it)));
    return this.model(name);
  }

  /** The level of every component of the log. */
  logLevels(): Document {
    return { levels: this.#logLevels.all() };
  }

  /**
   * Sets the level of one component of the log, or of all.
   *
   * @param given `{"level": "debug"}`, and `"component"` for one of them
   * @throws {ServingError} `INVALID_ARGUMENT` no such level or component; `FAILED_PRECONDITION` the log is not the server's
   */
  setLogLevel(given: unknown): Document {
    const { level, component } = (given ?? {}) as { level?: unknown; component?: unknown };
    this.#logLevels.set(level, component ?? null);
    return this.logLevels();
  }

  get #logLevels(): Pick<LogLevels, 'all' | 'set'> {
    const { logLevels } = this.#dependencies;
    if (logLevels === null) {
      const message = 'the log is the one of the program that the server runs in';
      throw new ServingError('FAILED_PRECONDITION', message);
    }
    return logLevels;
  }

  get #manager(): AdminManager {
    return this.#dependencies.manager();
  }

  /** Resolves when the change is kept too, unless it cannot be: that is told in the list. */
  async #apply(configs: readonly ModelConfig[]): Promise<LoadSummary> {
    const summary = await this.#manager.apply(configs);
    await this.#dependencies.state?.written();
    return summary;
  }

  async #reread(): Promise<readonly ModelConfig[]> {
    const { reread } = this.#dependencies;
    if (reread === null) {
      throw new ServingError(
        'FAILED_PRECONDITION',
        'there is no --model_config_file to read again: send the new config',
      );
    }
    const configs = await reread();
    if (configs === null) {
      throw new ServingError('INVALID_ARGUMENT', 'the model config file has no model_config_list');
    }
    return configs;
  }
}

function modelFromJson(name: string, given: unknown): ModelConfig {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw new ServingError('INVALID_ARGUMENT', 'got no object, wanted a ModelConfig in JSON');
  }
  const named = 'name' in given ? given : { ...given, name };
  const hasPlatform = ['model_platform', 'modelPlatform', 'model_type', 'modelType'].some(
    (key) => key in given,
  );
  const [config] = configsFromJson({
    model_config_list: {
      config: [hasPlatform ? named : { ...named, model_platform: 'tensorflow' }],
    },
  });
  if (config === undefined || config.name !== name) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `name: got "${config?.name}", wanted "${name}" as in the path`,
    );
  }
  checkConfigs([config], {
    current: new Map(),
    initial: true,
    isAvailable: () => true,
    allowUnavailableLabels: true,
  });
  return config;
}

function refuseFailed(summary: LoadSummary): void {
  const failure = loadError(summary, 'model(s)');
  if (failure !== null) throw failure;
}

function notConfigured(name: string): ServingError {
  return new ServingError('NOT_FOUND', `model "${name}": not in the config`);
}

function modelDocument({ config, onDemand, versions, error }: ModelReport): Document {
  return {
    name: config.name,
    base_path: config.basePath,
    loading: onDemand ? 'on_demand' : 'eager',
    version_labels: Object.fromEntries(
      [...config.versionLabels].map(([label, version]) => [label, String(version)]),
    ),
    versions: versions.map(({ version, state, code, message, memoryBytes }) => ({
      version: String(version),
      state,
      status: { error_code: codeName(code), error_message: message },
      memory_bytes: memoryBytes,
    })),
    error: error === null ? null : `${error.code}: ${error.message}`,
  };
}
