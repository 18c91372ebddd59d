import { describe, expect, test } from 'vitest';
import { CLASSIFY, REGRESS } from '../ts/example-results.js';
import type { Signature, TensorSpec } from '../ts/signature.js';
import { type Tensor, tensor } from '../ts/tensor.js';

const spec = (name: string): TensorSpec => ({
  name,
  tensorName: `${name}:0`,
  dtype: 'float',
  shape: null,
  hasDefault: false,
});

function signature(inputs: string[], outputs: string[]): Signature {
  return {
    name: 's',
    methodName: '',
    inputs: Object.fromEntries(inputs.map((name) => [name, spec(name)])),
    outputs: Object.fromEntries(outputs.map((name) => [name, spec(name)])),
    unsupported: null,
  };
}

const floats = (shape: number[]): Tensor =>
  tensor(new Float32Array(shape.reduce((count, dim) => count * dim, 1)), shape);

const strings = (shape: number[]): Tensor =>
  tensor(new Array(shape.reduce((count, dim) => count * dim, 1)).fill('a'), shape);

describe('signatures', () => {
  test('only what there is of classes and scores is fetched', async () => {
    const text = async () => '';
    const wanted = (...outputs: string[]) => CLASSIFY.outputs(signature(['inputs'], outputs), text);
    expect(await wanted('classes', 'scores')).toEqual(['classes', 'scores']);
    expect(await wanted('other', 'scores')).toEqual(['scores']);
    expect(await wanted('classes')).toEqual(['classes']);
    const regress = REGRESS.outputs(signature(['inputs'], ['outputs']), text);
    expect(await regress).toEqual(['outputs']);
  });

  test.each<['classify' | 'regress', string[], string[], string]>([
    ['classify', [], ['scores'], 'Expected one input Tensor.'],
    ['classify', ['inputs', 'b'], ['scores'], 'Expected one input Tensor.'],
    ['classify', ['inputs'], [], 'Expected one or two output Tensors, found 0'],
    ['classify', ['inputs'], ['a', 'b', 'c'], 'Expected one or two output Tensors, found 3'],
    ['classify', ['x'], ['scores'], 'No classification inputs found in SignatureDef: <text>'],
    [
      'classify',
      ['inputs'],
      ['outputs'],
      'Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: <text>',
    ],
    ['regress', ['a', 'b'], ['outputs'], 'Expected one input Tensor.'],
    ['regress', ['inputs'], ['outputs', 'b'], 'Expected one output Tensor.'],
    ['regress', ['x'], ['outputs'], 'No regression inputs found in SignatureDef: <text>'],
    ['regress', ['inputs'], ['scores'], 'No regression outputs found in SignatureDef: <text>'],
  ])('%s refuses %j to %j', async (method, inputs, outputs, message) => {
    const { outputs: check } = method === 'classify' ? CLASSIFY : REGRESS;
    const checked = check(signature(inputs, outputs), async () => '<text>');
    await expect(checked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message });
  });
});

describe('results', () => {
  test.each<[Record<string, Tensor>, string]>([
    [{ scores: floats([2]) }, 'Expected Tensor shape: [batch_size num_classes] but got [2]'],
    [
      { classes: strings([2, 1, 1]) },
      'Expected Tensor shape: [batch_size num_classes] but got [2,1,1]',
    ],
    [{ classes: floats([2, 1]) }, 'Expected classes Tensor of DT_STRING. Got: DT_FLOAT'],
    [{ scores: strings([2, 1]) }, 'Expected scores Tensor of DT_FLOAT. Got: DT_STRING'],
    [{ scores: floats([3, 1]) }, 'Expected scores output batch size of 2. Got: 3'],
    [
      { classes: strings([2, 3]), scores: floats([2, 2]) },
      'Tensors class and score should match in dim_size(1). Got 3 vs. 2',
    ],
  ])('of classify are checked: %#', (outputs, message) => {
    expect(() => CLASSIFY.results(outputs, 2)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message }),
    );
  });

  test.each<[Tensor, string]>([
    [
      floats([]),
      'Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []',
    ],
    [
      floats([2, 2]),
      'Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]',
    ],
    [floats([3]), 'Input batch size did not match output batch size: 2 vs. 3'],
    [strings([2]), 'Expected output Tensor of DT_FLOAT.  Got: DT_STRING'],
  ])('of regress are checked: %#', (outputs, message) => {
    expect(() => REGRESS.results({ outputs }, 2)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message }),
    );
  });

  test('missing labels are empty, missing scores 0', () => {
    expect(CLASSIFY.results({ classes: strings([1, 2]) }, 1)).toEqual([
      [
        { label: 'a', score: 0 },
        { label: 'a', score: 0 },
      ],
    ]);
    expect(CLASSIFY.results({ scores: floats([2, 0]) }, 2)).toEqual([[], []]);
    expect(REGRESS.results({ outputs: floats([2, 1]) }, 2)).toEqual(new Float32Array(2));
  });
});
