import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CodeNumber } from '../../ts/errors.js';
import type { LoggingRule } from '../../ts/manager/logging-rule.js';
import type { Captured } from '../../ts/record/captured.js';
import { LogWriter, type LogWriterSettings } from '../../ts/record/log-writer.js';
import { decodePredictionLog } from '../../ts/record/prediction-log.js';
import { type FileCalls, RotatingFile } from '../../ts/record/rotating-file.js';
import { readRecords } from '../../ts/record/tfrecord.js';
import { floats, folder, predictRequest, predictResponse, texts } from './support.js';

const SETTINGS: LogWriterSettings = {
  limits: { rotateBytes: 0, rotateSeconds: 0, maxFiles: 0, maxTotalBytes: 0, maxAgeSeconds: 0 },
  redact: [],
  redaction: 'empty',
};

function captured(change: Partial<Captured> = {}): Captured {
  return {
    method: 'grpc.predict',
    model: 'm',
    version: 3n,
    form: 'json',
    signatureName: '',
    npyReply: false,
    atMs: 1_700_000_000_123,
    body: predictRequest({ x: floats([1.5]), who: texts(['somebody']) }),
    reply: predictResponse({ y: floats([2.75]) }),
    ...change,
  };
}

/** A writer into a folder of its own, what it counts and what it warns of. */
function make(settings: Partial<LogWriterSettings> = {}, calls?: FileCalls) {
  const dir = folder();
  const counts: string[] = [];
  const warnings: string[] = [];
  let now = 0;
  const all = { ...SETTINGS, ...settings };
  const writer = new LogWriter(all, {
    count: (model: string, code: CodeNumber, count: number) =>
      counts.push(`${model} ${code} ${count}`),
    warn: (fields, text) => warnings.push(`${text}: ${fields.error}`),
    now: () => now,
    file: (prefix, ending) => new RotatingFile(prefix, ending, all.limits, () => now, calls),
    key: Buffer.from('key'),
  });
  const rule = (change: Partial<LoggingRule> = {}): LoggingRule => ({
    model: 'm',
    rate: 1,
    format: 'jsonl',
    prefix: join(dir, 'm'),
    tags: ['serve'],
    sampling: { samplingRate: 1, attributes: 0, perTaskSamplingConfigs: [] },
    dc: '',
    ...change,
  });
  const lines = (): unknown[] =>
    readdirSync(dir)
      .flatMap((name) => readFileSync(join(dir, name), 'utf8').trim().split('\n'))
      .map((line) => JSON.parse(line) as unknown);
  return { dir, writer, rule, counts, warnings, lines, at: (ms: number) => (now = ms) };
}

describe('the writer of request logs', () => {
  it('writes one line of JSON a request, counted once it is written', () => {
    const { writer, rule, counts, lines } = make();
    writer.setRules([rule()]);
    writer.add(captured());
    expect(counts).toEqual([]);
    writer.flush();
    expect(counts).toEqual(['m 0 1']);
    expect(lines()).toEqual([
      {
        time: '2023-11-14T22:13:20.123Z',
        model: 'm',
        version: '3',
        signature: 'serving_default',
        method: 'predict',
        protocol: 'grpc',
        request: { inputs: { who: ['somebody'], x: [1.5] } },
        response: { outputs: { y: [2.75] } },
      },
    ]);
  });

  it('writes PredictionLogs with their metadata', async () => {
    const { dir, writer, rule } = make();
    writer.setRules([rule({ format: 'tfrecord', dc: 'eu' })]);
    writer.add(captured());
    writer.close();
    const [name] = readdirSync(dir);
    const records: Buffer[] = [];
    for await (const record of readRecords(join(dir, name as string))) records.push(record);
    expect(records).toHaveLength(1);
    expect(decodePredictionLog(records[0] as Buffer)).toMatchObject({
      kind: 'predict',
      metadata: {
        modelSpec: { name: 'm', version: { value: 3n }, signatureName: 'serving_default' },
        samplingConfig: { samplingRate: 1 },
        savedModelTags: ['serve'],
        timestampSecs: 1_700_000_000n,
        dc: 'eu',
      },
      request: captured().body,
      response: captured().reply,
    });
  });

  it.each(['jsonl', 'tfrecord'] as const)(
    'no byte of a redacted value is in a %s file',
    (format) => {
      const { dir, writer, rule } = make({ redact: ['m:who', 'other:x', 'y'] });
      writer.setRules([rule({ format })]);
      writer.add(captured());
      writer.close();
      const file = readFileSync(join(dir, readdirSync(dir)[0] as string));
      expect(file.includes('somebody')).toBe(false);
      expect(
        file.includes('2.75') || file.includes(Buffer.from(Float32Array.of(2.75).buffer)),
      ).toBe(false);
      // What is another model's is not this one's.
      expect(file.includes('1.5') || file.includes(Buffer.from(Float32Array.of(1.5).buffer))).toBe(
        true,
      );
    },
  );

  it('says which names were redacted, and gives hashes where asked to', () => {
    const { writer, rule, lines } = make({ redact: ['who'], redaction: 'hash' });
    writer.setRules([rule()]);
    writer.add(captured());
    writer.close();
    const [line] = lines() as { redacted: string[]; request: { inputs: { who: string } } }[];
    expect(line?.redacted).toEqual(['who']);
    expect(line?.request.inputs.who).toMatch(/^hmac-sha256:[0-9a-f]{64}$/);
  });

  it('a disk that refuses is counted, left alone for a second and told once a minute', () => {
    let opened = 0;
    const full: FileCalls = {
      open: () => {
        opened += 1;
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      },
      write: () => 0,
      truncate: () => undefined,
      close: () => undefined,
    };
    const { writer, rule, counts, warnings, at } = make({}, full);
    writer.setRules([rule()]);
    for (const ms of [0, 500, 1500, 59_000, 61_000]) {
      at(ms);
      writer.add(captured());
      writer.flush();
    }
    expect(counts).toEqual(['m 8 1', 'm 14 1', 'm 8 1', 'm 8 1', 'm 8 1']);
    expect(opened).toBe(4);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('serving goes on: ENOSPC');
  });

  it('a request that cannot be read again is counted and told, and the next one is written', () => {
    const { writer, rule, counts, warnings, lines } = make();
    writer.setRules([rule()]);
    writer.add(captured({ body: Buffer.from('no protobuf') }));
    writer.add(captured());
    writer.flush();
    expect(counts).toEqual(['m 3 1', 'm 0 1']);
    expect(warnings).toEqual(['request not logged: the message is not valid protobuf']);
    expect(lines()).toHaveLength(1);
  });

  it('rules that are gone end their files; late requests of theirs are dropped', () => {
    const { writer, rule, counts, lines } = make();
    writer.setRules([rule()]);
    writer.add(captured());
    writer.setRules([]);
    writer.add(captured());
    writer.flush();
    expect(counts).toEqual(['m 0 1']);
    expect(lines()).toHaveLength(1);
  });

  it('models may share a file', () => {
    const { writer, rule, counts, lines } = make();
    writer.setRules([rule(), rule({ model: 'n' })]);
    writer.add(captured());
    writer.add(captured({ model: 'n' }));
    writer.close();
    expect(counts).toEqual(['m 0 1', 'n 0 1']);
    expect(lines()).toHaveLength(2);
  });
});
