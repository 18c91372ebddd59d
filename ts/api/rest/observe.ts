import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Code } from '../../errors.js';
import type { Observer } from '../../observe/observer.js';
import { type MaybeObserved, OBSERVED } from '../observed.js';

/** Watches every request of a REST server. */
export function observeRest(app: FastifyInstance, observer: Observer): void {
  app.addHook('onRequest', (request, reply, done) => {
    observe(request, reply, observer);
    done();
  });
}

/** Watches one request. For what does not come to the hooks. */
export function observe(request: FastifyRequest, reply: FastifyReply, observer: Observer): void {
  const { raw, headers } = request;
  const url = raw.url ?? '';
  const query = url.search(/[?#]/);
  const { remoteAddress, remotePort } = raw.socket;
  const observation = observer.begin({
    protocol: 'rest',
    id: request.id,
    method: request.method,
    path: query < 0 ? url : url.slice(0, query),
    client: remoteAddress === undefined ? 'unix' : address(remoteAddress, remotePort),
    header: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  });
  observation.bytesIn = Number(headers['content-length'] ?? 0);
  (request as MaybeObserved)[OBSERVED] = observation;
  observation.span?.inject((name, value) => reply.header(name, value));
  reply.raw.once('close', () => {
    observation.status = reply.raw.statusCode;
    if (!reply.raw.writableEnded) observation.code = Code.CANCELLED;
    observation.bytesOut = Number(reply.raw.getHeader('content-length') ?? 0);
    observer.end(observation);
  });
}

function address(host: string, port: number | undefined): string {
  const plain = host.startsWith('::ffff:') ? host.slice(7) : host;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
