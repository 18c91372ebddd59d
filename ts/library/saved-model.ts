import { type ExampleInput, encodeExamples } from '../codec/examples.js';
import { Deferred } from '../deferred.js';
import { ServingError } from '../errors.js';
import { CLASSIFY, type Classification, type ExampleMethod, REGRESS } from '../example-results.js';
import { type LoadedModel, loadModel, type ModelInfo } from '../native/model.js';
import { runPredict } from '../native/predict.js';
import { openRuntime, runtimeInfo } from '../native/runtime.js';
import { findRuntime } from '../runtime/find.js';
import { DEFAULT_SIGNATURE, type Signature } from '../signature.js';
import { Tensor } from '../tensor.js';
import { type PredictInput, predictInputs } from './predict-inputs.js';

/** How to load a SavedModel. */
export interface LoadSavedModelOptions {
  /** The tags of the graph to load. Default `['serve']`. */
  tags?: readonly string[];
  /** The libtensorflow to use: a file or folder. Default: found as `servable doctor` shows. One per process. */
  runtime?: string;
  /** Threads for the inside of one operation. Default: TensorFlow's choice, one per core. */
  intraOpThreads?: number;
  /** Threads for operations that do not depend on each other. Default: TensorFlow's choice, one per core. */
  interOpThreads?: number;
  /** `cpu` keeps the model off GPUs. Default `auto`: TensorFlow places it. */
  device?: 'auto' | 'cpu';
  /**
   * Which input shapes are refused before the run. `auto` (default): those that could end the process in this graph; `strict`:
   * all that contradict the signature; `off`: none.
   */
  inputShapeCheck?: 'auto' | 'strict' | 'off';
}

/** How to call a model. */
export interface PredictOptions {
  /** Default `serving_default`. */
  signature?: string;
  /** Rejects the call when aborted. A run that has begun goes on unseen: TensorFlow cannot be interrupted. */
  signal?: AbortSignal;
  /** The outputs to fetch. Default: all. */
  outputs?: readonly string[];
}

/** How to ask a model about examples. */
export interface ExampleOptions {
  /** Default `serving_default`. */
  signature?: string;
  /** Features that all examples share; an example's own win. */
  context?: ExampleInput;
  /** Rejects the call when aborted. A run that has begun goes on unseen: TensorFlow cannot be interrupted. */
  signal?: AbortSignal;
}

/**
 * A SavedModel in memory.
 *
 * @example
 * const model = await SavedModel.load('/models/half_plus_two/1');
 * const { y } = await model.predict({ x: tensor(new Float32Array([1, 2, 5]), [3]) });
 * console.log(y?.data); // Float32Array [2.5, 3, 4.5]
 * await model.close();
 */
export class SavedModel {
  /** By name. */
  readonly signatures: Readonly<Record<string, Signature>>;
  /** What the model says about itself. */
  readonly info: ModelInfo;
  readonly #model: LoadedModel;
  #closed: Promise<void> | null = null;

  private constructor(model: LoadedModel) {
    this.#model = model;
    this.info = model.info;
    const signatures = Object.create(null) as Record<string, Signature>;
    for (const signature of model.signatures) signatures[signature.name] = signature;
    this.signatures = Object.freeze(signatures);
  }

  /**
   * Loads a SavedModel off the event loop.
   *
   * @param dir the folder that holds `saved_model.pb`
   * @throws {ServingError} `NOT_FOUND` no SavedModel there or no graph with the tags; `FAILED_PRECONDITION` no libtensorflow, with
   * the command that installs one; otherwise TensorFlow's code and text
   */
  static async load(dir: string, options: LoadSavedModelOptions = {}): Promise<SavedModel> {
    const opened = runtimeInfo();
    if (options.runtime !== undefined) openRuntime(options.runtime);
    else if (opened === null) openRuntime((await findRuntime()).path);
    const model = await loadModel({
      exportDir: dir,
      tags: options.tags ?? ['serve'],
      configProto: configProto(options),
      inputShapeCheck: options.inputShapeCheck ?? 'auto',
    });
    return new SavedModel(model);
  }

  /**
   * Runs one signature.
   *
   * Tiny models run at once on this thread, others on the engine's threads; concurrent calls run in parallel. Typed arrays of
   * 64 KiB and more are read in place: do not write to them, nor transfer their memory, until the call settles. Results are
   * memory of their own.
   *
   * @param inputs by the signature's input names; inputs with a default may be left out
   * @returns the outputs, by the signature's output names
   * @throws {ServingError} `INVALID_ARGUMENT` names the first input that does not fit; `NOT_FOUND` unknown signature;
   * `CANCELLED` aborted; `UNAVAILABLE` too many waiting calls; `FAILED_PRECONDITION` closed; otherwise TensorFlow's code and text
   */
  async predict(
    inputs: Readonly<Record<string, PredictInput>>,
    options: PredictOptions = {},
  ): Promise<Record<string, Tensor>> {
    this.#checkOpen();
    const signature = this.#signature(options.signature ?? DEFAULT_SIGNATURE);
    if (options.signal?.aborted) throw aborted(options.signal);
    const tensors = predictInputs(signature, inputs);
    return this.#run(signature, tensors, options.outputs ?? null, options.signal);
  }

  /**
   * Classifies examples, as `:classify` does: through a signature with the input `inputs` and the outputs `classes`, `scores` or both.
   *
   * @param examples objects of features, or serialized `tf.Example`s
   * @returns for each example its pairs of label and score
   * @throws {ServingError} `INVALID_ARGUMENT` the signature, an example or what the model answered does not fit, with TensorFlow
   * Serving's text; otherwise as {@link predict}
   */
  classify(
    examples: readonly ExampleInput[],
    options: ExampleOptions = {},
  ): Promise<Classification[][]> {
    return this.#ask(CLASSIFY, examples, options);
  }

  /**
   * Asks for one value an example, as `:regress` does: through a signature with the input `inputs` and the output `outputs`.
   *
   * @param examples objects of features, or serialized `tf.Example`s
   * @returns one value for each example
   * @throws {ServingError} as {@link classify}
   */
  regress(examples: readonly ExampleInput[], options: ExampleOptions = {}): Promise<Float32Array> {
    return this.#ask(REGRESS, examples, options);
  }

  /** Refuses new calls; resolves when the last run has ended and the memory is free. Safe to call again. */
  close(): Promise<void> {
    this.#closed ??= this.#model.close();
    return this.#closed;
  }

  /** Closes without waiting. */
  [Symbol.dispose](): void {
    this.close().catch(() => undefined);
  }

  /** Closes and waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #ask<Result>(
    method: ExampleMethod<Result>,
    examples: readonly ExampleInput[],
    options: ExampleOptions,
  ): Promise<Result> {
    this.#checkOpen();
    const name = options.signature ?? DEFAULT_SIGNATURE;
    const signature = this.signatures[name];
    if (signature === undefined) {
      throw new ServingError('INVALID_ARGUMENT', `No signature was found with the name: ${name}`);
    }
    const wanted = await method.outputs(signature, () => this.#signatureText(name));
    if (examples.length === 0) throw new ServingError('INVALID_ARGUMENT', 'Input is empty.');
    if (options.signal?.aborted) throw aborted(options.signal);
    const serialized = encodeExamples(examples, options.context);
    const batch = [new Tensor('string', [serialized.length], serialized)];
    const outputs = await this.#run(signature, batch, wanted, options.signal);
    return method.results(outputs, serialized.length);
  }

  /** Runs a signature; `wanted` are names of its outputs, `null` for all. */
  async #run(
    signature: Signature,
    inputs: readonly (Tensor | null)[],
    wanted: readonly string[] | null,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, Tensor>> {
    const names = Object.keys(signature.outputs);
    const positions = wanted?.map((name) => position(signature, names, name)) ?? null;
    const request = { signature: signature.name, inputs, outputs: positions };
    const answer = new Deferred<Tensor[]>();
    let cancel = (): void => undefined;
    const onAbort = (): void => {
      cancel();
      if (signal !== undefined) answer.reject(aborted(signal));
    };
    // Before the run, which a tiny model ends within the call: a long-lived signal must not keep listeners of settled calls.
    signal?.addEventListener('abort', onAbort, { once: true });
    let tensors: Tensor[];
    try {
      cancel = runPredict(this.#model, request, (failure, outputs) => {
        if (failure === null) answer.resolve(outputs);
        else answer.reject(failure);
      });
      tensors = await answer.promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    const results: Record<string, Tensor> = {};
    for (const [index, name] of (wanted ?? names).entries()) {
      const result = tensors[index];
      if (result !== undefined) define(results, name, result);
    }
    return results;
  }

  #checkOpen(): void {
    if (this.#closed !== null) throw new ServingError('FAILED_PRECONDITION', 'the model is closed');
  }

  /** A signature in protobuf's text format, its last line ended as TensorFlow Serving prints it. */
  async #signatureText(name: string): Promise<string> {
    const { messageType } = await import('../codec/messages.js');
    const { printText } = await import('../codec/text-format.js');
    const map = messageType('tensorflow.serving.SignatureDefMap');
    const definition = map.decode(this.#model.signatureDefMap()).signatureDef[name];
    if (definition === undefined) return '';
    return `${printText(messageType('tensorflow.SignatureDef'), definition)}\n`;
  }

  #signature(name: string): Signature {
    const signature = this.signatures[name];
    if (signature === undefined) {
      const available = Object.keys(this.signatures).join(', ');
      throw new ServingError(
        'NOT_FOUND',
        `signature "${name}": not in the model (available: ${available})`,
      );
    }
    return signature;
  }
}

function aborted(signal: AbortSignal): ServingError {
  return new ServingError('CANCELLED', 'the call was aborted', { cause: signal.reason });
}

/** Sets a property whatever its name, `__proto__` included. */
function define(results: Record<string, Tensor>, name: string, value: Tensor): void {
  Object.defineProperty(results, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function position(signature: Signature, outputs: readonly string[], name: string): number {
  const at = outputs.indexOf(name);
  if (at >= 0) return at;
  throw new ServingError(
    'INVALID_ARGUMENT',
    `outputs: "${name}" is not an output of signature "${signature.name}" (it has: ${outputs.join(', ')})`,
  );
}

/**
 * A serialized `tensorflow.ConfigProto` of the options; `null` for TensorFlow's defaults.
 *
 * Fields: 1 `device_count` (map), 2 `intra_op_parallelism_threads`, 5 `inter_op_parallelism_threads`.
 */
function configProto(options: LoadSavedModelOptions): Uint8Array | null {
  const bytes: number[] = [];
  if (options.device === 'cpu') {
    const gpu = [...Buffer.from('GPU', 'latin1')];
    bytes.push(0x0a, gpu.length + 4, 0x0a, gpu.length, ...gpu, 0x10, 0);
  }
  if (options.intraOpThreads !== undefined) bytes.push(0x10, ...threads('intraOpThreads', options));
  if (options.interOpThreads !== undefined) bytes.push(0x28, ...threads('interOpThreads', options));
  return bytes.length === 0 ? null : Uint8Array.from(bytes);
}

/** A thread count as a varint. */
function threads(
  name: 'intraOpThreads' | 'interOpThreads',
  options: LoadSavedModelOptions,
): number[] {
  const count = options[name];
  if (count === undefined || !Number.isInteger(count) || count < 1 || count > 1024) {
    throw new ServingError('INVALID_ARGUMENT', `${name}: expected 1 to 1024, got ${String(count)}`);
  }
  return count < 0x80 ? [count] : [(count & 0x7f) | 0x80, count >> 7];
}
