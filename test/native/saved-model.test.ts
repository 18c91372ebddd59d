import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SavedModel } from '../../ts/library/saved-model.js';
import { addon } from '../../ts/native/load.js';
import { type DType, type NumericData, type Tensor, tensor } from '../../ts/tensor.js';
import { open, versionDir } from './support.js';

let echo: SavedModel;

beforeAll(async () => {
  open();
  echo = await SavedModel.load(versionDir('echo', 1));
});

afterAll(() => echo.close());

/** The elements of a float result. */
function floats(result: Tensor | undefined): Float32Array {
  return result?.data as Float32Array;
}

const NUMBERS: [string, DType, NumericData][] = [
  ['float32', 'float', new Float32Array([1.5, -2])],
  ['float64', 'double', new Float64Array([1.5, -2])],
  ['float16', 'half', new Uint16Array([0x3e00, 0xc000])],
  ['bfloat16', 'bfloat16', new Uint16Array([0x3fc0, 0xc000])],
  ['int8', 'int8', new Int8Array([-128, 127])],
  ['int16', 'int16', new Int16Array([-32768, 32767])],
  ['int32', 'int32', new Int32Array([-5, 5])],
  ['int64', 'int64', new BigInt64Array([-(2n ** 63n), 2n ** 63n - 1n])],
  ['uint8', 'uint8', new Uint8Array([0, 255])],
  ['uint16', 'uint16', new Uint16Array([0, 65535])],
  ['uint32', 'uint32', new Uint32Array([0, 2 ** 32 - 1])],
  ['uint64', 'uint64', new BigUint64Array([0n, 2n ** 64n - 1n])],
  ['bool', 'bool', new Uint8Array([1, 0])],
];

test.each(NUMBERS)('%s goes in and comes out unchanged', async (name, dtype, data) => {
  const { y } = await echo.predict(
    { x: tensor(data, [1, 2], dtype) },
    { signature: `echo_${name}` },
  );
  expect([y?.dtype, y?.shape, y?.data]).toEqual([dtype, [1, 2], data]);
});

test('floats fed as half and bfloat16 come back rounded', async () => {
  const values = new Float32Array([0.1, -2.5]);
  for (const [name, dtype] of [
    ['float16', 'half'],
    ['bfloat16', 'bfloat16'],
  ] as const) {
    const x = tensor(values, [1, 2], dtype);
    const { y } = await echo.predict({ x }, { signature: `echo_${name}` });
    expect([y?.dtype, y?.data]).toEqual([dtype, x.data]);
    expect(y?.toFloat32()[0]).toBeCloseTo(0.1, 2);
  }
});

test('complex numbers are pairs', async () => {
  const data = new Float32Array([1, 2, 3, 4]);
  const { y } = await echo.predict(
    { x: tensor(data, [2], 'complex64') },
    { signature: 'flat_complex64' },
  );
  expect([y?.shape, y?.data]).toEqual([[2], data]);
});

test('strings come back as text and as bytes, empty and long ones too', async () => {
  const words = ['', 'é\u0000', 'x'.repeat(100_000)];
  const { y } = await echo.predict({ x: words }, { signature: 'flat_string' });
  expect(y?.data).toEqual(words);
  const raw = await echo.predict(
    { x: tensor([new Uint8Array([0xff, 0xfe])]) },
    { signature: 'flat_string' },
  );
  expect([...(raw.y?.bytes()[0] ?? [])]).toEqual([0xff, 0xfe]);
});

test('scalars, empty tensors and nested arrays are taken', async () => {
  const any = { signature: 'any_rank' };
  expect((await echo.predict({ x: 5 }, any)).y?.shape).toEqual([]);
  expect((await echo.predict({ x: tensor(new Float32Array(0), [0, 3]) }, any)).y?.shape).toEqual([
    0, 3,
  ]);
  expect((await echo.predict({ x: [[[1, 2]]] }, any)).y?.toArray()).toEqual([[[1, 2]]]);
});

test('a large result is memory of its own, not the input it echoes', async () => {
  const data = new Float32Array(100_000).fill(3);
  const { y } = await echo.predict({ x: tensor(data) }, { signature: 'any_rank' });
  data.fill(9);
  expect(floats(y).every((value) => value === 3)).toBe(true);
});

test('an aligned large input is read in place, others are copied once', async () => {
  await using half = await SavedModel.load(versionDir('half_plus_two', 1));
  // TensorFlow aligns what it computes, so a result fed back needs no copy. (An echo of copied input is copied once more, to
  // wherever JavaScript puts it.)
  const { y } = await half.predict({ x: tensor(new Float32Array(100_000)) });
  const before = addon().copyCounters();
  await echo.predict({ x: y ?? 0 }, { signature: 'any_rank' });
  const after = addon().copyCounters();
  expect(after.borrows - before.borrows).toBe(1);
  expect(after.copies - before.copies).toBe(0);
  expect(after.tensorflowCopies - before.tensorflowCopies).toBe(0);
});

test('concurrent predicts all get their own answers', async () => {
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      echo.predict({ x: tensor(new Float32Array(2000).fill(i)) }, { signature: 'any_rank' }),
    ),
  );
  for (const [i, { y }] of results.entries()) {
    expect(floats(y).every((value) => value === i)).toBe(true);
  }
});

test('signatures tell names, types and shapes', () => {
  expect(Object.keys(echo.signatures)).toContain('serving_default');
  expect(echo.signatures.serving_default?.inputs.x).toMatchObject({
    dtype: 'float',
    shape: [-1, 2],
  });
  expect(echo.info).toMatchObject({ tags: ['serve'], tensorflowVersion: '2.21.0' });
});

test.each<[string, (model: SavedModel) => Promise<unknown>, object]>([
  [
    'an unknown signature',
    (m) => m.predict({ x: 1 }, { signature: 'nope' }),
    { code: 'NOT_FOUND' },
  ],
  [
    'a missing input',
    (m) => m.predict({}),
    {
      code: 'INVALID_ARGUMENT',
      message: 'inputs.x: missing (signature "serving_default" takes: x)',
    },
  ],
  [
    'an unknown input',
    (m) => m.predict({ x: 1, z: 1 }),
    {
      code: 'INVALID_ARGUMENT',
      message: 'inputs.z: not an input of signature "serving_default" (it takes: x)',
    },
  ],
  [
    'another type',
    (m) => m.predict({ x: tensor(new Int32Array(2)) }),
    { code: 'INVALID_ARGUMENT', message: 'inputs.x: expected float, got int32' },
  ],
  [
    'an unknown output',
    (m) => m.predict({ x: [[1, 2]] }, { outputs: ['q'] }),
    {
      code: 'INVALID_ARGUMENT',
      message: 'outputs: "q" is not an output of signature "serving_default" (it has: y)',
    },
  ],
  [
    'an aborted signal',
    (m) => m.predict({ x: [[1, 2]] }, { signal: AbortSignal.abort() }),
    { code: 'CANCELLED' },
  ],
])('%s rejects with a code', async (_what, predict, wanted) => {
  await expect(predict(echo)).rejects.toMatchObject(wanted);
});

test('a shape that would end the process is refused', async () => {
  await using image = await SavedModel.load(versionDir('image', 1));
  await expect(image.predict({ keras_tensor: [[1, 2, 3]] })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'inputs.keras_tensor: expected shape [-1,28,28,1], got [1,3]',
  });
});

test("TensorFlow's own errors keep their code and text", async () => {
  await using fails = await SavedModel.load(versionDir('fails', 1));
  await expect(fails.predict({ x: [-1] })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('x must be positive') as string,
  });
});

test('a model with state keeps what it is fed', async () => {
  await using counter = await SavedModel.load(versionDir('counter', 1));
  const by = new BigInt64Array(20_000).fill(1n);
  for (let i = 1; i <= 3; i += 1) {
    const { n } = await counter.predict({ by: tensor(by) });
    expect(n?.data).toEqual(new BigInt64Array([BigInt(i * 20_000)]));
  }
});

test('abort rejects at once although the run goes on', async () => {
  const abort = new AbortController();
  const slow = echo.predict(
    { x: tensor(new Float32Array(4_000_000)) },
    { signature: 'any_rank', signal: abort.signal },
  );
  abort.abort(new Error('enough'));
  await expect(slow).rejects.toMatchObject({ code: 'CANCELLED', cause: abort.signal.reason });
});

test('close() under load waits for the runs, and may be called twice', async () => {
  const model = await SavedModel.load(versionDir('echo', 1), {
    intraOpThreads: 1,
    interOpThreads: availableParallelism(),
    device: 'cpu',
  });
  const runs = Array.from({ length: 20 }, () =>
    model.predict({ x: tensor(new Float32Array(500_000)) }, { signature: 'any_rank' }),
  );
  const closed = model.close();
  expect(model.close()).toBe(closed);
  const results = await Promise.all(runs);
  await closed;
  expect(results.every(({ y }) => y?.size === 500_000)).toBe(true);
  await expect(model.predict({ x: 1 })).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
});

test('a folder without a model, and tags no graph has, say so', async () => {
  await expect(SavedModel.load('/nonexistent')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(SavedModel.load(versionDir('echo', 1), { tags: ['nope'] })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  await expect(SavedModel.load(versionDir('echo', 1), { intraOpThreads: 0 })).rejects.toMatchObject(
    { code: 'INVALID_ARGUMENT' },
  );
});

test('another libtensorflow in the same process is refused', async () => {
  await expect(
    SavedModel.load(versionDir('echo', 1), { runtime: '/nonexistent/libtensorflow.so.2' }),
  ).rejects.toMatchObject({ message: expect.stringContaining('/nonexistent/') as string });
});
