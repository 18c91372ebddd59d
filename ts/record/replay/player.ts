import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { toServingError } from '../../errors.js';
import type { Destination } from '../bodies.js';
import { difference, type Tolerance } from './compare.js';
import type { LoggedRequest } from './log-source.js';
import type { Sender } from './sender.js';

/** How requests are sent. */
export interface PlayOptions {
  /** Times as fast as they came; `Infinity` is as fast as they are answered. */
  readonly speed: number;
  /** Requests in flight at once. */
  readonly concurrency: number;
  /** Requests sent in all; 0 is every one. */
  readonly limit: number;
  /** The model asked instead of the recorded one; null for that. */
  readonly model: string | null;
  /** Ask for the version that answered, instead of the newest one. */
  readonly keepVersion: boolean;
  /** Compare answers with the recorded ones; null does not. */
  readonly tolerance: Tolerance | null;
  /** Called after each answer. */
  readonly onAnswer: (sent: number) => void;
}

/** What became of a replay. */
export interface PlayReport {
  readonly sent: number;
  /** Answers by code: `OK`, names of codes, `HTTP 400`. */
  readonly codes: Readonly<Record<string, number>>;
  /** Requests that could not be made into what the protocol takes, by reason. */
  readonly unsent: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly latencyMs: { readonly [percentile: string]: number };
  /** Answers compared with the recorded ones, and those that differ; null when none were compared. */
  readonly compared: { readonly equal: number; readonly different: number } | null;
  /** The first few differences. */
  readonly differences: readonly string[];
  /** Requests sent later than their time, because others were still in flight. */
  readonly late: number;
}

const PERCENTILES = [50, 90, 99, 99.9, 100] as const;
const MOST_SHOWN = 10;
/** A request this much behind its time counts as late. */
const LATE_MS = 10;

/** Sends the requests of a log and tells what came back. */
export class Player {
  readonly #sender: Sender;
  readonly #options: PlayOptions;
  readonly #codes = new Map<string, number>();
  readonly #unsent = new Map<string, number>();
  readonly #latencies: number[] = [];
  readonly #differences: string[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  #sent = 0;
  #equal = 0;
  #different = 0;
  #late = 0;

  constructor(sender: Sender, options: PlayOptions) {
    this.#sender = sender;
    this.#options = options;
  }

  /** Plays all requests; resolves when the last one is answered. */
  async play(requests: AsyncIterable<LoggedRequest>): Promise<PlayReport> {
    const { limit, concurrency } = this.#options;
    const begun = performance.now();
    const pace = new Pace(this.#options.speed);
    for await (const request of timed(requests, this.#options.speed)) {
      if (limit > 0 && this.#sent >= limit) break;
      const send = await this.#prepare(request);
      if (send === null) continue;
      const behind = await pace.wait(request.atMs);
      while (this.#inFlight.size >= concurrency) await Promise.race(this.#inFlight);
      if (behind() > LATE_MS) this.#late += 1;
      this.#sent += 1;
      const sending: Promise<void> = send().finally(() => this.#inFlight.delete(sending));
      this.#inFlight.add(sending);
    }
    await Promise.all(this.#inFlight);
    return this.#report((performance.now() - begun) / 1000);
  }

  async #prepare(request: LoggedRequest): Promise<(() => Promise<void>) | null> {
    const { model, keepVersion } = this.#options;
    const destination: Destination = {
      model: model ?? request.model,
      version: keepVersion ? request.version : null,
    };
    try {
      const send = await this.#sender.prepare(request, destination);
      return () => this.#measure(request, send);
    } catch (error) {
      count(this.#unsent, toServingError(error).message);
      return null;
    }
  }

  async #measure(
    request: LoggedRequest,
    send: Awaited<ReturnType<Sender['prepare']>>,
  ): Promise<void> {
    const begun = performance.now();
    const { code, response } = await send();
    this.#latencies.push(performance.now() - begun);
    count(this.#codes, code);
    const { tolerance, onAnswer } = this.#options;
    if (tolerance !== null && code === 'OK') this.#compare(request, response(), tolerance);
    onAnswer(this.#latencies.length);
  }

  #compare(request: LoggedRequest, got: string | null, tolerance: Tolerance): void {
    const expected = request.response();
    if (expected === null || got === null) return;
    const found = difference(expected, got, tolerance);
    if (found === null) {
      this.#equal += 1;
      return;
    }
    this.#different += 1;
    if (this.#differences.length < MOST_SHOWN) this.#differences.push(`${request.model} ${found}`);
  }

  #report(seconds: number): PlayReport {
    const sorted = Float64Array.from(this.#latencies).sort();
    const at = (percent: number): number =>
      sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? 0;
    const latencies = PERCENTILES.map((percent) => [`p${percent}`, at(percent)] as const);
    return {
      sent: this.#sent,
      codes: Object.fromEntries([...this.#codes].sort(([a], [b]) => (a < b ? -1 : 1))),
      unsent: Object.fromEntries(this.#unsent),
      seconds,
      latencyMs: Object.fromEntries(latencies),
      compared:
        this.#options.tolerance === null
          ? null
          : { equal: this.#equal, different: this.#different },
      differences: this.#differences,
      late: this.#late,
    };
  }
}

/** Holds requests back until their time. */
class Pace {
  readonly #speed: number;
  #first: { readonly recorded: number; readonly now: number } | null = null;

  constructor(speed: number) {
    this.#speed = speed;
  }

  /** Resolves when it is time; the function tells how long ago that was. */
  async wait(atMs: number | null): Promise<() => number> {
    if (atMs === null || this.#speed === Number.POSITIVE_INFINITY) return () => 0;
    // Another round of the log, or another file, begins anew.
    if (this.#first === null || atMs < this.#first.recorded) {
      this.#first = { recorded: atMs, now: performance.now() };
    }
    const due = this.#first.now + (atMs - this.#first.recorded) / this.#speed;
    const early = due - performance.now();
    if (early > 0) await delay(early);
    return () => performance.now() - due;
  }
}

/** Where times are whole seconds, the requests of a second are spread over it. */
async function* timed(
  requests: AsyncIterable<LoggedRequest>,
  speed: number,
): AsyncGenerator<LoggedRequest> {
  let second: LoggedRequest[] = [];
  const spread = function* (): Generator<LoggedRequest> {
    for (const [index, request] of second.entries()) {
      yield { ...request, atMs: (request.atMs ?? 0) + (index * 1000) / second.length };
    }
    second = [];
  };
  for await (const request of requests) {
    if (speed === Number.POSITIVE_INFINITY || !request.isWholeSecond || request.atMs === null) {
      yield* spread();
      yield request;
      continue;
    }
    if (second[0] !== undefined && second[0].atMs !== request.atMs) yield* spread();
    second.push(request);
  }
  yield* spread();
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
