import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import protojson from 'protobufjs/ext/protojson.js';
import { LineCounter, parseDocument } from 'yaml';
import {
  type ModelConfig as ConfigMessage,
  type ModelServerConfig,
  ModelType,
  messageType,
  type FileSystemStoragePathSourceConfig_ServableVersionPolicy as PolicyMessage,
  toPlain,
} from '../../codec/messages.js';
import { parseText } from '../../codec/text-format.js';
import { ServingError } from '../../errors.js';
import { checkEntries } from '../config-check.js';
import type { ModelConfig, VersionPolicy } from '../model-config.js';
import { message } from './version-directory.js';

/**
 * Reads a model config file: protobuf text format, or YAML or JSON of the same shape when the name ends in `.yaml`, `.yml` or `.json`.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming the file and, for a syntax error, line and column
 */
export async function readModelServerConfig(path: string): Promise<ModelServerConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw invalid(path, message(error), error);
  }
  return parseModelServerConfig(text, path);
}

/**
 * The models of a model config file; none when the file is empty.
 *
 * @throws {ServingError} as `readModelServerConfig` and `modelConfigs` do
 */
export async function readModelConfigFile(path: string): Promise<ModelConfig[]> {
  return modelConfigs(await readModelServerConfig(path));
}

/**
 * Parses the text of a model config file.
 *
 * @param source the file's name: its ending tells the format, errors name it
 * @throws {ServingError} `INVALID_ARGUMENT` naming `source`, line and column
 */
export function parseModelServerConfig(text: string, source: string): ModelServerConfig {
  const type = messageType('tensorflow.serving.ModelServerConfig');
  const ending = extname(source).toLowerCase();
  if (ending !== '.yaml' && ending !== '.yml' && ending !== '.json') {
    return parseText(type, text, source);
  }
  // JSON is YAML too, and one parser gives one kind of error.
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    intAsBigInt: true,
    logLevel: 'error',
  });
  const [error] = document.errors;
  if (error !== undefined) throw invalid(source, error.message.split('\n')[0] ?? '', error);
  try {
    const value: unknown = jsonValue(document.toJS({ maxAliasCount: 100 }));
    return toPlain(
      type.reflection,
      protojson.fromJson(type.reflection, value ?? {}),
    ) as unknown as ModelServerConfig;
  } catch (cause) {
    throw invalid(source, message(cause), cause);
  }
}

/** Proto3 JSON takes 64-bit integers as strings, which keeps them whole. */
function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (Array.isArray(value)) return value.map(jsonValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonValue(item)]));
}

/**
 * The models of a config message.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` with TensorFlow Serving's texts; an unknown platform is left for the manager to refuse
 */
export function modelConfigs(config: ModelServerConfig): ModelConfig[] {
  if (config.customModelConfig !== null) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      'ModelServerConfig: got custom_model_config, wanted model_config_list',
    );
  }
  const entries = config.modelConfigList?.config ?? [];
  checkEntries(entries);
  return entries.map(modelConfig);
}

/**
 * The models of a reload request.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` with TensorFlow Serving's texts
 */
export function reloadedConfigs(config: ModelServerConfig | null): ModelConfig[] {
  if (config === null || config.modelConfigList === null) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      'ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported',
    );
  }
  return modelConfigs(config);
}

function modelConfig(entry: ConfigMessage): ModelConfig {
  return {
    name: entry.name,
    basePath: entry.basePath,
    versionPolicy: versionPolicy(entry.modelVersionPolicy),
    versionLabels: new Map(Object.entries(entry.versionLabels)),
    platform: platformOf(entry),
    ...(entry.loggingConfig === null ? {} : { logging: entry.loggingConfig }),
  };
}

function versionPolicy(policy: PolicyMessage | null): VersionPolicy {
  if (policy?.all) return { kind: 'all' };
  if (policy?.specific) return { kind: 'specific', versions: policy.specific.versions };
  return { kind: 'latest', numVersions: Math.max(policy?.latest?.numVersions ?? 1, 1) };
}

function platformOf({ name, modelType, modelPlatform }: ConfigMessage): string {
  if (modelType !== ModelType.MODEL_TYPE_UNSPECIFIED) {
    if (modelPlatform !== '') {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform, model name is ${name}`,
      );
    }
    if (modelType === ModelType.TENSORFLOW) return 'tensorflow';
    throw new ServingError(
      'INVALID_ARGUMENT',
      `ModelServerConfig::model_type choice ${modelType} not supported.`,
    );
  }
  if (modelPlatform !== '') return modelPlatform;
  throw new ServingError(
    'INVALID_ARGUMENT',
    `Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, model name is ${name}`,
  );
}

function invalid(source: string, reason: string, cause: unknown): ServingError {
  return new ServingError('INVALID_ARGUMENT', `Invalid protobuf file: '${source}': ${reason}`, {
    cause,
  });
}
