import type { ServingError } from '../errors.js';
import type { Done, Stages } from './target.js';

/** What a request came to, in the order `Done` takes it. */
export type Answer = [ServingError | null, Buffer | null, number | bigint, Stages | null];

/** Five numbers as the addon writes them. */
export function toStages(numbers: ArrayLike<number>, at: number, arrivedMs: number): Stages {
  return {
    subject: numbers[at] ?? 0,
    queueUs: numbers[at + 1] ?? 0,
    decodeUs: numbers[at + 2] ?? 0,
    runUs: numbers[at + 3] ?? 0,
    encodeUs: numbers[at + 4] ?? 0,
    arrivedMs,
  };
}

/** Answers one request; what its callback throws must not keep the others from their answers. */
export function settle(done: Done, [failure, reply, version, stages]: Answer): void {
  try {
    done(failure, reply, version, stages);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
