import { describe, expect, test } from 'vitest';
import {
  decodeExamples,
  type ExampleInput,
  encodeClassifications,
  encodeExamples,
  encodeRegressions,
} from '../../ts/codec/examples.js';
import { messageType } from '../../ts/codec/messages.js';

const Example = messageType('tensorflow.Example');

const features = (bytes: Uint8Array) => Example.decode(bytes).features?.feature;

const none = { bytesList: null, floatList: null, int64List: null };

describe('encodeExamples()', () => {
  test('every kind of value makes its list', () => {
    const [bytes] = encodeExamples([
      {
        text: 'é',
        raw: new Uint8Array([0xff, 0]),
        both: ['a', Buffer.from('b')],
        number: 1,
        numbers: [0.1, -0, Number.NaN, Number.POSITIVE_INFINITY],
        floats: new Float32Array([1, 2]),
        flag: true,
        big: 2n ** 63n - 1n,
        mixed: [1n, false],
        integers: new Int32Array([-1, 1]),
        wide: new BigInt64Array([-(2n ** 63n)]),
        empty: [],
        ['__proto__']: 'a feature',
        '': 5n,
      },
    ]);
    const floats = (...value: number[]) => ({ ...none, floatList: { value } });
    const ints = (...value: bigint[]) => ({ ...none, int64List: { value } });
    const texts = (...value: string[]) => ({
      ...none,
      bytesList: { value: value.map((text) => Buffer.from(text)) },
    });
    const read = features(bytes ?? new Uint8Array()) ?? {};
    expect(Object.getOwnPropertyDescriptor(read, '__proto__')?.value ?? texts('a feature')).toEqual(
      texts('a feature'),
    );
    expect({ ...read }).toMatchObject({
      text: texts('é'),
      raw: { ...none, bytesList: { value: [Buffer.from([0xff, 0])] } },
      both: texts('a', 'b'),
      number: floats(1),
      numbers: floats(Math.fround(0.1), -0, Number.NaN, Number.POSITIVE_INFINITY),
      floats: floats(1, 2),
      flag: ints(1n),
      big: ints(2n ** 63n - 1n),
      mixed: ints(1n, 0n),
      integers: ints(-1n, 1n),
      wide: ints(-(2n ** 63n)),
      empty: none,
      '': ints(5n),
    });
  });

  test('floats are rounded once', () => {
    // Between two floats, a tie that goes to the even one; its shortest decimal text lies above.
    const [bytes] = encodeExamples([{ x: 1 + 2 ** -24 }]);
    expect(features(bytes ?? new Uint8Array())?.x?.floatList?.value).toEqual([1]);
  });

  test('a context stands in front, serialized examples go as they are', () => {
    const own = Example.encode({ features: { feature: { a: { floatList: { value: [3] } } } } });
    const [first, second] = encodeExamples([own, { b: 'x' }], { a: 1, c: 2n });
    expect(features(first ?? own)).toMatchObject({
      a: { floatList: { value: [3] } },
      c: { int64List: { value: [2n] } },
    });
    expect(Object.keys(features(second ?? own) ?? {}).sort()).toEqual(['a', 'b', 'c']);
    expect(encodeExamples([own])[0]).toEqual(own);
    expect(encodeExamples([])).toEqual([]);
    expect(encodeExamples([{}], own)[0]?.subarray(0, own.length)).toEqual(own);
  });

  test('agrees with the JSON dialect', () => {
    const json =
      '{"context": {"place": "hall"}, "examples": [{"x": [1.5, 2.0], "n": [7], "s": {"b64": "/w=="}, "t": true}]}';
    const ours = encodeExamples([{ x: [1.5, 2], n: 7n, s: new Uint8Array([0xff]), t: true }], {
      place: 'hall',
    });
    expect(decodeExamples(json).examples.map(features)).toEqual(ours.map(features));
  });

  test.each<[string, unknown, string]>([
    [
      'two kinds',
      { x: [1, 'a'] },
      'examples[0].x[1]: expected a value for the float_list, got string',
    ],
    [
      'a number and a bigint',
      { x: [1n, 2] },
      'examples[0].x[1]: expected a value for the int64_list, got number',
    ],
    [
      'null',
      { x: null },
      'examples[0].x: expected a string, bytes, number, bigint or boolean, got null',
    ],
    [
      'an object',
      { x: {} },
      'examples[0].x: expected a string, bytes, number, bigint or boolean, got object',
    ],
    ['a list in a list', { x: [[1]] }, 'examples[0].x: expected a string'],
    [
      'too large an integer',
      { x: 2n ** 63n },
      'examples[0].x[0]: expected int64, got 9223372036854775808',
    ],
    [
      'unsigned beyond int64',
      { x: new BigUint64Array([2n ** 64n - 1n]) },
      'examples[0].x[0]: expected int64',
    ],
    [
      'no object',
      5,
      'examples[0]: expected an object of features or a serialized tf.Example, got number',
    ],
  ])('%s is refused with its place', (_what, example, text) => {
    expect(() => encodeExamples([example as ExampleInput])).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(text) }),
    );
  });
});

describe('answers', () => {
  test('of classify are pairs', () => {
    const results = [[{ label: 'a"', score: 0.5 }], [{ label: '', score: Number.NaN }]];
    const text = encodeClassifications(results, { nonFinite: 'null' }).toString();
    expect(JSON.parse(text)).toEqual({ results: [[['a"', 0.5]], [['', null]]] });
    const ragged = [[{ label: 'a', score: 1 }], []];
    expect(() => encodeClassifications(ragged)).toThrow('every example needs as many pairs');
    expect(() => encodeClassifications([])).toThrow('Cannot convert empty ClassificationResults');
  });

  test('of regress are numbers, of a part of a larger array too', () => {
    const values = new Float32Array([9, 1.5, -2, 9]).subarray(1, 3);
    expect(JSON.parse(encodeRegressions(values).toString())).toEqual({ results: [1.5, -2] });
    const odd = new Float32Array([Number.NEGATIVE_INFINITY]);
    expect(encodeRegressions(odd, { nonFinite: 'string' }).toString()).toContain('"-Infinity"');
  });
});
