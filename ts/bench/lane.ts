/** What became of one request: `OK`, an HTTP status such as `503`, a gRPC code such as `UNAVAILABLE`, `timeout`, or the system's error. */
export type Outcome = string;

/** The outcome of a request that was answered well. */
export const OK: Outcome = 'OK';

/** One connection that has one request in flight at most. */
export interface Lane {
  /** Sends the request once more; never rejects. A lost connection is opened anew by the next request. */
  send(): Promise<Outcome>;
  /** Closes the connection. */
  close(): void;
}

/** Where the requests of lanes go. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** TLS with the system's and Node's (`NODE_EXTRA_CA_CERTS`) authorities. */
  readonly tls: boolean;
  /** Sent with every request, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds after which a request without an answer counts as `timeout`. */
  readonly timeoutMs: number;
}

/** The outcome of a failed connection: the system's code, such as `ECONNREFUSED`. */
export function failureOf(error: unknown): Outcome {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : String((error as Error).message);
}
