import { GUARDS } from './guards.js';

/** The largest figure a guard lets pass. */
export interface Limit {
  readonly name: string;
  readonly limit: number;
  /** Why this number: what was measured, and how much slack is for the machine. */
  readonly reason: string;
}

/** Whether a figure is within its limit. NaN is not. */
export function judge(figure: number, limit: Pick<Limit, 'limit'>): boolean {
  return figure <= limit.limit;
}

/**
 * Reads limits.json.
 *
 * @throws {Error} when a guard has no limit, a limit no guard, or no reason
 */
export function readLimits(json: string): Map<string, Limit> {
  const { limits } = JSON.parse(json) as { limits: Limit[] };
  const byName = new Map(limits.map((limit) => [limit.name, limit]));
  for (const { name } of GUARDS) {
    if (!byName.has(name)) throw new Error(`limits.json: no limit for the guard "${name}"`);
  }
  for (const { name, limit, reason } of limits) {
    if (!GUARDS.some((guard) => guard.name === name)) {
      throw new Error(`limits.json: "${name}" is no guard`);
    }
    if (!Number.isFinite(limit) || reason.length < 20) {
      throw new Error(`limits.json: "${name}" needs a number and a reason`);
    }
  }
  return byName;
}
