import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { decodePredictionLog, encodePredictionLog } from '../../ts/record/prediction-log.js';
import { frameRecord, readRecords } from '../../ts/record/tfrecord.js';
import { ROOT } from '../support/paths.js';
import { floats, folder, predictRecord } from './support.js';

async function recordsOf(bytes: Buffer): Promise<Buffer[]> {
  const path = join(folder(), 'records');
  writeFileSync(path, bytes);
  const records: Buffer[] = [];
  for await (const record of readRecords(path)) records.push(record);
  return records;
}

const TWO = Buffer.concat([frameRecord(Buffer.from('hello')), frameRecord(Buffer.from('world!'))]);

describe('TFRecord files', () => {
  it('what is written is read back, empty and large records too', async () => {
    const records = [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(3_000_000, 7)];
    const read = await recordsOf(Buffer.concat(records.map(frameRecord)));
    expect(read.map((record) => record.length)).toEqual([0, 1, 3_000_000]);
    expect(read[2]?.equals(records[2] as Buffer)).toBe(true);
  });

  it('are the bytes TensorFlow writes', () => {
    // tf.io.TFRecordWriter of TensorFlow 2.21 with the records b"hello" and b"world!".
    const written =
      '0500000000000000eab2043e68656c6c6fbb1f1c1906000000000000007369d537776f726c64210ac6af4f';
    expect(TWO.toString('hex')).toBe(written);
  });

  it.each([
    [
      'a changed length',
      (bytes: Buffer) => bytes.fill(9, 2, 3),
      'corrupted record at 0 (Is this even a TFRecord file?)',
    ],
    ['a changed byte', (bytes: Buffer) => bytes.fill(9, 13, 14), 'corrupted record at 12'],
    [
      'a changed byte further on',
      (bytes: Buffer) => bytes.fill(9, 34, 35),
      'corrupted record at 33',
    ],
    [
      'a cut record',
      (bytes: Buffer) => bytes.subarray(0, -2),
      "truncated record at 21' failed with Read less bytes than requested",
    ],
  ])('tell %s in TensorFlow’s words', async (_what, damage, message) => {
    await expect(recordsOf(damage(Buffer.from(TWO)))).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message,
    });
  });

  it('end before a header that was cut, as in TensorFlow', async () => {
    expect(await recordsOf(TWO.subarray(0, 26))).toHaveLength(1);
  });

  it('a length that no record has takes no memory', async () => {
    const framed = Buffer.from(frameRecord(Buffer.alloc(0)));
    framed.writeBigUInt64LE(2n ** 40n);
    await expect(recordsOf(framed)).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });

  it('that are not there are NOT_FOUND', async () => {
    const reading = readRecords('/nowhere/records').next();
    await expect(reading).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('PredictionLog', () => {
  it('is read from a file that TensorFlow wrote', async () => {
    const file = join(ROOT, 'test', 'fixtures', 'warmup', 'every_kind');
    const records = await recordsOf(readFileSync(file));
    const logs = records.map(decodePredictionLog);
    expect(logs.map((log) => log?.kind ?? null)).toEqual([
      'predict',
      'classify',
      null,
      'regress',
      'multiInference',
    ]);
    expect(logs[0]?.metadata).toMatchObject({ timestampSecs: 1_700_000_000n });
    expect(logs[0]?.response).not.toBeNull();
    expect(logs[1]?.response).toBeNull();
  });

  it('is the message of the schema', () => {
    const record = predictRecord({ x: floats([1, 2]) }, { y: floats([3]) });
    const type = messageType('tensorflow.serving.PredictionLog');
    const whole = type.decode(encodePredictionLog(record));
    expect(whole.logMetadata?.modelSpec?.name).toBe('m');
    expect(Object.keys(whole.predictLog?.request?.inputs ?? {})).toEqual(['x']);
    expect(Object.keys(whole.predictLog?.response?.outputs ?? {})).toEqual(['y']);
    expect(decodePredictionLog(encodePredictionLog(record))).toMatchObject({
      kind: 'predict',
      request: record.request,
      response: record.response,
    });
  });

  it('bytes that are no message are refused', () => {
    expect(() => decodePredictionLog(Buffer.from('hello'))).toThrow('not valid protobuf');
    const streamed = messageType('tensorflow.serving.PredictionLog').encode({
      predictStreamedLog: {},
    });
    expect(() => decodePredictionLog(streamed)).toThrow('PredictStreamed');
  });
});
