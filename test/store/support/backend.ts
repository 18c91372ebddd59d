import type { Interference } from './fake-web.js';

/** A store that tests put models into. */
export interface Backend {
  /** Environment of a server that may read it. */
  readonly env: Record<string, string>;
  /** Environment of one whose key is wrong. */
  readonly strangerEnv: Record<string, string>;
  /** URI of a path in the test's bucket. */
  uri(path: string): string;
  /** URI of a path in a bucket that does not exist. */
  missingUri(path: string): string;
  put(path: string, content: string | Buffer): Promise<void>;
  remove(path: string): Promise<void>;
  /** From now on the store cannot be reached. */
  outage(): void;
  /** Lets a test answer in the store's place; only fakes can. */
  readonly interfere?: (interference: Interference) => void;
}
