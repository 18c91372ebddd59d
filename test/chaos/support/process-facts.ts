import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

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

/** What the descriptors of a process are, by kind or path, such as `socket: 12, /dev/null: 1`. */
export function descriptorKinds(pid: number | undefined): string {
  const folder = `/proc/${pid}/fd`;
  const counts = new Map<string, number>();
  for (const fd of readdirSync(folder)) {
    let target = 'closed meanwhile';
    try {
      target = readlinkSync(`${folder}/${fd}`).replace(/:\[\d+\]$/, '');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${kind}: ${count}`).join(', ');
}

/** Bytes as a reader wants them. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
