import type { GivenSockets } from '../listeners/sockets.js';

/** A suspect as it crosses between processes. */
export interface SuspectRecord {
  /** Hexadecimal. */
  readonly fingerprint: string;
  readonly model: string;
  readonly refusedUntil: number;
  readonly expires: number;
}

/** What a serving process starts from. */
export interface Inheritance {
  /** Bound by the supervisor. */
  readonly sockets: GivenSockets;
  /** Where runs are recorded; null where no such file could be made. */
  readonly flight: { readonly fd: number; readonly keys: readonly [string, string] } | null;
  readonly suspects: readonly SuspectRecord[];
  /** An earlier process has answered requests: those that wait are not answered before the models are back. */
  readonly restarted: boolean;
  /** `text` where the supervisor's standard error is a terminal: the serving process only sees a pipe. */
  readonly logFormat: 'text' | 'json';
}

/** What the supervisor tells the serving process. */
export type ToServing =
  | { readonly kind: 'start'; readonly inheritance: Inheritance }
  /** Finish what is in flight and end; at once when said `now`. */
  | { readonly kind: 'stop'; readonly now: boolean };

/** What the serving process tells the supervisor. */
export type FromServing =
  /** Requests are answered. */
  | { readonly kind: 'ready' }
  /** It accepts no more: whoever else holds the ports closes them. */
  | { readonly kind: 'closing' }
  | { readonly kind: 'cleared'; readonly fingerprint: string }
  | { readonly kind: 'refused'; readonly fingerprint: string };

/** Set in the environment of a serving process that has a supervisor. */
export const SUPERVISED = 'SERVABLE_SUPERVISED';
