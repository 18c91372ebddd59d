import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodePredict,
  decodeTensorProto,
  encodePredict,
  encodeTensorProto,
} from '../../ts/codec/predict.js';
import { tensor } from '../../ts/tensor.js';
import { ROOT } from '../load/paths.js';
import { LARGE_IMAGE, MNIST_IMAGE } from './bodies.js';
import type { Work } from './measure.js';

/** The signature of one image input with free sizes. */
const IMAGES = {
  name: 'serving_default',
  inputs: {
    x: { name: 'x', tensorName: 'x:0', dtype: 'float', shape: [-1, -1, -1, -1], hasDefault: false },
  },
} as const;

const decoded = (): Float32Array => {
  const { x } = decodePredict(LARGE_IMAGE, IMAGES).inputs;
  return x?.data as Float32Array;
};

/** JSON bodies in, ours beside `JSON.parse` of the same text. */
export function jsonDecode(): Work[] {
  const large = LARGE_IMAGE.toString();
  const small = MNIST_IMAGE.toString();
  return [
    { name: 'JSON.parse 1×224×224×3', run: () => JSON.parse(large) },
    { name: 'decodePredict 1×224×224×3', run: () => decodePredict(LARGE_IMAGE, IMAGES) },
    { name: 'JSON.parse 1×28×28×1', run: () => JSON.parse(small) },
    { name: 'decodePredict 1×28×28×1', run: () => decodePredict(MNIST_IMAGE, IMAGES) },
  ];
}

/** JSON answers out, ours beside `JSON.stringify` of the same values. */
export function jsonPrint(): Work[] {
  const values = decoded();
  const outputs = { y: tensor(values, [1, values.length]) };
  const plain = { predictions: [Array.from(values)] };
  return [
    { name: `JSON.stringify ${values.length} floats`, run: () => JSON.stringify(plain) },
    { name: `encodePredict ${values.length} floats`, run: () => encodePredict(outputs) },
  ];
}

/** TensorProto in, from typed fields and from tensor_content, beside a bare copy of the bytes. */
export function tensorProto(): Work[] {
  const values = decoded();
  const content = encodeTensorProto(tensor(values, [1, values.length]), { asContent: true });
  const typed = encodeTensorProto(tensor(values, [1, values.length]));
  return [
    { name: `copy of ${values.byteLength} bytes`, run: () => values.slice() },
    { name: 'TensorProto, tensor_content', run: () => decodeTensorProto(content) },
    { name: 'TensorProto, float_val', run: () => decodeTensorProto(typed) },
  ];
}

/** The three-float gRPC Predict that the recorded cases begin with. */
export function goldenPredict(): Buffer {
  const file = join(ROOT, 'test', 'fixtures', 'golden', 'grpc.json');
  const cases = JSON.parse(readFileSync(file, 'utf8')) as { id: string; request_base64: string }[];
  const found = cases.find(({ id }) => id === 'predict.plain');
  if (found === undefined) throw new Error(`${file}: no case predict.plain`);
  return Buffer.from(found.request_base64, 'base64');
}
