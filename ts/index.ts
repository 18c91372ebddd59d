export {
  type DecodedExamples,
  decodeExamples,
  type ExampleInit,
  type ExampleInput,
  encodeClassifications,
  encodeExamples,
  encodeRegressions,
  type FeatureValue,
} from './codec/examples.js';
export {
  type DecodedPredict,
  decodePredict,
  decodeTensorProto,
  encodePredict,
  encodeTensorProto,
  type NonFiniteStyle,
  type PredictFormat,
} from './codec/predict.js';
export {
  Code,
  type CodeName,
  type CodeNumber,
  codeName,
  httpStatus,
  ServingError,
} from './errors.js';
export type { Classification } from './example-results.js';
export type { NestedValue, PredictInput } from './library/predict-inputs.js';
export {
  type ExampleOptions,
  type LoadSavedModelOptions,
  type PredictOptions,
  SavedModel,
} from './library/saved-model.js';
export type { LogFields, Logger } from './logger.js';
export type { VersionPolicy } from './manager/model-config.js';
export type { ModelStatus, State, VersionStatus } from './native/catalog.js';
export type { ModelInfo } from './native/model.js';
export type { RuntimeInfo } from './native/runtime.js';
export type { Options } from './options/options.js';
export {
  type Addresses,
  createServer,
  type Server,
  type ServerModel,
  type ServerOptions,
} from './server.js';
export { DEFAULT_SIGNATURE, type Signature, type TensorSpec } from './signature.js';
export {
  type DType,
  type Float16Data,
  type NumericData,
  type NumericSource,
  Tensor,
  type TensorData,
  tensor,
} from './tensor.js';
