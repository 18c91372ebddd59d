import { OK, type Outcome } from './lane.js';
import type { Measured } from './loops.js';

/** Latencies in milliseconds, of requests that were answered well. */
export interface Latencies {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** CPU time while the load lasted; null where it cannot be read. */
export interface CpuUse {
  /** Server CPU for each request that was answered, microseconds, user and system. */
  readonly serverMicrosPerRequest: number | null;
  /** Cores the server used on average. */
  readonly serverCores: number | null;
  /** Cores this program used; from about 1 on the figures are its own limit. */
  readonly clientCores: number;
}

/** What `servable bench --json` prints. */
export interface BenchReport {
  readonly target: string;
  readonly protocol: 'rest' | 'grpc';
  /** `closed`: each connection waits for its answer; `open`: requests begin at fixed times. */
  readonly loop: 'closed' | 'open';
  readonly connections: number;
  /** Requests a second that were meant to begin; null in a closed loop. */
  readonly rate: number | null;
  readonly requestBytes: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly requests: number;
  readonly answered: number;
  /** Requests answered well, a second. */
  readonly throughput: number;
  readonly latencyMs: Latencies;
  /** Counts by HTTP status, gRPC code or the system's error. */
  readonly errors: Readonly<Record<Outcome, number>>;
  readonly cpu: CpuUse;
}

/** The latencies of a stretch. */
export function latencies({ latency }: Measured): Latencies {
  const at = (q: number): number => round(latency.quantile(q) / 1000);
  return {
    mean: round(latency.mean / 1000),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: round(latency.max / 1000),
  };
}

/** Outcomes other than OK, the most frequent first. */
export function errorsOf({ outcomes }: Measured): Record<Outcome, number> {
  const failed = [...outcomes].filter(([outcome]) => outcome !== OK);
  return Object.fromEntries(failed.sort(([, a], [, b]) => b - a));
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

/** The report for people. */
export function reportText(report: BenchReport): string {
  const { latencyMs: ms, cpu } = report;
  const how =
    report.loop === 'closed'
      ? `${report.connections} connections, each waiting for its answer`
      : `${report.rate} requests a second, over at most ${report.connections} connections; latencies from the time a request was due`;
  const row = (name: string, value: string): string => `  ${name.padEnd(12)}${value}`;
  const lines = [
    report.target,
    `${how}; ${bytes(report.requestBytes)} each, ${report.seconds.toFixed(1)} s after ${report.warmupSeconds} s of warm-up`,
    '',
    row('throughput', `${shown(report.throughput)} requests/s (${report.answered} answered)`),
    row(
      'latency ms',
      `p50 ${shown(ms.p50)}   p90 ${shown(ms.p90)}   p99 ${shown(ms.p99)}   p99.9 ${shown(ms.p999)}   max ${shown(ms.max)}   mean ${shown(ms.mean)}`,
    ),
    row('errors', errorList(report.errors)),
  ];
  if (cpu.serverMicrosPerRequest !== null && cpu.serverCores !== null) {
    const each = `${shown(cpu.serverMicrosPerRequest)} µs a request`;
    lines.push(row('server CPU', `${each}, ${cpu.serverCores.toFixed(2)} cores`));
  }
  lines.push(row('client CPU', `${cpu.clientCores.toFixed(2)} cores`));
  const note = caution(report);
  if (note !== null) lines.push('', note);
  return `${lines.join('\n')}\n`;
}

/** What keeps the figures from being the server's; null when nothing does. */
export function caution({ cpu, rate, seconds, requests, answered }: BenchReport): string | null {
  if (cpu.clientCores > 0.9) {
    return 'This program was busy all the time: the server may be faster than that. Run several at once, or from another machine.';
  }
  if (rate !== null && answered < 0.95 * rate * seconds && answered < requests) {
    return 'The server did not keep up with the rate.';
  }
  return null;
}

function errorList(errors: Readonly<Record<Outcome, number>>): string {
  const list = Object.entries(errors).map(([code, count]) => `${count} × ${code}`);
  return list.length === 0 ? 'none' : list.join(', ');
}

/** Three digits that count. */
export function shown(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function bytes(count: number): string {
  if (count < 10_000) return `${count} bytes`;
  return count < 1e6 ? `${(count / 1e3).toFixed(0)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}
