import type { GivenSockets } from '../listeners/sockets.js';
import type { Logger } from '../logger.js';
import { openFlight } from '../native/flight.js';
import type { FromServing, Inheritance } from './messages.js';
import { Quarantine } from './quarantine.js';
import { Suspects } from './suspects.js';
import type { HelperRuntime } from './trial-messages.js';

/** A server's place under a supervisor. */
export interface Supervised {
  readonly inheritance: Inheritance;
  say(message: FromServing): void;
}

/** What of a server the supervisor's knowledge is for. */
export interface SupervisedSettings {
  readonly suspectTtlSeconds: number;
  readonly quarantineIdleSeconds: number;
  readonly runtime: () => Promise<HelperRuntime>;
  readonly logger: Logger;
}

/** The sockets a server listens on, where somebody else has bound them. */
export function givenSockets(supervised: Supervised | null): GivenSockets | null {
  return supervised?.inheritance.sockets ?? null;
}

/**
 * Begins to record runs where the supervisor reads them.
 *
 * @returns the quarantine for what ran when an earlier process died; null where nothing did
 */
export function underSupervision(
  { inheritance, say }: Supervised,
  settings: SupervisedSettings,
): Quarantine | null {
  const { flight, suspects: records } = inheritance;
  const suspects = new Suspects(settings.suspectTtlSeconds * 1000);
  for (const it of records) suspects.add({ ...it, fingerprint: BigInt(`0x${it.fingerprint}`) });
  if (flight === null) return null;
  const fingerprints = suspects.list(Date.now()).map((it) => it.fingerprint);
  openFlight(
    flight.fd,
    flight.keys.map((key) => BigInt(`0x${key}`)),
    fingerprints,
  );
  if (fingerprints.length === 0) return null;
  return new Quarantine({
    suspects,
    runtime: settings.runtime,
    idleMs: settings.quarantineIdleSeconds * 1000,
    logger: settings.logger,
    say,
  });
}
