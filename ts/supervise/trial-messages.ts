import type { Target } from '../native/infer-queue.js';
import type { LoadOptions } from '../native/model.js';

/** The TensorFlow library of a helper process: the same as the server's. */
export interface HelperRuntime {
  readonly library: string;
  readonly opLibraries: readonly string[];
}

/** One published version. */
export interface TrialVersion {
  readonly version: bigint;
  readonly load: LoadOptions;
}

/** A model as the server has it. */
export interface TrialModel {
  readonly name: string;
  readonly versions: readonly TrialVersion[];
  readonly labels: readonly { label: string; version: bigint }[];
}

/** What a quarantine is told. */
export type ToQuarantine =
  | { readonly kind: 'load'; readonly runtime: HelperRuntime; readonly model: TrialModel }
  | { readonly kind: 'run'; readonly target: Target; readonly body: Uint8Array };

/** What it answers. */
export type FromQuarantine =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'ran' };

/** What a load probe is told. */
export interface ToProbe {
  readonly runtime: HelperRuntime;
  readonly load: LoadOptions;
}
