import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type MessageName, messageType } from '../../ts/codec/messages.js';

interface GrpcCase {
  id: string;
  method: string;
  request_base64: string;
  response: { code: string; message_base64?: string };
}

const cases = JSON.parse(
  readFileSync(new URL('../fixtures/golden/grpc.json', import.meta.url), 'utf8'),
) as GrpcCase[];

/** Request and response of each method that was recorded. */
const MESSAGES: Record<string, readonly [MessageName, MessageName]> = {
  Predict: ['tensorflow.serving.PredictRequest', 'tensorflow.serving.PredictResponse'],
  Classify: [
    'tensorflow.serving.ClassificationRequest',
    'tensorflow.serving.ClassificationResponse',
  ],
  Regress: ['tensorflow.serving.RegressionRequest', 'tensorflow.serving.RegressionResponse'],
  MultiInference: [
    'tensorflow.serving.MultiInferenceRequest',
    'tensorflow.serving.MultiInferenceResponse',
  ],
  GetModelMetadata: [
    'tensorflow.serving.GetModelMetadataRequest',
    'tensorflow.serving.GetModelMetadataResponse',
  ],
  GetModelStatus: [
    'tensorflow.serving.GetModelStatusRequest',
    'tensorflow.serving.GetModelStatusResponse',
  ],
  HandleReloadConfigRequest: [
    'tensorflow.serving.ReloadConfigRequest',
    'tensorflow.serving.ReloadConfigResponse',
  ],
  SessionRun: ['tensorflow.serving.SessionRunRequest', 'tensorflow.serving.SessionRunResponse'],
};

const messages = cases.flatMap(({ id, method, request_base64, response }) => {
  const names = MESSAGES[method.split('/').at(-1) ?? ''];
  if (names === undefined) throw new Error(`${id}: no messages known for ${method}`);
  const request = { id: `${id} request`, name: names[0], base64: request_base64 };
  if (response.message_base64 === undefined) return [request];
  return [request, { id: `${id} response`, name: names[1], base64: response.message_base64 }];
});

/** The fields of any message without a schema, sorted: map entries and fields may stand in any order. */
function fields(bytes: Buffer): string[] {
  const found: string[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = Number(tag & 7n);
    let value: string;
    if (kind === 0) value = String(varint());
    else {
      const length = kind === 2 ? Number(varint()) : kind === 1 ? 8 : 4;
      value = bytes.subarray(at, at + length).toString('hex');
      at += length;
    }
    found.push(`${tag >> 3n}:${kind}:${value}`);
  }
  return found.sort();
}

test('the recording covers requests and responses', () => {
  expect(messages.length).toBeGreaterThan(100);
});

test.each(messages)('$id is decoded and encoded again unchanged', ({ name, base64 }) => {
  const type = messageType(name);
  const bytes = Buffer.from(base64, 'base64');
  let message: unknown;
  try {
    message = type.decode(bytes);
  } catch (error) {
    // Some requests were cut short on purpose: those must fail to decode, not be mended.
    expect((error as { code?: string }).code).toBe('INVALID_ARGUMENT');
    return;
  }
  const again = type.encode(message as never);
  expect(type.decode(again)).toEqual(message);
  expect(again.length).toBe(bytes.length);
  expect(fields(again).map(flat)).toEqual(fields(bytes).map(flat));
});

/** A field's bytes in any order: nested maps may be reordered inside it. */
function flat(field: string): string {
  const [tag, kind, value = ''] = field.split(':');
  return `${tag}:${kind}:${[...(value.match(/../g) ?? [value])].sort().join('')}`;
}
