import { messageType } from '../../codec/messages.js';
import { describeSignature } from '../../codec/signature-description.js';
import { toServingError } from '../../errors.js';
import type { CatalogReader } from '../model-status.js';
import { type DescribedModel, openApiDocument } from './document.js';

/** The OpenAPI document of what the catalog serves at this moment, as JSON. */
export function describeServer(catalog: CatalogReader, serverVersion: string): string {
  const models = catalog
    .list()
    .filter(({ versions }) => versions.some(({ state }) => state === 'AVAILABLE'))
    .map(({ name }) => describeModel(catalog, name))
    .filter((model) => model !== null)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify(openApiDocument(models, serverVersion));
}

function describeModel(catalog: CatalogReader, name: string): DescribedModel | null {
  try {
    const { version, signatureDefMap } = catalog.metadata({ name, version: null, label: null });
    const { signatureDef } = messageType('tensorflow.serving.SignatureDefMap').decode(
      signatureDefMap,
    );
    const signatures = Object.entries(signatureDef).map((entry) => describeSignature(...entry));
    return { name, version, signatures };
  } catch (error) {
    // Unloaded between the list and the look: the description is of what is there now.
    if (toServingError(error).code === 'NOT_FOUND') return null;
    throw error;
  }
}
