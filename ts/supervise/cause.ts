import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Ending } from './serving-process.js';

/** Processes that the kernel has ended for want of memory since it started; 0 where it does not say. */
export function outOfMemoryKills(): number {
  try {
    const found = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'));
    return Number(found?.[1] ?? 0);
  } catch {
    // Another system than Linux.
    return 0;
  }
}

/** Why a process ended, as far as that can be told. */
export type Cause = 'abort' | 'segmentation fault' | 'out of memory' | 'killed' | 'signal' | 'exit';

/** @param outOfMemory the kernel has ended a process for want of memory since this one was started */
export function causeOf({ signal }: Ending, outOfMemory: boolean): Cause {
  switch (signal) {
    case null:
      return 'exit';
    case 'SIGABRT':
    case 'SIGILL':
    case 'SIGTRAP':
    case 'SIGFPE':
      return 'abort';
    case 'SIGSEGV':
    case 'SIGBUS':
      return 'segmentation fault';
    case 'SIGKILL':
      return outOfMemory ? 'out of memory' : 'killed';
    default:
      return 'signal';
  }
}

/** Whether what was running may be the reason: not where somebody else ended the process. */
export function isSuspicious(cause: Cause): boolean {
  return cause !== 'killed' && cause !== 'signal';
}

/** The exit status that tells how another process ended, as shells have it. */
export function exitStatus({ code, signal }: Ending): number {
  if (code !== null) return code;
  return signal === null ? 1 : 128 + constants.signals[signal];
}
