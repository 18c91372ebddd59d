export {
  Code,
  type CodeName,
  type CodeNumber,
  codeName,
  httpStatus,
  ServingError,
} from './errors.js';
export type { LogFields, Logger } from './logger.js';
export type { VersionPolicy } from './manager/model-config.js';
export type { ModelStatus, State, VersionStatus } from './native/catalog.js';
export type { RuntimeInfo } from './native/runtime.js';
export type { Options } from './options.js';
export { type LoadSavedModelOptions, type PredictOptions, SavedModel } from './saved-model.js';
export {
  type Addresses,
  createServer,
  type Server,
  type ServerModel,
  type ServerOptions,
} from './server.js';
export { DEFAULT_SIGNATURE, type Signature, type TensorSpec } from './signature.js';
export { type DType, type NumericData, Tensor, type TensorData, tensor } from './tensor.js';
