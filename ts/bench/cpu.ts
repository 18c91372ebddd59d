import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Ticks a second of the kernel's accounting (`sysconf(_SC_CLK_TCK)`): 100 on every usual Linux. */
const TICKS_PER_SECOND = 100;

/** CPU time of a process and its threads so far, user and system, in microseconds; null where the system does not tell (not Linux, gone). */
export function cpuMicros(pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name is in parentheses and may hold spaces: fields count from after the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6;
  } catch {
    return null;
  }
}

const LISTENING = '0A';
const LOOPBACK = /^(localhost|127(?:\.\d+){3}|::1)$/;

/** The process of this machine that listens on a port, or null where that cannot be told: another host, not Linux, another user's. */
export function listenerPid(host: string, port: number): number | null {
  if (!LOOPBACK.test(host)) return null;
  try {
    const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((it) => sockets(it, port)));
    if (inodes.size === 0) return null;
    const holds = (pid: string): boolean => opens(pid, inodes);
    const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && holds(name));
    return pid === undefined ? null : Number(pid);
  } catch {
    return null;
  }
}

/** Inodes of sockets that listen on a port. */
function sockets(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync(table, 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => state === LISTENING && local.endsWith(`:${hex}`))
    .map((fields) => `socket:[${fields[9]}]`);
}

function opens(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        // Closed since it was listed.
        return false;
      }
    });
  } catch {
    // Gone, or not ours to look at.
    return false;
  }
}
