import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Who may call from a browser. */
export interface CorsSettings {
  /** Without it only the preflight is answered, as TensorFlow Serving does. */
  readonly enabled: boolean;
  /** Origins that answers name; `*` is any. */
  readonly origins: readonly string[];
  /** Request headers that answers allow. */
  readonly headers: readonly string[];
}

/** Adds the CORS headers to every answer under `/v1/`. Costs nothing when it is off. */
export function addCors(app: FastifyInstance, settings: CorsSettings): void {
  if (!settings.enabled) return;
  const any = settings.origins.includes('*');
  const allowed = new Set(settings.origins);
  const headers = settings.headers.join(', ');
  app.addHook('onRequest', (request, reply, done) => {
    if (/^\/v1\//i.test(request.raw.url ?? '')) {
      const origin = request.headers.origin;
      if (any) {
        reply.header('access-control-allow-origin', '*');
      } else {
        reply.header('vary', 'Origin');
        if (origin !== undefined && allowed.has(origin)) {
          reply.header('access-control-allow-origin', origin);
        }
      }
      reply.header('access-control-allow-methods', 'POST, GET');
      reply.header('access-control-allow-headers', headers);
    }
    done();
  });
}

/** Answers a preflight: 200 for an HTTP origin, else 400; always without a body. */
export function answerPreflight(request: FastifyRequest, reply: FastifyReply): void {
  const origin = request.headers.origin ?? '';
  reply.statusCode = /https?:\/\//.test(origin) ? 200 : 400;
  reply.header('content-type', 'text/html; charset=ISO-8859-1');
  reply.send('');
}
