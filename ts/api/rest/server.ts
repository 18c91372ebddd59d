import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { Code, ServingError, toServingError } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { ModelStatus } from '../../native/catalog.js';
import type { NonFinite } from '../../native/infer-queue.js';
import type { Observer } from '../../observe/observer.js';
import { requestId } from '../../request-id.js';
import type { Identity } from '../../security/identity.js';
import type { Door } from '../door.js';
import { deadlineIn, type Inference } from '../infer.js';
import type { CatalogReader } from '../model-status.js';
import { bodyType, JSON_FORM, predictForm } from './body-form.js';
import { allowHalfOpen, endStalled } from './connection.js';
import { addCors, answerPreflight, type CorsSettings } from './cors.js';
import { addDocs } from './docs.js';
import { RestDoor } from './door.js';
import { addHealth } from './health.js';
import { type InferenceSettings, RestInference, type RestTarget } from './inference.js';
import { addMetrics, type MetricsPage } from './metrics.js';
import { answerMetadata, answerModels, answerStatus } from './models.js';
import { observe, observeRest } from './observe.js';
import { errorDocument, sendError, sendErrorText } from './reply.js';
import { matchRoute, type Route } from './route.js';

/** What the REST server is made of; it constructs none of it. */
export interface RestDependencies {
  readonly inference: Inference;
  readonly catalog: CatalogReader;
  readonly logger: Logger;
  readonly settings: InferenceSettings;
  readonly cors: CorsSettings;
  /** Null where everybody may ask everything. */
  readonly door: Door | null;
  readonly timeouts: RestTimeouts;
  /** Largest headers of a request in bytes. */
  readonly maxHeaderBytes: number;
  /** The server's version as `/openapi.json` and `/docs` show it; null leaves both pages out. */
  readonly docs: string | null;
  /** Null leaves the metrics page out. */
  readonly metrics: MetricsPage | null;
  readonly count: CountRest;
  /** Null where nothing watches the requests. */
  readonly observer: Observer | null;
}

/** Times clients get, in milliseconds. */
export interface RestTimeouts {
  /** For the headers of a request. */
  readonly headersMs: number;
  /** For a whole request. */
  readonly requestMs: number;
  /** Between requests, and without a byte either way. */
  readonly idleMs: number;
}

/**
 * Counts a request under `/v1/` that did not come to the engine.
 *
 * @param model the name in the path, empty where there is none
 * @param code canonical code number
 */
export type CountRest = (model: string, code: number, tookUs: number) => void;

/** Paths kept with their target; a client that invents paths only makes the map start over. */
const CACHED_PATHS = 4096;
/** Methods that carry a body. It is read here and not by fastify, which refuses unknown content types. */
const BODY_METHODS = ['POST', 'PUT', 'PATCH', 'DELETE'];
/** Accept headers that change the answer. */
const NEEDS_ACCEPT = /nonfinite|npy/i;
const V1 = /^\/v1\//i;

type ReadRoute = Extract<Route, { kind: 'status' | 'metadata' | 'models' }>;

/** What fastify asks for once a route has a schema. None has. */
function noSchemas(): never {
  throw new Error('routes here have no schema');
}

/** Without these fastify loads its schema compilers, some hundred files, at every start. */
const NO_SCHEMAS = { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } };

/** A REST server without a port. */
export interface RestServer {
  /** It does not listen: hand its `server` a socket. */
  readonly app: FastifyInstance;
  /** From now on answers to inference tell their clients to close the connection; everything goes on being answered. */
  announceEnd(): void;
  /** As that, for every answer; resolves when no connection is left. */
  drain(): Promise<void>;
}

/** Makes the REST server. */
export async function createRestServer(dependencies: RestDependencies): Promise<RestServer> {
  const { timeouts, door, observer } = dependencies;
  const restDoor = door === null ? null : new RestDoor(door, dependencies.count);
  const rest = new Rest(dependencies, restDoor);
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    genReqId: (request) => requestId(request.headers['x-request-id']),
    requestIdHeader: false,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.idleMs,
    http: {
      headersTimeout: Math.min(timeouts.headersMs, timeouts.requestMs),
      connectionsCheckingInterval: Math.min(5000, timeouts.headersMs),
      maxHeaderSize: dependencies.maxHeaderBytes,
    },
    return503OnClosing: false,
    routerOptions: { caseSensitive: false },
    schemaController: NO_SCHEMAS,
    // Only a path that is no valid percent-encoding comes here; the reference takes it literally.
    frameworkErrors: (_error, request, reply) => {
      const asked = request as unknown as FastifyRequest;
      // No hook runs for it.
      if (observer !== null) observe(asked, reply as unknown as FastifyReply, observer);
      if (V1.test(asked.raw.url ?? '')) rest.answer(asked, reply as unknown as FastifyReply);
      else sendNotFound(asked, reply as unknown as FastifyReply);
    },
    clientErrorHandler: refuseMalformed,
  });
  for (const method of BODY_METHODS) {
    app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  }
  if (observer !== null) observeRest(app, observer);
  addCors(app, dependencies.cors);
  // Everything under /v1/ is looked at where its model is known.
  restDoor?.guard(app, 'metadata', ({ raw, method, is404 }) => {
    return !is404 && method !== 'OPTIONS' && !V1.test(raw.url ?? '');
  });
  addHealth(app, dependencies.catalog);
  if (dependencies.metrics !== null) addMetrics(app, dependencies.metrics, dependencies.settings);
  if (dependencies.docs !== null) addDocs(app, dependencies.catalog, dependencies.docs);
  app.all('/v1/*', (request, reply) => rest.answer(request, reply));
  app.setNotFoundHandler(sendNotFound);
  app.setErrorHandler((error, request, reply) => {
    sendUnexpected(error, request, reply, dependencies.logger);
  });
  allowHalfOpen(app.server);
  // Node would tell clients to send their body before it is known whether they may.
  app.server.on('checkContinue', (request, reply) => app.server.emit('request', request, reply));
  endStalled(app.server, timeouts.idleMs);
  app.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.end(rawAnswer(501, 'text/html', htmlPage('501 Not Implemented', 'Not Implemented')));
  });
  await app.ready();
  return {
    app,
    announceEnd: () => rest.drain(),
    async drain() {
      // fastify tells those whose request comes from now on, the other those that already wait.
      rest.drain();
      await app.close();
    },
  };
}

/** Everything under `/v1/`. */
class Rest {
  readonly #dependencies: RestDependencies;
  readonly #inference: RestInference;
  readonly #door: RestDoor | null;
  /** Targets by path, and by path, content type and Accept header where these change the answer. */
  readonly #targets = new Map<string, RestTarget>();

  constructor(dependencies: RestDependencies, door: RestDoor | null) {
    this.#dependencies = dependencies;
    this.#door = door;
    const { inference, settings, count } = dependencies;
    this.#inference = new RestInference(inference, settings, count);
  }

  drain(): void {
    this.#inference.drain();
  }

  answer(request: FastifyRequest, reply: FastifyReply): void {
    reply.header('x-request-id', request.id);
    this.#safely(request, reply, () => {
      if (request.method === 'POST') this.#post(request, reply);
      else this.#other(request, reply);
    });
  }

  #safely(request: FastifyRequest, reply: FastifyReply, work: () => void): void {
    try {
      work();
    } catch (error) {
      sendUnexpected(error, request, reply, this.#dependencies.logger);
    }
  }

  #post(request: FastifyRequest, reply: FastifyReply): void {
    const url = request.raw.url ?? '';
    const { accept, 'content-type': contentType } = request.headers;
    const type = bodyType(contentType);
    const asks = accept !== undefined && accept.length > 3 && NEEDS_ACCEPT.test(accept);
    // The usual request is known by its path alone.
    const key = asks || type !== '' ? `${url} ${type} ${accept}` : url;
    const known = this.#targets.get(key);
    if (known !== undefined) {
      this.#infer(known, request, reply);
      return;
    }
    const route = matchRoute('POST', pathOf(url));
    if (route.kind !== 'infer') {
      this.#refuse(route, request, reply);
      return;
    }
    const form = route.verb === 'predict' ? predictForm(type, accept ?? '', url) : JSON_FORM;
    const target = this.#inference.target(route.verb, route.choice, nonFinite(accept ?? ''), form);
    if (this.#targets.size >= CACHED_PATHS) this.#targets.clear();
    this.#targets.set(key, target);
    this.#infer(target, request, reply);
  }

  #infer(target: RestTarget, request: FastifyRequest, reply: FastifyReply): void {
    if (this.#door === null) {
      this.#inference.answer(target, request, reply);
      return;
    }
    this.#door.pass(request, reply, { action: 'predict', model: target.model }, () =>
      this.#inference.answer(target, request, reply),
    );
  }

  #other(request: FastifyRequest, reply: FastifyReply): void {
    if (request.method === 'OPTIONS') {
      answerPreflight(request, reply);
      return;
    }
    if (request.method === 'TRACE') {
      sendPage(reply, 501, htmlPage('501 Not Implemented', 'Not Implemented'));
      return;
    }
    const route = matchRoute(request.method, pathOf(request.raw.url ?? ''));
    if (route.kind !== 'status' && route.kind !== 'metadata' && route.kind !== 'models') {
      this.#refuse(route, request, reply);
      return;
    }
    if (this.#door === null) {
      this.#read(route, null, request, reply);
      return;
    }
    // A list shows what its reader may see.
    const model = route.kind === 'models' ? undefined : route.choice.name;
    this.#door.pass(request, reply, { action: 'metadata', model }, (identity) =>
      this.#safely(request, reply, () => this.#read(route, identity, request, reply)),
    );
  }

  #read(
    route: ReadRoute,
    identity: Identity | null,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const { catalog, settings, inference, count } = this.#dependencies;
    const began = performance.now();
    const model = route.kind === 'models' ? '' : route.choice.name;
    const succeeded = (): void => count(model, Code.OK, (performance.now() - began) * 1000);
    const failed = (error: unknown): void => {
      count(model, toServingError(error).number, 0);
      sendUnexpected(error, request, reply, this.#dependencies.logger);
    };
    if (route.kind === 'metadata') {
      const { choice } = route;
      const read = () =>
        inference.read(() => catalog.metadata(choice), deadlineIn(settings.timeoutMs));
      answerMetadata(read, choice, request, reply, settings).then(succeeded, failed);
      return;
    }
    try {
      if (route.kind === 'status') {
        answerStatus(catalog, route.choice, request, reply, settings);
      } else {
        const list = (): ModelStatus[] =>
          catalog.list().filter(({ name }) => identity?.scopes.allows('metadata', name) ?? true);
        const source = (name: string) => catalog.source(name);
        answerModels({ list, source }, request, reply, settings);
      }
      succeeded();
    } catch (error) {
      failed(error);
    }
  }

  #refuse(
    route: { kind: string; version?: string },
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    this.#dependencies.count('', Code.INVALID_ARGUMENT, 0);
    sendRefusal(route, request, reply);
  }
}

function sendRefusal(
  route: { kind: string; version?: string },
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const message =
    route.version === undefined
      ? `Malformed request: ${request.method} ${request.raw.url}`
      : `Failed to convert version: ${route.version} to numeric.`;
  sendError(reply, new ServingError('INVALID_ARGUMENT', message));
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

/** Answers what nobody expected: logged whole, the client gets the id to ask about. */
function sendUnexpected(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
): void {
  const error = toServingError(thrown);
  if (error.code !== 'INTERNAL') {
    sendError(reply, error);
    return;
  }
  logger.error({ err: thrown, requestId: request.id }, 'request failed');
  sendErrorText(reply, 500, `internal error, request id ${request.id}`);
}

function sendNotFound(request: FastifyRequest, reply: FastifyReply): void {
  if (request.method === 'TRACE') {
    sendPage(reply, 501, htmlPage('501 Not Implemented', 'Not Implemented'));
  } else {
    sendPage(reply, 404, htmlPage('404 Not Found', 'Not Found'));
  }
}

function sendPage(reply: FastifyReply, status: number, page: string): void {
  reply.statusCode = status;
  reply.header('content-type', 'text/html');
  reply.header('connection', 'close');
  reply.send(page);
}

/** The page the reference's HTTP library sends. */
function htmlPage(title: string, heading: string): string {
  return `<HTML><HEAD>\n<TITLE>${title}</TITLE>\n</HEAD><BODY>\n<H1>${heading}</H1>\n</BODY></HTML>\n`;
}

/** What is not HTTP gets an error document and loses its connection. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 431
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 408
        : 400;
  const document = errorDocument(`Malformed HTTP request: ${STATUS_CODES[status]}`);
  socket.end(rawAnswer(status, 'application/json', document));
}

function rawAnswer(status: number, type: string, body: string): string {
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;
}
