import { describe, expect, it } from 'vitest';
import { warmupSizes } from '../../ts/manager-options.js';
import { batchingParameters } from '../../ts/options/batching-config.js';

const auto = { mode: 'auto', autoShare: 0.2 } as const;

describe('the batch sizes of made-up warm-up requests', () => {
  it('are one row without batching', () => {
    expect(warmupSizes(null)).toEqual([1]);
  });

  it('are the allowed sizes where batches are padded to them', () => {
    const batching = batchingParameters({
      ...auto,
      maxBatchSize: 100,
      allowedBatchSizes: [1, 10, 100],
    });
    expect(warmupSizes(batching)).toEqual([1, 10, 100]);
  });

  it('are one row and a batch else', () => {
    expect(warmupSizes(batchingParameters(auto))).toEqual([1, 32]);
    expect(warmupSizes(batchingParameters({ ...auto, maxBatchSize: 8 }))).toEqual([1, 8]);
    expect(warmupSizes(batchingParameters({ ...auto, maxBatchSize: 1 }))).toEqual([1]);
  });
});
