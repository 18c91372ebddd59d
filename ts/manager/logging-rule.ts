import { isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import type { LoggingConfig, SamplingConfig } from '../codec/messages.js';
import { ServingError } from '../errors.js';
import type { ModelConfig } from './model-config.js';

/** Which requests of a model are recorded, and where. Can be sent to another thread. */
export interface LoggingRule {
  readonly model: string;
  /** Share of requests, above 0 and at most 1. */
  readonly rate: number;
  readonly format: LogFormat;
  /** Path and beginning of the files' names, absolute. */
  readonly prefix: string;
  /** The tags of the graph, for the records. */
  readonly tags: readonly string[];
  /** As the config has it, for the records. */
  readonly sampling: SamplingConfig | null;
  /** The data centre this server says it is in, for the records. */
  readonly dc: string;
}

/** What the files of a request log hold. */
export type LogFormat = 'tfrecord' | 'jsonl';

/** What is the same for all models. */
export interface LoggingPlace {
  /** Every file must lie in this folder; empty for anywhere, and then prefixes are absolute. */
  readonly dir: string;
  /** Folder of models that name no file, where `dir` is empty. */
  readonly fallbackDir: string;
  /** Data centre and number of this server, `dc:index`, for `per_task_sampling_configs`; empty for neither. */
  readonly task: string;
  /** Tags of models that name none. */
  readonly tags: readonly string[];
}

const FORMATS: Readonly<Record<string, LogFormat>> = {
  '': 'tfrecord',
  tfrecord: 'tfrecord',
  jsonl: 'jsonl',
};

/**
 * What a model's `logging_config` asks for; null for nothing.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` names the model, the field, what it holds and what it should
 */
export function loggingRule(
  { name, logging, tags }: ModelConfig,
  place: LoggingPlace,
): LoggingRule | null {
  if (logging === undefined) return null;
  const { dc, rate } = sampling(name, logging, place.task);
  const type = logging.logCollectorConfig?.type ?? '';
  const format = FORMATS[type.toLowerCase()];
  if (format === undefined) {
    throw wrong(name, 'log_collector_config.type', `"${type}"`, 'tfrecord or jsonl');
  }
  const prefix = prefixOf(name, logging.logCollectorConfig?.filenamePrefix ?? '', place);
  if (rate === 0) return null;
  return {
    model: name,
    rate,
    format,
    prefix,
    tags: tags ?? place.tags,
    sampling: logging.samplingConfig,
    dc,
  };
}

/** The rate: of the first rule for this server's task, else the model's. */
function sampling(
  name: string,
  { samplingConfig }: LoggingConfig,
  task: string,
): { dc: string; rate: number } {
  const [dc = '', index = ''] = task.split(':');
  const rates = [
    samplingConfig?.samplingRate ?? 0,
    ...(samplingConfig?.perTaskSamplingConfigs ?? []).map((rule) => rule.samplingRate),
  ];
  for (const rate of rates) {
    if (!(rate >= 0 && rate <= 1)) {
      throw wrong(name, 'sampling_rate', String(rate), 'a number from 0 to 1');
    }
  }
  const mine = samplingConfig?.perTaskSamplingConfigs.find(
    (rule) =>
      task !== '' &&
      (rule.dc === '' || rule.dc === dc) &&
      (rule.taskIndex === null || String(rule.taskIndex) === index),
  );
  return { dc, rate: mine?.samplingRate ?? samplingConfig?.samplingRate ?? 0 };
}

/** A model config may come over the network: it must not choose any file of this machine where a folder was set. */
function prefixOf(
  name: string,
  prefix: string,
  { dir, fallbackDir }: Pick<LoggingPlace, 'dir' | 'fallbackDir'>,
): string {
  if (prefix === '' && dir === '') return join(fallbackDir, fileName(name));
  const chosen = prefix === '' ? fileName(name) : prefix;
  if (chosen.endsWith('/') || chosen.includes('\0')) {
    throw wrong(
      name,
      'filename_prefix',
      `"${prefix}"`,
      'a path that ends in the beginning of a name',
    );
  }
  if (dir === '') {
    if (isAbsolute(chosen)) return normalize(chosen);
    throw wrong(name, 'filename_prefix', `"${prefix}"`, 'an absolute path, or --request_log_dir');
  }
  const root = resolve(dir);
  const path = isAbsolute(chosen) ? normalize(chosen) : join(root, chosen);
  const inside = relative(root, path);
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw wrong(name, 'filename_prefix', `"${prefix}"`, `a path in --request_log_dir ${root}`);
  }
  return path;
}

/** A model's name as the name of a file. */
function fileName(model: string): string {
  return encodeURIComponent(model).replaceAll('.', '%2E');
}

function wrong(model: string, field: string, got: string, wanted: string): ServingError {
  return new ServingError(
    'INVALID_ARGUMENT',
    `model "${model}": logging_config: ${field}: got ${got}, wanted ${wanted}`,
  );
}
