/** The names of levels, least serious first, with pino's numbers. */
const NUMBERS = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: 70,
} as const;

/** How serious a log line must be to be written; `silent` writes none. */
export type LevelName = keyof typeof NUMBERS;

/** Every level, least serious first. */
export const LEVEL_NAMES = Object.keys(NUMBERS) as readonly LevelName[];

/** Pino's number of a level; `silent` is above all. */
export function levelNumber(name: LevelName): number {
  return NUMBERS[name];
}

/** A level that can be changed while loggers of several threads use it. */
export class LevelControl {
  /** For the other threads. */
  readonly buffer: SharedArrayBuffer;
  readonly #number: Int32Array;

  /** @param from a level to begin with, or the buffer of another thread's control */
  constructor(from: LevelName | SharedArrayBuffer) {
    this.buffer = typeof from === 'string' ? new SharedArrayBuffer(4) : from;
    this.#number = new Int32Array(this.buffer);
    if (typeof from === 'string') this.set(from);
  }

  get level(): LevelName {
    const number = this.#number[0] ?? 0;
    return LEVEL_NAMES.find((name) => NUMBERS[name] >= number) ?? 'silent';
  }

  set(level: LevelName): void {
    this.#number[0] = NUMBERS[level];
  }

  /** Whether lines of this number are written. */
  allows(number: number): boolean {
    return number >= (this.#number[0] ?? 0);
  }
}
