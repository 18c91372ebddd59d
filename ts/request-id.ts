import { randomBytes } from 'node:crypto';

/** Ids are unique in a fleet: a random part a process and thread, and a count. */
const PREFIX = `${randomBytes(6).toString('hex')}-`;
const GIVEN = /^[\x21-\x7e]{1,128}$/;
let requests = 0;

/** The id of a request: the one its client gave where that can stand in a header and a log, else a new one. */
export function requestId(given: unknown): string {
  if (typeof given === 'string' && GIVEN.test(given)) return given;
  requests = (requests + 1) % Number.MAX_SAFE_INTEGER;
  return PREFIX + requests.toString(36);
}
