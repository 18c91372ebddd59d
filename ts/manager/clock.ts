/** A running timer. */
export interface Timer {
  /** Ends the timer; safe to call late and twice. */
  cancel(): void;
}

/** Time as the manager sees it, so that tests can own it. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back once after `delayMs`. A timer never keeps the process alive. */
  after(delayMs: number, callback: () => void): Timer;
}

/** Node's longest timer; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** The real time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), LONGEST_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
