import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';

/** A lock that is held until `release`. */
export interface Lock {
  release(): Promise<void>;
}

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** Start time of the process in kernel ticks where the system tells: process ids are used again. */
  readonly started: string | null;
  readonly token: string;
}

const POLL_MS = 200;
const HEARTBEAT_MS = 5_000;
/** A lock of another host is dead when its owner has not touched it for this long. */
const FOREIGN_STALE_MS = 60_000;
/** Taking over is a matter of microseconds; a guard older than this was left by a crash. */
const GUARD_STALE_MS = 5_000;

function startTime(pid: number): string | null {
  if (process.platform !== 'linux') return null;
  try {
    // The command name may hold spaces and brackets: fields are counted after its last bracket.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null; // no such process, or a system that hides it
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const started = startTime(owner.pid);
  return started === null || owner.started === null || started === owner.started;
}

async function ageOf(path: string): Promise<number | null> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function readOwner(path: string): Promise<Owner | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Owner;
  } catch (error) {
    const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (gone || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Creates `path` with `text` if it is not there; false when it is. */
async function createExclusively(path: string, text: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true });
  try {
    const handle = await open(path, 'wx');
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENOENT: the folder was removed between the two calls by whoever finished; the next try makes it again.
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  const age = await ageOf(path);
  if (age === null) return false; // gone: the next try to create it decides
  const owner = await readOwner(path);
  if (owner === null) return age > GUARD_STALE_MS; // created but not yet written, or damaged
  if (owner.host !== hostname()) return age > FOREIGN_STALE_MS;
  return !isAlive(owner);
}

/** Removes a stale lock. Under a guard, so that of two who saw it stale one cannot remove the other's new lock. */
async function breakStale(path: string): Promise<void> {
  const guard = `${path}.takeover`;
  if (!(await createExclusively(guard, ''))) {
    const age = await ageOf(guard);
    if (age !== null && age > GUARD_STALE_MS) await rm(guard, { force: true });
    return;
  }
  try {
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

/**
 * Takes the lock file at `path`, waiting while another process holds it.
 *
 * The lock of a process that died is taken over. `onWait` is called once, with the holder's process id, before waiting.
 */
export async function acquireLock(path: string, onWait: (pid: number) => void): Promise<Lock> {
  const token = randomUUID();
  const started = startTime(process.pid);
  const text = JSON.stringify({ pid: process.pid, host: hostname(), started, token });
  let told = false;
  while (!(await createExclusively(path, text))) {
    if (await isStale(path)) {
      await breakStale(path);
      continue;
    }
    const owner = await readOwner(path);
    if (owner !== null && !told) {
      told = true;
      onWait(owner.pid);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    // A missed beat matters only to other hosts, and the next one makes up for it.
    utimes(path, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    async release() {
      clearInterval(heartbeat);
      // Never remove what somebody else took over meanwhile.
      if ((await readOwner(path))?.token === token) await rm(path, { force: true });
    },
  };
}
