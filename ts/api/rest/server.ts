import { createServer, type IncomingMessage, type ServerOptions, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Logger } from '../../logger.js';
import type { Observer } from '../../observe/observer.js';
import { requestId } from '../../request-id.js';
import type { Door } from '../door.js';
import type { Inference } from '../infer.js';
import type { CatalogReader } from '../model-status.js';
import { allowHalfOpen, endStalled } from './connection.js';
import { type CorsSettings, corsHeaders } from './cors.js';
import { addDocs } from './docs.js';
import { type CountRest, RestDoor } from './door.js';
import { addHealth } from './health.js';
import type { InferenceSettings } from './inference.js';
import { addMetrics, type MetricsPage } from './metrics.js';
import { observePage, observePages } from './observe.js';
import { NOT_IMPLEMENTED, sendNotFound } from './page.js';
import { errorDocument, sendUnexpected } from './reply.js';
import { V1 } from './v1.js';

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

/** Methods that carry a body. No page reads one, and fastify would refuse unknown content types before it says that there is no such page. */
const BODY_METHODS = ['POST', 'PUT', 'PATCH', 'DELETE'];

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
  const v1 = new V1({ ...dependencies, addCors: corsHeaders(dependencies.cors) }, restDoor);
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    genReqId: (request) => requestId(request.headers['x-request-id']),
    requestIdHeader: false,
    // What is under /v1/ never comes to fastify: all that it does for a page costs a fifth of a small inference.
    serverFactory: (page) =>
      createServer(httpOptions(dependencies), (request, response) => {
        if (V1.takes(request)) v1.answer(request, response);
        else page(request, response);
      }),
    return503OnClosing: false,
    routerOptions: { caseSensitive: false },
    schemaController: NO_SCHEMAS,
    // Only a path that is no valid percent-encoding comes here.
    frameworkErrors: (_error, request, reply) => {
      const asked = request as unknown as FastifyRequest;
      // No hook runs for it.
      if (observer !== null) observePage(asked, reply as unknown as FastifyReply, observer);
      sendNotFound(asked.method, reply as unknown as FastifyReply);
    },
    clientErrorHandler: refuseMalformed,
  });
  for (const method of BODY_METHODS) {
    app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  }
  if (observer !== null) observePages(app, observer);
  restDoor?.guard(app, 'metadata', ({ method, is404 }) => !is404 && method !== 'OPTIONS');
  addHealth(app, dependencies.catalog);
  if (dependencies.metrics !== null) addMetrics(app, dependencies.metrics, dependencies.settings);
  if (dependencies.docs !== null) addDocs(app, dependencies.catalog, dependencies.docs);
  app.setNotFoundHandler((request, reply) => sendNotFound(request.method, reply));
  app.setErrorHandler((error, request, reply) => {
    sendUnexpected(error, request.id, reply, dependencies.logger);
  });
  allowHalfOpen(app.server);
  // Node would tell clients to send their body before it is known whether they may.
  app.server.on('checkContinue', (request, reply) => app.server.emit('request', request, reply));
  endStalled(app.server, timeouts.idleMs);
  app.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.end(rawAnswer(501, 'text/html', NOT_IMPLEMENTED));
  });
  await app.ready();
  return {
    app,
    announceEnd: () => v1.announceEnd(),
    async drain() {
      v1.drain();
      await app.close();
    },
  };
}

function httpOptions({ timeouts, maxHeaderBytes }: RestDependencies): ServerOptions {
  return {
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.idleMs,
    headersTimeout: Math.min(timeouts.headersMs, timeouts.requestMs),
    connectionsCheckingInterval: Math.min(5000, timeouts.headersMs),
    maxHeaderSize: maxHeaderBytes,
  };
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
