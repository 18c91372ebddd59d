import { LatencyHistogram } from './histogram.js';
import { type Lane, OK, type Outcome } from './lane.js';

/** What a stretch of load came to. */
export interface Measured {
  /** Of requests that were answered well. */
  readonly latency: LatencyHistogram;
  /** Requests by outcome. */
  readonly outcomes: ReadonlyMap<Outcome, number>;
  /** Requests that were begun. */
  readonly requests: number;
  /** From the first request to the last answer. */
  readonly seconds: number;
}

/** How long, and who looks on. */
export interface Stretch {
  readonly seconds: number;
  /** Ends the stretch early. */
  readonly signal: AbortSignal;
  /** Requests answered so far; called about ten times a second. */
  readonly onProgress?: (answered: number, seconds: number) => void;
}

/** A lane whose request failed at once waits so long before its next: a server that is down is not hammered. Milliseconds. */
const PAUSE_AFTER_FAILURE_MS = 20;
const PROGRESS_MS = 100;
/** Timers are late by up to a millisecond: what is due sooner is waited for by turning the event loop. */
const TIMER_SLACK_MS = 1.5;

/** Counts what comes back. */
class Tally implements Measured {
  readonly latency = new LatencyHistogram();
  readonly outcomes = new Map<Outcome, number>();
  requests = 0;
  seconds = 0;
  answered = 0;
  readonly began = performance.now();

  add(outcome: Outcome, millis: number): void {
    this.answered += 1;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    if (outcome === OK) this.latency.record(millis * 1000);
    this.seconds = (performance.now() - this.began) / 1000;
  }
}

/**
 * Closed loop: every lane sends its next request when its last one was answered.
 *
 * Finds the throughput; its latencies say nothing of a server that is kept busy by others, because a slow answer delays the next question.
 */
export async function closedLoop(lanes: readonly Lane[], stretch: Stretch): Promise<Measured> {
  const tally = new Tally();
  const until = tally.began + stretch.seconds * 1000;
  const stop = watch(tally, stretch);
  const drive = async (lane: Lane): Promise<void> => {
    while (performance.now() < until && !stretch.signal.aborted) {
      tally.requests += 1;
      const sent = performance.now();
      const outcome = await lane.send();
      tally.add(outcome, performance.now() - sent);
      if (outcome !== OK) await pauseAfterFailure(sent);
    }
  };
  await Promise.all(lanes.map(drive)).finally(stop);
  return tally;
}

/**
 * Open loop: requests begin at fixed times, whether or not the earlier ones were answered.
 *
 * Latencies count from the time a request was due. One that waits for a free lane, because the server is slow, has waited all the same:
 * leaving that out ("coordinated omission") hides most of a stall.
 *
 * @param rate requests a second
 */
export async function openLoop(
  lanes: readonly Lane[],
  rate: number,
  stretch: Stretch,
): Promise<Measured> {
  const tally = new Tally();
  const total = Math.max(1, Math.round(rate * stretch.seconds));
  const stop = watch(tally, stretch);
  const idle = [...lanes];
  /** Due times of requests that found no lane. */
  const due: number[] = [];
  let next = 0;
  let busy = 0;
  let whenFree: (() => void) | null = null;
  const drive = async (lane: Lane, first: number): Promise<void> => {
    busy += 1;
    for (let at: number | undefined = first; at !== undefined; at = take()) {
      const sent = performance.now();
      const outcome = await lane.send();
      tally.add(outcome, performance.now() - at);
      if (outcome !== OK) await pauseAfterFailure(sent);
    }
    idle.push(lane);
    busy -= 1;
    if (busy === 0) whenFree?.();
  };
  const take = (): number | undefined => {
    if (next >= due.length) return undefined;
    next += 1;
    return due[next - 1];
  };
  try {
    for (let index = 0; index < total && !stretch.signal.aborted; index += 1) {
      const at = tally.began + (index * 1000) / rate;
      await reached(at);
      tally.requests += 1;
      const lane = idle.pop();
      if (lane === undefined) due.push(at);
      else void drive(lane, at);
    }
    // What was never sent for lack of a lane is given up with the stretch.
    if (stretch.signal.aborted) next = due.length;
    if (busy > 0) await new Promise<void>((resolve) => (whenFree = resolve));
  } finally {
    stop();
  }
  return tally;
}

async function reached(at: number): Promise<void> {
  for (;;) {
    const left = at - performance.now();
    if (left <= 0) return;
    if (left > TIMER_SLACK_MS) await new Promise((done) => setTimeout(done, left - TIMER_SLACK_MS));
    else await new Promise((done) => setImmediate(done));
  }
}

async function pauseAfterFailure(sent: number): Promise<void> {
  const left = sent + PAUSE_AFTER_FAILURE_MS - performance.now();
  if (left > 0) await new Promise((done) => setTimeout(done, left));
}

function watch(tally: Tally, { onProgress }: Stretch): () => void {
  if (onProgress === undefined) return () => undefined;
  const timer = setInterval(
    () => onProgress(tally.answered, (performance.now() - tally.began) / 1000),
    PROGRESS_MS,
  );
  return () => clearInterval(timer);
}
