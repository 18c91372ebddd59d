/** One setting of `--batching_parameters_file`. */
export interface BatchingSetting {
  /** Rows of the largest batch. */
  readonly maxBatchSize: number;
  /** How long a batch that is not full waits for more, microseconds. */
  readonly batchTimeoutMicros: number;
  /** Threads that run batches. */
  readonly numBatchThreads: number;
}

/** Batches that may wait in a queue: with fewer rows than this in all, a burst of single requests would be refused. */
const ROWS_THAT_MAY_WAIT = 4096;

/**
 * BatchingParameters in text format, as TensorFlow Serving reads them too.
 *
 * @param reasons lines that say why these, put in front as comments
 */
export function batchingFile(setting: BatchingSetting, reasons: readonly string[] = []): string {
  const { maxBatchSize, batchTimeoutMicros, numBatchThreads } = setting;
  const maxEnqueued = Math.max(numBatchThreads, Math.ceil(ROWS_THAT_MAY_WAIT / maxBatchSize));
  const fields = [
    ['max_batch_size', maxBatchSize],
    ['batch_timeout_micros', batchTimeoutMicros],
    ['num_batch_threads', numBatchThreads],
    ['max_enqueued_batches', maxEnqueued],
  ] as const;
  const lines = [
    ...reasons.map((reason) => `# ${reason}`),
    ...fields.map(([name, value]) => `${name} { value: ${value} }`),
  ];
  return `${lines.join('\n')}\n`;
}
