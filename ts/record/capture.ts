import type { MessagePort } from 'node:worker_threads';
import { Code } from '../errors.js';
import type { Done, Target } from '../native/infer-queue.js';
import { LargeBody } from '../native/large-body.js';
import { countLogged } from '../native/record.js';
import type { CapturedItem, FromCapture } from './captured.js';
import { type LogKind, specOf } from './request-spec.js';

/** What a thread needs to capture. Can be sent to another thread. */
export interface CaptureSetup {
  /** Share of requests from 0 to 1, by model. */
  readonly rates: ReadonlyMap<string, number>;
  /** The line to the writer, of this thread alone. */
  readonly port: MessagePort;
  /** One 32-bit number: bytes on their way to the writer, of all threads together. */
  readonly queued: SharedArrayBuffer;
  /** Past so many bytes on their way requests are not captured, but counted. */
  readonly queueBytes: number;
}

/** Memory for the requests of one turn of the event loop. */
const BATCH_BYTES = 64 * 1024;

const KINDS: Readonly<Record<string, LogKind>> = {
  'grpc.predict': 'predict',
  'grpc.classify': 'classify',
  'grpc.regress': 'regress',
  'grpc.multiInference': 'multiInference',
  'grpc.sessionRun': 'sessionRun',
};

/**
 * Copies a share of a thread's answered requests to the writer of the request log.
 *
 * Never holds up a request: where the writer is too far behind, the request is only counted.
 */
export class Capture {
  readonly #setup: CaptureSetup;
  readonly #queued: Int32Array;
  readonly #random: () => number;
  /** The largest rate, so that most requests need not even be looked at. */
  readonly #most: number;
  #memory: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #used = 0;
  #items: CapturedItem[] = [];
  #hasEnded = false;

  constructor(setup: CaptureSetup, random: () => number = Math.random) {
    this.#setup = setup;
    this.#queued = new Int32Array(setup.queued);
    this.#random = random;
    this.#most = Math.max(0, ...setup.rates.values());
  }

  /** `done` itself for a request that is not captured, else one that captures the answer first. */
  wrap(target: Target, body: Buffer | LargeBody, done: Done): Done {
    const chance = this.#random();
    if (chance >= this.#most) return done;
    const model = target.name === '' ? modelOf(target, body) : target.name;
    if (chance >= (this.#setup.rates.get(model) ?? 0)) return done;
    return (failure, reply, version) => {
      if (failure === null && reply !== null) this.#keep(target, model, body, reply, version);
      done(failure, reply, version);
    };
  }

  /** Sends what is left and says its last word to the writer. */
  end(): void {
    this.#send();
    this.#setup.port.postMessage(null satisfies FromCapture);
    this.#setup.port.close();
    this.#hasEnded = true;
  }

  #keep(
    target: Target,
    model: string,
    body: Buffer | LargeBody,
    reply: Buffer,
    version: number | bigint,
  ): void {
    if (this.#hasEnded) return;
    const bodyBytes = body instanceof LargeBody ? body.bytes : body.length;
    const bytes = bodyBytes + reply.length;
    if (Atomics.add(this.#queued, 0, bytes) + bytes > this.#setup.queueBytes) {
      Atomics.sub(this.#queued, 0, bytes);
      countLogged(model, Code.RESOURCE_EXHAUSTED);
      return;
    }
    try {
      const start = this.#room(bytes);
      this.#memory.set(body instanceof LargeBody ? body.read() : body, start);
      this.#memory.set(reply, start + bodyBytes);
      this.#used = start + bytes;
      this.#items.push({
        method: target.method,
        model,
        version: BigInt(version),
        form: target.body ?? 'json',
        signatureName: target.signatureName ?? '',
        npyReply: target.npyReply ?? false,
        atMs: Date.now(),
        start,
        bodyBytes,
        replyBytes: reply.length,
      });
    } catch {
      // The request was answered; that its copy cannot be had must not change that.
      Atomics.sub(this.#queued, 0, bytes);
      countLogged(model, Code.INTERNAL);
    }
  }

  /** Where in the memory so many bytes fit. What is there is sent at the end of the turn. */
  #room(bytes: number): number {
    if (this.#used + bytes > this.#memory.length) this.#send();
    if (this.#items.length === 0) setImmediate(this.#send);
    if (this.#used + bytes <= this.#memory.length) return this.#used;
    this.#memory = new Uint8Array(Math.max(bytes, BATCH_BYTES));
    return 0;
  }

  /** One message for all: it costs several times what a request does. */
  readonly #send = (): void => {
    if (this.#items.length === 0) return;
    const items = this.#items;
    const isFull = this.#used * 2 > this.#memory.length;
    const memory = isFull ? this.#memory.buffer : this.#memory.buffer.slice(0, this.#used);
    if (isFull) this.#memory = new Uint8Array(0);
    this.#items = [];
    this.#used = 0;
    this.#setup.port.postMessage({ memory, items } satisfies FromCapture, [memory]);
  };
}

/** The model that a gRPC request names: it was answered, so it names one. */
function modelOf(target: Target, body: Buffer | LargeBody): string {
  const kind = KINDS[target.method];
  if (kind === undefined || body instanceof LargeBody) return '';
  try {
    return specOf(kind, body).name;
  } catch {
    return '';
  }
}
