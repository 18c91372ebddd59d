import type { FastifyReply, FastifyRequest } from 'fastify';
import { statusDocument } from '../../codec/status.js';
import { codeName } from '../../errors.js';
import { type CatalogReader, versionStatuses } from '../model-status.js';
import { type ReplySettings, sendJson } from './reply.js';
import type { Choice } from './route.js';

/** Answers `GET /v1/models/NAME…`: the states of a model's versions. A label is resolved. */
export function answerStatus(
  catalog: CatalogReader,
  choice: Choice,
  request: FastifyRequest,
  reply: FastifyReply,
  settings: ReplySettings,
): void {
  const versions = versionStatuses(catalog, choice);
  sendJson(request, reply, statusDocument(versions), settings);
}

/** Answers `GET /v1/models/NAME…/metadata`: the signatures of the version that requests would get. */
export async function answerMetadata(
  catalog: CatalogReader,
  choice: Choice,
  request: FastifyRequest,
  reply: FastifyReply,
  settings: ReplySettings,
): Promise<void> {
  const { version, signatureDefMap } = catalog.metadata(choice);
  reply.header('x-servable-model-version', String(version));
  // protobufjs is only loaded where somebody asks.
  const { metadataDocument } = await import('../../codec/metadata.js');
  const document = metadataDocument(choice.name, version, signatureDefMap);
  sendJson(request, reply, document, settings);
}

/** Answers `GET /v1/models`: every model with its versions, their states, and its labels. */
export function answerModels(
  catalog: CatalogReader,
  request: FastifyRequest,
  reply: FastifyReply,
  settings: ReplySettings,
): void {
  const models = catalog.list().map((model) => ({
    name: model.name,
    model_version_status: model.versions.map(({ version, state, code, message }) => ({
      version: String(version),
      state,
      status: { error_code: codeName(code), error_message: message },
    })),
    version_labels: Object.fromEntries(model.labels.map((l) => [l.label, String(l.version)])),
  }));
  sendJson(request, reply, `${JSON.stringify({ models }, null, 1)}\n`, settings);
}
