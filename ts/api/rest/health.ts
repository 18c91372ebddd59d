import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { toServingError } from '../../errors.js';
import { type CatalogReader, versionStatuses, welcomes } from '../model-status.js';
import { sendError } from './reply.js';
import { percentDecode } from './route.js';

const MODEL = /^\/healthz\/models\/([^/:]+)(?:\/versions\/(\d{1,18})|\/labels\/([^/:]+))?$/i;

/**
 * Adds the health pages: `/healthz/live` (the process answers), `/healthz/ready` (send requests here) and
 * `/healthz/models/NAME[/versions/N|/labels/L]` (that model answers, or will once it is asked where models are loaded on demand). 200 is
 * yes, 503 no, 404 no such model.
 */
export function addHealth(app: FastifyInstance, catalog: CatalogReader): void {
  app.get('/healthz/live', (_request, reply) => sendState(reply, true, 'live', 'live'));
  app.get('/healthz/ready', (_request, reply) =>
    sendState(reply, catalog.ready(), 'ready', 'not ready'),
  );
  app.get('/healthz/models/*', (request, reply) => answerModel(catalog, request, reply));
}

function answerModel(catalog: CatalogReader, request: FastifyRequest, reply: FastifyReply): void {
  const path = (request.raw.url ?? '').replace(/[?#].*$/s, '');
  const match = MODEL.exec(path);
  if (match === null) {
    reply.callNotFound();
    return;
  }
  const [, name = '', version, label] = match;
  try {
    const decoded = percentDecode(name);
    const statuses = versionStatuses(catalog, {
      name: decoded,
      version: version === undefined ? null : BigInt(version),
      label: label === undefined ? null : percentDecode(label),
    });
    sendState(reply, welcomes(catalog, decoded, statuses), 'ready', 'not ready');
  } catch (error) {
    sendError(reply, toServingError(error));
  }
}

function sendState(reply: FastifyReply, yes: boolean, good: string, bad: string): void {
  reply.statusCode = yes ? 200 : 503;
  reply.header('content-type', 'application/json');
  reply.header('cache-control', 'no-store');
  reply.send(`{"status": "${yes ? good : bad}"}\n`);
}
