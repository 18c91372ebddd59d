import type { FastifyInstance } from 'fastify';
import { messageType } from '../../codec/messages.js';
import { toServingError } from '../../errors.js';
import type { CatalogReader } from '../model-status.js';
import { type DescribedModel, openApiDocument } from '../openapi/document.js';
import { DOCS_PAGE } from './docs-page.js';

/** What the page may do: run its own script and style, ask this server, nothing else. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Adds `/openapi.json`, the OpenAPI 3.1 description typed from the loaded signatures, and `/docs`, a page to try requests. */
export function addDocs(app: FastifyInstance, catalog: CatalogReader, version: string): void {
  app.get('/openapi.json', (_request, reply) => {
    reply.header('content-type', 'application/json');
    reply.header('cache-control', 'no-store');
    reply.send(JSON.stringify(openApiDocument(describeModels(catalog), version)));
  });
  app.get('/docs', (_request, reply) => {
    reply.header('content-type', 'text/html; charset=utf-8');
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    reply.header('x-content-type-options', 'nosniff');
    reply.send(DOCS_PAGE);
  });
}

function describeModels(catalog: CatalogReader): DescribedModel[] {
  const type = messageType('tensorflow.serving.SignatureDefMap');
  const described: DescribedModel[] = [];
  for (const { name, versions, labels } of catalog.list()) {
    const available = versions.filter((version) => version.state === 'AVAILABLE');
    if (available.length === 0) continue;
    try {
      const { signatureDefMap } = catalog.metadata({ name, version: null, label: null });
      described.push({
        name,
        versions: available.map(({ version }) => version),
        labels: labels.map(({ label }) => label),
        signatures: type.decode(signatureDefMap).signatureDef,
      });
    } catch (error) {
      // Unloaded between the list and the look: the description is of what is there now.
      if (toServingError(error).code !== 'NOT_FOUND') throw error;
    }
  }
  return described.sort((a, b) => (a.name < b.name ? -1 : 1));
}
