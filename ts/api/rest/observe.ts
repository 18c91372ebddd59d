import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Code } from '../../errors.js';
import type { Observation, Observer } from '../../observe/observer.js';
import type { Exchange } from './exchange.js';

/** Watches every request of the pages. */
export function observePages(app: FastifyInstance, observer: Observer): void {
  app.addHook('onRequest', (request, reply, done) => {
    observePage(request, reply, observer);
    done();
  });
}

/** Watches one request of a page. For what does not come to the hooks. */
export function observePage(
  request: FastifyRequest,
  reply: FastifyReply,
  observer: Observer,
): void {
  const observation = begin(request.raw, request.id, observer);
  observation.span?.inject((name, value) => reply.header(name, value));
  reply.raw.once('close', () => {
    observation.bytesOut = Number(reply.raw.getHeader('content-length') ?? 0);
    end(observation, reply.raw, observer);
  });
}

/** Watches one request under `/v1/`. */
export function observeExchange(exchange: Exchange, observer: Observer): void {
  const { response } = exchange;
  const observation = begin(exchange.raw, exchange.id, observer);
  exchange.observation = observation;
  observation.span?.inject((name, value) => exchange.header(name, value));
  response.once('close', () => {
    observation.bytesOut = exchange.bytesSent;
    end(observation, response, observer);
  });
}

function begin(request: IncomingMessage, id: string, observer: Observer): Observation {
  const { headers, url = '', method = '', socket } = request;
  const query = url.search(/[?#]/);
  const { remoteAddress, remotePort } = socket;
  const observation = observer.begin({
    protocol: 'rest',
    id,
    method,
    path: query < 0 ? url : url.slice(0, query),
    client: remoteAddress === undefined ? 'unix' : address(remoteAddress, remotePort),
    header: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  });
  observation.bytesIn = Number(headers['content-length'] ?? 0);
  return observation;
}

function end(
  observation: Observation,
  response: { readonly statusCode: number; readonly writableEnded: boolean },
  observer: Observer,
): void {
  observation.status = response.statusCode;
  if (!response.writableEnded) observation.code = Code.CANCELLED;
  observer.end(observation);
}

function address(host: string, port: number | undefined): string {
  const plain = host.startsWith('::ffff:') ? host.slice(7) : host;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
