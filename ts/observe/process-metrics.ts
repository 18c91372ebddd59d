import { readdirSync, readFileSync } from 'node:fs';
import type { Metric } from './prometheus.js';

/** What the process uses, read when the page is asked for. A figure that the system does not tell is left out. */
export function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  const uptime = process.uptime();
  const metrics: Metric[] = [
    counter(
      'servable_process_cpu_seconds_total',
      'CPU time of the process, user and system.',
      (user + system) / 1e6,
    ),
    gauge(
      'servable_process_resident_memory_bytes',
      'Resident memory of the process.',
      process.memoryUsage.rss(),
    ),
    gauge('servable_process_uptime_seconds', 'Time since the process began.', uptime),
    gauge(
      'servable_process_start_time_seconds',
      'When the process began, in Unix time.',
      Math.round(Date.now() - uptime * 1000) / 1000,
    ),
  ];
  const open = openFiles();
  if (open !== null) {
    metrics.push(gauge('servable_process_open_fds', 'Open file descriptors.', open));
  }
  const most = mostFiles();
  if (most !== null) {
    metrics.push(gauge('servable_process_max_fds', 'Most file descriptors allowed.', most));
  }
  return metrics;
}

function openFiles(): number | null {
  try {
    // The descriptor that reads the folder is one of them.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return null;
  }
}

let limit: number | null | undefined;

function mostFiles(): number | null {
  if (limit !== undefined) return limit;
  try {
    const found = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    limit = found === null ? null : Number(found[1]);
  } catch {
    limit = null;
  }
  return limit;
}

function gauge(name: string, help: string, value: number): Metric {
  return { kind: 'gauge', name, help, samples: [{ labels: {}, value }] };
}

function counter(name: string, help: string, value: number): Metric {
  return { kind: 'counter', name, help, samples: [{ labels: {}, value }] };
}
