import type { FastifyInstance } from 'fastify';
import type { CatalogReader } from '../model-status.js';

/** What the page may do: run its own script and style, ask this server, nothing else. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * Adds `/openapi.json`, the OpenAPI 3.1 description typed from the loaded signatures, and `/docs`, a page to try requests.
 *
 * Both are loaded when somebody asks: reading signatures needs the protobuf messages, which inference alone does not.
 */
export function addDocs(app: FastifyInstance, catalog: CatalogReader, serverVersion: string): void {
  app.get('/openapi.json', async (_request, reply) => {
    const { describeServer } = await import('../openapi/describe.js');
    reply.header('content-type', 'application/json');
    reply.header('cache-control', 'no-store');
    return reply.send(Buffer.from(describeServer(catalog, serverVersion)));
  });
  app.get('/docs', async (_request, reply) => {
    const { DOCS_PAGE } = await import('./docs-page.js');
    reply.header('content-type', 'text/html; charset=utf-8');
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    reply.header('x-content-type-options', 'nosniff');
    return reply.send(DOCS_PAGE);
  });
}
