import { performance } from 'node:perf_hooks';
import type { ServingError } from '../errors.js';
import { Code, codeName } from '../errors.js';
import type { Stages } from '../native/target.js';
import type { AccessLog } from './access-log.js';
import type { RequestSpan, Tracing } from './tracing.js';

/** Reads one header, or one entry of gRPC metadata. */
export type ReadHeader = (name: string) => string | undefined;

/** What is known of a request when it comes in. */
export interface Arrival {
  readonly protocol: 'rest' | 'grpc';
  /** Its id, from the client or made here. */
  readonly id: string;
  /** `POST`, or an RPC's full name. */
  readonly method: string;
  /** The path without its query, which may hold secrets; empty for gRPC. */
  readonly path: string;
  /** Of the other side. */
  readonly client: string;
  readonly header: ReadHeader;
}

/** One request on its way; whoever learns something of it writes it here. */
export class Observation {
  readonly arrival: Arrival;
  readonly startedMs = performance.now();
  readonly span: RequestSpan | null;
  /** The version that answered, 0 where none did. */
  version: number | bigint = 0;
  stages: Stages | null = null;
  /** Canonical code number; null until it is known. */
  code: number | null = null;
  bytesIn = 0;
  bytesOut = 0;
  /** HTTP status; 0 for gRPC. */
  status = 0;

  constructor(arrival: Arrival, span: RequestSpan | null) {
    this.arrival = arrival;
    this.span = span;
  }

  /** The engine has answered. */
  answered(
    failure: ServingError | null,
    version: number | bigint,
    stages: Stages | null | undefined,
  ): void {
    this.code = failure === null ? Code.OK : failure.number;
    this.version = version;
    this.stages = stages ?? null;
  }
}

/** The canonical code that an HTTP status stands for, where nothing else tells. */
export function codeOfStatus(status: number): number {
  if (status < 400) return Code.OK;
  switch (status) {
    case 401:
      return Code.UNAUTHENTICATED;
    case 403:
      return Code.PERMISSION_DENIED;
    case 404:
      return Code.NOT_FOUND;
    case 413:
    case 429:
      return Code.RESOURCE_EXHAUSTED;
    case 408:
    case 504:
      return Code.DEADLINE_EXCEEDED;
    case 501:
      return Code.UNIMPLEMENTED;
    case 503:
      return Code.UNAVAILABLE;
    default:
      return status < 500 ? Code.INVALID_ARGUMENT : Code.INTERNAL;
  }
}

/** Pages that are asked for every few seconds and say nothing of the models: not logged unless they fail, never traced. */
const ROUTINE = /^\/(?:healthz|monitoring)\/|^grpc\.health\./;

/**
 * Watches the requests of one thread for the access log and for traces. There is none where both are off, so that they cost
 * a request one comparison.
 */
export class Observer {
  readonly #log: AccessLog | null;
  readonly #tracing: Tracing | null;

  constructor(log: AccessLog | null, tracing: Tracing | null) {
    this.#log = log;
    this.#tracing = tracing;
  }

  /** A request has come in. */
  begin(arrival: Arrival): Observation {
    const isTraced = this.#tracing !== null && !isRoutine(arrival);
    return new Observation(arrival, isTraced ? this.#tracing.begin(arrival) : null);
  }

  /** Its answer is on its way, or it has none. Called once. */
  end(observation: Observation): void {
    observation.code ??= codeOfStatus(observation.status);
    const endedMs = performance.now();
    observation.span?.end(observation, endedMs);
    if (this.#log !== null && (observation.code !== Code.OK || !isRoutine(observation.arrival))) {
      this.#log.write(observation, endedMs);
    }
  }

  /** Writes out what is buffered. */
  async close(): Promise<void> {
    await this.#log?.close();
  }
}

function isRoutine({ protocol, method, path }: Arrival): boolean {
  return ROUTINE.test(protocol === 'rest' ? path : method);
}

/** The name of an observation's code. */
export function outcome({ code }: Observation): string {
  return codeName(code ?? Code.UNKNOWN);
}
