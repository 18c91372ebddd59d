import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type ServingError, toServingError } from '../../errors.js';
import { challenge, type Identity } from '../../security/identity.js';
import type { Action } from '../../security/scopes.js';
import { certificateNames } from '../../security/tls-door.js';
import type { Caller, Door } from '../door.js';
import { closeAfterAnswer } from './connection.js';
import type { Answered, Asked, Exchange } from './exchange.js';
import { sendError } from './reply.js';

/** A body of up to this many bytes is read and dropped behind a refusal; a larger one costs its sender the connection. */
const DROPPED_BYTES = 64 * 1024;

/** The door as REST requests meet it. */
export class RestDoor {
  readonly #door: Door;
  readonly #count: CountRest;

  /** @param count counts requests that are not let in */
  constructor(door: Door, count: CountRest) {
    this.#door = door;
    this.#count = count;
  }

  /**
   * Calls `enter` for a request that is allowed, at once or later; answers any other.
   *
   * @param model null for what is no model's; undefined where `enter` itself looks what the identity may see
   */
  pass(
    exchange: Exchange,
    { action, model }: { readonly action: Action; readonly model: string | null | undefined },
    enter: (identity: Identity | null) => void,
  ): void {
    const caller = callerOf(exchange.raw, true);
    const refuse = (error: unknown): void => {
      const failure = toServingError(error);
      this.#count(model ?? '', failure.number, 0);
      sendRefused(exchange, exchange, failure);
    };
    const allowed = (identity: Identity | null): void => {
      if (model !== undefined) this.#door.authorize(identity, action, model, caller);
      enter(identity);
    };
    try {
      const identity = this.#door.identify(caller);
      if (identity instanceof Promise) identity.then(allowed).catch(refuse);
      else allowed(identity);
    } catch (error) {
      refuse(error);
    }
  }

  /** Asks credentials of every page of `app` that `isGuarded` names, for an action on all models. */
  guard(
    app: FastifyInstance,
    action: Action,
    isGuarded: (request: FastifyRequest) => boolean,
  ): void {
    app.addHook('onRequest', async (request, reply) => {
      if (!isGuarded(request)) return;
      const caller = callerOf(request.raw, false);
      try {
        const identity = await this.#door.identify(caller);
        this.#door.authorize(identity, action, null, caller);
      } catch (error) {
        sendRefused(request, reply, toServingError(error));
      }
    });
  }
}

/**
 * Counts a request under `/v1/` that did not come to the engine.
 *
 * @param model the name in the path, empty where there is none
 * @param code canonical code number
 */
export type CountRest = (model: string, code: number, tookUs: number) => void;

/** Answers a request that is not let in, without reading its body. */
export function sendRefused(request: Asked, reply: Answered, error: ServingError): void {
  if (error.code === 'UNAUTHENTICATED' || error.code === 'PERMISSION_DENIED') {
    reply.header('www-authenticate', challenge(error));
  }
  refuseUnread(request, reply);
  sendError(reply, error);
}

/** Prepares an answer to a request whose body is not read: a large one would be taken for the next request. */
function refuseUnread(request: Asked, reply: Answered): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  if (coding === undefined && Number(length ?? 0) <= DROPPED_BYTES) return;
  reply.header('connection', 'close');
  closeAfterAnswer(request.raw);
}

/** What the door looks at of a request. */
export function callerOf(request: IncomingMessage, counts: boolean): Caller {
  const { socket, headers, url = '' } = request;
  const forwarded = headers['x-forwarded-for'];
  const end = url.search(/[?#]/);
  return {
    path: end < 0 ? url : url.slice(0, end),
    authorization: headers.authorization,
    certificate: () => certificateNames(socket),
    peer: socket.remoteAddress,
    forwarded: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    counts,
  };
}
