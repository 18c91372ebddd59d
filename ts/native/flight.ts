import { addon, call } from './load.js';

/** Bytes of the file that {@link openFlight} maps. */
export function flightBytes(): number {
  return call(() => addon().flightBytes());
}

/**
 * From now on every run is recorded in the file, which whoever outlives this process reads (`ts/supervise/flight-file.ts`).
 *
 * @param fd of a zeroed file of {@link flightBytes}
 * @param keys two random 64-bit numbers: the same ones give the same fingerprints
 * @param suspects fingerprints of requests that are not run here before {@link clearSuspect}
 * @throws {ServingError} `FAILED_PRECONDITION` the file cannot be mapped, or one is open already
 */
export function openFlight(fd: number, keys: readonly bigint[], suspects: readonly bigint[]): void {
  call(() => addon().openFlight(fd, [...keys], [...suspects]));
}

/** A suspect has shown to be harmless: it runs here again. */
export function clearSuspect(fingerprint: bigint): void {
  call(() => addon().clearSuspect(fingerprint));
}
