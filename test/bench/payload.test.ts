import { expect, test } from 'vitest';
import { predictMessage, restBody, syntheticInputs } from '../../ts/bench/payload.js';
import { messageType } from '../../ts/codec/messages.js';
import { decodePredict, decodeTensorProto } from '../../ts/codec/predict.js';
import type {
  SignatureDescription,
  TensorDescription,
} from '../../ts/codec/signature-description.js';
import type { DType, Tensor } from '../../ts/tensor.js';

function signature(...inputs: TensorDescription[]): SignatureDescription {
  const outputs = [{ name: 'y', dtype: 'float', shape: [-1] }];
  return { name: 'serving_default', methodName: 'tensorflow/serving/predict', inputs, outputs };
}

const list = (tensor: Tensor | undefined): unknown[] => [
  ...((tensor?.data ?? []) as Iterable<unknown>),
];

/** What the server would read out of the JSON body. */
function asRead(description: SignatureDescription, body: Buffer): Record<string, Tensor> {
  const inputs = description.inputs.map((it) => [
    it.name,
    { ...it, dtype: it.dtype as DType, tensorName: '', hasDefault: false },
  ]);
  return decodePredict(body, { name: description.name, inputs: Object.fromEntries(inputs) }).inputs;
}

test.each<[string, SignatureDescription]>([
  ['rows of floats', signature({ name: 'x', dtype: 'float', shape: [-1, 2, 3] })],
  [
    'rows of several inputs',
    signature(
      { name: 'a', dtype: 'int64', shape: [-1] },
      { name: 'b', dtype: 'string', shape: [-1, 2] },
      { name: 'c', dtype: 'bool', shape: [-1, 1] },
    ),
  ],
  ['a fixed shape', signature({ name: 'x', dtype: 'double', shape: [2, 2] })],
  ['a scalar', signature({ name: 'x', dtype: 'int32', shape: [] })],
  ['an unknown rank', signature({ name: 'x', dtype: 'float', shape: null })],
  ['bytes', signature({ name: 'image_bytes', dtype: 'string', shape: [-1] })],
  ['small integers', signature({ name: 'x', dtype: 'uint8', shape: [-1, 3] })],
])('a made-up request is one for the signature, the same over REST and gRPC: %s', (_what, it) => {
  const inputs = syntheticInputs(it, 3);
  const read = asRead(it, restBody(it, inputs));
  const version = { version: null, label: null };
  const message = messageType('tensorflow.serving.PredictRequest').decode(
    predictMessage('m', version, it.name, inputs),
  );
  const proto = messageType('tensorflow.TensorProto');
  for (const { name, tensor } of inputs) {
    expect(read[name]?.shape).toEqual(tensor.shape);
    expect(read[name]?.dtype).toBe(tensor.dtype);
    expect(list(read[name])).toEqual(list(tensor));
    const sent = decodeTensorProto(proto.encode(message.inputs[name] as never));
    expect(sent.shape).toEqual(tensor.shape);
    expect(list(sent)).toEqual(list(tensor));
  }
});

test('free first dimensions are the rows asked for, others 1', () => {
  const [input] = syntheticInputs(signature({ name: 'x', dtype: 'float', shape: [-1, -1, 4] }), 5);
  expect(input?.tensor.shape).toEqual([5, 1, 4]);
});

test('what nothing is known of is refused by name', () => {
  const odd = signature({ name: 'x', dtype: 'complex64', shape: [-1] });
  expect(() => syntheticInputs(odd, 1)).toThrow('input "x" is of complex64');
  const huge = signature({ name: 'x', dtype: 'float', shape: [-1, 100_000, 100_000] });
  expect(() => syntheticInputs(huge, 1)).toThrow('is too large to make up');
});
