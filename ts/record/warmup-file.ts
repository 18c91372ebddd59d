import { sampleRequest, takesExamples } from '../codec/sample-request.js';
import { isInternal, type SignatureDescription } from '../codec/signature-description.js';
import { ServingError, toServingError } from '../errors.js';
import { type Destination, redirect, requestMessage } from './bodies.js';
import { encodePredictionLog } from './prediction-log.js';
import { readLog } from './replay/log-source.js';
import type { LogKind } from './request-spec.js';
import { frameRecord } from './tfrecord.js';

/** TensorFlow Serving takes no more records. */
export const MOST_RECORDS = 1000;
/** Values of one input made up for a request. */
const MOST_VALUES = 16_000_000;

/** What a warm-up file is made of. */
export interface WarmupRecords {
  readonly records: readonly Buffer[];
  /** What could not become a record, and why. */
  readonly left: readonly string[];
}

/** The kinds that warm-up runs. */
const RUN: readonly LogKind[] = ['predict', 'classify', 'regress', 'multiInference'];

/** Collects records for one model; what one of them names besides its signature does not matter. */
export class WarmupCollector {
  readonly #destination: Destination;
  readonly #find: (name: string) => Promise<SignatureDescription>;
  readonly #most: number;
  readonly #records: Buffer[] = [];
  readonly #left: string[] = [];

  /**
   * @param most records at most
   * @param find the model's signature of a name
   */
  constructor(model: string, most: number, find: (name: string) => Promise<SignatureDescription>) {
    this.#destination = { model, version: null };
    this.#most = Math.min(most, MOST_RECORDS);
    this.#find = find;
  }

  get isFull(): boolean {
    return this.#records.length >= this.#most;
  }

  /** The bytes of the file. */
  result(): WarmupRecords {
    return { records: this.#records, left: this.#left };
  }

  /** One request a signature and batch size, made of ones; signatures of text get a text, which a model may refuse. */
  async addMadeUp(
    signatures: readonly SignatureDescription[],
    batchSizes: readonly number[],
  ): Promise<void> {
    for (const signature of signatures) {
      if (isInternal(signature)) continue;
      if (takesExamples(signature.methodName)) {
        // Which features an example needs stands in the graph only.
        this.#left.push(`${signature.name}: takes examples; give some with --request or --from`);
        continue;
      }
      for (const size of batchSizes) {
        const body = sampleRequest(signature, MOST_VALUES);
        const { instances } = body as { instances?: unknown[] };
        // Only rows can be more than one.
        if (instances === undefined && size !== batchSizes[0]) continue;
        const rows = instances === undefined ? {} : { instances: Array(size).fill(instances[0]) };
        await this.addBody('predict', JSON.stringify({ ...body, ...rows }), signature.name);
      }
    }
  }

  /** A body of the REST API. */
  async addBody(kind: LogKind, body: string, what: string): Promise<void> {
    if (this.isFull) return;
    try {
      const request = await requestMessage(kind, body, this.#destination, this.#find);
      this.#add(kind, request);
    } catch (error) {
      this.#left.push(`${what}: ${toServingError(error).message}`);
    }
  }

  /** The requests of a request log, of `model` only unless that is null. */
  async addLog(path: string, model: string | null): Promise<void> {
    for await (const request of readLog(path)) {
      if (this.isFull) return;
      if (model !== null && request.model !== model) continue;
      const { kind, message } = request;
      if (!RUN.includes(kind)) continue;
      if (message === null) await this.addBody(kind, request.body(), path);
      else this.#add(kind, redirect(kind, message, this.#destination));
    }
  }

  #add(kind: LogKind, request: Buffer): void {
    if (this.isFull) return;
    const metadata = { modelSpec: { name: this.#destination.model } };
    this.#records.push(
      frameRecord(encodePredictionLog({ metadata, kind, request, response: null })),
    );
  }
}

/**
 * Which call a body of the REST API is for.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` it is not one
 */
export function kindOf(body: unknown, signature: SignatureDescription | null): LogKind {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ServingError('INVALID_ARGUMENT', 'a request body is a JSON object');
  }
  if (!('examples' in body)) return 'predict';
  return signature?.methodName.endsWith('/regress') ? 'regress' : 'classify';
}
