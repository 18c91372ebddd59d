import { ServingError } from '../errors.js';

/** A request that is refused because there is too much to do; it may come again. */
export class OverloadError extends ServingError {
  /** When it may come again, in milliseconds. */
  readonly retryAfterMs: number;

  constructor(code: 'RESOURCE_EXHAUSTED' | 'UNAVAILABLE', message: string, retryAfterMs: number) {
    super(code, message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Most requests under way in one thread. 0 is no limit. */
export interface AdmissionLimits {
  readonly total: number;
  readonly perModel: number;
}

/** The requests of one model that are under way in this thread. */
export interface ModelGate {
  inFlight: number;
}

const RETRY_MS = 1000;
/** Models that are counted apart; beyond them counts start over, as for clients that invent names. */
const MODELS = 8192;

/**
 * Counts the inference requests of one thread until they are answered, and refuses those that are too many. A body that is still coming does
 * not count, or slow clients could take every place.
 *
 * Plain integers: a request costs two comparisons and two additions.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #gates = new Map<string, ModelGate>();
  #inFlight = 0;

  constructor(limits: AdmissionLimits) {
    const unlimited = (limit: number) => (limit > 0 ? limit : Number.POSITIVE_INFINITY);
    this.#limits = { total: unlimited(limits.total), perModel: unlimited(limits.perModel) };
  }

  /** Whether requests are counted by model; where not, nobody needs to find out theirs. */
  get isPerModel(): boolean {
    return this.#limits.perModel !== Number.POSITIVE_INFINITY;
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** The counter of a model, to be kept by the caller. */
  gate(model: string): ModelGate {
    let gate = this.#gates.get(model);
    if (gate === undefined) {
      if (this.#gates.size >= MODELS) this.#gates.clear();
      gate = { inFlight: 0 };
      this.#gates.set(model, gate);
    }
    return gate;
  }

  /**
   * Counts a request in: null, or why it is refused. Who was let in is counted out by {@link leave}, once.
   *
   * @param gate null where the model is not known yet
   */
  enter(gate: ModelGate | null): OverloadError | null {
    const refusal = this.refusal(gate);
    if (refusal !== null) return refusal;
    if (gate !== null) gate.inFlight += 1;
    this.#inFlight += 1;
    return null;
  }

  /** Why a request would be refused now; null when it would not. */
  refusal(gate: ModelGate | null): OverloadError | null {
    const { total, perModel } = this.#limits;
    if (this.#inFlight >= total) {
      return overloaded(`${this.#inFlight} requests are under way (--max_in_flight_requests)`);
    }
    if (gate !== null && gate.inFlight >= perModel) {
      return overloaded(
        `${gate.inFlight} requests for this model are under way (--max_in_flight_requests_per_model)`,
      );
    }
    return null;
  }

  /** Counts a request out. */
  leave(gate: ModelGate | null): void {
    this.#inFlight -= 1;
    if (gate !== null) gate.inFlight -= 1;
  }
}

/** Why a request is refused when the server has too much to do. */
export function overloaded(why: string): OverloadError {
  return new OverloadError('UNAVAILABLE', `The server is overloaded: ${why}`, RETRY_MS);
}

/** Why a request is refused when its client asks too often. */
export function tooOften(waitMs: number): OverloadError {
  return new OverloadError(
    'RESOURCE_EXHAUSTED',
    'Too many requests: the rate limit is reached (--rate_limit_requests_per_second)',
    Math.max(1, Math.ceil(waitMs)),
  );
}

/** A thread's share of a limit of the whole server. */
export function shareOf(limit: number, workers: number): number {
  return limit <= 0 ? 0 : Math.max(1, Math.ceil(limit / workers));
}
