import { codeName } from '../errors.js';
import type { ModelStatus } from '../native/catalog.js';
import type { ModelCounters, ProcessCounters } from '../native/counters.js';
import type { HistogramSample, Metric, Sample } from './prometheus.js';

/** Names of the stages, in the order the counters have them. */
const STAGES = ['queue', 'decode', 'run', 'encode'];

/**
 * What our own metrics tell of requests: per model, version, signature and protocol.
 *
 * @param bounds of the stages' buckets, in seconds
 */
export function ownRequestMetrics(
  models: readonly ModelCounters[],
  bounds: readonly number[],
): Metric[] {
  const requests: Sample[] = [];
  const durations: HistogramSample[] = [];
  const stages: HistogramSample[] = [];
  const inFlight: Sample[] = [];
  const runs: Sample[] = [];
  for (const { name: model, subjects, inlineRuns, pooledRuns, inFlight: running } of models) {
    for (const { version, signature, protocol, requests: byCode, stages: times } of subjects) {
      const labels = { model, version: String(version ?? ''), signature, protocol };
      for (const [code, value] of byCode.entries()) {
        if (value > 0) requests.push({ labels: { ...labels, code: codeName(code) }, value });
      }
      if ((byCode[0] ?? 0) === 0) continue;
      for (const [at, { buckets: counts, sum }] of times.entries()) {
        const stage = STAGES[at];
        if (stage === undefined) durations.push({ labels, bounds, counts, sum });
        else stages.push({ labels: { ...labels, stage }, bounds, counts, sum });
      }
    }
    if (inlineRuns + pooledRuns === 0) continue;
    inFlight.push({ labels: { model }, value: running });
    runs.push({ labels: { model, where: 'event_loop' }, value: inlineRuns });
    runs.push({ labels: { model, where: 'pool' }, value: pooledRuns });
  }
  return [
    {
      kind: 'counter',
      name: 'servable_requests_total',
      help: 'Inference requests by outcome.',
      samples: requests,
    },
    {
      kind: 'histogram',
      name: 'servable_request_duration_seconds',
      help: 'Time from a request’s arrival to its reply, of successes.',
      samples: durations,
    },
    {
      kind: 'histogram',
      name: 'servable_request_stage_duration_seconds',
      help: 'Time of each part of a request: waiting, decoding, running, encoding; of successes.',
      samples: stages,
    },
    {
      kind: 'gauge',
      name: 'servable_requests_in_flight',
      help: 'Requests of a model that are being answered; those that still wait count in the queue.',
      samples: inFlight,
    },
    {
      kind: 'counter',
      name: 'servable_runs_total',
      help: 'Requests by the thread that ran them.',
      samples: runs,
    },
  ];
}

/** The pool's state. */
export function poolMetrics({ poolThreads, poolWaiting, poolRunning }: ProcessCounters): Metric[] {
  const gauge = (name: string, help: string, value: number): Metric => ({
    kind: 'gauge',
    name,
    help,
    samples: [{ labels: {}, value }],
  });
  return [
    gauge('servable_pool_threads', 'Threads that run inference; 0 before they start.', poolThreads),
    gauge('servable_queue_depth', 'Requests that wait for a thread.', poolWaiting),
    gauge('servable_pool_running', 'Requests that threads of the pool run.', poolRunning),
  ];
}

/** The states of all versions, and whether the server wants requests. */
export function stateMetrics(models: readonly ModelStatus[], isReady: boolean): Metric[] {
  const samples = models.flatMap(({ name: model, versions }) =>
    versions.map(({ version, state, code }) => ({
      labels: { model, version: String(version), state, code: codeName(code) },
      value: 1,
    })),
  );
  return [
    {
      kind: 'gauge',
      name: 'servable_model_state',
      help: '1 for the state each version is in, with the code of its failure.',
      samples,
    },
    {
      kind: 'gauge',
      name: 'servable_ready',
      help: '1 while the server wants requests.',
      samples: [{ labels: {}, value: isReady ? 1 : 0 }],
    },
  ];
}
