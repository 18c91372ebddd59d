import protojson from 'protobufjs/ext/protojson.js';
import { type ModelServerConfig, messageType, toPlain } from '../../codec/messages.js';
import { ServingError } from '../../errors.js';
import type { ModelConfig, VersionPolicy } from '../model-config.js';
import { batchingJson, entryBatching, keepBatching, takeBatching } from './config-batching.js';
import { modelConfigs, reloadedConfigs } from './model-config.js';

/**
 * The models of a ModelServerConfig in JSON.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` for a field that is unknown or of the wrong kind, and as `modelConfigs` does
 */
export function configsFromJson(value: unknown): ModelConfig[] {
  return modelConfigs(fromJson(value));
}

/**
 * The models of a reload in JSON.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` as `configsFromJson`, and with TensorFlow Serving's text when it holds no list of models
 */
export function reloadedFromJson(value: unknown): ModelConfig[] {
  return reloadedConfigs(fromJson(value));
}

function fromJson(value: unknown): ModelServerConfig {
  const { reflection } = messageType('tensorflow.serving.ModelServerConfig');
  try {
    // What is given stays as it is: the batching of its entries is taken out of a copy.
    const message = structuredClone(value);
    const batching = new Map(
      takeBatching(message).map(({ entry, given }) => [entry, entryBatching(given)]),
    );
    const plain = toPlain(reflection, protojson.fromJson(reflection, message));
    const config = plain as unknown as ModelServerConfig;
    keepBatching(config, batching);
    return config;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^\./, '') : String(cause);
    throw new ServingError('INVALID_ARGUMENT', `Invalid model config: ${reason}`, { cause });
  }
}

/** A ModelServerConfig in JSON, with the field names of the text format; 64-bit integers are texts, as protobuf's JSON has them. */
export function configDocument(configs: readonly ModelConfig[]): Record<string, unknown> {
  return { model_config_list: { config: configs.map(entry) } };
}

function entry({ name, basePath, versionPolicy, versionLabels, ...rest }: ModelConfig): unknown {
  const { platform = 'tensorflow', logging, batching } = rest;
  const labels = [...versionLabels].map(([label, version]) => [label, String(version)]);
  return {
    name,
    base_path: basePath,
    model_platform: platform,
    model_version_policy: policy(versionPolicy),
    ...(labels.length === 0 ? {} : { version_labels: Object.fromEntries(labels) }),
    ...(logging === undefined ? {} : { logging_config: loggingJson(logging) }),
    ...(batching === undefined ? {} : { batching: batchingJson(batching) }),
  };
}

function loggingJson(logging: NonNullable<ModelConfig['logging']>): unknown {
  const { reflection } = messageType('tensorflow.serving.LoggingConfig');
  return protojson.toJson(reflection, reflection.fromObject(logging as object));
}

function policy(versionPolicy: VersionPolicy): unknown {
  switch (versionPolicy.kind) {
    case 'all':
      return { all: {} };
    case 'specific':
      return { specific: { versions: versionPolicy.versions.map(String) } };
    case 'latest':
      return { latest: { num_versions: versionPolicy.numVersions } };
  }
}
