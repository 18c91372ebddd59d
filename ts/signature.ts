import type { DType } from './tensor.js';

/** One named input or output of a signature. */
export interface TensorSpec {
  /** The name requests and answers use (the signature's alias). */
  readonly name: string;
  /** The graph's own name, such as `StatefulPartitionedCall:0`. */
  readonly tensorName: string;
  readonly dtype: DType;
  /** Dimensions; -1 is free. `null`: even the rank is free. */
  readonly shape: readonly number[] | null;
  /** True where the signature itself holds a value for an input that a request leaves out. */
  readonly hasDefault: boolean;
}

/** One callable entry of a SavedModel. */
export interface Signature {
  readonly name: string;
  /** Such as `tensorflow/serving/predict`; empty for TensorFlow's own entries. */
  readonly methodName: string;
  /** By name, sorted. The object has no prototype. */
  readonly inputs: Readonly<Record<string, TensorSpec>>;
  /** By name, sorted. The object has no prototype. */
  readonly outputs: Readonly<Record<string, TensorSpec>>;
  /** Why this signature cannot be called (sparse, ragged or composite inputs), else `null`. */
  readonly unsupported: string | null;
}

/** The signature used when a request names none. */
export const DEFAULT_SIGNATURE = 'serving_default';
