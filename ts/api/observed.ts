import type { Observation } from '../observe/observer.js';

/** Where a request has its observation, if it is watched. */
export const OBSERVED = Symbol('observed');

/** A request or call that may be watched. */
export interface MaybeObserved {
  [OBSERVED]?: Observation;
}

/** The observation of a request; undefined where nothing watches. */
export function observationOf(request: object): Observation | undefined {
  return (request as MaybeObserved)[OBSERVED];
}
