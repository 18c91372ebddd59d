import { isAbsolute } from 'node:path';
import { ServingError } from '../errors.js';
import { checkLabels } from './labels.js';
import { type LoggingPlace, loggingRule } from './logging-rule.js';
import { type ModelConfig, PLATFORM } from './model-config.js';

/** What a new config is checked against. */
export interface CheckContext {
  /** The config in force, by name; empty for the first. */
  readonly current: ReadonlyMap<string, ModelConfig>;
  /** The first config: its labels may point at versions that are still to be loaded. */
  readonly initial: boolean;
  readonly isAvailable: (name: string, version: bigint) => boolean;
  readonly allowUnavailableLabels: boolean;
  /** Labels may be moved to versions that are not available, too. */
  readonly forceLabels?: boolean;
  /** Where requests may be logged. */
  readonly logging?: LoggingPlace;
}

/**
 * Checks names and base paths of a config, whatever is in force.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` with TensorFlow Serving's texts; an entry without a name is refused too
 */
export function checkEntries(entries: readonly { name: string; basePath: string }[]): void {
  const names = new Set<string>();
  for (const [index, { name, basePath }] of entries.entries()) {
    if (name === '') {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `Illegal config entry ${index + 1}: got an empty name, wanted a name for the model with base_path()=${basePath}`,
      );
    }
    if (names.has(name)) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `Illegal to list model ${name} multiple times in config list`,
      );
    }
    names.add(name);
  }
  for (const { name, basePath } of entries) {
    if (isAbsolute(basePath) || /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(basePath)) continue;
    throw new ServingError(
      'INVALID_ARGUMENT',
      `Expected model ${name} to have an absolute path or URI; got base_path()=${basePath}`,
    );
  }
}

/**
 * Checks a whole config before any model is touched, in TensorFlow Serving's order.
 *
 * @throws {ServingError} with TensorFlow Serving's code and text for the first thing that is wrong
 */
export function checkConfigs(configs: readonly ModelConfig[], context: CheckContext): void {
  checkEntries(configs);
  for (const { name, platform = PLATFORM } of configs) {
    const before = context.current.get(name);
    if (before === undefined) continue;
    const was = before.platform ?? PLATFORM;
    if (platform === was) continue;
    throw new ServingError(
      'INVALID_ARGUMENT',
      `Illegal to change a model's platform. For model ${name} platform was ${was} and new platform requested is ${platform}`,
    );
  }
  if (!context.initial) {
    for (const config of configs) {
      const isAvailable = (version: bigint) => context.isAvailable(config.name, version);
      const current = context.current.get(config.name) ?? null;
      checkLabels(
        config,
        current,
        isAvailable,
        context.allowUnavailableLabels,
        context.forceLabels,
      );
    }
  }
  if (context.logging !== undefined) {
    for (const config of configs) loggingRule(config, context.logging);
  }
  for (const { name, platform = PLATFORM } of configs) {
    if (platform === PLATFORM) continue;
    throw new ServingError(
      'INVALID_ARGUMENT',
      `Model ${name} requests unsupported platform ${platform}`,
    );
  }
}
