import type { ServingError } from '../errors.js';
import { dtypeLayout, dtypeNumber, dtypeOf, type NumericData, Tensor } from '../tensor.js';
import { attempt, completions } from './completions.js';
import { call, nativeError } from './load.js';
import { type LoadedModel, nativeModel } from './model.js';

/** Inputs from this size on are read in place by the pool's threads; smaller ones are copied. */
const PIN_BYTES = 64 * 1024;

/** One call of a model on tensors. */
export interface PredictCall {
  readonly signature: string;
  /** The signature's inputs in its order; `null` takes the signature's default. */
  readonly inputs: readonly (Tensor | null)[];
  /** Positions among the signature's outputs; `null` for all. */
  readonly outputs: readonly number[] | null;
}

/** What the addon hands over for one output. */
export interface NativeOutput {
  readonly dtype: number;
  readonly shape: number[];
  readonly data?: ArrayBuffer;
  readonly block?: Buffer;
  readonly ends?: Float64Array;
}

let turnOpen = false;

/**
 * Runs a model on tensors: tiny models at once, on this thread and within a budget per turn of the event loop, others on the
 * engine's pool.
 *
 * `settled` is called once: within this call for a tiny model or a refusal, else from the event loop. The result withdraws the
 * call, after which `settled` is not called.
 */
export function runPredict(
  model: LoadedModel,
  request: PredictCall,
  settled: (failure: ServingError | null, outputs: Tensor[]) => void,
): () => void {
  const jobs = completions();
  const ticket = jobs.reserve();
  const inputs = request.inputs.map((input) => (input === null ? null : toNative(input)));
  openTurn();
  const done = call(() =>
    jobs.loop.predict(
      ticket,
      nativeModel(model),
      {
        signature: request.signature,
        outputs: request.outputs === null ? null : [...request.outputs],
      },
      inputs,
    ),
  ) as NativeOutput[] | null;
  if (done !== null) {
    settled(null, done.map(fromNative));
    return () => undefined;
  }
  const pinned = inputs.filter(
    (input) => input !== null && input.ends === null && input.data.length >= PIN_BYTES,
  );
  if (pinned.length > 0) jobs.pin(ticket, pinned);
  jobs.expect(ticket, (code, value) => {
    if (code === 0) settled(null, (value as NativeOutput[]).map(fromNative));
    else settled(nativeError(code, String(value)), []);
  });
  return () => {
    if (jobs.forget(ticket)) attempt(() => jobs.loop.cancel(ticket));
  };
}

/** Tells the addon when a new turn of the event loop begins, so that inline runs cannot starve it. */
function openTurn(): void {
  if (turnOpen) return;
  turnOpen = true;
  setImmediate(() => {
    turnOpen = false;
    attempt(() => completions().loop.beginTurn());
  }).unref();
}

/** A tensor as the addon takes it. @internal */
export function toNative(input: Tensor): {
  dtype: number;
  shape: readonly number[];
  data: Uint8Array;
  ends: Float64Array | null;
} {
  const { shape } = input;
  const dtype = dtypeNumber(input.dtype);
  if (input.dtype !== 'string') {
    const { buffer, byteOffset, byteLength } = input.data as NumericData;
    return { dtype, shape, data: new Uint8Array(buffer, byteOffset, byteLength), ends: null };
  }
  const elements = input.bytes();
  const ends = new Float64Array(elements.length);
  let total = 0;
  for (const [index, element] of elements.entries()) {
    total += element.length;
    ends[index] = total;
  }
  return { dtype, shape, data: Buffer.concat(elements, total), ends };
}

/** A tensor as the addon gave it. @internal */
export function fromNative(output: NativeOutput): Tensor {
  const dtype = dtypeOf(output.dtype);
  const { shape, data, block, ends } = output;
  if (block !== undefined && ends !== undefined) return new Tensor(dtype, shape, { block, ends });
  const memory = data ?? new ArrayBuffer(0);
  const array = dtypeLayout(dtype)?.array ?? Uint8Array;
  return new Tensor(dtype, shape, new array(memory));
}
