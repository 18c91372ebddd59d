import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { redirect, requestMessage } from '../../ts/record/bodies.js';
import { encodePredictionLog } from '../../ts/record/prediction-log.js';
import { difference } from '../../ts/record/replay/compare.js';
import { type LoggedRequest, readLog } from '../../ts/record/replay/log-source.js';
import { Player, type PlayOptions } from '../../ts/record/replay/player.js';
import type { Sender } from '../../ts/record/replay/sender.js';
import { frameRecord } from '../../ts/record/tfrecord.js';
import { floats, folder, predictRecord, predictRequest } from './support.js';

const EXACT = { absolute: 0, relative: 0 };

describe('comparing answers', () => {
  it.each([
    ['{"outputs":{"y":[1,2]}}', '{"outputs":[1.0,2]}', null],
    ['{"outputs":{"y":[1,2],"z":["a"]}}', '{"outputs":{"z":["a"],"y":[1,2]}}', null],
    ['{"outputs":{"y":["NaN","-Infinity"]}}', '{"outputs":[NaN, -Infinity]}', null],
    ['{"outputs":{"y":[1,2]}}', '{"outputs":[1,3]}', 'outputs[1]: expected 2, got 3'],
    ['{"outputs":{"y":[1,2]}}', '{"outputs":[1]}', 'outputs: expected 2 values, got 1'],
    [
      '{"outputs":{"y":[1],"z":[2]}}',
      '{"outputs":{"y":[1]}}',
      'outputs: expected {"y":[1],"z":[2]}, got [1]',
    ],
    ['{"outputs":{"y":["a"]}}', '{"outputs":["b"]}', 'outputs[0]: expected a, got b'],
    [
      '{"results":[[["a",0.5]]]}',
      '{"results":[[["a",0.25]]]}',
      'results[0][0][1]: expected 0.5, got 0.25',
    ],
    ['{"outputs":{"y":["NaN"]}}', '{"outputs":[1]}', 'outputs[0]: expected NaN, got 1'],
  ])('%s and %s: %s', (expected, got, found) => {
    expect(difference(expected, got, EXACT)).toBe(found);
  });

  it('takes a number for equal within the tolerance, absolute and relative', () => {
    const differ = (expected: number, got: number, absolute: number, relative: number) =>
      difference(`{"outputs":[${expected}]}`, `{"outputs":[${got}]}`, { absolute, relative });
    expect(differ(1000, 1009, 0, 0.01)).toBeNull();
    expect(differ(1000, 1011, 0, 0.01)).not.toBeNull();
    expect(differ(0, 0.5, 0.5, 0)).toBeNull();
    expect(differ(0, 0.6, 0.5, 0)).not.toBeNull();
  });
});

async function read(content: Buffer | string): Promise<LoggedRequest[]> {
  const path = join(folder(), 'log');
  writeFileSync(path, content);
  const all: LoggedRequest[] = [];
  for await (const request of readLog(path)) all.push(request);
  return all;
}

describe('reading logs', () => {
  it('tells both kinds by their content', async () => {
    const record = predictRecord({ x: floats([1.5]) }, { y: floats([2]) });
    const [message] = await read(frameRecord(encodePredictionLog(record)));
    expect(message).toMatchObject({
      kind: 'predict',
      model: 'm',
      version: 3n,
      isWholeSecond: true,
    });
    const line = message?.body() ?? '';
    const text = `{"time":"2026-01-01T00:00:00.250Z","model":"m","method":"predict","request":${line},"response":${message?.response()}}\n`;
    const [fromLine] = await read(text);
    expect(fromLine).toMatchObject({
      kind: 'predict',
      model: 'm',
      isWholeSecond: false,
      message: null,
    });
    expect(fromLine?.atMs).toBe(Date.UTC(2026, 0, 1, 0, 0, 0, 250));
    expect(fromLine?.body()).toBe(line);
    expect(fromLine?.response()).toBe('{"outputs":{"y":[2.0]}}');
  });

  it('keeps the texts of numbers, and braces in strings', async () => {
    const request = '{"inputs":{"a":[9007199254740993],"b":["}{\\""]}}';
    const line = `{"model":"m","signature":"s","method":"predict","request":${request},"response":null}`;
    const [found] = await read(line);
    expect(found?.body()).toBe(`{"signature_name":"s",${request.slice(1)}`);
    expect(found?.response()).toBeNull();
  });

  it.each([
    ['{"a":1}', /log: line 1: not a line of a request log/],
    ['{"model":"m","method":"predict","request":{}}\n{"model', /log: line 2: /],
    ['nothing of the kind', /log: record 1: corrupted record at 0/],
  ])('%s is refused with its place', async (content, message) => {
    await expect(read(content)).rejects.toThrow(message);
  });
});

describe('making requests', () => {
  it('another model or version is asked with the same signature and inputs', () => {
    const request = predictRequest({ x: floats([1.5]) });
    const other = redirect('predict', request, { model: 'other', version: null });
    const type = messageType('tensorflow.serving.PredictRequest');
    expect(type.decode(other)).toMatchObject({
      modelSpec: { name: 'other', version: null, signatureName: 'serving_default' },
      inputs: type.decode(request).inputs,
    });
  });

  it('a body becomes a message by the signature, NaN of a log’s line too', async () => {
    const find = async () => ({
      name: 's',
      methodName: '',
      inputs: [{ name: 'x', dtype: 'float', shape: [-1] }],
      outputs: [],
    });
    const body = '{"signature_name":"s","inputs":{"x":["NaN",1.0]}}';
    const message = await requestMessage('predict', body, { model: 'm', version: 2n }, find);
    const type = messageType('tensorflow.serving.PredictRequest');
    const { modelSpec, inputs } = type.decode(message);
    expect(modelSpec).toMatchObject({ name: 'm', version: { value: 2n }, signatureName: 's' });
    const content = Buffer.from(inputs.x?.tensorContent ?? []);
    expect([content.readFloatLE(0), content.readFloatLE(4)]).toEqual([Number.NaN, 1]);
  });
});

describe('playing', () => {
  const OPTIONS: PlayOptions = {
    speed: Number.POSITIVE_INFINITY,
    concurrency: 2,
    limit: 0,
    model: null,
    keepVersion: false,
    tolerance: null,
    onAnswer: () => undefined,
  };

  const request = (index: number): LoggedRequest => ({
    kind: 'predict',
    model: 'm',
    version: 3n,
    atMs: index,
    isWholeSecond: false,
    message: null,
    body: () => String(index),
    response: () => '{"outputs":[1]}',
  });

  async function* requests(count: number): AsyncGenerator<LoggedRequest> {
    for (let index = 0; index < count; index += 1) yield request(index);
  }

  it('has no more in flight than asked for, and answers of all', async () => {
    let [running, most] = [0, 0];
    const sender: Sender = {
      prepare: async () => async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return { code: 'OK', response: () => '{"outputs":[1]}' };
      },
      close: () => undefined,
    };
    const report = await new Player(sender, { ...OPTIONS, tolerance: EXACT }).play(requests(50));
    expect(report).toMatchObject({
      sent: 50,
      codes: { OK: 50 },
      compared: { equal: 50, different: 0 },
    });
    expect(most).toBe(2);
  });

  it('asks for the recorded version only when told to, and counts what cannot be sent', async () => {
    const asked: unknown[] = [];
    const sender: Sender = {
      prepare: async (_request, destination) => {
        asked.push(destination);
        if (asked.length === 2) throw new Error('no');
        return async () => ({ code: 'UNAVAILABLE', response: () => null });
      },
      close: () => undefined,
    };
    await new Player(sender, OPTIONS).play(requests(1));
    const kept = new Player(sender, { ...OPTIONS, keepVersion: true, model: 'other', limit: 1 });
    const report = await kept.play(requests(5));
    expect(asked.slice(0, 2)).toEqual([
      { model: 'm', version: null },
      { model: 'other', version: 3n },
    ]);
    expect(report).toMatchObject({ sent: 1, codes: { UNAVAILABLE: 1 }, unsent: { no: 1 } });
  });
});
