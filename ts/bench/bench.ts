import type { SignatureDescription } from '../codec/signature-description.js';
import { cpuMicros, listenerPid } from './cpu.js';
import { fetchSignature } from './describe.js';
import { type Endpoint, type Lane, OK } from './lane.js';
import { closedLoop, type Measured, openLoop } from './loops.js';
import { type BenchReport, errorsOf, latencies } from './report.js';
import { mustAnswer, openLane, type Prepared, prepareRequest, requestBytes } from './request.js';
import { shownTarget, type Target } from './target.js';

/** What to measure and how. */
export interface BenchOptions {
  readonly target: Target;
  readonly signature: string;
  /** A file with the request; null makes one up from the signature. */
  readonly requestFile: string | null;
  readonly contentType: string | null;
  /** Rows of a request that is made up. */
  readonly rows: number;
  /** Connections: requests in flight at most. */
  readonly connections: number;
  /** Requests a second of an open loop; null is a closed loop. */
  readonly rate: number | null;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly timeoutMs: number;
  /** Sent with every request, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The server's process; null looks for one of this machine on the target's port. */
  readonly pid: number | null;
  /** Ends the load early. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: BenchProgress) => void;
}

/** How far it is. */
export interface BenchProgress {
  readonly phase: 'warming up' | 'measuring';
  readonly answered: number;
  readonly seconds: number;
  readonly ofSeconds: number;
}

/**
 * Sends one request again and again and tells how it was answered.
 *
 * @throws {ServingError} when no server answers, or the request is not answered well
 */
export async function bench(options: BenchOptions): Promise<BenchReport> {
  const { target, connections } = options;
  const endpoint: Endpoint = {
    host: target.host,
    port: target.port,
    tls: target.tls,
    headers: options.headers,
    timeoutMs: options.timeoutMs,
  };
  let known: Promise<SignatureDescription> | null = null;
  const prepared = await prepareRequest(target, {
    file: options.requestFile,
    contentType: options.contentType,
    rows: options.rows,
    signature: () => {
      known ??= fetchSignature(target, endpoint, options.signature);
      return known;
    },
  });
  await mustAnswer(target, prepared, endpoint);
  const lanes = Array.from({ length: connections }, () => openLane(prepared, endpoint));
  try {
    if (options.warmupSeconds > 0) await load(lanes, options, 'warming up');
    const pid = options.pid ?? listenerPid(target.host, target.port);
    const before = pid === null ? null : cpuMicros(pid);
    const ours = process.cpuUsage();
    const measured = await load(lanes, options, 'measuring');
    const after = pid === null ? null : cpuMicros(pid);
    const { user, system } = process.cpuUsage(ours);
    const server = before === null || after === null ? null : after - before;
    return report(options, prepared, measured, { server, client: user + system });
  } finally {
    for (const lane of lanes) lane.close();
  }
}

function load(
  lanes: readonly Lane[],
  options: BenchOptions,
  phase: BenchProgress['phase'],
): Promise<Measured> {
  const ofSeconds = phase === 'measuring' ? options.seconds : options.warmupSeconds;
  const stretch = {
    seconds: ofSeconds,
    signal: options.signal,
    onProgress: (answered: number, seconds: number) =>
      options.onProgress({ phase, answered, seconds, ofSeconds }),
  };
  const { rate } = options;
  return rate === null ? closedLoop(lanes, stretch) : openLoop(lanes, rate, stretch);
}

function report(
  { target, connections, rate, warmupSeconds }: BenchOptions,
  prepared: Prepared,
  measured: Measured,
  cpu: { readonly server: number | null; readonly client: number },
): BenchReport {
  const { requests, seconds } = measured;
  const answered = measured.outcomes.get(OK) ?? 0;
  const { server, client } = cpu;
  return {
    target: shownTarget(target),
    protocol: target.protocol,
    loop: rate === null ? 'closed' : 'open',
    connections,
    rate,
    requestBytes: requestBytes(prepared),
    warmupSeconds,
    seconds,
    requests,
    answered,
    throughput: seconds === 0 ? 0 : answered / seconds,
    latencyMs: latencies(measured),
    errors: errorsOf(measured),
    cpu: {
      serverMicrosPerRequest: server === null || answered === 0 ? null : server / answered,
      serverCores: server === null || seconds === 0 ? null : server / 1e6 / seconds,
      clientCores: seconds === 0 ? 0 : client / 1e6 / seconds,
    },
  };
}
