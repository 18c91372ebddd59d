import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { NonFinite, Target } from '../../native/infer-queue.js';
import { LargeBody } from '../../native/large-body.js';
import { deadlineIn, type Inference, type RequestBody } from '../infer.js';
import { type BodyFailure, type BodyLimits, type OpenBody, readBody } from './body.js';
import { type PredictForm, replyType } from './body-form.js';
import { closeAfterAnswer } from './connection.js';
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
}

/** The ticket of the request that a connection waits for, so that one listener a connection serves all its requests. */
const WAITING = Symbol('ticket');
/** Its body, where that is a large one. */
const LARGE = Symbol('large body');
type WaitingSocket = Socket & { [WAITING]?: number; [LARGE]?: LargeBody | null };

/** Answers `:predict`, `:classify` and `:regress`. */
export class RestInference {
  readonly #inference: Inference;
  readonly #settings: InferenceSettings;
  readonly #openBody: OpenBody;
  #isDraining = false;

  constructor(inference: Inference, settings: InferenceSettings) {
    this.#inference = inference;
    this.#settings = settings;
    this.#openBody = (expectedBytes) => inference.openBody(expectedBytes);
  }

  /** The engine's number for what a path names. */
  target(verb: Verb, choice: Choice, nonFinite: NonFinite, form: PredictForm): RestTarget {
    const target: Target = { method: `rest.${verb}`, ...choice, nonFinite, ...form };
    return { id: this.#inference.target(target), replyType: replyType(form) };
  }

  /** From now on answers tell their connection to close. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Reads the body, runs it and replies. Returns at once. */
  answer(target: RestTarget, request: FastifyRequest, reply: FastifyReply): void {
    readBody(request.raw, this.#settings, this.#openBody, (failure, body) => {
      if (body === null) sendBodyFailure(request, reply, failure);
      else this.#run(target, body, request, reply);
    });
  }

  #run(target: RestTarget, body: RequestBody, request: FastifyRequest, reply: FastifyReply): void {
    const socket = request.raw.socket as WaitingSocket;
    const large = body instanceof LargeBody ? body : null;
    if (socket.destroyed) {
      large?.close();
      return;
    }
    const deadline = deadlineIn(this.#settings.timeoutMs);
    const ticket = this.#inference.run(target.id, body, deadline, (failure, bytes, version) => {
      socket[WAITING] = 0;
      if (large !== null) letGo(socket, large);
      if (failure === null || version !== 0)
        reply.header('x-servable-model-version', String(version));
      if (this.#isDraining) reply.header('connection', 'close');
      if (failure !== null || bytes === null) sendFailure(reply, failure);
      else sendBody(request, reply, bytes, target.replyType, this.#settings);
    });
    if (socket[WAITING] === undefined) {
      socket.once?.('close', () => {
        this.#inference.cancel(socket[WAITING] ?? 0);
        socket[LARGE]?.close();
      });
    }
    socket[WAITING] = ticket;
    if (large !== null) socket[LARGE] = large;
  }
}

/** The answer is there: a large body is not read again. */
function letGo(socket: WaitingSocket, body: LargeBody): void {
  socket[LARGE] = null;
  body.close();
}

function sendFailure(reply: FastifyReply, failure: Parameters<typeof sendError>[1] | null): void {
  if (failure === null) sendErrorText(reply, 500, 'the engine gave no reply');
  else sendError(reply, failure);
}

function sendBodyFailure(request: FastifyRequest, reply: FastifyReply, failure: BodyFailure): void {
  if (failure === null) {
    // The connection broke while the body came in: there is nobody to answer.
    reply.hijack();
    reply.raw.destroy();
    return;
  }
  // What is left of the body would be taken for the next request.
  reply.header('connection', 'close');
  closeAfterAnswer(request.raw);
  sendErrorText(reply, failure.status, failure.message);
}
