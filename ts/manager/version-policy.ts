import type { VersionPolicy } from './model-config.js';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Reads the name of a version directory: a decimal int64 with an optional sign, leading zeros and ASCII space around it.
 *
 * @returns `null` when the name is not a version, such as `1.0`, `v1` or `0x1`
 */
export function parseVersion(name: string): bigint | null {
  const match = /^[ \t\n\v\f\r]*([+-]?[0-9]+)[ \t\n\v\f\r]*$/.exec(name);
  if (match?.[1] === undefined) return null;
  const digits = match[1].startsWith('+') ? match[1].slice(1) : match[1];
  const version = BigInt(digits);
  return version >= INT64_MIN && version <= INT64_MAX ? version : null;
}

/**
 * The versions a policy wants of those that exist, highest first.
 *
 * `latest` wants at least one, as TensorFlow Serving does when `num_versions` is 0.
 */
export function selectVersions(policy: VersionPolicy, found: Iterable<bigint>): bigint[] {
  const all = [...new Set(found)].sort(descending);
  switch (policy.kind) {
    case 'all':
      return all;
    case 'latest':
      return all.slice(0, Math.max(policy.numVersions, 1));
    case 'specific':
      return all.filter((version) => policy.versions.includes(version));
  }
}

/** Requested versions that do not exist, highest first; only `specific` requests any. */
export function missingVersions(policy: VersionPolicy, found: Iterable<bigint>): bigint[] {
  if (policy.kind !== 'specific') return [];
  const existing = new Set(found);
  return [...new Set(policy.versions)].filter((it) => !existing.has(it)).sort(descending);
}

/** Sorts versions from the highest down. */
export function descending(a: bigint, b: bigint): number {
  return a > b ? -1 : a < b ? 1 : 0;
}
