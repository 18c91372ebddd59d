import type { MessagePort } from 'node:worker_threads';
import { Code } from '../errors.js';
import type { Done, Target } from '../native/infer-queue.js';
import { LargeBody } from '../native/large-body.js';
import { countLogged } from '../native/record.js';
import type { CapturedMessage, FromCapture } from './captured.js';
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

  /** Says its last word to the writer. */
  end(): void {
    this.#setup.port.postMessage(null satisfies FromCapture);
    this.#setup.port.close();
  }

  #keep(
    target: Target,
    model: string,
    body: Buffer | LargeBody,
    reply: Buffer,
    version: number | bigint,
  ): void {
    try {
      const bodyBytes = body instanceof LargeBody ? body.bytes : body.length;
      const bytes = bodyBytes + reply.length;
      const before = Atomics.add(this.#queued, 0, bytes);
      if (before + bytes > this.#setup.queueBytes) {
        Atomics.sub(this.#queued, 0, bytes);
        countLogged(model, Code.RESOURCE_EXHAUSTED);
        return;
      }
      const memory = new Uint8Array(bytes);
      memory.set(body instanceof LargeBody ? body.read() : body);
      memory.set(reply, bodyBytes);
      const message: CapturedMessage = {
        method: target.method,
        model,
        version: BigInt(version),
        form: target.body ?? 'json',
        signatureName: target.signatureName ?? '',
        npyReply: target.npyReply ?? false,
        atMs: Date.now(),
        memory: memory.buffer,
        bodyBytes,
      };
      this.#setup.port.postMessage(message, [memory.buffer]);
    } catch {
      // The request was answered; that its copy cannot be had must not change that.
      countLogged(model, Code.INTERNAL);
    }
  }
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
