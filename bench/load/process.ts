import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks a second of the kernel's process accounting (`sysconf(_SC_CLK_TCK)`), 100 on every Linux we measure on. */
const TICKS_PER_SECOND = 100;

// An interrupted or failed run leaves no server behind.
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** A server process under measurement. */
export interface Subject {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Stops it and waits until it is gone. */
  stop(): Promise<void>;
}

/** One process as `/proc/PID/stat` shows it, or null when it is gone. */
function stat(pid: number): { parent: number; ticks: number } | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
  // The command name is in parentheses and may hold spaces: fields count from after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // utime, stime, and those of children that have ended.
  const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
  return { parent: Number(fields[1]), ticks };
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'ENOENT' || code === 'ESRCH';
}

/** A process and everything it started that still runs. */
function tree(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const entry = /^\d+$/.test(name) ? stat(Number(name)) : null;
    if (entry !== null) parents.set(Number(name), entry.parent);
  }
  const found = [root];
  for (const parent of found) {
    for (const [pid, its] of parents) if (its === parent) found.push(pid);
  }
  return found;
}

/** CPU time of a process, its threads and its children, user and system, in microseconds. Linux only. */
export function cpuMicros(pid: number): number {
  const ticks = tree(pid).reduce((sum, each) => sum + (stat(each)?.ticks ?? 0), 0);
  return (ticks / TICKS_PER_SECOND) * 1e6;
}

/** Resident memory of a process and its children in MB (10^6 bytes). Linux only. */
export function rssMegabytes(pid: number): number {
  return tree(pid).reduce((sum, each) => sum + residentKilobytes(each) * 1024, 0) / 1e6;
}

function residentKilobytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch (error) {
    if (isGone(error)) return 0;
    throw error;
  }
}

/**
 * Starts a process and waits until a line of its output matches `ready`.
 *
 * @throws {Error} when it exits first; the text holds what it printed.
 */
export function start(
  command: string,
  args: readonly string[],
  ready: RegExp,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Subject & { match: RegExpExecArray }> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return new Promise((resolve, reject) => {
    let seen = '';
    const exited = (code: number | null): void => {
      reject(
        new Error(`${command} ${args.join(' ')}: exited with ${code} before "${ready}"\n${seen}`),
      );
    };
    const read = (chunk: Buffer): void => {
      seen += chunk.toString();
      const match = ready.exec(seen);
      if (match === null || child.pid === undefined) return;
      child.off('exit', exited);
      child.stdout.removeAllListeners('data').resume();
      child.stderr.removeAllListeners('data').resume();
      resolve({ child, pid: child.pid, match, stop: () => stop(child) });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', exited);
  });
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
