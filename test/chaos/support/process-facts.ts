import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds. */
export interface ProcessFacts {
  /** Resident memory in bytes. */
  readonly rss: number;
  readonly threads: number;
  /** Open descriptors. */
  readonly handles: number;
}

/** Reads `/proc` of a process; the chaos suites run on Linux. */
export function processFacts(pid: number | undefined): ProcessFacts {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN);
  return {
    rss: field('VmRSS') * 1024,
    threads: field('Threads'),
    handles: readdirSync(`/proc/${pid}/fd`).length,
  };
}

/** Bytes as a reader wants them. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
