import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, vi } from 'vitest';
import { http } from '../../support/http.js';
import { RpcClient } from '../../support/rpc.js';
import type { RunningServer } from '../../support/server.js';
import { WITNESS } from './witness.js';

// Floods and kills take their time on a machine that is busy with other tests too.
vi.setConfig({ testTimeout: process.env.CHAOS === 'long' ? 1_800_000 : 180_000 });

/** Whether `npm run test:chaos` asked for the long form; `npm test` runs the short one. */
export const LONG = process.env.CHAOS === 'long';

/** The short form's size, or the long form's. */
export const sized = (short: number, long: number): number => (LONG ? long : short);

/** What every random choice follows from; printed where one matters. */
export const SEED = Number(process.env.CHAOS_SEED ?? 20_251_122);

/** What one fault test counted. */
export interface Counts {
  /** Faults that were injected and survived. */
  readonly faults?: number;
  /** Malformed inputs that were sent. */
  readonly inputs?: number;
  /** Correct answers that other clients got meanwhile. */
  readonly answered?: number;
  /** Requests of other clients that got no correct answer although the server was up. */
  readonly lost?: number;
  /** A figure worth reading, such as `RSS 410 → 415 MB`. */
  readonly note?: string;
}

/** Adds a line to the report that `npm run test:chaos` makes `RESULTS.md` of; a plain test run keeps none. */
export function report(what: string, counts: Counts): void {
  expect(counts.lost ?? 0, `${what}: requests lost`).toBe(0);
  const file = process.env.CHAOS_REPORT;
  if (file === undefined || file === '') return;
  mkdirSync(dirname(file), { recursive: true });
  const suite = (expect.getState().testPath ?? '').replace(/^.*\//, '').replace('.test.ts', '');
  appendFileSync(file, `${JSON.stringify({ suite, what, ...counts })}\n`);
}

export { WITNESS };

/** Proves that the server still predicts, right, over every protocol it listens on. */
export async function stillAnswers(server: RunningServer, model = WITNESS): Promise<void> {
  expect(server.child.exitCode ?? server.child.signalCode, server.output().slice(-2000)).toBeNull();
  const body = '{"instances": [1.0, 2.0, 5.0]}';
  const rest = await http({ port: server.restPort, path: `/v1/models/${model}:predict`, body });
  expect(JSON.parse(rest.text)).toEqual({ predictions: [2.5, 3, 4.5] });
  const client = new RpcClient(server.grpc);
  try {
    const { outputs } = await client.predict(model, { x: [1, 2, 5] });
    expect([...(outputs.y?.floatVal ?? [])]).toEqual([2.5, 3, 4.5]);
  } finally {
    client.close();
  }
}
