import { randomBytes } from 'node:crypto';
import {
  bindSockets,
  closeSockets,
  type GivenPair,
  type GivenSockets,
} from '../listeners/sockets.js';
import { createLogger } from '../logger.js';
import { flightBytes } from '../native/flight.js';
import type { Options } from '../options/options.js';
import { outOfMemoryKills } from './cause.js';
import { FlightFile } from './flight-file.js';
import { startServing } from './serving-process.js';
import { Supervisor } from './supervisor.js';

/**
 * Serves from a child process that is started again when it dies; resolves to the exit status.
 *
 * This process never opens TensorFlow. It keeps the listening sockets, so connections wait in their queues while there is nobody to
 * accept them.
 *
 * @param command the program and arguments of the serving process
 * @throws {ServingError} `UNAVAILABLE` a port is in use
 */
export async function supervise(options: Options, command: readonly string[]): Promise<number> {
  const { sockets, close } = await openSockets(options);
  const logFormat = formatFor(options.logFormat);
  const logger = createLogger({ level: options.logLevel, format: logFormat });
  const flight = openFlightFile((text) => logger.warn({}, text));
  const keys = [randomKey(), randomKey()] as const;
  const supervisor = new Supervisor({
    limits: {
      maxCrashes: options.superviseMaxCrashes,
      windowMs: options.superviseCrashWindowSeconds * 1000,
    },
    suspectTtlMs: options.suspectTtlSeconds * 1000,
    start: (what) =>
      startServing({
        ...what,
        command,
        sockets,
        flightFd: flight?.fd ?? null,
        flightKeys: keys,
        logFormat,
      }),
    readFlight: () => flight?.read() ?? [],
    clearFlight: () => flight?.clear(),
    outOfMemoryKills,
    closeSockets: close,
    report: (crash) => {
      const message =
        crash.restartInMs === null
          ? `the serving process died ${crash.crashes} times within ${options.superviseCrashWindowSeconds} s (--supervise_max_crashes): given up`
          : 'the serving process died and is started again';
      logger.error({ ...crash }, message);
    },
    now: () => Date.now(),
    after: (ms, then) => {
      const timer = setTimeout(then, ms);
      return () => clearTimeout(timer);
    },
  });
  const stop = (): void => supervisor.stop();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
  try {
    return await supervisor.run();
  } finally {
    close();
    flight?.close();
  }
}

/** What the serving process listens on; `close` may be called twice. */
async function openSockets(
  options: Options,
): Promise<{ sockets: GivenSockets; close: () => void }> {
  const { grpc, rest, admin, bound, files } = await bindSockets(options, null);
  const pair = (list: typeof grpc): GivenPair => ({
    port: list.find((it) => it.path === null)?.fd ?? null,
    unix: list.find((it) => it.path !== null)?.fd ?? null,
  });
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSockets(bound, files);
    isOpen = false;
  };
  return { sockets: { grpc: pair(grpc), rest: pair(rest), admin: pair(admin.sockets) }, close };
}

/** Serving goes on without: then nothing is known of what ran when it died. */
function openFlightFile(warn: (text: string) => void): FlightFile | null {
  try {
    return FlightFile.create(flightBytes());
  } catch (error) {
    warn((error as Error).message);
    return null;
  }
}

function formatFor(asked: Options['logFormat']): 'text' | 'json' {
  if (asked !== 'auto') return asked;
  return process.stderr.isTTY ? 'text' : 'json';
}

function randomKey(): string {
  return randomBytes(8).toString('hex');
}
