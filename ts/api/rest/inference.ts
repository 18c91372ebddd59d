import type { Socket } from 'node:net';
import { Code } from '../../errors.js';
import type { Done, NonFinite, Target } from '../../native/infer-queue.js';
import { LargeBody } from '../../native/large-body.js';
import { type ModelGate, overloaded } from '../../security/admission.js';
import { deadlineIn, type Inference, type RequestBody } from '../infer.js';
import { type BodyFailure, type BodyLimits, type OpenBody, readBody } from './body.js';
import { type PredictForm, replyType } from './body-form.js';
import { closeAfterAnswer, WAITING } from './connection.js';
import { sendRefused } from './door.js';
import type { Exchange } from './exchange.js';
import { type ReplySettings, sendBody, sendError, sendErrorText } from './reply.js';
import type { Choice, Verb } from './route.js';

/** Settings of REST inference. */
export interface InferenceSettings extends BodyLimits, ReplySettings {
  /** Time an inference may take; 0 or less is no limit. */
  readonly timeoutMs: number;
}

/** Where a path, a content type and an Accept header lead. */
export interface RestTarget {
  /** The engine's number. */
  readonly id: number;
  /** Content type of a reply that is no error. */
  readonly replyType: string;
  /** The model in the path. */
  readonly model: string;
  /** Counts the model's requests. */
  readonly gate: ModelGate;
}

/** Its body, where that is a large one. */
const LARGE = Symbol('large body');
/** What counts it. */
const GATE = Symbol('gate');
type WaitingSocket = Socket & {
  [WAITING]?: number;
  [LARGE]?: LargeBody | null;
  [GATE]?: ModelGate;
};

/** Answers `:predict`, `:classify` and `:regress`. */
export class RestInference {
  readonly #inference: Inference;
  readonly #settings: InferenceSettings;
  readonly #count: (model: string, code: number, tookUs: number) => void;
  readonly #openBody: OpenBody;
  #isDraining = false;

  /** @param count counts requests whose body did not come to the engine */
  constructor(
    inference: Inference,
    settings: InferenceSettings,
    count: (model: string, code: number, tookUs: number) => void,
  ) {
    this.#inference = inference;
    this.#settings = settings;
    this.#count = count;
    this.#openBody = (expectedBytes) => inference.openBody(expectedBytes);
  }

  /** The engine's number for what a path names. */
  target(verb: Verb, choice: Choice, nonFinite: NonFinite, form: PredictForm): RestTarget {
    const target: Target = { method: `rest.${verb}`, ...choice, nonFinite, ...form };
    return {
      id: this.#inference.target(target),
      replyType: replyType(form),
      model: choice.name,
      gate: this.#inference.admission.gate(choice.name),
    };
  }

  /** From now on answers tell their connection to close. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Reads the body, runs it and replies; refuses it before that where there is too much to do. Returns at once. */
  answer(target: RestTarget, exchange: Exchange): void {
    const { admission } = this.#inference;
    const refusal = this.#inference.isOverloaded(target.id)
      ? overloaded('too many requests wait for an inference thread')
      : admission.refusal(target.gate);
    if (refusal !== null) {
      this.#count(target.model, refusal.number, 0);
      sendRefused(exchange, exchange, refusal);
      return;
    }
    // Who asks first whether to send the body is told now.
    if (exchange.headers.expect !== undefined) exchange.response.writeContinue();
    readBody(exchange.raw, this.#settings, this.#openBody, (failure, body) => {
      if (body !== null) {
        this.#run(target, body, exchange);
        return;
      }
      this.#count(target.model, bodyCode(failure), 0);
      sendBodyFailure(exchange, failure);
    });
  }

  #run(target: RestTarget, body: RequestBody, exchange: Exchange): void {
    const socket = exchange.raw.socket as WaitingSocket;
    const large = body instanceof LargeBody ? body : null;
    if (socket.destroyed) {
      large?.close();
      return;
    }
    const { admission } = this.#inference;
    const refusal = admission.enter(target.gate);
    if (refusal !== null) {
      large?.close();
      this.#count(target.model, refusal.number, 0);
      sendRefused(exchange, exchange, refusal);
      return;
    }
    const deadline = deadlineIn(this.#settings.timeoutMs);
    const done: Done = (failure, bytes, version, stages) => {
      socket[WAITING] = 0;
      admission.leave(target.gate);
      exchange.observation?.answered(failure, version, stages);
      if (large !== null) letGo(socket, large);
      if (failure === null || version !== 0)
        exchange.header('x-servable-model-version', String(version));
      if (this.#isDraining) exchange.header('connection', 'close');
      if (failure !== null || bytes === null) sendFailure(exchange, failure);
      else sendBody(exchange, exchange, bytes, target.replyType, this.#settings);
    };
    const ticket = this.#inference.run(target.id, body, deadline, done);
    if (socket[WAITING] === undefined) {
      socket.once?.('close', () => {
        const waiting = socket[WAITING] ?? 0;
        this.#inference.cancel(waiting);
        if (waiting !== 0) admission.leave(socket[GATE] ?? null);
        socket[LARGE]?.close();
      });
    }
    socket[WAITING] = ticket;
    socket[GATE] = target.gate;
    if (large !== null) socket[LARGE] = large;
  }
}

/** The answer is there: a large body is not read again. */
function letGo(socket: WaitingSocket, body: LargeBody): void {
  socket[LARGE] = null;
  body.close();
}

function sendFailure(reply: Exchange, failure: Parameters<typeof sendError>[1] | null): void {
  if (failure === null) sendErrorText(reply, 500, 'the engine gave no reply');
  else sendError(reply, failure);
}

/** The canonical code of a body that was refused; a connection that broke counts as cancelled. */
function bodyCode(failure: BodyFailure): number {
  if (failure === null) return Code.CANCELLED;
  if (failure.status === 413) return Code.RESOURCE_EXHAUSTED;
  return failure.status >= 500 ? Code.INTERNAL : Code.INVALID_ARGUMENT;
}

function sendBodyFailure(exchange: Exchange, failure: BodyFailure): void {
  if (failure === null) {
    // The connection broke while the body came in: there is nobody to answer.
    exchange.response.destroy();
    return;
  }
  // What is left of the body would be taken for the next request.
  exchange.header('connection', 'close');
  closeAfterAnswer(exchange.raw);
  sendErrorText(exchange, failure.status, failure.message);
}
