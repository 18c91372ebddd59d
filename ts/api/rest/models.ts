import { statusDocument } from '../../codec/status.js';
import { codeName, ServingError } from '../../errors.js';
import type { State } from '../../native/catalog.js';
import { type CatalogReader, versionStatuses } from '../model-status.js';
import type { Exchange } from './exchange.js';
import { type ReplySettings, sendJson } from './reply.js';
import type { Choice } from './route.js';

/** Answers `GET /v1/models/NAME…`: the states of a model's versions, with `?state=AVAILABLE` only such. A label is resolved. */
export function answerStatus(
  catalog: CatalogReader,
  choice: Choice,
  exchange: Exchange,
  settings: ReplySettings,
): void {
  const wanted = wantedState(exchange);
  const versions = versionStatuses(catalog, choice).filter(({ state }) => wanted(state));
  sendJson(exchange, statusDocument(versions), settings);
}

/**
 * Answers `GET /v1/models/NAME…/metadata`: the signatures of the version that requests would get.
 *
 * @param read gets them from the catalog
 */
export async function answerMetadata(
  read: () => Promise<ReturnType<CatalogReader['metadata']>>,
  choice: Choice,
  exchange: Exchange,
  settings: ReplySettings,
): Promise<void> {
  const { version, signatureDefMap } = await read();
  exchange.header('x-servable-model-version', String(version));
  // protobufjs is only loaded where somebody asks.
  const { metadataDocument } = await import('../../codec/metadata.js');
  const document = metadataDocument(choice.name, version, signatureDefMap);
  sendJson(exchange, document, settings);
}

/** Answers `GET /v1/models`: every model with its versions, their states, its labels, and what is wrong with its base path. */
export function answerModels(
  catalog: Pick<CatalogReader, 'list' | 'source'>,
  exchange: Exchange,
  settings: ReplySettings,
): void {
  const wanted = wantedState(exchange);
  const models = catalog.list().map((model) => ({
    name: model.name,
    model_version_status: model.versions
      .filter(({ state }) => wanted(state))
      .map(({ version, state, code, message }) => ({
        version: String(version),
        state,
        status: { error_code: codeName(code), error_message: message },
      })),
    version_labels: Object.fromEntries(model.labels.map((l) => [l.label, String(l.version)])),
    ...baseError(catalog, model.name),
  }));
  sendJson(exchange, `${JSON.stringify({ models }, null, 1)}\n`, settings);
}

/** What is wrong with a model's base path, as a status; nothing while it is fine. */
function baseError(
  catalog: Pick<CatalogReader, 'source'>,
  name: string,
): { base_path_status?: object } {
  const source = catalog.source(name);
  if (source === null || source.code === 0) return {};
  const { code, message } = source;
  return { base_path_status: { error_code: codeName(code), error_message: message } };
}

const STATES: readonly State[] = ['START', 'LOADING', 'AVAILABLE', 'UNLOADING', 'END'];

/** The states that `?state=A,B` asks for; all where the query has none. */
function wantedState(exchange: Exchange): (state: State) => boolean {
  const query = (exchange.raw.url ?? '').split('#')[0]?.split('?').slice(1).join('?') ?? '';
  const given = new URLSearchParams(query).getAll('state').flatMap((it) => it.split(','));
  const wanted = given.map((it) => it.trim().toUpperCase());
  const unknown = wanted.find((it) => !(STATES as readonly string[]).includes(it));
  if (unknown !== undefined) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `state: got "${unknown}", wanted one of ${STATES.join(', ')}`,
    );
  }
  return (state) => wanted.length === 0 || wanted.includes(state);
}
