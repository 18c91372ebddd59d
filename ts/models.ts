import { resolve } from 'node:path';
import type { ModelBatching } from './batching.js';
import { ServingError } from './errors.js';
import type { ModelConfig, VersionPolicy } from './manager/model-config.js';
import type { Options } from './options/options.js';

/** One model to serve, as a program names it. */
export interface ServerModel {
  readonly name: string;
  /** Folder of numbered versions, or of one SavedModel (then version 1). A relative path is taken from the working folder. */
  readonly basePath: string;
  /** Which versions are served; the highest one when left out. */
  readonly versionPolicy?: VersionPolicy;
  /** Names for versions. */
  readonly versionLabels?: Readonly<Record<string, bigint | number>> | ReadonlyMap<string, bigint>;
  /** Tags of the graph to load; those of `savedModelTags` when left out. */
  readonly tags?: readonly string[];
  /** How its requests are batched, whatever the server's options say; `false`: they are not. */
  readonly batching?: ModelBatching | false;
}

const LATEST: VersionPolicy = { kind: 'latest', numVersions: 1 };

/** The models a server starts with: those given, else those of the config file, else the one of the flags. */
export async function initialModels(
  models: readonly ServerModel[] | undefined,
  options: Options,
): Promise<readonly ModelConfig[]> {
  if (models !== undefined) return models.map(toConfig);
  if (options.modelConfigFile !== '') {
    // The text-format parser is only loaded where there is text.
    const { readModelConfigFile } = await import('./manager/source/model-config.js');
    return readModelConfigFile(options.modelConfigFile);
  }
  if (options.modelBasePath === '') {
    throw new ServingError(
      'INVALID_ARGUMENT',
      'no model to serve: set --model_base_path or --model_config_file',
    );
  }
  return [toConfig({ name: options.modelName, basePath: options.modelBasePath })];
}

function toConfig(model: ServerModel): ModelConfig {
  const { name, basePath, versionPolicy = LATEST, versionLabels = {}, tags, batching } = model;
  const labels =
    versionLabels instanceof Map
      ? (versionLabels as ReadonlyMap<string, bigint>)
      : new Map(Object.entries(versionLabels).map(([label, v]) => [label, BigInt(v)]));
  return {
    name,
    basePath: /^[a-z][a-z0-9+.-]*:\/\//i.test(basePath) ? basePath : resolve(basePath),
    versionPolicy,
    versionLabels: labels,
    ...(tags === undefined ? {} : { tags }),
    ...(batching === undefined ? {} : { batching }),
  };
}
