import { ServingError } from '../errors.js';

/**
 * The whole number that a flag is given.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming the flag when the text is not one of at most so many digits; 15 are what a number holds exactly
 */
export function whole(flag: string, text: string, digits = 15): number {
  if (/^\d+$/.test(text) && text.length <= digits) return Number(text);
  throw new ServingError('INVALID_ARGUMENT', `${flag}: got "${text}", wanted a whole number`);
}

/** For flags that may be repeated: what was given so far and one more. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
