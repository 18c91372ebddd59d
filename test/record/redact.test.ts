import { describe, expect, it } from 'vitest';
import { encodeExamples } from '../../ts/codec/examples.js';
import { messageType } from '../../ts/codec/messages.js';
import { decodeTensorProto } from '../../ts/codec/predict.js';
import { encodePredictionLog, type PredictionRecord } from '../../ts/record/prediction-log.js';
import { type Redaction, redact } from '../../ts/record/redact.js';
import { bytesField, lastBytes } from '../../ts/record/wire.js';
import { floats, predictRecord, texts } from './support.js';

const SECRET = 'a-secret-that-must-not-be-found';

function redaction(names: string[], style: Redaction['style'] = 'empty', key = 'key'): Redaction {
  return { names: new Set(names), style, key: Buffer.from(key) };
}

/** Whether the record's bytes, as they would be written, hold the secret. */
function tells(record: PredictionRecord): boolean {
  return encodePredictionLog(record).includes(SECRET);
}

/** The tensor of an input after redaction. */
function input(record: PredictionRecord, name: string): Buffer {
  const { inputs } = messageType('tensorflow.serving.PredictRequest').decode(record.request);
  const type = messageType('tensorflow.TensorProto');
  return type.encode(inputs[name] ?? {});
}

describe('redaction', () => {
  const record = predictRecord(
    { name: texts([SECRET, 'b']), x: floats([1.5, 2.5]) },
    { echo: texts([SECRET]), y: floats([3]) },
  );

  it('changes nothing without names', () => {
    expect(redact(record, redaction([]))).toBe(record);
    expect(tells(record)).toBe(true);
  });

  it('leaves no byte of a named input or output, and the others as they are', () => {
    expect(tells(redact(record, redaction(['name'])))).toBe(true);
    const redacted = redact(record, redaction(['name', 'echo']));
    expect(tells(redacted)).toBe(false);
    expect(decodeTensorProto(input(redacted, 'x')).data).toEqual(Float32Array.of(1.5, 2.5));
  });

  it('keeps dtype and shape of emptied tensors, so that they can be replayed', () => {
    const redacted = redact(record, redaction(['name', 'x']));
    expect(decodeTensorProto(input(redacted, 'name'))).toMatchObject({
      dtype: 'string',
      shape: [2],
    });
    expect(decodeTensorProto(input(redacted, 'x')).data).toEqual(Float32Array.of(0, 0));
    for (const asContent of [true, false]) {
      const other = predictRecord({ x: floats([7.25], asContent) }, {});
      const emptied = redact(other, redaction(['x'])).request;
      expect(emptied.includes(Buffer.from(Float32Array.of(7.25).buffer))).toBe(false);
    }
  });

  it('hashes tell equal values of one key from others and nothing else', () => {
    const hashed = (text: string, key?: string): unknown => {
      const one = predictRecord({ name: texts([text]) }, {});
      const redacted = redact(one, redaction(['name'], 'hash', key));
      expect(tells(redacted)).toBe(false);
      return decodeTensorProto(input(redacted, 'name')).data;
    };
    const [hash] = hashed(SECRET) as string[];
    expect(String(hash)).toMatch(/^hmac-sha256:[0-9a-f]{64}$/);
    expect(hashed(SECRET)).toEqual([hash]);
    expect(hashed(`${SECRET}!`)).not.toEqual([hash]);
    expect(hashed(SECRET, 'another key')).not.toEqual([hash]);
  });

  it('an entry that names itself twice is redacted by either name', () => {
    const entry = bytesField(
      2,
      bytesField(1, Buffer.from('name')),
      bytesField(1, Buffer.from('other')),
      bytesField(2, texts([SECRET])),
    );
    const twice = { ...record, request: entry, response: null };
    expect(tells(redact(twice, redaction(['name'])))).toBe(false);
  });

  it('reaches features of examples and of their context, labels and scores', () => {
    const [example] = encodeExamples([{ who: SECRET, age: 1 }]);
    const bytes = example as Buffer;
    const input = bytesField(2, bytesField(2, bytesField(1, bytes), bytesField(2, bytes)));
    const response = messageType('tensorflow.serving.ClassificationResponse').encode({
      result: { classifications: [{ classes: [{ label: SECRET, score: 0.75 }] }] },
    });
    const classify: PredictionRecord = {
      metadata: {},
      kind: 'classify',
      request: input,
      response,
    };
    expect(tells(redact(classify, redaction(['who'])))).toBe(true);
    for (const style of ['empty', 'hash'] as const) {
      const redacted = redact(classify, redaction(['who', 'classes', 'scores'], style));
      expect(tells(redacted)).toBe(false);
      const [list] = [lastBytes(redacted.request, 2) as Buffer];
      expect(list.includes('age')).toBe(true);
      const type = messageType('tensorflow.serving.ClassificationResponse');
      const decoded = type.decode(redacted.response as Buffer);
      expect(decoded.result?.classifications[0]?.classes[0]?.score).toBe(0);
    }
  });

  it('reaches regressions and the results of multi-inference', () => {
    const result = { regressions: [{ value: 41.5 }] };
    const value = Buffer.from(Float32Array.of(41.5).buffer);
    const regress: PredictionRecord = {
      metadata: {},
      kind: 'regress',
      request: Buffer.alloc(0),
      response: messageType('tensorflow.serving.RegressionResponse').encode({ result }),
    };
    const multi: PredictionRecord = {
      ...regress,
      kind: 'multiInference',
      response: messageType('tensorflow.serving.MultiInferenceResponse').encode({
        results: [{ regressionResult: result }],
      }),
    };
    for (const one of [regress, multi]) {
      expect(encodePredictionLog(one).includes(value)).toBe(true);
      expect(encodePredictionLog(redact(one, redaction(['outputs']))).includes(value)).toBe(false);
    }
  });
});
