import type { BatchingMode, BatchingParameters, BatchingSettings } from '../batching.js';
import type { BatchingParameters as Message } from '../codec/messages.js';
import type { Options } from './options.js';
import type { SessionSettings } from './session-config.js';

/** TensorFlow Serving's name of the threads where no file names them. */
const POOL_NAME = 'model_server_batch_threads';
const FILE_POOL_NAME = 'batch_threads';

const NOTHING: Omit<BatchingParameters, 'mode' | 'autoShare'> = {
  maxBatchSize: null,
  batchTimeoutMicros: null,
  maxEnqueuedBatches: null,
  numBatchThreads: null,
  threadPoolName: null,
  allowedBatchSizes: [],
  padVariableLengthInputs: false,
  enableLargeBatchSplitting: false,
  maxExecutionBatchSize: null,
};

/**
 * How the server batches by its options: the parameters file, or what a platform config file says instead.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming file, line and column of what is wrong in a file
 */
export async function batchingSettings(
  options: Options,
  session: Pick<SessionSettings, 'batching' | 'perModelBatching'>,
): Promise<BatchingSettings> {
  const file = options.batchingParametersFile;
  const own = modeOf(options);
  const isPlatform = options.platformConfigFile !== '';
  const isOn = isPlatform ? session.batching !== null : options.enableBatching;
  let base: BatchingParameters | null = null;
  if (isPlatform && session.batching !== null) {
    base = parametersOf(session.batching, own(true));
  } else if (isOn) {
    base = file === '' ? batchingParameters(own(false)) : await readBatchingFile(file, own(true));
  }
  const perModel =
    isOn && (isPlatform ? session.perModelBatching : options.enablePerModelBatchingParameters);
  const hasFile = isPlatform || file !== '';
  return {
    base,
    perModel,
    own,
    numBatchThreads: base?.numBatchThreads ?? null,
    threadPoolName: base?.threadPoolName ?? (hasFile ? FILE_POOL_NAME : POOL_NAME),
  };
}

/** Complete parameters; what is left out has TensorFlow Serving's default. */
export function batchingParameters(
  given: Partial<BatchingParameters> & Pick<BatchingParameters, 'mode' | 'autoShare'>,
): BatchingParameters {
  return { ...NOTHING, ...given };
}

/** Batching switched off, for a manager without a server. */
export const NO_BATCHING: BatchingSettings = {
  base: null,
  perModel: false,
  own: () => ({ mode: 'fixed', autoShare: 0 }),
  numBatchThreads: null,
  threadPoolName: POOL_NAME,
};

/**
 * Reads a file of BatchingParameters in text format.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming file, line and column; unknown fields are errors
 */
export async function readBatchingFile(
  path: string,
  own: Pick<BatchingParameters, 'mode' | 'autoShare'>,
): Promise<BatchingParameters> {
  // The parser is only loaded where there is text.
  const [{ messageType }, { readTextFile }] = await Promise.all([
    import('../codec/messages.js'),
    import('../codec/text-format.js'),
  ]);
  const type = messageType('tensorflow.serving.BatchingParameters');
  return parametersOf(await readTextFile(type, path), own);
}

/** The values of a message. Beyond 2^53 they are the nearest number: no limit is that fine. */
export function parametersOf(
  message: Message,
  own: Pick<BatchingParameters, 'mode' | 'autoShare'>,
): BatchingParameters {
  const number = (wrapped: { readonly value: bigint } | null): number | null =>
    wrapped === null ? null : Number(wrapped.value);
  return {
    maxBatchSize: number(message.maxBatchSize),
    batchTimeoutMicros: number(message.batchTimeoutMicros),
    maxEnqueuedBatches: number(message.maxEnqueuedBatches),
    numBatchThreads: number(message.numBatchThreads),
    threadPoolName: message.threadPoolName?.value ?? null,
    allowedBatchSizes: message.allowedBatchSizes.map(Number),
    padVariableLengthInputs: message.padVariableLengthInputs,
    enableLargeBatchSplitting: message.enableLargeBatchSplitting?.value ?? false,
    maxExecutionBatchSize: number(message.maxExecutionBatchSize),
    ...own,
  };
}

function modeOf(options: Options): BatchingSettings['own'] {
  const autoShare = options.batchingAutoLatencyPercent / 100;
  return (hasFile) => {
    const byFile: BatchingMode = hasFile ? 'fixed' : 'auto';
    return { mode: options.batchingMode === '' ? byFile : options.batchingMode, autoShare };
  };
}
