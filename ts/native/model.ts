import type { BatchingParameters } from '../batching.js';
import type { Signature, TensorSpec } from '../signature.js';
import { dtypeOf } from '../tensor.js';
import { nativeParameters } from './batching.js';
import type { NativeModel, SignatureInfo, TensorInfo } from './binding.js';
import { completions } from './completions.js';

/** What to load and how. */
export interface LoadOptions {
  /** The folder that holds `saved_model.pb`. */
  exportDir: string;
  /** The tags of the MetaGraph to load, such as `['serve']`. */
  tags: readonly string[];
  /** A serialized `tensorflow.ConfigProto`, or `null` for TensorFlow's defaults. */
  configProto: Uint8Array | null;
  /** `always` leaves TensorFlow's remapper on for small dense models as well; left out it is `auto`. */
  graphRemapping?: 'auto' | 'always';
  /** `auto` refuses only shapes that could abort the process, `strict` all that contradict the signature, `off` none. */
  inputShapeCheck: 'auto' | 'strict' | 'off';
  /** Ops that are allowed although they reach beyond the model, `*` for all; the graph is only looked through where this is given. */
  allowedOps?: readonly string[] | null;
  /** How requests are batched once the model is published; they are not when left out or `null`. */
  batching?: BatchingParameters | null;
}

/** Facts of a loaded model. */
export interface ModelInfo {
  readonly exportDir: string;
  /** The tags of the loaded MetaGraph. */
  readonly tags: readonly string[];
  /** The TensorFlow that saved it, such as `2.21.0`; empty when the file does not say. */
  readonly tensorflowVersion: string;
  /** Such as `/job:localhost/replica:0/task:0/device:CPU:0`. */
  readonly devices: readonly string[];
}

/** A signature that is run one request at a time although its model is batched. */
export interface UnbatchedSignature {
  readonly signature: string;
  readonly reason: string;
}

/** A model in memory that has not been published, or that the library uses directly. */
export interface LoadedModel {
  readonly signatures: readonly Signature[];
  readonly info: ModelInfo;
  /** Signatures whose rows cannot be told apart in a batch; absent is none. */
  readonly unbatched?: readonly UnbatchedSignature[];
  /** The serialized `tensorflow.serving.SignatureDefMap`. */
  signatureDefMap(): Buffer;
  /**
   * Gives the model up; resolves when its last run has ended and its session is closed.
   *
   * A published model must be withdrawn from the catalog first, else this waits for that. Safe to call twice.
   */
  close(): Promise<void>;
}

const handles = new WeakMap<LoadedModel, NativeModel>();
const origins = new WeakMap<LoadedModel, LoadOptions>();

/** What a model was loaded with: the same again gives the same model. */
export function loadedWith(model: LoadedModel): LoadOptions {
  const options = origins.get(model);
  if (options === undefined) throw new TypeError('not a model made by loadModel');
  return options;
}

/** The addon's handle of a loaded model. @internal */
export function nativeModel(model: LoadedModel): NativeModel {
  const handle = handles.get(model);
  if (handle === undefined) throw new TypeError('not a model made by loadModel');
  return handle;
}

/**
 * Loads a SavedModel on a load thread of the addon, off the event loop.
 *
 * @throws {ServingError} TensorFlow's code and text; `FAILED_PRECONDITION` when no runtime is open
 */
export async function loadModel(options: LoadOptions): Promise<LoadedModel> {
  const handle = (await completions().promise((loop, ticket) =>
    loop.loadModel(ticket, {
      exportDir: options.exportDir,
      tags: [...options.tags],
      configProto: options.configProto,
      alwaysRemap: options.graphRemapping === 'always',
      inputShapeCheck: options.inputShapeCheck,
      allowedOps: options.allowedOps == null ? null : [...options.allowedOps],
      batching: options.batching ? nativeParameters(options.batching) : null,
    }),
  )) as NativeModel;
  const model = wrap(handle);
  origins.set(model, options);
  return model;
}

function wrap(handle: NativeModel): LoadedModel {
  const { exportDir, tags, tensorflowVersion, devices, signatures, unbatched } = handle.describe();
  let closed: Promise<void> | null = null;
  const model: LoadedModel = {
    signatures: signatures.map(toSignature),
    info: { exportDir, tags, tensorflowVersion, devices },
    unbatched,
    signatureDefMap: () => handle.signatureDefMap(),
    close() {
      closed ??= completions()
        .promise((loop, ticket) => loop.closeModel(ticket, handle))
        .then(() => undefined);
      return closed;
    },
  };
  handles.set(model, handle);
  return model;
}

function toSignature(info: SignatureInfo): Signature {
  return Object.freeze({
    name: info.name,
    methodName: info.methodName,
    inputs: byName(info.inputs),
    outputs: byName(info.outputs),
    unsupported: info.unsupported,
  });
}

function byName(tensors: readonly TensorInfo[]): Readonly<Record<string, TensorSpec>> {
  const record = Object.create(null) as Record<string, TensorSpec>;
  for (const { name, tensorName, dtype, shape, hasDefault } of tensors) {
    record[name] = Object.freeze({ name, tensorName, dtype: dtypeOf(dtype), shape, hasDefault });
  }
  return Object.freeze(record);
}
