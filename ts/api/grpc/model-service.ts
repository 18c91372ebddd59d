import { type CatalogReader, versionStatuses } from '../model-status.js';
import { missingModelSpec, type Service, unary } from './rpc.js';

/**
 * Replaces the server's configuration; the models run on the main thread.
 *
 * @param config a serialized `tensorflow.serving.ModelServerConfig`
 * @throws {ServingError} with TensorFlow Serving's texts when it is refused or a new model does not load
 */
export type ReloadConfig = (config: Buffer) => Promise<void>;

/** `tensorflow.serving.ModelService`. */
export function modelService(catalog: CatalogReader, reload: ReloadConfig): Service {
  return {
    name: 'tensorflow.serving.ModelService',
    rpcs: [
      {
        name: 'GetModelStatus',
        kind: 'unary',
        handler: unary((request) => getModelStatus(catalog, request)),
      },
      {
        name: 'HandleReloadConfigRequest',
        kind: 'unary',
        handler: unary((request) => reloadConfig(reload, request)),
      },
    ],
  };
}

/** As the reference does, a label in the request is ignored. */
async function getModelStatus(catalog: CatalogReader, bytes: Buffer): Promise<Buffer> {
  const { messageType, VersionState } = await import('../../codec/messages.js');
  const { modelSpec } = messageType('tensorflow.serving.GetModelStatusRequest').decode(bytes);
  if (modelSpec === null) throw missingModelSpec();
  const versions = versionStatuses(catalog, {
    name: modelSpec.name,
    version: modelSpec.version?.value ?? null,
    label: null,
  });
  return messageType('tensorflow.serving.GetModelStatusResponse').encode({
    modelVersionStatus: versions.map(({ version, state, code, message }) => ({
      version,
      state: VersionState[state],
      status: { errorCode: code, errorMessage: message },
    })),
  });
}

async function reloadConfig(reload: ReloadConfig, bytes: Buffer): Promise<Buffer> {
  const { messageType } = await import('../../codec/messages.js');
  const { config } = messageType('tensorflow.serving.ReloadConfigRequest').decode(bytes);
  await reload(messageType('tensorflow.serving.ModelServerConfig').encode(config ?? {}));
  return messageType('tensorflow.serving.ReloadConfigResponse').encode({ status: {} });
}
