import { ServingError } from './errors.js';
import type { Signature } from './signature.js';
import type { Tensor } from './tensor.js';

/** One class of one example. */
export interface Classification {
  /** Empty where the model names no classes. */
  readonly label: string;
  /** 0 where the model scores no classes. */
  readonly score: number;
}

/** A way to ask a signature about examples: classify or regress. */
export interface ExampleMethod<Result> {
  /**
   * The outputs to fetch.
   *
   * @param text gives the signature in protobuf's text format, for errors
   * @throws {ServingError} `INVALID_ARGUMENT` for a signature the method does not fit, with TensorFlow Serving's text
   */
  outputs(signature: Signature, text: () => Promise<string>): Promise<readonly string[]>;
  /**
   * What the model answered.
   *
   * @param batch the number of examples asked about
   * @throws {ServingError} `INVALID_ARGUMENT` for outputs the method cannot hold, with TensorFlow Serving's text
   */
  results(outputs: Readonly<Record<string, Tensor>>, batch: number): Result;
}

const INPUTS = 'inputs';

// Only the names of inputs and outputs matter, as in TensorFlow Serving: method_name and dtypes are not looked at before the run.

/** Pairs of label and score for each example. */
export const CLASSIFY: ExampleMethod<Classification[][]> = {
  async outputs(signature, text) {
    const names = Object.keys(signature.outputs);
    checkOneInput(signature);
    if (names.length < 1 || names.length > 2) {
      throw invalid(`Expected one or two output Tensors, found ${names.length}`);
    }
    if (!Object.hasOwn(signature.inputs, INPUTS)) {
      throw invalid(`No classification inputs found in SignatureDef: ${await text()}`);
    }
    const wanted = ['classes', 'scores'].filter((name) => names.includes(name));
    if (wanted.length > 0) return wanted;
    throw invalid(
      `Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: ${await text()}`,
    );
  },
  results({ classes, scores }, batch) {
    const labelWidth = classes === undefined ? null : width(classes, 'classes', 'string', batch);
    const scoreWidth = scores === undefined ? null : width(scores, 'scores', 'float', batch);
    if (labelWidth !== null && scoreWidth !== null && labelWidth !== scoreWidth) {
      throw invalid(
        `Tensors class and score should match in dim_size(1). Got ${labelWidth} vs. ${scoreWidth}`,
      );
    }
    const pairs = labelWidth ?? scoreWidth ?? 0;
    const labels = (classes?.data ?? []) as readonly string[];
    const values = (scores?.data ?? []) as Float32Array;
    return Array.from({ length: batch }, (_, example) =>
      Array.from({ length: pairs }, (_, pair) => {
        const at = example * pairs + pair;
        return { label: labels[at] ?? '', score: values[at] ?? 0 };
      }),
    );
  },
};

/** One value for each example. */
export const REGRESS: ExampleMethod<Float32Array> = {
  async outputs(signature, text) {
    checkOneInput(signature);
    const names = Object.keys(signature.outputs);
    if (names.length !== 1) throw invalid('Expected one output Tensor.');
    if (!Object.hasOwn(signature.inputs, INPUTS)) {
      throw invalid(`No regression inputs found in SignatureDef: ${await text()}`);
    }
    if (names[0] !== 'outputs') {
      throw invalid(`No regression outputs found in SignatureDef: ${await text()}`);
    }
    return names;
  },
  results({ outputs }, batch) {
    if (outputs === undefined) throw new ServingError('INTERNAL', 'outputs: missing in the result');
    const { shape, dtype, data } = outputs;
    if (shape.length !== 1 && !(shape.length === 2 && shape[1] === 1)) {
      throw invalid(
        `Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got ${shapeText(shape)}`,
      );
    }
    if (shape[0] !== batch) {
      throw invalid(`Input batch size did not match output batch size: ${batch} vs. ${shape[0]}`);
    }
    // The two spaces are TensorFlow Serving's.
    if (dtype !== 'float')
      throw invalid(`Expected output Tensor of DT_FLOAT.  Got: ${enumName(dtype)}`);
    return data as Float32Array;
  },
};

function checkOneInput(signature: Signature): void {
  if (Object.keys(signature.inputs).length !== 1) throw invalid('Expected one input Tensor.');
}

/** The second dimension of an output of shape `[batch, classes]`. */
function width(
  { shape, dtype }: Tensor,
  name: string,
  wanted: 'string' | 'float',
  batch: number,
): number {
  const [rows, columns] = shape;
  if (shape.length !== 2 || columns === undefined) {
    throw invalid(`Expected Tensor shape: [batch_size num_classes] but got ${shapeText(shape)}`);
  }
  if (dtype !== wanted) {
    throw invalid(`Expected ${name} Tensor of ${enumName(wanted)}. Got: ${enumName(dtype)}`);
  }
  if (rows !== batch) {
    throw invalid(`Expected ${name} output batch size of ${batch}. Got: ${rows}`);
  }
  return columns;
}

function shapeText(shape: readonly number[]): string {
  return `[${shape.join(',')}]`;
}

function enumName(dtype: string): string {
  return `DT_${dtype.toUpperCase()}`;
}

function invalid(message: string): ServingError {
  return new ServingError('INVALID_ARGUMENT', message);
}
