import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { encodeTensorProto } from '../../ts/codec/predict.js';
import type { PredictionRecord } from '../../ts/record/prediction-log.js';
import { bytesField } from '../../ts/record/wire.js';
import { tensor } from '../../ts/tensor.js';

/** A folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'servable-record-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A map of tensors as field `number` of a message. */
function tensors(number: number, values: Readonly<Record<string, Buffer>>): Buffer {
  const entries = Object.entries(values).map(([name, proto]) =>
    bytesField(number, bytesField(1, Buffer.from(name)), bytesField(2, proto)),
  );
  return Buffer.concat(entries);
}

/** A TensorProto of floats. */
export function floats(values: readonly number[], asContent = true): Buffer {
  return encodeTensorProto(tensor(Float32Array.from(values), [values.length]), { asContent });
}

/** A TensorProto of strings. */
export function texts(values: readonly string[]): Buffer {
  return encodeTensorProto(tensor([...values], [values.length]));
}

const SPEC = { name: 'm', version: { value: 3n }, signatureName: 'serving_default' };

/** The request of a predict. */
export function predictRequest(inputs: Readonly<Record<string, Buffer>>): Buffer {
  const spec = messageType('tensorflow.serving.ModelSpec').encode(SPEC);
  return Buffer.concat([bytesField(1, spec), tensors(2, inputs)]);
}

/** The response of a predict. */
export function predictResponse(outputs: Readonly<Record<string, Buffer>>): Buffer {
  const spec = messageType('tensorflow.serving.ModelSpec').encode(SPEC);
  return Buffer.concat([tensors(1, outputs), bytesField(2, spec)]);
}

/** A record of a predict. */
export function predictRecord(
  inputs: Readonly<Record<string, Buffer>>,
  outputs: Readonly<Record<string, Buffer>>,
): PredictionRecord {
  return {
    metadata: { modelSpec: SPEC, timestampSecs: 1_700_000_000n },
    kind: 'predict',
    request: predictRequest(inputs),
    response: predictResponse(outputs),
  };
}
