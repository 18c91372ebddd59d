import { MAX_TIMER_MS } from '../../../deadline-timer.js';

/** What a gRPC transport keeps to. Times are in milliseconds; infinite is never. */
export interface TransportSettings {
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  /** Calls under way on one connection. */
  readonly maxConcurrentStreams: number;
  /** Between two pings. */
  readonly keepaliveTimeMs: number;
  /** A connection whose ping is not answered for so long is closed. */
  readonly keepaliveTimeoutMs: number;
  /** A connection without a call for so long is closed. */
  readonly maxIdleMs: number;
  /** A connection is closed after so long, give or take a tenth, once its calls have ended. */
  readonly maxAgeMs: number;
  /** They get so long for that. */
  readonly maxAgeGraceMs: number;
}

const MAX_UINT32 = 2 ** 32 - 1;

/** The channel arguments that count here, by gRPC's names. -1 is no limit. */
const ARGUMENTS: ReadonlyMap<string, { name: keyof TransportSettings; isSize?: true }> = new Map([
  ['grpc.max_receive_message_length', { name: 'maxReceiveBytes', isSize: true }],
  ['grpc.max_send_message_length', { name: 'maxSendBytes', isSize: true }],
  ['grpc.max_concurrent_streams', { name: 'maxConcurrentStreams', isSize: true }],
  ['grpc.keepalive_time_ms', { name: 'keepaliveTimeMs' }],
  ['grpc.keepalive_timeout_ms', { name: 'keepaliveTimeoutMs' }],
  ['grpc.max_connection_idle_ms', { name: 'maxIdleMs' }],
  ['grpc.max_connection_age_ms', { name: 'maxAgeMs' }],
  ['grpc.max_connection_age_grace_ms', { name: 'maxAgeGraceMs' }],
]);

/** What counts where nothing else is said. */
export const DEFAULTS: TransportSettings = {
  maxReceiveBytes: 4 * 1024 * 1024,
  maxSendBytes: Number.POSITIVE_INFINITY,
  maxConcurrentStreams: MAX_UINT32,
  // Finds clients whose machine is gone.
  keepaliveTimeMs: 20_000,
  keepaliveTimeoutMs: 10_000,
  maxIdleMs: Number.POSITIVE_INFINITY,
  maxAgeMs: Number.POSITIVE_INFINITY,
  maxAgeGraceMs: Number.POSITIVE_INFINITY,
};

/**
 * The settings with `key=value` channel arguments over them; arguments that mean nothing here are left out, as gRPC leaves out those it
 * does not know.
 */
export function withChannelArguments(
  settings: TransportSettings,
  list: readonly string[],
): TransportSettings {
  const changed: { -readonly [K in keyof TransportSettings]?: number } = {};
  for (const argument of list) {
    const [key = '', ...rest] = argument.split('=');
    const known = ARGUMENTS.get(key.trim());
    const text = rest.join('=').trim();
    if (known === undefined || !/^-?\d+$/.test(text)) continue;
    const value = Number(text);
    if (known.isSize !== true) changed[known.name] = value > 0 ? value : Number.POSITIVE_INFINITY;
    else changed[known.name] = value >= 0 ? value : Number.POSITIVE_INFINITY;
  }
  const { maxConcurrentStreams } = { ...settings, ...changed };
  return {
    ...settings,
    ...changed,
    maxConcurrentStreams: Math.min(maxConcurrentStreams, MAX_UINT32),
  };
}

/** A timer that keeps no process alive; null for a time that never comes. */
export function timer(work: () => void, afterMs: number): NodeJS.Timeout | null {
  return afterMs > MAX_TIMER_MS ? null : setTimeout(work, afterMs).unref();
}
