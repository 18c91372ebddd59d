import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeExamples, type ExampleInit, encodeExamples } from '../../ts/codec/examples.js';
import { SavedModel } from '../../ts/library/saved-model.js';
import { wireModel } from '../support/wire-models.js';
import { golden, open, versionDir } from './support.js';

interface GoldenCase {
  id: string;
  path: string;
  body: string;
  response: { status: number; body: string };
}

let model: SavedModel;

beforeAll(async () => {
  open();
  model = await SavedModel.load(versionDir('half_plus_two', 1));
});

afterAll(() => model.close());

const examples: ExampleInit[] = [{ x: 1 }, { x: 2 }];

describe('classify', () => {
  test('answers pairs of label and score for each example', async () => {
    expect(await model.classify(examples, { signature: 'classify_scores' })).toEqual([
      [{ label: '', score: 2.5 }],
      [{ label: '', score: 3 }],
    ]);
    expect(await model.classify([{ x: 1 }], { signature: 'classify_labels' })).toEqual([
      [{ label: '1.0', score: 2.5 }],
    ]);
  });

  test('takes a context, an example wins', async () => {
    const asked = [{ x2: 1 }, { x: 2 }];
    const context = { x: 7 };
    const options = { signature: 'classify_scores', context };
    const wanted = [[{ label: '', score: 5.5 }], [{ label: '', score: 3 }]];
    expect(await model.classify(asked, options)).toEqual(wanted);
    const [serialized] = encodeExamples([context]);
    expect(await model.classify(asked, { ...options, context: serialized ?? {} })).toEqual(wanted);
  });

  test('takes serialized examples', async () => {
    const serialized = encodeExamples(examples);
    expect(await model.classify(serialized, { signature: 'classify_scores' })).toHaveLength(2);
  });

  test('keeps every byte of labels, several an example', async () => {
    await using objects = await SavedModel.load(`${wireModel('objects')}/1`);
    const asked = [
      { image: new Uint8Array([1, 2, 3]), caption: 'é' },
      { image: 'x', caption: '', place: 'here' },
    ];
    const signature = 'classify_objects';
    expect(await objects.classify(asked, { signature, context: { place: 'hall' } })).toEqual([
      [
        { label: 'é@hall', score: 3 },
        { label: '\u0001\u0002\u0003', score: 0 },
      ],
      [
        { label: '@here', score: 1 },
        { label: 'x', score: 0 },
      ],
    ]);
  });
});

describe('regress', () => {
  test('answers one float for each example', async () => {
    expect(await model.regress(examples, { signature: 'regress_x_to_y' })).toEqual(
      new Float32Array([2.5, 3]),
    );
    await using three = await SavedModel.load(`${wireModel('half_plus_three')}/123`);
    const signature = 'tensorflow/serving/regress';
    expect(await three.regress(examples, { signature })).toEqual(new Float32Array([3.5, 4]));
  });

  test('runs many batches at once', async () => {
    const batches = Array.from({ length: 50 }, (_, i) => [{ x: i }, { x: i + 1 }]);
    const options = { signature: 'regress_x_to_y' };
    const answers = await Promise.all(batches.map((batch) => model.regress(batch, options)));
    for (const [i, answer] of answers.entries()) {
      expect([...answer]).toEqual([i / 2 + 2, (i + 1) / 2 + 2]);
    }
  });
});

/** Recorded bodies whose refusal is one of the JSON dialect, not of the method. */
const DIALECT = new Set([
  'classify.no_examples',
  'classify.empty_examples',
  'classify.mixed_list',
  'classify.example_number',
]);

describe('the recorded answers', () => {
  const cases = golden<GoldenCase>('rest.json').filter(
    ({ id, path }) => /half_plus_two:(classify|regress)$/.test(path) && !DIALECT.has(id),
  );

  test('there are some', () => {
    expect(cases.length).toBeGreaterThanOrEqual(8);
  });

  test.each(cases.map((given): [string, GoldenCase] => [given.id, given]))(
    '%s',
    async (_id, { path, body, response }) => {
      const { signatureName, examples: asked } = decodeExamples(body);
      const options = signatureName === '' ? {} : { signature: signatureName };
      const recorded = JSON.parse(response.body) as { results?: unknown; error?: string };
      if (response.status === 200) {
        const results = path.endsWith(':classify')
          ? (await model.classify(asked, options)).map((pairs) =>
              pairs.map(({ label, score }) => [label, score]),
            )
          : [...(await model.regress(asked, options))];
        expect(results).toEqual(recorded.results);
        return;
      }
      const answer = path.endsWith(':classify')
        ? model.classify(asked, options)
        : model.regress(asked, options);
      // The printer of TensorFlow Serving's build marks its dumps, and names the graph's nodes its own way.
      const text = recorded.error?.replace('goo.gle/debugstr  \n', '').split('\n\t')[0] ?? '';
      await expect(answer).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(
          // The library refuses a float input before TensorFlow would.
          text.startsWith('Expects arg[0]') ? 'inputs.inputs: expected float, got string' : text,
        ) as string,
      });
    },
  );
});

test.each<[string, () => Promise<unknown>, object]>([
  [
    'an unknown signature',
    () => model.classify(examples, { signature: 'nope' }),
    { code: 'INVALID_ARGUMENT', message: 'No signature was found with the name: nope' },
  ],
  [
    'no examples',
    () => model.regress([], { signature: 'regress_x_to_y' }),
    { code: 'INVALID_ARGUMENT', message: 'Input is empty.' },
  ],
  [
    'bytes that are no example',
    () => model.regress([Buffer.from('no')], { signature: 'regress_x_to_y' }),
    { code: 'INVALID_ARGUMENT', message: expect.stringContaining('parse') as string },
  ],
  [
    'an aborted signal',
    () => model.regress(examples, { signature: 'regress_x_to_y', signal: AbortSignal.abort() }),
    { code: 'CANCELLED' },
  ],
])('%s rejects with a code', async (_what, ask, wanted) => {
  await expect(ask()).rejects.toMatchObject(wanted);
});

test('a closed model refuses', async () => {
  const closed = await SavedModel.load(versionDir('half_plus_two', 1));
  await closed.close();
  await expect(closed.classify(examples)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
});

test('a long-lived signal keeps no listeners', async () => {
  const { signal } = new AbortController();
  const warnings: Error[] = [];
  const note = (warning: Error): number => warnings.push(warning);
  process.on('warning', note);
  for (let i = 0; i < 30; i += 1) {
    await model.regress(examples, { signature: 'regress_x_to_y', signal });
    await model.regress(examples, { signature: 'nope', signal }).catch(() => undefined);
    await model.predict({ x: [1] }, { signal });
  }
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  expect(warnings).toEqual([]);
});
