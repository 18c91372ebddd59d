import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type protobuf from 'protobufjs';
import protojson from 'protobufjs/ext/protojson.js';
import type { ModelBatching } from '../../batching.js';
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
import { culprit, jsonValue, type Place, parseYaml } from '../../yaml-text.js';
import { checkEntries } from '../config-check.js';
import type { ModelConfig, VersionPolicy } from '../model-config.js';
import { entryBatching, keepBatching, keptBatching, takeBatching } from './config-batching.js';
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
 * The models of a model config file that is read again: null when it holds no list, as while it is being written.
 *
 * @throws {ServingError} as `readModelServerConfig` and `modelConfigs` do
 */
export async function rereadModelConfigFile(path: string): Promise<ModelConfig[] | null> {
  const config = await readModelServerConfig(path);
  const isEmpty = config.modelConfigList === null && config.customModelConfig === null;
  return isEmpty ? null : modelConfigs(config);
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
  const yaml = parseYaml(text);
  const [problem] = yaml.problems;
  if (problem !== undefined) throw invalid(source, at(problem, problem.message), null);
  const value = jsonValue(yaml.value) ?? {};
  const batching = new Map<number, ModelBatching | false>();
  for (const { path, entry, given } of takeBatching(value)) {
    try {
      batching.set(entry, entryBatching(given));
    } catch (error) {
      throw invalid(source, at(yaml.placeOf(path), message(error).replace(/^\./, '')), error);
    }
  }
  const attempt = attemptJson(type.reflection, value);
  if (attempt.failure === null) {
    keepBatching(attempt.config, batching);
    return attempt.config;
  }
  const { message: reason } = attempt.failure;
  const path = culprit(
    value,
    (part) => attemptJson(type.reflection, part).failure?.message === reason,
  );
  throw invalid(source, at(yaml.placeOf(path), reason.replace(/^\./, '')), attempt.failure);
}

const at = ({ line, column }: Place, reason: string): string =>
  `line ${line}, column ${column}: ${reason}`;

type Attempt =
  | { readonly failure: null; readonly config: ModelServerConfig }
  | { readonly failure: Error };

function attemptJson(reflection: protobuf.Type, value: unknown): Attempt {
  try {
    const plain = toPlain(reflection, protojson.fromJson(reflection, value));
    return { failure: null, config: plain as unknown as ModelServerConfig };
  } catch (error) {
    return { failure: error instanceof Error ? error : new Error(String(error)) };
  }
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
  const batching = keptBatching(config);
  return entries.map((entry, at) => {
    const own = batching?.get(at);
    return { ...modelConfig(entry), ...(own === undefined ? {} : { batching: own }) };
  });
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
