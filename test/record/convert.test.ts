import { describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import type { Captured } from '../../ts/record/captured.js';
import { convert } from '../../ts/record/convert.js';
import { logLine } from '../../ts/record/log-line.js';
import { floats, predictRequest, predictResponse } from './support.js';

const BASE: Captured = {
  method: 'rest.classify',
  model: 'm',
  version: 4n,
  form: 'json',
  signatureName: '',
  npyReply: false,
  atMs: 0,
  body: Buffer.alloc(0),
  reply: Buffer.alloc(0),
};

const json = (body: unknown, reply: string): Pick<Captured, 'body' | 'reply'> => ({
  body: Buffer.from(JSON.stringify(body)),
  reply: Buffer.from(reply),
});

describe('a captured request as messages', () => {
  it('of :classify has its examples, labels and scores, NaN too', () => {
    const record = convert({
      ...BASE,
      ...json(
        { signature_name: 's', context: { c: 'NaN' }, examples: [{ x: 1.5 }, { x: [2.5, 3.5] }] },
        '{"results": [[["NaN \\"1\\"", NaN]], [["b", -Infinity], ["c", 0.25]]]}',
      ),
    });
    expect([record.kind, record.signatureName]).toEqual(['classify', 's']);
    const request = messageType('tensorflow.serving.ClassificationRequest').decode(record.request);
    expect(request.modelSpec).toMatchObject({
      name: 'm',
      version: { value: 4n },
      signatureName: 's',
    });
    const [first] = request.input?.exampleList?.examples ?? [];
    expect(Object.keys(first?.features?.feature ?? {}).sort()).toEqual(['c', 'x']);
    const type = messageType('tensorflow.serving.ClassificationResponse');
    const classes = type.decode(record.response as Buffer).result?.classifications;
    expect(classes?.map((it) => it.classes.map(({ label, score }) => [label, score]))).toEqual([
      [['NaN "1"', Number.NaN]],
      [
        ['b', Number.NEGATIVE_INFINITY],
        ['c', 0.25],
      ],
    ]);
  });

  it('of :regress has a value for each example; a null that a client asked for is NaN', () => {
    const record = convert({
      ...BASE,
      method: 'rest.regress',
      ...json({ examples: [{ x: 1.5 }, {}] }, '{"results": [2.5, null]}'),
    });
    expect(record.signatureName).toBe('serving_default');
    const type = messageType('tensorflow.serving.RegressionResponse');
    const { result } = type.decode(record.response as Buffer);
    expect(result?.regressions.map(({ value }) => value)).toEqual([2.5, Number.NaN]);
  });

  it('of a protobuf body over REST names the model of the path', () => {
    const { inputs } = messageType('tensorflow.serving.PredictRequest').decode(
      predictRequest({ x: floats([1]) }),
    );
    const body = messageType('tensorflow.serving.PredictRequest').encode({ inputs });
    const reply = predictResponse({ y: floats([2]) });
    const record = convert({ ...BASE, method: 'rest.predict', form: 'protobuf', body, reply });
    const request = messageType('tensorflow.serving.PredictRequest').decode(record.request);
    expect(request.modelSpec?.name).toBe('m');
    expect(Object.keys(request.inputs)).toEqual(['x']);
    expect(record.response).toBe(reply);
  });

  it.each([
    ['grpc.predict', 'predict'],
    ['grpc.classify', 'classify'],
    ['grpc.regress', 'regress'],
    ['grpc.multiInference', 'multiInference'],
    ['grpc.sessionRun', 'sessionRun'],
  ] as const)('of %s is what it was', (method, kind) => {
    const body = Buffer.from([]);
    const reply = Buffer.from([]);
    expect(convert({ ...BASE, method, body, reply })).toEqual({
      kind,
      request: body,
      response: reply,
      signatureName: 'serving_default',
    });
  });
});

describe('a line of JSON', () => {
  const facts = { atMs: 0, protocol: 'grpc', redacted: [] } as const;

  it('has session runs and multi-inference as protobuf’s JSON', () => {
    const request = messageType('tensorflow.serving.SessionRunRequest').encode({
      modelSpec: { name: 'm' },
      fetch: ['y:0'],
    });
    const line = logLine({ metadata: {}, kind: 'sessionRun', request, response: null }, facts);
    expect(JSON.parse(line)).toMatchObject({
      method: 'sessionRun',
      request: { modelSpec: { name: 'm' }, fetch: ['y:0'] },
      response: null,
    });
  });

  it('is one line whatever the texts and shapes in it', () => {
    const type = messageType('tensorflow.TensorProto');
    const text = type.encode({
      dtype: 7,
      tensorShape: { dim: [{ size: 2n }, { size: 1n }] },
      stringVal: [Buffer.from('a\n"b"\u2028'), Buffer.from([0xff])],
    });
    const request = predictRequest({ t: text, x: floats([Number.NaN, 1]) });
    const line = logLine({ metadata: {}, kind: 'predict', request, response: null }, facts);
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toMatchObject({
      request: { inputs: { t: [['a\n"b"\u2028'], [{ b64: '/w==' }]], x: ['NaN', 1] } },
    });
  });

  it('tells floats from integers in examples', () => {
    const example = {
      features: {
        feature: {
          f: { floatList: { value: [1, 0.5] } },
          i: { int64List: { value: [1n, 9007199254740993n] } },
          b: { bytesList: { value: [Buffer.from('t')] } },
        },
      },
    };
    const request = messageType('tensorflow.serving.ClassificationRequest').encode({
      input: { exampleListWithContext: { examples: [example], context: { features: {} } } },
    });
    const line = logLine({ metadata: {}, kind: 'classify', request, response: null }, facts);
    expect(line).toContain('"f":[1.0,0.5]');
    expect(line).toContain('"i":[1,9007199254740993]');
    expect(line).toContain('"b":["t"]');
    expect(line).toContain('"context":{}');
  });
});
