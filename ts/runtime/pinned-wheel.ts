import type { Host, Variant } from './platform.js';

/** One library inside a pinned wheel. Sizes in bytes; `sha256` (hex) is of the whole, inflated file. */
export interface PinnedMember {
  readonly name: string;
  readonly compressedSize: number;
  readonly size: number;
  /** What is left once the sections that are never loaded are cut off; equal to `size` where nothing is cut. */
  readonly loadedSize: number;
  readonly sha256: string;
}

/** One wheel whose contents are known in advance. */
export interface PinnedWheel {
  readonly version: string;
  readonly variant: Variant;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  readonly project: string;
  readonly filename: string;
  readonly size: number;
  readonly sha256: string;
  readonly members: readonly PinnedMember[];
}

/** One of NVIDIA's wheels: taken whole, checked by the hash of the whole file. */
export interface PinnedPackage {
  readonly project: string;
  readonly filename: string;
  readonly size: number;
  readonly sha256: string;
}

/** All that is known in advance; tests hand in their own. */
export interface PinTable {
  readonly wheels: readonly PinnedWheel[];
  /** TensorFlow version → the NVIDIA wheels it was tried with. */
  readonly nvidia: Readonly<Record<string, readonly PinnedPackage[]>>;
}

/** Finds the pinned wheel of a version, or null. */
export function pinnedWheel(
  table: PinTable,
  version: string,
  variant: Variant,
  host: Host,
): PinnedWheel | null {
  return (
    table.wheels.find(
      (wheel) =>
        wheel.version === version &&
        wheel.variant === variant &&
        wheel.platform === host.platform &&
        wheel.arch === host.arch,
    ) ?? null
  );
}

/** Bytes to fetch and bytes on disk afterwards, of a pinned wheel's libraries. */
export function pinnedSizes(wheel: PinnedWheel): { download: number; disk: number } {
  let download = 0;
  let disk = 0;
  for (const member of wheel.members) {
    download += member.compressedSize;
    disk += member.loadedSize;
  }
  return { download, disk };
}
