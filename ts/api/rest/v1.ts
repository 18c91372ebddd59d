import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { Code, ServingError, toServingError } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { ModelStatus } from '../../native/catalog.js';
import type { NonFinite } from '../../native/infer-queue.js';
import type { Observer } from '../../observe/observer.js';
import type { Identity } from '../../security/identity.js';
import { deadlineIn, type Inference } from '../infer.js';
import type { CatalogReader } from '../model-status.js';
import { bodyType, JSON_FORM, predictForm } from './body-form.js';
import { type AddCors, answerPreflight } from './cors.js';
import type { CountRest, RestDoor } from './door.js';
import { Exchange } from './exchange.js';
import { type InferenceSettings, RestInference, type RestTarget } from './inference.js';
import { answerMetadata, answerModels, answerStatus } from './models.js';
import { observeExchange } from './observe.js';
import { sendNotImplemented } from './page.js';
import { sendError, sendUnexpected } from './reply.js';
import { matchRoute, type Route } from './route.js';

/** What answering under `/v1/` takes. */
export interface V1Dependencies {
  readonly inference: Inference;
  readonly catalog: CatalogReader;
  readonly logger: Logger;
  readonly settings: InferenceSettings;
  /** Null where other origins get no headers. */
  readonly addCors: AddCors | null;
  readonly count: CountRest;
  /** Null where nothing watches the requests. */
  readonly observer: Observer | null;
}

/** Paths kept with their target; a client that invents paths only makes the map start over. */
const CACHED_PATHS = 4096;
/** Accept headers that change the answer. */
const NEEDS_ACCEPT = /nonfinite|npy/i;
const V1_PATH = /^(?:https?:\/\/[^/]*)?\/v1\//i;
/** Others are answered with 404 like any page that is not there. */
const METHODS = new Set(['POST', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE']);

type ReadRoute = Extract<Route, { kind: 'status' | 'metadata' | 'models' }>;

/** Everything under `/v1/`, straight on Node's HTTP server. */
export class V1 {
  readonly #dependencies: V1Dependencies;
  readonly #inference: RestInference;
  readonly #door: RestDoor | null;
  /** Targets by path, and by path, content type and Accept header where these change the answer. */
  readonly #targets = new Map<string, RestTarget>();
  #isDraining = false;

  /** @param door null where everybody may ask everything */
  constructor(dependencies: V1Dependencies, door: RestDoor | null) {
    this.#dependencies = dependencies;
    this.#door = door;
    const { inference, settings, count } = dependencies;
    this.#inference = new RestInference(inference, settings, count);
  }

  /** Whether a request is answered here. */
  static takes({ method = '', url = '' }: IncomingMessage): boolean {
    return isV1(url) && METHODS.has(method);
  }

  /** From now on answers to inference tell their clients to close the connection. */
  announceEnd(): void {
    this.#inference.drain();
  }

  /** From now on all answers do. */
  drain(): void {
    this.announceEnd();
    this.#isDraining = true;
  }

  /** Answers a request, at once or later. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    const exchange = new Exchange(request, response);
    const { observer, addCors } = this.#dependencies;
    if (observer !== null) observeExchange(exchange, observer);
    if (addCors !== null) addCors(exchange);
    if (this.#isDraining) exchange.header('connection', 'close');
    try {
      if (request.method === 'POST') this.#post(exchange);
      else this.#other(exchange);
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  #safely(exchange: Exchange, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  #fail(exchange: Exchange, error: unknown): void {
    sendUnexpected(error, exchange.id, exchange, this.#dependencies.logger);
  }

  #post(exchange: Exchange): void {
    const { url = '' } = exchange.raw;
    const { accept, 'content-type': contentType } = exchange.headers;
    const type = bodyType(contentType);
    const asks = accept !== undefined && accept.length > 3 && NEEDS_ACCEPT.test(accept);
    // The usual request is known by its path alone.
    const key = asks || type !== '' ? `${url} ${type} ${accept}` : url;
    const known = this.#targets.get(key);
    if (known !== undefined) {
      this.#infer(known, exchange);
      return;
    }
    const route = matchRoute('POST', pathOf(url));
    if (route.kind !== 'infer') {
      this.#refuse(route, exchange);
      return;
    }
    const form = route.verb === 'predict' ? predictForm(type, accept ?? '', url) : JSON_FORM;
    const target = this.#inference.target(route.verb, route.choice, nonFinite(accept ?? ''), form);
    if (this.#targets.size >= CACHED_PATHS) this.#targets.clear();
    this.#targets.set(key, target);
    this.#infer(target, exchange);
  }

  #infer(target: RestTarget, exchange: Exchange): void {
    if (this.#door === null) {
      this.#inference.answer(target, exchange);
      return;
    }
    this.#door.pass(exchange, { action: 'predict', model: target.model }, () =>
      this.#inference.answer(target, exchange),
    );
  }

  #other(exchange: Exchange): void {
    if (exchange.method === 'OPTIONS') {
      answerPreflight(exchange);
      return;
    }
    if (exchange.method === 'TRACE') {
      sendNotImplemented(exchange);
      return;
    }
    const route = matchRoute(exchange.method, pathOf(exchange.raw.url ?? ''));
    if (route.kind !== 'status' && route.kind !== 'metadata' && route.kind !== 'models') {
      this.#refuse(route, exchange);
      return;
    }
    if (this.#door === null) {
      this.#read(route, null, exchange);
      return;
    }
    // A list shows what its reader may see.
    const model = route.kind === 'models' ? undefined : route.choice.name;
    this.#door.pass(exchange, { action: 'metadata', model }, (identity) =>
      this.#safely(exchange, () => this.#read(route, identity, exchange)),
    );
  }

  #read(route: ReadRoute, identity: Identity | null, exchange: Exchange): void {
    const { catalog, settings, inference, count } = this.#dependencies;
    const began = performance.now();
    const model = route.kind === 'models' ? '' : route.choice.name;
    const succeeded = (): void => count(model, Code.OK, (performance.now() - began) * 1000);
    const failed = (error: unknown): void => {
      count(model, toServingError(error).number, 0);
      this.#fail(exchange, error);
    };
    if (route.kind === 'metadata') {
      const { choice } = route;
      const read = () =>
        inference.read(() => catalog.metadata(choice), deadlineIn(settings.timeoutMs));
      answerMetadata(read, choice, exchange, settings).then(succeeded, failed);
      return;
    }
    try {
      if (route.kind === 'status') {
        answerStatus(catalog, route.choice, exchange, settings);
      } else {
        const list = (): ModelStatus[] =>
          catalog.list().filter(({ name }) => identity?.scopes.allows('metadata', name) ?? true);
        const source = (name: string) => catalog.source(name);
        answerModels({ list, source }, exchange, settings);
      }
      succeeded();
    } catch (error) {
      failed(error);
    }
  }

  #refuse(route: { kind: string; version?: string }, exchange: Exchange): void {
    this.#dependencies.count('', Code.INVALID_ARGUMENT, 0);
    const message =
      route.version === undefined
        ? `Malformed request: ${exchange.method} ${exchange.raw.url}`
        : `Failed to convert version: ${route.version} to numeric.`;
    sendError(exchange, new ServingError('INVALID_ARGUMENT', message));
  }
}

/** Whether a URL lies under `/v1/`. */
export function isV1(url: string): boolean {
  return V1_PATH.test(url);
}

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

/** What `Accept: application/json; nonfinite=null|string` asks for. */
function nonFinite(accept: string): NonFinite {
  const wanted = /;\s*nonfinite\s*=\s*"?(null|string)\b/i.exec(accept)?.[1]?.toLowerCase();
  return wanted === 'null' || wanted === 'string' ? wanted : 'token';
}
