/** How long an incomplete batch waits: as long as `batchTimeoutMicros` says, or as long as it pays. */
export type BatchingMode = 'fixed' | 'auto';

/** `BatchingParameters` with its values as numbers; null where nothing is said, which is TensorFlow Serving's default. */
export interface BatchingParameters {
  /** Most rows of one request, and of a batch unless requests are split. Default 1000. */
  readonly maxBatchSize: number | null;
  /** Longest wait of the oldest request before an incomplete batch runs. Default 0: as soon as a thread is free. */
  readonly batchTimeoutMicros: number | null;
  /** Batches that may wait in one queue. Default 10. */
  readonly maxEnqueuedBatches: number | null;
  /** Threads that run batches, for all models. Default one a core. */
  readonly numBatchThreads: number | null;
  /** The name metrics have for them. */
  readonly threadPoolName: string | null;
  /** Sizes that batches are padded to, ascending; the last one is `maxBatchSize`. */
  readonly allowedBatchSizes: readonly number[];
  /** Pad dimensions after the first to the largest of the batch. */
  readonly padVariableLengthInputs: boolean;
  /** Spread large requests over several batches. */
  readonly enableLargeBatchSplitting: boolean;
  /** Most rows of a batch where requests are split. Default `maxBatchSize`. */
  readonly maxExecutionBatchSize: number | null;
  readonly mode: BatchingMode;
  /** Mode `auto`: a batch waits at most this part of the time its run takes, 0 to 1. */
  readonly autoShare: number;
}

/** What one model's config says of batching; the defaults are TensorFlow Serving's, of the mode the server's. */
export type ModelBatching = Partial<
  Omit<BatchingParameters, 'numBatchThreads' | 'threadPoolName' | 'autoShare'>
>;

/** How the server batches. */
export interface BatchingSettings {
  /** What the server's own file or options say; null where batching is off. */
  readonly base: BatchingParameters | null;
  /** Only versions with a `batching_params.pbtxt` are batched, by its parameters. */
  readonly perModel: boolean;
  /** Mode and share of what a model's own file or config says. */
  readonly own: (hasFile: boolean) => Pick<BatchingParameters, 'mode' | 'autoShare'>;
  readonly numBatchThreads: number | null;
  readonly threadPoolName: string;
}
