import { expect, it } from 'vitest';
import { FRAME } from '../../../chaos/support/frames.js';
import { expectServes, type Target, target } from './calls.js';
import type { Peer } from './peer.js';

/** Error codes by number, RFC 9113 section 7. */
const CODES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
] as const;

type ErrorCode = (typeof CODES)[number];

/** What comes of some bytes: the connection ends, with that code, the stream is reset, or nothing happens. */
export type Outcome = `connection ${ErrorCode}` | `stream ${ErrorCode}` | 'closed' | 'ignored';

/** Bytes that follow preface and SETTINGS, and what the RFC wants to come of them. */
export interface Case {
  readonly what: string;
  readonly send: readonly Uint8Array[];
  /** Several where the RFC leaves it open. */
  readonly outcome: Outcome | readonly Outcome[];
  /** On which stream; 1 where absent. */
  readonly stream?: number;
  /** How many requests the engine gets of them; 0 where absent. */
  readonly seen?: number;
}

/** A stream that no case uses. */
const LATER = 1001;

/** One test for each case, each on a server and a connection of its own. */
export function check(cases: readonly Case[]): void {
  for (const each of cases) {
    it(each.what, async () => {
      const server = await target();
      const peer = await server.open();
      peer.send(...each.send);
      await expectOutcome(server, peer, each);
    });
  }
}

/** Looks at what comes of bytes that were sent. */
export async function expectOutcome(
  server: Target,
  peer: Peer,
  { outcome, stream = 1, seen = 0 }: Omit<Case, 'what' | 'send'>,
): Promise<void> {
  const found = await outcomeOf(peer, stream);
  expect([outcome].flat()).toContain(found);
  const isOver = found.startsWith('connection') || found === 'closed';
  if (isOver) await peer.ended();
  if (!isOver) await expectServes(peer, LATER);
  expect(server.engine.seen).toHaveLength(seen + (isOver ? 0 : 1));
}

/** What has come of the bytes that were sent, as far as `stream` is concerned. */
export async function outcomeOf(peer: Peer, stream: number): Promise<Outcome> {
  const ends = (): boolean => peer.find(FRAME.goAway) !== undefined;
  // A PING may be answered before a frame that was due before it, so one answer is not enough.
  for (let trip = 0; trip < 2 && !ends(); trip += 1) {
    await peer.roundTrip(ends).catch((error: unknown) => {
      if (!peer.hasEnded) throw error;
    });
  }
  if (ends()) return `connection ${CODES[await peer.goAwayCode()] ?? 'INTERNAL_ERROR'}`;
  if (peer.hasEnded) return 'closed';
  if (peer.find(FRAME.reset, stream) === undefined) return 'ignored';
  return `stream ${CODES[await peer.resetCode(stream)] ?? 'INTERNAL_ERROR'}`;
}
