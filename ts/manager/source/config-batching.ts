import protojson from 'protobufjs/ext/protojson.js';
import type { BatchingMode, ModelBatching } from '../../batching.js';
import {
  type BatchingParameters,
  type ModelServerConfig,
  messageType,
  toPlain,
} from '../../codec/messages.js';
import { parametersOf } from '../../options/batching-config.js';

/** What an entry of a model config file says of batching, which TensorFlow Serving's message has no field for. */
export interface EntryBatching {
  /** Keys and index that lead to it. */
  readonly path: readonly (string | number)[];
  /** The position of its entry. */
  readonly entry: number;
  readonly given: unknown;
}

/** By the position of the entry. */
export type BatchingByEntry = ReadonlyMap<number, ModelBatching | false>;

const BATCHING = new WeakMap<ModelServerConfig, BatchingByEntry>();

/** Remembers with a message what it has no field for. */
export function keepBatching(config: ModelServerConfig, batching: BatchingByEntry): void {
  BATCHING.set(config, batching);
}

/** What was remembered with a message. */
export function keptBatching(config: ModelServerConfig): BatchingByEntry | undefined {
  return BATCHING.get(config);
}

/** The batching of an entry as `entryBatching` reads it. */
export function batchingJson(batching: ModelBatching | false): unknown {
  if (batching === false) return false;
  const { mode, ...own } = batching;
  const parameters = Object.entries(own).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(parameters), ...(mode === undefined ? {} : { mode }) };
}

type Fields = Record<string, unknown>;

function isObject(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Takes the `batching` of every entry out of a model config in YAML or JSON; what is left is TensorFlow Serving's message. */
export function takeBatching(value: unknown): EntryBatching[] {
  if (!isObject(value)) return [];
  const key = ['model_config_list', 'modelConfigList'].find((name) => isObject(value[name]));
  const entries = key === undefined ? undefined : (value[key] as Fields).config;
  if (key === undefined || !Array.isArray(entries)) return [];
  return entries.flatMap((it: unknown, entry) => {
    if (!isObject(it) || !('batching' in it)) return [];
    const { batching: given } = it;
    delete it.batching;
    return [{ path: [key, 'config', entry, 'batching'], entry, given }];
  });
}

/**
 * Reads the batching of an entry: `false`, or TensorFlow Serving's parameters by their names and `mode`.
 *
 * @throws {Error} names what is wrong
 */
export function entryBatching(given: unknown): ModelBatching | false {
  if (given === false) return false;
  if (!isObject(given)) throw new Error('batching: wanted false or parameters');
  if (Object.keys(given).length === 0) return {};
  const { mode = null, ...parameters } = given;
  if (mode !== null && mode !== 'fixed' && mode !== 'auto') {
    throw new Error(`batching.mode: got ${JSON.stringify(mode)}, wanted fixed or auto`);
  }
  for (const name of [
    'num_batch_threads',
    'numBatchThreads',
    'thread_pool_name',
    'threadPoolName',
  ]) {
    if (name in parameters) throw new Error(`batching.${name}: holds for the whole server`);
  }
  const type = messageType('tensorflow.serving.BatchingParameters').reflection;
  const message = toPlain(type, protojson.fromJson(type, parameters)) as unknown;
  const complete = parametersOf(message as BatchingParameters, { mode: 'fixed', autoShare: 0 });
  const { mode: _mode, autoShare, numBatchThreads, threadPoolName, ...own } = complete;
  return mode === null ? own : { ...own, mode: mode as BatchingMode };
}
