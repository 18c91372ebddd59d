import { type ChildProcess, spawn } from 'node:child_process';
import type { GivenPair, GivenSockets } from '../listeners/sockets.js';
import type { FromServing, Inheritance, ToServing } from './messages.js';
import { SUPERVISED } from './messages.js';

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running serving process, as its supervisor sees it. */
export interface ServingProcess {
  readonly pid: number;
  readonly ended: Promise<Ending>;
  /** The last lines it wrote to standard error, oldest first. */
  lastLines(): string[];
  /** Tells it to stop; `now`: without finishing what is in flight. */
  stop(now: boolean): void;
}

/** What a serving process is started from. */
export interface StartOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Descriptors of this process; the serving process gets them under other numbers. */
  readonly sockets: GivenSockets;
  readonly flightFd: number | null;
  readonly flightKeys: readonly [string, string];
  readonly suspects: Inheritance['suspects'];
  readonly restarted: boolean;
  readonly logFormat: Inheritance['logFormat'];
  readonly onMessage: (message: FromServing) => void;
}

const LAST_LINES = 20;
/** Longest line that is kept. */
const LINE_CHARACTERS = 1000;
/** Descriptors of the serving process: its standard ones, the line to here, then these. */
const FIRST_FD = 4;

/**
 * Starts a serving process. It inherits the sockets; its standard error passes through here, so that its last lines are known.
 *
 * @throws {Error} the system's, when no process can be started
 */
export function startServing(options: StartOptions): ServingProcess {
  const { command, sockets, flightFd, flightKeys, suspects, restarted, logFormat, onMessage } =
    options;
  const given: number[] = [];
  const hand = (fd: number | null): number | null => {
    if (fd === null) return null;
    given.push(fd);
    return FIRST_FD + given.length - 1;
  };
  const handBoth = ({ port, unix }: GivenPair): GivenPair => ({
    port: hand(port),
    unix: hand(unix),
  });
  const inherited: GivenSockets = {
    grpc: handBoth(sockets.grpc),
    rest: handBoth(sockets.rest),
    admin: handBoth(sockets.admin),
  };
  const flight = hand(flightFd);
  const [program = process.execPath, ...args] = command;
  const child = spawn(program, args, {
    stdio: ['inherit', 'inherit', 'pipe', 'ipc', ...given],
    env: { ...process.env, [SUPERVISED]: '1' },
  });
  const lines = new LastLines();
  child.stderr?.on('data', (chunk: Buffer) => {
    process.stderr.write(chunk);
    lines.add(chunk.toString('utf8'));
  });
  child.on('message', (message) => onMessage(message as FromServing));
  const inheritance: Inheritance = {
    sockets: inherited,
    flight: flight === null ? null : { fd: flight, keys: flightKeys },
    suspects,
    restarted,
    logFormat,
  };
  say(child, { kind: 'start', inheritance });
  return {
    pid: child.pid ?? 0,
    ended: ending(child),
    lastLines: () => lines.list(),
    stop: (now) => say(child, { kind: 'stop', now }),
  };
}

/** Resolves once the process has gone and all it wrote has been read. */
function ending(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: 1, signal: null }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

function say(child: ChildProcess, message: ToServing): void {
  // One that has just ended hears nothing; its end is noticed anyway.
  if (child.connected) child.send(message, () => undefined);
}

/** TensorFlow's line about why it ends the process; a long stack follows it. */
const FATAL = /^F\d{4} [^\]]*\] (.*)$/;

/** The end of a text that comes in parts, and the last line in it with which TensorFlow ended the process. */
export class LastLines {
  #lines: string[] = [];
  #open = '';
  #fatal: string | null = null;

  add(text: string): void {
    const [first = '', ...rest] = text.split('\n');
    this.#open = (this.#open + first).slice(0, LINE_CHARACTERS);
    for (const part of rest) {
      this.#take(this.#open);
      this.#open = part.slice(0, LINE_CHARACTERS);
    }
    this.#lines = this.#lines.slice(-LAST_LINES);
  }

  list(): string[] {
    const lines = this.#open.trim() === '' ? this.#lines : [...this.#lines, this.#open];
    return this.#fatal === null || lines.includes(this.#fatal)
      ? [...lines]
      : [this.#fatal, ...lines];
  }

  /** The text of TensorFlow's line; null without one. */
  get fatal(): string | null {
    return FATAL.exec(this.#fatal ?? '')?.[1] ?? null;
  }

  #take(line: string): void {
    if (line.trim() !== '') this.#lines.push(line);
    if (FATAL.test(line)) this.#fatal = line;
  }
}
