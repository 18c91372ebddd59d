import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type FloatTensor, predictFloats } from './grpc.js';
import { DEMO } from './paths.js';

const SIDE = 28;

/** `{"instances": [[[[1.0] × 28] × 28]]}`: the body that every reader of TensorFlow's tutorial sends first. */
export const ALL_ONES_BODY = JSON.stringify({
  instances: [Array.from({ length: SIDE }, () => Array.from({ length: SIDE }, () => [1]))],
});

/** The labels of the demo model's classes, in order. */
export function demoLabels(): string[] {
  return readFileSync(join(DEMO, 'labels.txt'), 'utf8').trimEnd().split('\n');
}

/** Ten probabilities: none below zero, sum 1. */
export function expectProbabilities(values: readonly number[]): void {
  expect(values).toHaveLength(10);
  for (const value of values) expect(value).toBeGreaterThanOrEqual(0);
  expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4);
}

/** Sends a REST predict body and returns the predictions. */
export async function restPredict(rest: string, model: string, body: string): Promise<number[][]> {
  const response = await fetch(`${rest}/v1/models/${model}:predict`, { method: 'POST', body });
  expect(response.status, await response.clone().text()).toBe(200);
  return ((await response.json()) as { predictions: number[][] }).predictions;
}

/** The all-ones image over gRPC. */
export async function grpcAllOnes(address: string, model: string): Promise<FloatTensor> {
  const outputs = await predictFloats({
    address,
    model,
    inputs: {
      keras_tensor: { shape: [1, SIDE, SIDE, 1], values: new Array(SIDE * SIDE).fill(1) },
    },
  });
  const [only, ...others] = Object.values(outputs);
  expect(others).toEqual([]);
  if (only === undefined) throw new Error('no output');
  return only;
}
