import type { State } from '../native/catalog.js';
import type { TransitionPolicy } from './options.js';
import { descending } from './version-policy.js';

/** What a transition looks at. */
export interface ServableView {
  readonly version: bigint;
  readonly state: State;
  readonly aspired: boolean;
}

/** What to do now, in this order. */
export interface Step {
  readonly unload: bigint[];
  readonly load: bigint[];
}

/**
 * The next step of one model from what is in memory to what its source wants.
 *
 * `availability_preserving`: an old version goes only when a wanted one is available or nothing is wanted; until then one wanted version
 * is loaded at a time, so that memory holds no more than it must. `resource_preserving`: old versions go first, and nothing is loaded until
 * they are gone.
 */
export function nextStep(policy: TransitionPolicy, servables: readonly ServableView[]): Step {
  const stale = servables.filter((it) => !it.aspired);
  const staleReady = versionsIn(stale, 'AVAILABLE');
  const wanted = servables.filter((it) => it.aspired);
  const fresh = versionsIn(wanted, 'START');
  if (policy === 'resource_preserving') {
    const inMemory = stale.some((it) => it.state !== 'END' && it.state !== 'START');
    return { unload: staleReady, load: inMemory ? [] : fresh };
  }
  if (wanted.length === 0 || wanted.some((it) => it.state === 'AVAILABLE')) {
    return { unload: staleReady, load: fresh };
  }
  if (staleReady.length === 0) return { unload: [], load: fresh };
  const loading = wanted.some((it) => it.state === 'LOADING');
  // The highest old version carries the requests until a wanted one can.
  return { unload: staleReady.slice(1), load: loading ? [] : fresh.slice(0, 1) };
}

function versionsIn(servables: readonly ServableView[], state: State): bigint[] {
  return servables
    .filter((it) => it.state === state)
    .map((it) => it.version)
    .sort(descending);
}
