import type { InFlightRequest } from './flight-file.js';

/** A request that may end the process that runs it. */
export interface Suspect {
  readonly fingerprint: bigint;
  readonly model: string;
  /** It ended its trial too, and is refused until then (milliseconds since 1970); 0 while it has had none. */
  readonly refusedUntil: number;
  /** Nobody remembers it after this (milliseconds since 1970). */
  readonly expires: number;
}

/** More would slow every request down; who sends so many different deadly ones is not stopped by remembering them. */
const MAX_SUSPECTS = 4096;

/** The suspects, kept where they outlive the serving process. */
export class Suspects {
  readonly #ttlMs: number;
  readonly #byFingerprint = new Map<bigint, Suspect>();

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  /** These ran when the process died at `now`. */
  accuse(requests: readonly InFlightRequest[], now: number): void {
    for (const { fingerprint, model } of requests) {
      const refusedUntil = this.#byFingerprint.get(fingerprint)?.refusedUntil ?? 0;
      this.#set({ fingerprint, model, refusedUntil, expires: now + this.#ttlMs });
    }
  }

  /** It ended its trial at `now`. Returns when it may be tried again. */
  refuse(fingerprint: bigint, now: number): number {
    const model = this.#byFingerprint.get(fingerprint)?.model ?? '';
    const until = now + this.#ttlMs;
    this.#set({ fingerprint, model, refusedUntil: until, expires: until + this.#ttlMs });
    return until;
  }

  /** It has shown to be harmless. */
  clear(fingerprint: bigint): void {
    this.#byFingerprint.delete(fingerprint);
  }

  /** Takes one over from an earlier list. */
  add(suspect: Suspect): void {
    this.#set(suspect);
  }

  get(fingerprint: bigint): Suspect | undefined {
    return this.#byFingerprint.get(fingerprint);
  }

  /** Those that are remembered at `now`. */
  list(now: number): Suspect[] {
    for (const { fingerprint, expires } of this.#byFingerprint.values()) {
      if (expires <= now) this.#byFingerprint.delete(fingerprint);
    }
    return [...this.#byFingerprint.values()];
  }

  #set(suspect: Suspect): void {
    this.#byFingerprint.delete(suspect.fingerprint);
    this.#byFingerprint.set(suspect.fingerprint, suspect);
    const [oldest] = this.#byFingerprint.keys();
    if (this.#byFingerprint.size > MAX_SUSPECTS && oldest !== undefined) {
      this.#byFingerprint.delete(oldest);
    }
  }
}
