// What a TypeScript project sees of the package. Nothing here runs: the compiler is the test, see types.test.ts.

import {
  type Addresses,
  type Classification,
  Code,
  type CodeName,
  createServer,
  DEFAULT_SIGNATURE,
  type DType,
  type decodeExamples,
  decodePredict,
  decodeTensorProto,
  type ExampleInit,
  type ExampleOptions,
  encodeClassifications,
  encodeExamples,
  encodePredict,
  encodeRegressions,
  encodeTensorProto,
  type LoadSavedModelOptions,
  type ModelInfo,
  type ModelStatus,
  type NumericData,
  type PredictInput,
  type PredictOptions,
  SavedModel,
  type Server,
  type ServerOptions,
  ServingError,
  type Signature,
  type Tensor,
  type TensorData,
  type TensorSpec,
  tensor,
} from '../../ts/index.js';

/** Compiles only where the types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

function same<A, B>(_proof: Same<A, B>): void {
  // The call's type is the check.
}

export async function library(): Promise<void> {
  const options: LoadSavedModelOptions = { tags: ['serve'], device: 'cpu', intraOpThreads: 2 };
  await using model = await SavedModel.load('/models/half_plus_two/1', options);
  same<typeof model.info, ModelInfo>(true);
  same<typeof model.signatures, Readonly<Record<string, Signature>>>(true);
  const spec: TensorSpec | undefined = model.signatures[DEFAULT_SIGNATURE]?.inputs.x;
  same<DType | undefined, NonNullable<typeof spec>['dtype'] | undefined>(true);

  const inputs: Record<string, PredictInput> = {
    tensor: tensor(new Float32Array([1, 2, 5]), [3]),
    array: new Float32Array(3),
    clamped: new Uint8ClampedArray(3),
    nested: [
      [1, 2n],
      [true, 'text', new Uint8Array(1)],
    ],
    scalar: 5,
  };
  const call: PredictOptions = {
    signature: 's',
    outputs: ['y'],
    signal: AbortSignal.timeout(1000),
  };
  const outputs = await model.predict(inputs, call);
  same<typeof outputs, Record<string, Tensor>>(true);
  const data: TensorData | undefined = outputs.y?.data;
  if (data instanceof Float32Array) data.fill(0);

  const examples: ExampleInit[] = [{ x: 1, words: ['a', 'b'], id: 5n, raw: new Uint8Array(1) }];
  const asked: ExampleOptions = { signature: 'classify', context: { place: 'hall' } };
  same<Classification[][], Awaited<ReturnType<typeof model.classify>>>(true);
  const classes = await model.classify(examples, asked);
  const label: string | undefined = classes[0]?.[0]?.label;
  const values: Float32Array = await model.regress(encodeExamples(examples));
  encodeRegressions(values, { nonFinite: 'null' });
  encodeClassifications(classes).toString(label === '' ? 'hex' : 'utf8');

  // @ts-expect-error an input is no object
  await model.predict({ x: {} });
  // @ts-expect-error a feature is no object
  await model.classify([{ x: {} }]);
  // @ts-expect-error no such device
  await SavedModel.load('/models', { device: 'tpu' });
  // @ts-expect-error models are made by load()
  new SavedModel();
}

export function tensors(): void {
  const numbers: NumericData = new BigInt64Array(1);
  for (const dtype of ['half', 'bfloat16', 'float8_e5m2', 'complex64'] satisfies DType[]) {
    tensor(numbers, [1], dtype);
  }
  same<readonly number[], Tensor['shape']>(true);
  tensor(['a', new Uint8Array(1)], [2], 'string').bytes();
  // @ts-expect-error a list is of strings
  tensor([1, 2]);
  // @ts-expect-error no such element type
  tensor(new Float32Array(1), [1], 'float16');
  // @ts-expect-error a view without elements
  tensor(new DataView(new ArrayBuffer(4)));
}

export function codec(signature: Signature): void {
  const { format, inputs } = decodePredict('{"instances": [1]}', signature, { maxDepth: 4 });
  same<typeof format, 'row' | 'column'>(true);
  same<Buffer, ReturnType<typeof encodePredict>>(true);
  encodePredict(inputs, { format, nonFinite: 'string' });
  same<Tensor, ReturnType<typeof decodeTensorProto>>(true);
  decodeTensorProto(encodeTensorProto(tensor(new Float32Array(1)), { asContent: true }), 'x');
  same<Buffer[], ReturnType<typeof decodeExamples>['examples']>(true);
  // @ts-expect-error no such spelling
  encodePredict(inputs, { nonFinite: 'nan' });
}

export async function server(): Promise<void> {
  const options: ServerOptions = { modelName: 'm', modelBasePath: '/models/m' };
  const running: Server = createServer(options);
  await running.start();
  const addresses: Addresses = await running.listening();
  const statuses: ModelStatus[] = running.models();
  await running.stop();
  void [addresses, statuses];
}

export function errors(error: unknown): CodeName | null {
  if (!(error instanceof ServingError)) return null;
  same<CodeName, typeof error.code>(true);
  const number: number = Code[error.code];
  return number === 5 ? error.code : null;
}
