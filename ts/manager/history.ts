import type { Servable } from './servable.js';

/**
 * Drops servables that ended at least `ttlSeconds` ago and are not wanted; below 0 none is dropped.
 *
 * @param now milliseconds on the clock that set `endedAt`
 * @returns milliseconds until the next one may be dropped, or `null` when none is waiting for that
 */
export function forgetEnded(
  servables: Map<bigint, Servable>,
  now: number,
  ttlSeconds: number,
): number | null {
  if (ttlSeconds < 0) return null;
  let next: number | null = null;
  for (const [version, { aspired, busy, state, endedAt }] of servables) {
    if (aspired || busy || state !== 'END' || endedAt === null) continue;
    const left = endedAt + ttlSeconds * 1000 - now;
    if (left <= 0) servables.delete(version);
    else next = Math.min(next ?? left, left);
  }
  return next;
}
