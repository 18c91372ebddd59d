// Generated from protos/ by ts/codec/generate.mjs. Do not edit.

export interface AllocationDescription {
  requestedBytes: bigint;
  allocatedBytes: bigint;
  allocatorName: string;
  allocationId: bigint;
  hasSingleReference: boolean;
  ptr: bigint;
}

export interface AllocationRecord {
  allocMicros: bigint;
  allocBytes: bigint;
}

export interface AllocatorMemoryUsed {
  allocatorName: string;
  totalBytes: bigint;
  peakBytes: bigint;
  liveBytes: bigint;
  allocatorBytesInUse: bigint;
  allocationRecords: AllocationRecord[];
}

export interface Any {
  type_url: string;
  value: Uint8Array;
}

export interface AttrValue {
  list: AttrValue_ListValue | null;
  s: Uint8Array | null;
  i: bigint | null;
  f: number | null;
  b: boolean | null;
  /** One of `DataType`. */
  type: number | null;
  shape: TensorShapeProto | null;
  tensor: TensorProto | null;
  placeholder: string | null;
  func: NameAttrList | null;
}

export interface AttrValue_ListValue {
  s: Uint8Array[];
  i: bigint[];
  f: number[];
  b: boolean[];
  /** One of `DataType`. */
  type: number[];
  shape: TensorShapeProto[];
  tensor: TensorProto[];
  func: NameAttrList[];
}

export interface AutoParallelOptions {
  enable: boolean;
  numReplicas: number;
}

/** How the rows of concurrent requests are put together. */
export interface BatchingParameters {
  /** Rows. */
  maxBatchSize: Int64Value | null;
  /** Longest wait of the oldest request before an incomplete batch runs. */
  batchTimeoutMicros: Int64Value | null;
  maxEnqueuedBatches: Int64Value | null;
  numBatchThreads: Int64Value | null;
  threadPoolName: StringValue | null;
  /** Sizes that batches are padded to; the last one is the largest. */
  allowedBatchSizes: bigint[];
  padVariableLengthInputs: boolean;
  enableLargeBatchSplitting: BoolValue | null;
  maxExecutionBatchSize: Int64Value | null;
}

export interface BoolValue {
  value: boolean;
}

export interface BoundedTensorSpecProto {
  name: string;
  shape: TensorShapeProto | null;
  /** One of `DataType`. */
  dtype: number;
  minimum: TensorProto | null;
  maximum: TensorProto | null;
}

export interface BytesList {
  value: Uint8Array[];
}

/** One class of one example. */
export interface Class {
  label: string;
  score: number;
}

/** Classifies each example of the input. */
export interface ClassificationRequest {
  modelSpec: ModelSpec | null;
  input: Input | null;
}

export interface ClassificationResponse {
  result: ClassificationResult | null;
  modelSpec: ModelSpec | null;
}

/** One entry an example, in the order of the input. */
export interface ClassificationResult {
  classifications: Classifications[];
}

export interface Classifications {
  classes: Class[];
}

export interface ClassifyLog {
  request: ClassificationRequest | null;
  response: ClassificationResponse | null;
}

export interface ClusterDef {
  job: JobDef[];
}

/** The canonical codes that gRPC, absl and TensorFlow share. */
export const Code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  UNAUTHENTICATED: 16,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  DO_NOT_USE_RESERVED_FOR_FUTURE_EXPANSION_USE_DEFAULT_IN_SWITCH_INSTEAD_: 20,
} as const;

/** Options of a session. */
export interface ConfigProto {
  deviceCount: Record<string, number>;
  intraOpParallelismThreads: number;
  placementPeriod: number;
  deviceFilters: string[];
  interOpParallelismThreads: number;
  gpuOptions: GPUOptions | null;
  allowSoftPlacement: boolean;
  logDevicePlacement: boolean;
  usePerSessionThreads: boolean;
  graphOptions: GraphOptions | null;
  operationTimeoutInMs: bigint;
  sessionInterOpThreadPool: ThreadPoolOptionProto[];
  rpcOptions: RPCOptions | null;
  clusterDef: ClusterDef | null;
  isolateSessionState: boolean;
  experimental: ConfigProto_Experimental | null;
  shareClusterDevicesInSession: boolean;
  pluggableDeviceOptions: GPUOptions | null;
}

export interface ConfigProto_Experimental {
  collectiveGroupLeader: string;
  executorType: string;
  recvBufMaxChunk: number;
  useNumaAffinity: boolean;
  collectiveDeterministicSequentialExecution: boolean;
  collectiveNccl: boolean;
  shareSessionStateInClusterspecPropagation: boolean;
  disableThreadSpinning: boolean;
  shareClusterDevicesInSession: boolean;
  sessionMetadata: SessionMetadata | null;
  optimizeForStaticGraph: boolean;
  enableMlirBridge: boolean;
  disableOutputPartitionGraphs: boolean;
  xlaFusionAutotunerThresh: bigint;
  enableMlirGraphOptimization: boolean;
  /** One of `ConfigProto_Experimental_MlirBridgeRollout`. */
  mlirBridgeRollout: number;
  useTfrt: boolean;
  disableFunctionalOpsLowering: boolean;
  xlaPreferSingleGraphCluster: boolean;
  coordinationConfig: CoordinationServiceConfig | null;
  disableOptimizeForStaticGraph: boolean;
  disableEagerExecutorStreamingEnqueue: boolean;
  enableMultiHost: boolean;
  backendServerPort: number;
  targetTpu: boolean;
  targetGpu: boolean;
  streamMergeThreshold: number;
  tfrtUseIfrt: boolean;
  finalizeFunctionLibraryRuntime: boolean;
  finalizeResourceManager: boolean;
  tf2xlaDumpDir: string;
  onlineCostAnalysis: boolean;
}

export const ConfigProto_Experimental_MlirBridgeRollout = {
  MLIR_BRIDGE_ROLLOUT_UNSPECIFIED: 0,
  MLIR_BRIDGE_ROLLOUT_ENABLED: 1,
  MLIR_BRIDGE_ROLLOUT_DISABLED: 2,
} as const;

export interface CoordinatedJob {
  name: string;
  numTasks: number;
}

export interface CoordinationServiceConfig {
  serviceType: string;
  serviceLeader: string;
  enableHealthCheck: boolean;
  clusterRegisterTimeoutInMs: bigint;
  heartbeatTimeoutInMs: bigint;
  shutdownBarrierTimeoutInMs: bigint;
  agentDestructionWithoutShutdown: boolean;
  recoverableJobs: string[];
  coordinatedJobList: CoordinatedJob[];
  allowNewIncarnationToReconnect: boolean;
  forceDisable: boolean;
  pollForErrorFromServiceAtStartup: boolean;
  clusterRegisterWithBarrier: boolean;
}

export interface CostGraphDef {
  node: CostGraphDef_Node[];
  cost: CostGraphDef_AggregatedCost[];
}

export interface CostGraphDef_AggregatedCost {
  cost: number;
  dimension: string;
}

export interface CostGraphDef_Node {
  name: string;
  device: string;
  id: number;
  inputInfo: CostGraphDef_Node_InputInfo[];
  outputInfo: CostGraphDef_Node_OutputInfo[];
  temporaryMemorySize: bigint;
  isFinal: boolean;
  controlInput: number[];
  computeCost: bigint;
  hostTempMemorySize: bigint;
  deviceTempMemorySize: bigint;
  persistentMemorySize: bigint;
  computeTime: bigint;
  memoryTime: bigint;
  devicePersistentMemorySize: bigint;
  inaccurate: boolean;
}

export interface CostGraphDef_Node_InputInfo {
  precedingNode: number;
  precedingPort: number;
}

export interface CostGraphDef_Node_OutputInfo {
  size: bigint;
  aliasInputPort: bigint;
  shape: TensorShapeProto | null;
  /** One of `DataType`. */
  dtype: number;
}

/** Element types; a reference type is its value type plus 100. */
export const DataType = {
  DT_INVALID: 0,
  DT_FLOAT: 1,
  DT_DOUBLE: 2,
  DT_INT32: 3,
  DT_UINT8: 4,
  DT_INT16: 5,
  DT_INT8: 6,
  DT_STRING: 7,
  DT_COMPLEX64: 8,
  DT_INT64: 9,
  DT_BOOL: 10,
  DT_QINT8: 11,
  DT_QUINT8: 12,
  DT_QINT32: 13,
  DT_BFLOAT16: 14,
  DT_QINT16: 15,
  DT_QUINT16: 16,
  DT_UINT16: 17,
  DT_COMPLEX128: 18,
  DT_HALF: 19,
  DT_RESOURCE: 20,
  DT_VARIANT: 21,
  DT_UINT32: 22,
  DT_UINT64: 23,
  DT_FLOAT8_E5M2: 24,
  DT_FLOAT8_E4M3FN: 25,
  DT_FLOAT8_E4M3FNUZ: 26,
  DT_FLOAT8_E4M3B11FNUZ: 27,
  DT_FLOAT8_E5M2FNUZ: 28,
  DT_INT4: 29,
  DT_UINT4: 30,
  DT_INT2: 31,
  DT_UINT2: 32,
  DT_FLOAT4_E2M1FN: 33,
  DT_FLOAT_REF: 101,
  DT_DOUBLE_REF: 102,
  DT_INT32_REF: 103,
  DT_UINT8_REF: 104,
  DT_INT16_REF: 105,
  DT_INT8_REF: 106,
  DT_STRING_REF: 107,
  DT_COMPLEX64_REF: 108,
  DT_INT64_REF: 109,
  DT_BOOL_REF: 110,
  DT_QINT8_REF: 111,
  DT_QUINT8_REF: 112,
  DT_QINT32_REF: 113,
  DT_BFLOAT16_REF: 114,
  DT_QINT16_REF: 115,
  DT_QUINT16_REF: 116,
  DT_UINT16_REF: 117,
  DT_COMPLEX128_REF: 118,
  DT_HALF_REF: 119,
  DT_RESOURCE_REF: 120,
  DT_VARIANT_REF: 121,
  DT_UINT32_REF: 122,
  DT_UINT64_REF: 123,
  DT_FLOAT8_E5M2_REF: 124,
  DT_FLOAT8_E4M3FN_REF: 125,
  DT_FLOAT8_E4M3FNUZ_REF: 126,
  DT_FLOAT8_E4M3B11FNUZ_REF: 127,
  DT_FLOAT8_E5M2FNUZ_REF: 128,
  DT_INT4_REF: 129,
  DT_UINT4_REF: 130,
  DT_INT2_REF: 131,
  DT_UINT2_REF: 132,
  DT_FLOAT4_E2M1FN_REF: 133,
} as const;

export interface DebugOptions {
  debugTensorWatchOpts: DebugTensorWatch[];
  globalStep: bigint;
  resetDiskByteUsage: boolean;
}

export interface DebugTensorWatch {
  nodeName: string;
  outputSlot: number;
  debugOps: string[];
  debugUrls: string[];
  tolerateDebugOpCreationFailures: boolean;
}

export interface DeviceStepStats {
  device: string;
  nodeStats: NodeExecStats[];
  threadNames: Record<string, string>;
}

export interface DictValue {
  fields: Record<string, StructuredValue>;
}

export interface ErrorResponse {
  errorCode: number;
  errorMessage: string;
}

/** One row of named features. */
export interface Example {
  features: Features | null;
}

export interface ExampleList {
  examples: Example[];
}

export interface ExampleListWithContext {
  examples: Example[];
  /** Features common to all examples; an example wins where both have one. */
  context: Example | null;
}

export interface ExtensionNumberResponse {
  baseTypeName: string;
  extensionNumber: number[];
}

export interface ExtensionRequest {
  containingType: string;
  extensionNumber: number;
}

export interface Feature {
  bytesList: BytesList | null;
  floatList: FloatList | null;
  int64List: Int64List | null;
}

export interface FeatureList {
  feature: Feature[];
}

export interface FeatureLists {
  featureList: Record<string, FeatureList>;
}

export interface Features {
  feature: Record<string, Feature>;
}

export interface FileDescriptorResponse {
  /** Serialized FileDescriptorProto messages: the file asked for and what it imports. */
  fileDescriptorProto: Uint8Array[];
}

/** How the versions of models are found in a file system. */
export interface FileSystemStoragePathSourceConfig {
  fileSystemPollWaitSeconds: bigint;
  failIfZeroVersionsAtStartup: boolean;
  servables: FileSystemStoragePathSourceConfig_ServableToMonitor[];
  servableVersionsAlwaysPresent: boolean;
}

export interface FileSystemStoragePathSourceConfig_ServableToMonitor {
  servableName: string;
  basePath: string;
  servableVersionPolicy: FileSystemStoragePathSourceConfig_ServableVersionPolicy | null;
}

/** Which of the versions found are served; none set means the latest one. */
export interface FileSystemStoragePathSourceConfig_ServableVersionPolicy {
  latest: FileSystemStoragePathSourceConfig_ServableVersionPolicy_Latest | null;
  all: FileSystemStoragePathSourceConfig_ServableVersionPolicy_All | null;
  specific: FileSystemStoragePathSourceConfig_ServableVersionPolicy_Specific | null;
}

export type FileSystemStoragePathSourceConfig_ServableVersionPolicy_All = Record<never, never>;

export interface FileSystemStoragePathSourceConfig_ServableVersionPolicy_Latest {
  numVersions: number;
}

export interface FileSystemStoragePathSourceConfig_ServableVersionPolicy_Specific {
  versions: bigint[];
}

export interface FloatList {
  value: number[];
}

export interface FullTypeDef {
  /** One of `FullTypeId`. */
  typeId: number;
  args: FullTypeDef[];
  s: string | null;
  i: bigint | null;
}

export const FullTypeId = {
  TFT_UNSET: 0,
  TFT_VAR: 1,
  TFT_ANY: 2,
  TFT_PRODUCT: 3,
  TFT_NAMED: 4,
  TFT_FOR_EACH: 20,
  TFT_CALLABLE: 100,
  TFT_TENSOR: 1000,
  TFT_ARRAY: 1001,
  TFT_OPTIONAL: 1002,
  TFT_LITERAL: 1003,
  TFT_ENCODED: 1004,
  TFT_SHAPE_TENSOR: 1005,
  TFT_BOOL: 200,
  TFT_UINT8: 201,
  TFT_UINT16: 202,
  TFT_UINT32: 203,
  TFT_UINT64: 204,
  TFT_INT8: 205,
  TFT_INT16: 206,
  TFT_INT32: 207,
  TFT_INT64: 208,
  TFT_HALF: 209,
  TFT_FLOAT: 210,
  TFT_DOUBLE: 211,
  TFT_BFLOAT16: 215,
  TFT_COMPLEX64: 212,
  TFT_COMPLEX128: 213,
  TFT_STRING: 214,
  TFT_DATASET: 10102,
  TFT_RAGGED: 10103,
  TFT_ITERATOR: 10104,
  TFT_MUTEX_LOCK: 10202,
  TFT_LEGACY_VARIANT: 10203,
} as const;

export interface FunctionDef {
  signature: OpDef | null;
  nodeDef: NodeDef[];
  ret: Record<string, string>;
  attr: Record<string, AttrValue>;
  controlRet: Record<string, string>;
  argAttr: Record<string, FunctionDef_ArgAttrs>;
  resourceArgUniqueId: Record<string, number>;
}

export interface FunctionDefLibrary {
  function: FunctionDef[];
  gradient: GradientDef[];
  registeredGradients: RegisteredGradient[];
}

export interface FunctionDef_ArgAttrs {
  attr: Record<string, AttrValue>;
}

export interface GPUOptions {
  /** 0 lets TensorFlow decide. */
  perProcessGpuMemoryFraction: number;
  allocatorType: string;
  deferredDeletionBytes: bigint;
  allowGrowth: boolean;
  visibleDeviceList: string;
  pollingActiveDelayUsecs: number;
  pollingInactiveDelayMsecs: number;
  forceGpuCompatible: boolean;
  experimental: GPUOptions_Experimental | null;
}

export interface GPUOptions_Experimental {
  virtualDevices: GPUOptions_Experimental_VirtualDevices[];
  useUnifiedMemory: boolean;
  numDevToDevCopyStreams: number;
  collectiveRingOrder: string;
  timestampedAllocator: boolean;
  kernelTrackerMaxInterval: number;
  kernelTrackerMaxBytes: number;
  kernelTrackerMaxPending: number;
  internalFragmentationFraction: number;
  useCudaMallocAsync: boolean;
  disallowRetryOnAllocationFailure: boolean;
  gpuHostMemLimitInMb: number;
  gpuHostMemDisallowGrowth: boolean;
  numVirtualDevicesPerGpu: number;
  gpuSystemMemorySizeInMb: number;
  populatePjrtGpuClientCreationInfo: boolean;
  nodeId: number;
  streamMergeOptions: GPUOptions_Experimental_StreamMergeOptions | null;
}

export interface GPUOptions_Experimental_StreamMergeOptions {
  mergeHostToDeviceStream: boolean;
  mergeDeviceToHostStream: boolean;
  mergeDeviceToDeviceStream: boolean;
}

export interface GPUOptions_Experimental_VirtualDevices {
  memoryLimitMb: number[];
  priority: number[];
  deviceOrdinal: number[];
}

export interface GetModelMetadataRequest {
  modelSpec: ModelSpec | null;
  /** Only "signature_def" is known. */
  metadataField: string[];
}

export interface GetModelMetadataResponse {
  modelSpec: ModelSpec | null;
  /** "signature_def" to an Any with a SignatureDefMap. */
  metadata: Record<string, Any>;
}

/** Asks for the state of one version of a model, or of all. */
export interface GetModelStatusRequest {
  modelSpec: ModelSpec | null;
}

/** The versions, highest first. */
export interface GetModelStatusResponse {
  modelVersionStatus: ModelVersionStatus[];
}

export interface GradientDef {
  functionName: string;
  gradientFunc: string;
}

export interface GraphDebugInfo {
  files: string[];
  traces: Record<string, GraphDebugInfo_StackTrace>;
  framesById: Record<string, GraphDebugInfo_FileLineCol>;
  nameToTraceId: Record<string, bigint>;
  tracesById: Record<string, GraphDebugInfo_StackTrace>;
}

export interface GraphDebugInfo_FileLineCol {
  fileIndex: number;
  line: number;
  col: number;
  func: string;
  code: string;
}

export interface GraphDebugInfo_StackTrace {
  fileLineCols: GraphDebugInfo_FileLineCol[];
  frameId: bigint[];
}

export interface GraphDef {
  node: NodeDef[];
  library: FunctionDefLibrary | null;
  version: number;
  versions: VersionDef | null;
  debugInfo: GraphDebugInfo | null;
}

export interface GraphOptions {
  enableRecvScheduling: boolean;
  optimizerOptions: OptimizerOptions | null;
  buildCostModel: bigint;
  inferShapes: boolean;
  placePrunedGraph: boolean;
  enableBfloat16Sendrecv: boolean;
  timelineStep: number;
  buildCostModelAfter: bigint;
  rewriteOptions: RewriterConfig | null;
}

export interface HealthCheckRequest {
  /** Empty means the whole server. */
  service: string;
}

export interface HealthCheckResponse {
  /** One of `HealthCheckResponse_ServingStatus`. */
  status: number;
}

export const HealthCheckResponse_ServingStatus = {
  UNKNOWN: 0,
  SERVING: 1,
  NOT_SERVING: 2,
  SERVICE_UNKNOWN: 3,
} as const;

export interface InferenceResult {
  modelSpec: ModelSpec | null;
  classificationResult: ClassificationResult | null;
  regressionResult: RegressionResult | null;
}

export interface InferenceTask {
  modelSpec: ModelSpec | null;
  /** "tensorflow/serving/classify" or "tensorflow/serving/regress". */
  methodName: string;
}

/** Examples for Classify, Regress and MultiInference. */
export interface Input {
  exampleList: ExampleList | null;
  exampleListWithContext: ExampleListWithContext | null;
}

export interface Int32Value {
  value: number;
}

export interface Int64List {
  value: bigint[];
}

export interface Int64Value {
  value: bigint;
}

export interface JobDef {
  name: string;
  tasks: Record<string, string>;
}

export interface ListServiceResponse {
  service: ServiceResponse[];
}

export interface ListValue {
  values: StructuredValue[];
}

/** Where records go. */
export interface LogCollectorConfig {
  type: string;
  filenamePrefix: string;
}

/** Where a logged request came from and how it was sampled. */
export interface LogMetadata {
  modelSpec: ModelSpec | null;
  samplingConfig: SamplingConfig | null;
  savedModelTags: string[];
  timestampSecs: bigint;
  dc: string;
  requestOrigin: string;
  requestCriticality: string;
  safeAggregationPrivacyKey: bigint;
}

/** Which requests of a model are recorded, and where. */
export interface LoggingConfig {
  logCollectorConfig: LogCollectorConfig | null;
  samplingConfig: SamplingConfig | null;
  customLoggingConfig: Any | null;
}

export interface MemoryStats {
  tempMemorySize: bigint;
  deviceTempMemorySize: bigint;
  persistentMemorySize: bigint;
  devicePersistentMemorySize: bigint;
  persistentTensorAllocIds: bigint[];
  devicePersistentTensorAllocIds: bigint[];
}

export interface Metric {
  name: string;
  int64ValueIncrease: bigint | null;
}

/** One served model. */
export interface ModelConfig {
  name: string;
  /** Absolute path or URI; its children named as integers are the versions. */
  basePath: string;
  /** One of `ModelType`. */
  modelType: number;
  /** "tensorflow". */
  modelPlatform: string;
  loggingConfig: LoggingConfig | null;
  modelVersionPolicy: FileSystemStoragePathSourceConfig_ServableVersionPolicy | null;
  /** Label to version. */
  versionLabels: Record<string, bigint>;
}

export interface ModelConfigList {
  config: ModelConfig[];
}

/** What a model config file holds and a reload replaces. */
export interface ModelServerConfig {
  modelConfigList: ModelConfigList | null;
  customModelConfig: Any | null;
}

/** Which model a request is for. No version and no label means the latest available version. */
export interface ModelSpec {
  name: string;
  version: Int64Value | null;
  /** A name the model config gives to a version. */
  versionLabel: string | null;
  /** Empty means "serving_default". */
  signatureName: string;
}

export const ModelType = {
  MODEL_TYPE_UNSPECIFIED: 0,
  TENSORFLOW: 1,
  OTHER: 2,
} as const;

export interface ModelVersionStatus {
  version: bigint;
  /** One of `ModelVersionStatus_State`. */
  state: number;
  status: StatusProto | null;
}

/** The life of a version; a version that failed is END with the error as its status. */
export const ModelVersionStatus_State = {
  UNKNOWN: 0,
  START: 10,
  LOADING: 20,
  AVAILABLE: 30,
  UNLOADING: 40,
  END: 50,
} as const;

/** How recorded requests are run before a version becomes available. */
export interface ModelWarmupOptions {
  numRequestIterations: Int32Value | null;
  numModelWarmupThreads: Int32Value | null;
  modelName: string;
  modelVersion: bigint;
  enableAllBatchSizesWarmup: boolean;
}

export interface MonitoringConfig {
  prometheusConfig: PrometheusConfig | null;
}

export interface MultiInferenceLog {
  request: MultiInferenceRequest | null;
  response: MultiInferenceResponse | null;
}

/** Several classify and regress tasks on the same input and the same model. */
export interface MultiInferenceRequest {
  tasks: InferenceTask[];
  input: Input | null;
}

export interface MultiInferenceResponse {
  results: InferenceResult[];
}

export interface NameAttrList {
  name: string;
  attr: Record<string, AttrValue>;
}

export interface NamedTensorProto {
  name: string;
  tensor: TensorProto | null;
}

export interface NamedTupleValue {
  name: string;
  values: PairValue[];
}

export interface NodeDef {
  name: string;
  op: string;
  input: string[];
  device: string;
  attr: Record<string, AttrValue>;
  experimentalDebugInfo: NodeDef_ExperimentalDebugInfo | null;
  experimentalType: FullTypeDef | null;
}

export interface NodeDef_ExperimentalDebugInfo {
  originalNodeNames: string[];
  originalFuncNames: string[];
}

export interface NodeExecStats {
  nodeName: string;
  allStartMicros: bigint;
  opStartRelMicros: bigint;
  opEndRelMicros: bigint;
  allEndRelMicros: bigint;
  memory: AllocatorMemoryUsed[];
  output: NodeOutput[];
  timelineLabel: string;
  scheduledMicros: bigint;
  threadId: number;
  referencedTensor: AllocationDescription[];
  memoryStats: MemoryStats | null;
  allStartNanos: bigint;
  opStartRelNanos: bigint;
  opEndRelNanos: bigint;
  allEndRelNanos: bigint;
  scheduledNanos: bigint;
}

export interface NodeOutput {
  slot: number;
  tensorDescription: TensorDescription | null;
}

export type NoneValue = Record<never, never>;

export interface OpDef {
  name: string;
  inputArg: OpDef_ArgDef[];
  outputArg: OpDef_ArgDef[];
  attr: OpDef_AttrDef[];
  summary: string;
  description: string;
  deprecation: OpDeprecation | null;
  isAggregate: boolean;
  isStateful: boolean;
  isCommutative: boolean;
  allowsUninitializedInput: boolean;
  controlOutput: string[];
  isDistributedCommunication: boolean;
}

export interface OpDef_ArgDef {
  name: string;
  description: string;
  /** One of `DataType`. */
  type: number;
  typeAttr: string;
  numberAttr: string;
  typeListAttr: string;
  handleData: ResourceHandleProto_DtypeAndShape[];
  isRef: boolean;
  experimentalFullType: FullTypeDef | null;
}

export interface OpDef_AttrDef {
  name: string;
  type: string;
  defaultValue: AttrValue | null;
  description: string;
  hasMinimum: boolean;
  minimum: bigint;
  allowedValues: AttrValue | null;
}

export interface OpDeprecation {
  version: number;
  explanation: string;
}

export interface OptimizerOptions {
  doCommonSubexpressionElimination: boolean;
  doConstantFolding: boolean;
  /** One of `OptimizerOptions_Level`. */
  optLevel: number;
  doFunctionInlining: boolean;
  /** One of `OptimizerOptions_GlobalJitLevel`. */
  globalJitLevel: number;
  maxFoldedConstantInBytes: bigint;
  cpuGlobalJit: boolean;
}

export const OptimizerOptions_GlobalJitLevel = {
  DEFAULT: 0,
  OFF: -1,
  ON_1: 1,
  ON_2: 2,
} as const;

export const OptimizerOptions_Level = {
  L1: 0,
  L0: -1,
} as const;

export interface PairValue {
  key: string;
  value: StructuredValue | null;
}

export interface PerTaskSamplingConfig {
  dc: string;
  taskIndex: number | null;
  samplingRate: number;
}

/** How models of one platform are loaded. */
export interface PlatformConfig {
  /** For "tensorflow" a SavedModelBundleSourceAdapterConfig. */
  sourceAdapterConfig: Any | null;
}

export interface PlatformConfigMap {
  platformConfigs: Record<string, PlatformConfig>;
}

export interface PredictLog {
  request: PredictRequest | null;
  response: PredictResponse | null;
}

/** Runs one signature on named tensors. */
export interface PredictRequest {
  modelSpec: ModelSpec | null;
  /** Input alias of the signature to its tensor. */
  inputs: Record<string, TensorProto>;
  /** Output aliases to compute and return; empty means all. */
  outputFilter: string[];
  predictStreamedOptions: PredictStreamedOptions | null;
  clientId: Uint8Array | null;
  requestOptions: PredictRequest_RequestOptions | null;
}

export interface PredictRequest_RequestOptions {
  clientId: Uint8Array | null;
  /** One of `PredictRequest_RequestOptions_DeterministicMode`. */
  deterministicMode: number | null;
  returnAdditionalArraysFromPrefill: boolean | null;
  returnStoptokens: bigint[];
  maxCacheLength: bigint | null;
  returnAllStoptokens: boolean | null;
}

export const PredictRequest_RequestOptions_DeterministicMode = {
  DETERMINISTIC_MODE_UNSPECIFIED: 0,
  FIXED_DECODER_SLOT: 1,
} as const;

/** The outputs by alias, and the model that made them. */
export interface PredictResponse {
  outputs: Record<string, TensorProto>;
  modelSpec: ModelSpec | null;
}

export interface PredictStreamedLog {
  request: PredictRequest[];
  response: PredictResponse[];
}

/** Options of a streamed predict; a unary Predict ignores them. */
export interface PredictStreamedOptions {
  /** One of `PredictStreamedOptions_RequestState`. */
  requestState: number;
  splitDimensions: Record<string, number>;
  returnSingleResponse: boolean;
}

export const PredictStreamedOptions_RequestState = {
  NONE: 0,
  SPLIT: 1,
  END_SPLIT: 2,
  CANCEL: 3,
} as const;

/** One request with its response: the record of warm-up files and request logs. */
export interface PredictionLog {
  logMetadata: LogMetadata | null;
  classifyLog: ClassifyLog | null;
  regressLog: RegressLog | null;
  multiInferenceLog: MultiInferenceLog | null;
  sessionRunLog: SessionRunLog | null;
  predictLog: PredictLog | null;
  predictStreamedLog: PredictStreamedLog | null;
}

/** The metrics page on the REST port. */
export interface PrometheusConfig {
  enable: boolean;
  /** Empty means "/monitoring/prometheus/metrics". */
  path: string;
}

export interface RPCOptions {
  useRpcForInprocessMaster: boolean;
  compressionAlgorithm: string;
  compressionLevel: number;
  cacheRpcResponse: boolean;
  disableSessionConnectionSharing: boolean;
  numChannelsPerTarget: number;
}

export interface RegisteredGradient {
  gradientFunc: string;
  registeredOpType: string;
}

export interface RegressLog {
  request: RegressionRequest | null;
  response: RegressionResponse | null;
}

export interface Regression {
  value: number;
}

/** Computes one number for each example of the input. */
export interface RegressionRequest {
  modelSpec: ModelSpec | null;
  input: Input | null;
}

export interface RegressionResponse {
  result: RegressionResult | null;
  modelSpec: ModelSpec | null;
}

/** One entry an example, in the order of the input. */
export interface RegressionResult {
  regressions: Regression[];
}

/** Replaces the whole model config: models not listed are unloaded. */
export interface ReloadConfigRequest {
  config: ModelServerConfig | null;
  /** Counters whose growth during the reload is to be returned. */
  metricNames: string[];
}

export interface ReloadConfigResponse {
  status: StatusProto | null;
  metric: Metric[];
}

export interface ResourceHandleProto {
  device: string;
  container: string;
  name: string;
  hashCode: bigint;
  maybeTypeName: string;
  dtypesAndShapes: ResourceHandleProto_DtypeAndShape[];
}

export interface ResourceHandleProto_DtypeAndShape {
  /** One of `DataType`. */
  dtype: number;
  shape: TensorShapeProto | null;
}

export interface RewriterConfig {
  /** One of `RewriterConfig_Toggle`. */
  layoutOptimizer: number;
  disableModelPruning: boolean;
  /** One of `RewriterConfig_Toggle`. */
  constantFolding: number;
  /** One of `RewriterConfig_MemOptType`. */
  memoryOptimization: number;
  autoParallel: AutoParallelOptions | null;
  memoryOptimizerTargetNodeNameScope: string;
  /** One of `RewriterConfig_Toggle`. */
  arithmeticOptimization: number;
  /** One of `RewriterConfig_Toggle`. */
  dependencyOptimization: number;
  /** One of `RewriterConfig_Toggle`. */
  loopOptimization: number;
  /** One of `RewriterConfig_Toggle`. */
  functionOptimization: number;
  /** One of `RewriterConfig_Toggle`. */
  debugStripper: number;
  /** One of `RewriterConfig_NumIterationsType`. */
  metaOptimizerIterations: number;
  /** One of `RewriterConfig_Toggle`. */
  shapeOptimization: number;
  /** One of `RewriterConfig_Toggle`. */
  remapping: number;
  /** One of `RewriterConfig_Toggle`. */
  scopedAllocatorOptimization: number;
  scopedAllocatorOpts: ScopedAllocatorOptions | null;
  minGraphNodes: number;
  /** One of `RewriterConfig_Toggle`. */
  pinToHostOptimization: number;
  disableMetaOptimizer: boolean;
  metaOptimizerTimeoutMs: bigint;
  failOnOptimizerErrors: boolean;
  /** One of `RewriterConfig_Toggle`. */
  implementationSelector: number;
  /** One of `RewriterConfig_Toggle`. */
  autoMixedPrecision: number;
  /** One of `RewriterConfig_Toggle`. */
  commonSubgraphElimination: number;
  /** One of `RewriterConfig_Toggle`. */
  autoMixedPrecisionMkl: number;
  experimentalDisableCompressedTensorOptimization: boolean;
  experimentalDisableFoldingQuantizationEmulation: boolean;
  /** One of `RewriterConfig_Toggle`. */
  usePluginOptimizers: number;
  /** One of `RewriterConfig_Toggle`. */
  autoMixedPrecisionCpu: number;
  /** One of `RewriterConfig_Toggle`. */
  experimentalConditionalCodeMotion: number;
  /** One of `RewriterConfig_Toggle`. */
  autoMixedPrecisionOnednnBfloat16: number;
  disableTfgOptimizer: boolean;
  /** One of `RewriterConfig_CpuLayout`. */
  cpuLayoutConversion: number;
  optimizers: string[];
  customOptimizers: RewriterConfig_CustomGraphOptimizer[];
  interOptimizerVerifierConfig: VerifierConfig | null;
  postOptimizationVerifierConfig: VerifierConfig | null;
}

export const RewriterConfig_CpuLayout = {
  NO_CONVERSION_ON_CPU: 0,
  NCHW_TO_NHWC: 1,
  NHWC_TO_NCHW: 2,
} as const;

export interface RewriterConfig_CustomGraphOptimizer {
  name: string;
  parameterMap: Record<string, AttrValue>;
}

export const RewriterConfig_MemOptType = {
  DEFAULT_MEM_OPT: 0,
  NO_MEM_OPT: 1,
  MANUAL: 2,
  SWAPPING_HEURISTICS: 4,
  RECOMPUTATION_HEURISTICS: 5,
  SCHEDULING_HEURISTICS: 6,
  HEURISTICS: 3,
} as const;

export const RewriterConfig_NumIterationsType = {
  DEFAULT_NUM_ITERS: 0,
  ONE: 1,
  TWO: 2,
} as const;

export const RewriterConfig_Toggle = {
  DEFAULT: 0,
  ON: 1,
  OFF: 2,
  AGGRESSIVE: 3,
  EXPERIMENTAL_MLIR: 4,
  EXPERIMENTAL_BOTH: 5,
} as const;

export interface RunMetadata {
  stepStats: StepStats | null;
  costGraph: CostGraphDef | null;
  partitionGraphs: GraphDef[];
  functionGraphs: RunMetadata_FunctionGraphs[];
  sessionMetadata: SessionMetadata | null;
}

export interface RunMetadata_FunctionGraphs {
  partitionGraphs: GraphDef[];
  preOptimizationGraph: GraphDef | null;
  postOptimizationGraph: GraphDef | null;
}

/** Options of one run of a session. */
export interface RunOptions {
  /** One of `RunOptions_TraceLevel`. */
  traceLevel: number;
  timeoutInMs: bigint;
  interOpThreadPool: number;
  outputPartitionGraphs: boolean;
  debugOptions: DebugOptions | null;
  reportTensorAllocationsUponOom: boolean;
  experimental: RunOptions_Experimental | null;
}

export interface RunOptions_Experimental {
  collectiveGraphKey: bigint;
  useRunHandlerPool: boolean;
  runHandlerPoolOptions: RunOptions_Experimental_RunHandlerPoolOptions | null;
}

export interface RunOptions_Experimental_RunHandlerPoolOptions {
  priority: bigint;
}

export const RunOptions_TraceLevel = {
  NO_TRACE: 0,
  SOFTWARE_TRACE: 1,
  HARDWARE_TRACE: 2,
  FULL_TRACE: 3,
} as const;

/** TLS of the gRPC port. Every value is PEM text, not a path. */
export interface SSLConfig {
  serverKey: string;
  serverCert: string;
  /** Authority that client certificates must come from. */
  customCa: string;
  /** Require a client certificate. */
  clientVerify: boolean;
}

export interface SamplingConfig {
  /** Share of requests from 0 to 1. */
  samplingRate: number;
  attributes: number;
  perTaskSamplingConfigs: PerTaskSamplingConfig[];
}

export const SamplingConfig_Attributes = {
  ATTR_DEFAULT: 0,
  ATTR_REQUEST_ORIGIN: 1,
  ATTR_REQUEST_CRITICALITY: 2,
} as const;

export interface SavedModelBundleSourceAdapterConfig {
  legacyConfig: SessionBundleConfig | null;
}

/** Settings a model brings along in assets.extra/saved_model_config.pb. */
export interface SavedModelConfig {
  critical: boolean;
}

export interface ScopedAllocatorOptions {
  enableOp: string[];
}

export interface SequenceExample {
  context: Features | null;
  featureLists: FeatureLists | null;
}

export interface SerializedExampleList {
  examples: Uint8Array[];
}

export interface SerializedExampleListWithContext {
  examples: Uint8Array[];
  context: Uint8Array;
}

/** Input with its examples still serialized: same bytes on the wire. */
export interface SerializedInput {
  exampleList: SerializedExampleList | null;
  exampleListWithContext: SerializedExampleListWithContext | null;
}

export interface ServerReflectionRequest {
  host: string;
  fileByFilename: string | null;
  fileContainingSymbol: string | null;
  fileContainingExtension: ExtensionRequest | null;
  allExtensionNumbersOfType: string | null;
  /** Any text; it is not looked at. */
  listServices: string | null;
}

export interface ServerReflectionResponse {
  validHost: string;
  originalRequest: ServerReflectionRequest | null;
  fileDescriptorResponse: FileDescriptorResponse | null;
  allExtensionNumbersResponse: ExtensionNumberResponse | null;
  listServicesResponse: ListServiceResponse | null;
  errorResponse: ErrorResponse | null;
}

export interface ServiceResponse {
  name: string;
}

/** How a SavedModel is loaded and run. */
export interface SessionBundleConfig {
  sessionTarget: string;
  sessionConfig: ConfigProto | null;
  /** Set: requests are batched. */
  batchingParameters: BatchingParameters | null;
  sessionRunLoadThreadpoolIndex: Int32Value | null;
  experimentalTransientRamBytesDuringLoad: bigint;
  /** Empty means "serve". */
  savedModelTags: string[];
  experimentalFixedInputTensors: NamedTensorProto[];
  enableModelWarmup: boolean;
  modelWarmupOptions: ModelWarmupOptions | null;
  enableSessionMetadata: boolean;
  removeUnusedFieldsFromBundleMetagraph: boolean;
  preferTfliteModel: boolean;
  resourceEstimationUsesValidationResult: boolean;
  numTfliteInterpreters: number;
  numTfliteInterpretersPerPool: number;
  numTflitePools: number;
  wrapSessionWithNoThreadingParams: boolean;
  /** Read batching_params.pbtxt in each version directory. */
  enablePerModelBatchingParams: boolean;
  enableSavedModelConfig: boolean;
  mixedPrecision: string;
}

export interface SessionMetadata {
  name: string;
  version: bigint;
}

export interface SessionRunLog {
  request: SessionRunRequest | null;
  response: SessionRunResponse | null;
}

/** Runs any nodes of the graph by tensor name. */
export interface SessionRunRequest {
  modelSpec: ModelSpec | null;
  feed: NamedTensorProto[];
  fetch: string[];
  target: string[];
  options: RunOptions | null;
  /** Feed and fetch names are aliases of the signature in model_spec. */
  tensorNameIsAlias: boolean;
}

export interface SessionRunResponse {
  tensor: NamedTensorProto[];
  metadata: RunMetadata | null;
  modelSpec: ModelSpec | null;
}

/** One callable of a model. */
export interface SignatureDef {
  inputs: Record<string, TensorInfo>;
  outputs: Record<string, TensorInfo>;
  methodName: string;
  defaults: Record<string, TensorProto>;
}

/** The signatures of a loaded model by name. */
export interface SignatureDefMap {
  signatureDef: Record<string, SignatureDef>;
}

/** A canonical code and a text. */
export interface StatusProto {
  /** One of `Code`. */
  errorCode: number;
  errorMessage: string;
}

export interface StepStats {
  devStats: DeviceStepStats[];
}

export interface StringValue {
  value: string;
}

export interface StructuredValue {
  noneValue: NoneValue | null;
  float64Value: number | null;
  int64Value: bigint | null;
  stringValue: string | null;
  boolValue: boolean | null;
  tensorShapeValue: TensorShapeProto | null;
  /** One of `DataType`. */
  tensorDtypeValue: number | null;
  tensorSpecValue: TensorSpecProto | null;
  typeSpecValue: TypeSpecProto | null;
  boundedTensorSpecValue: BoundedTensorSpecProto | null;
  listValue: ListValue | null;
  tupleValue: TupleValue | null;
  dictValue: DictValue | null;
  namedTupleValue: NamedTupleValue | null;
  tensorValue: TensorProto | null;
  numpyValue: TensorProto | null;
}

export interface TensorDescription {
  /** One of `DataType`. */
  dtype: number;
  shape: TensorShapeProto | null;
  allocationDescription: AllocationDescription | null;
}

/** Which tensor of the graph an alias stands for. */
export interface TensorInfo {
  name: string | null;
  cooSparse: TensorInfo_CooSparse | null;
  compositeTensor: TensorInfo_CompositeTensor | null;
  /** One of `DataType`. */
  dtype: number;
  tensorShape: TensorShapeProto | null;
}

export interface TensorInfo_CompositeTensor {
  typeSpec: TypeSpecProto | null;
  components: TensorInfo[];
}

export interface TensorInfo_CooSparse {
  valuesTensorName: string;
  indicesTensorName: string;
  denseShapeTensorName: string;
}

/** A tensor: a type, a shape and its elements in row-major order. */
export interface TensorProto {
  /** One of `DataType`. */
  dtype: number;
  tensorShape: TensorShapeProto | null;
  versionNumber: number;
  /** Little-endian elements; wins over the typed fields when not empty. */
  tensorContent: Uint8Array;
  floatVal: number[];
  doubleVal: number[];
  intVal: number[];
  stringVal: Uint8Array[];
  scomplexVal: number[];
  int64Val: bigint[];
  boolVal: boolean[];
  dcomplexVal: number[];
  /** The raw 16 bits of DT_HALF and DT_BFLOAT16. */
  halfVal: number[];
  resourceHandleVal: ResourceHandleProto[];
  variantVal: VariantTensorDataProto[];
  uint32Val: number[];
  uint64Val: bigint[];
  float8Val: Uint8Array;
}

export interface TensorShapeProto {
  dim: TensorShapeProto_Dim[];
  unknownRank: boolean;
}

export interface TensorShapeProto_Dim {
  /** -1 is an unknown size. */
  size: bigint;
  name: string;
}

export interface TensorSpecProto {
  name: string;
  shape: TensorShapeProto | null;
  /** One of `DataType`. */
  dtype: number;
}

export interface ThreadPoolFactoryConfig {
  threadPoolFactoryConfig: Any | null;
}

export interface ThreadPoolOptionProto {
  numThreads: number;
  globalName: string;
}

export interface TupleValue {
  values: StructuredValue[];
}

export interface TypeSpecProto {
  /** One of `TypeSpecProto_TypeSpecClass`. */
  typeSpecClass: number;
  typeState: StructuredValue | null;
  typeSpecClassName: string;
  numFlatComponents: number;
}

export const TypeSpecProto_TypeSpecClass = {
  UNKNOWN: 0,
  SPARSE_TENSOR_SPEC: 1,
  INDEXED_SLICES_SPEC: 2,
  RAGGED_TENSOR_SPEC: 3,
  TENSOR_ARRAY_SPEC: 4,
  DATA_DATASET_SPEC: 5,
  DATA_ITERATOR_SPEC: 6,
  OPTIONAL_SPEC: 7,
  PER_REPLICA_SPEC: 8,
  VARIABLE_SPEC: 9,
  ROW_PARTITION_SPEC: 10,
  REGISTERED_TYPE_SPEC: 12,
  EXTENSION_TYPE_SPEC: 13,
} as const;

export interface VariantTensorDataProto {
  typeName: string;
  metadata: Uint8Array;
  tensors: TensorProto[];
}

export interface VerifierConfig {
  verificationTimeoutInMs: bigint;
  /** One of `VerifierConfig_Toggle`. */
  structureVerifier: number;
}

export const VerifierConfig_Toggle = {
  DEFAULT: 0,
  ON: 1,
  OFF: 2,
} as const;

export interface VersionDef {
  producer: number;
  minConsumer: number;
  badConsumers: number[];
}

/** Every message by its full protobuf name. */
export interface MessageTypes {
  'google.protobuf.Any': Any;
  'google.protobuf.BoolValue': BoolValue;
  'google.protobuf.Int32Value': Int32Value;
  'google.protobuf.Int64Value': Int64Value;
  'google.protobuf.StringValue': StringValue;
  'grpc.health.v1.HealthCheckRequest': HealthCheckRequest;
  'grpc.health.v1.HealthCheckResponse': HealthCheckResponse;
  'grpc.reflection.v1.ErrorResponse': ErrorResponse;
  'grpc.reflection.v1.ExtensionNumberResponse': ExtensionNumberResponse;
  'grpc.reflection.v1.ExtensionRequest': ExtensionRequest;
  'grpc.reflection.v1.FileDescriptorResponse': FileDescriptorResponse;
  'grpc.reflection.v1.ListServiceResponse': ListServiceResponse;
  'grpc.reflection.v1.ServerReflectionRequest': ServerReflectionRequest;
  'grpc.reflection.v1.ServerReflectionResponse': ServerReflectionResponse;
  'grpc.reflection.v1.ServiceResponse': ServiceResponse;
  'grpc.reflection.v1alpha.ErrorResponse': ErrorResponse;
  'grpc.reflection.v1alpha.ExtensionNumberResponse': ExtensionNumberResponse;
  'grpc.reflection.v1alpha.ExtensionRequest': ExtensionRequest;
  'grpc.reflection.v1alpha.FileDescriptorResponse': FileDescriptorResponse;
  'grpc.reflection.v1alpha.ListServiceResponse': ListServiceResponse;
  'grpc.reflection.v1alpha.ServerReflectionRequest': ServerReflectionRequest;
  'grpc.reflection.v1alpha.ServerReflectionResponse': ServerReflectionResponse;
  'grpc.reflection.v1alpha.ServiceResponse': ServiceResponse;
  'tensorflow.AllocationDescription': AllocationDescription;
  'tensorflow.AllocationRecord': AllocationRecord;
  'tensorflow.AllocatorMemoryUsed': AllocatorMemoryUsed;
  'tensorflow.AttrValue': AttrValue;
  'tensorflow.AttrValue.ListValue': AttrValue_ListValue;
  'tensorflow.AutoParallelOptions': AutoParallelOptions;
  'tensorflow.BoundedTensorSpecProto': BoundedTensorSpecProto;
  'tensorflow.BytesList': BytesList;
  'tensorflow.ClusterDef': ClusterDef;
  'tensorflow.ConfigProto': ConfigProto;
  'tensorflow.ConfigProto.Experimental': ConfigProto_Experimental;
  'tensorflow.CoordinatedJob': CoordinatedJob;
  'tensorflow.CoordinationServiceConfig': CoordinationServiceConfig;
  'tensorflow.CostGraphDef': CostGraphDef;
  'tensorflow.CostGraphDef.AggregatedCost': CostGraphDef_AggregatedCost;
  'tensorflow.CostGraphDef.Node': CostGraphDef_Node;
  'tensorflow.CostGraphDef.Node.InputInfo': CostGraphDef_Node_InputInfo;
  'tensorflow.CostGraphDef.Node.OutputInfo': CostGraphDef_Node_OutputInfo;
  'tensorflow.DebugOptions': DebugOptions;
  'tensorflow.DebugTensorWatch': DebugTensorWatch;
  'tensorflow.DeviceStepStats': DeviceStepStats;
  'tensorflow.DictValue': DictValue;
  'tensorflow.Example': Example;
  'tensorflow.Feature': Feature;
  'tensorflow.FeatureList': FeatureList;
  'tensorflow.FeatureLists': FeatureLists;
  'tensorflow.Features': Features;
  'tensorflow.FloatList': FloatList;
  'tensorflow.FullTypeDef': FullTypeDef;
  'tensorflow.FunctionDef': FunctionDef;
  'tensorflow.FunctionDef.ArgAttrs': FunctionDef_ArgAttrs;
  'tensorflow.FunctionDefLibrary': FunctionDefLibrary;
  'tensorflow.GPUOptions': GPUOptions;
  'tensorflow.GPUOptions.Experimental': GPUOptions_Experimental;
  'tensorflow.GPUOptions.Experimental.StreamMergeOptions': GPUOptions_Experimental_StreamMergeOptions;
  'tensorflow.GPUOptions.Experimental.VirtualDevices': GPUOptions_Experimental_VirtualDevices;
  'tensorflow.GradientDef': GradientDef;
  'tensorflow.GraphDebugInfo': GraphDebugInfo;
  'tensorflow.GraphDebugInfo.FileLineCol': GraphDebugInfo_FileLineCol;
  'tensorflow.GraphDebugInfo.StackTrace': GraphDebugInfo_StackTrace;
  'tensorflow.GraphDef': GraphDef;
  'tensorflow.GraphOptions': GraphOptions;
  'tensorflow.Int64List': Int64List;
  'tensorflow.JobDef': JobDef;
  'tensorflow.ListValue': ListValue;
  'tensorflow.MemoryStats': MemoryStats;
  'tensorflow.NameAttrList': NameAttrList;
  'tensorflow.NamedTensorProto': NamedTensorProto;
  'tensorflow.NamedTupleValue': NamedTupleValue;
  'tensorflow.NodeDef': NodeDef;
  'tensorflow.NodeDef.ExperimentalDebugInfo': NodeDef_ExperimentalDebugInfo;
  'tensorflow.NodeExecStats': NodeExecStats;
  'tensorflow.NodeOutput': NodeOutput;
  'tensorflow.NoneValue': NoneValue;
  'tensorflow.OpDef': OpDef;
  'tensorflow.OpDef.ArgDef': OpDef_ArgDef;
  'tensorflow.OpDef.AttrDef': OpDef_AttrDef;
  'tensorflow.OpDeprecation': OpDeprecation;
  'tensorflow.OptimizerOptions': OptimizerOptions;
  'tensorflow.PairValue': PairValue;
  'tensorflow.RPCOptions': RPCOptions;
  'tensorflow.RegisteredGradient': RegisteredGradient;
  'tensorflow.ResourceHandleProto': ResourceHandleProto;
  'tensorflow.ResourceHandleProto.DtypeAndShape': ResourceHandleProto_DtypeAndShape;
  'tensorflow.RewriterConfig': RewriterConfig;
  'tensorflow.RewriterConfig.CustomGraphOptimizer': RewriterConfig_CustomGraphOptimizer;
  'tensorflow.RunMetadata': RunMetadata;
  'tensorflow.RunMetadata.FunctionGraphs': RunMetadata_FunctionGraphs;
  'tensorflow.RunOptions': RunOptions;
  'tensorflow.RunOptions.Experimental': RunOptions_Experimental;
  'tensorflow.RunOptions.Experimental.RunHandlerPoolOptions': RunOptions_Experimental_RunHandlerPoolOptions;
  'tensorflow.ScopedAllocatorOptions': ScopedAllocatorOptions;
  'tensorflow.SequenceExample': SequenceExample;
  'tensorflow.SessionMetadata': SessionMetadata;
  'tensorflow.SignatureDef': SignatureDef;
  'tensorflow.StepStats': StepStats;
  'tensorflow.StructuredValue': StructuredValue;
  'tensorflow.TensorDescription': TensorDescription;
  'tensorflow.TensorInfo': TensorInfo;
  'tensorflow.TensorInfo.CompositeTensor': TensorInfo_CompositeTensor;
  'tensorflow.TensorInfo.CooSparse': TensorInfo_CooSparse;
  'tensorflow.TensorProto': TensorProto;
  'tensorflow.TensorShapeProto': TensorShapeProto;
  'tensorflow.TensorShapeProto.Dim': TensorShapeProto_Dim;
  'tensorflow.TensorSpecProto': TensorSpecProto;
  'tensorflow.ThreadPoolOptionProto': ThreadPoolOptionProto;
  'tensorflow.TupleValue': TupleValue;
  'tensorflow.TypeSpecProto': TypeSpecProto;
  'tensorflow.VariantTensorDataProto': VariantTensorDataProto;
  'tensorflow.VerifierConfig': VerifierConfig;
  'tensorflow.VersionDef': VersionDef;
  'tensorflow.serving.BatchingParameters': BatchingParameters;
  'tensorflow.serving.Class': Class;
  'tensorflow.serving.ClassificationRequest': ClassificationRequest;
  'tensorflow.serving.ClassificationResponse': ClassificationResponse;
  'tensorflow.serving.ClassificationResult': ClassificationResult;
  'tensorflow.serving.Classifications': Classifications;
  'tensorflow.serving.ClassifyLog': ClassifyLog;
  'tensorflow.serving.ExampleList': ExampleList;
  'tensorflow.serving.ExampleListWithContext': ExampleListWithContext;
  'tensorflow.serving.FileSystemStoragePathSourceConfig': FileSystemStoragePathSourceConfig;
  'tensorflow.serving.FileSystemStoragePathSourceConfig.ServableToMonitor': FileSystemStoragePathSourceConfig_ServableToMonitor;
  'tensorflow.serving.FileSystemStoragePathSourceConfig.ServableVersionPolicy': FileSystemStoragePathSourceConfig_ServableVersionPolicy;
  'tensorflow.serving.FileSystemStoragePathSourceConfig.ServableVersionPolicy.All': FileSystemStoragePathSourceConfig_ServableVersionPolicy_All;
  'tensorflow.serving.FileSystemStoragePathSourceConfig.ServableVersionPolicy.Latest': FileSystemStoragePathSourceConfig_ServableVersionPolicy_Latest;
  'tensorflow.serving.FileSystemStoragePathSourceConfig.ServableVersionPolicy.Specific': FileSystemStoragePathSourceConfig_ServableVersionPolicy_Specific;
  'tensorflow.serving.GetModelMetadataRequest': GetModelMetadataRequest;
  'tensorflow.serving.GetModelMetadataResponse': GetModelMetadataResponse;
  'tensorflow.serving.GetModelStatusRequest': GetModelStatusRequest;
  'tensorflow.serving.GetModelStatusResponse': GetModelStatusResponse;
  'tensorflow.serving.InferenceResult': InferenceResult;
  'tensorflow.serving.InferenceTask': InferenceTask;
  'tensorflow.serving.Input': Input;
  'tensorflow.serving.LogCollectorConfig': LogCollectorConfig;
  'tensorflow.serving.LogMetadata': LogMetadata;
  'tensorflow.serving.LoggingConfig': LoggingConfig;
  'tensorflow.serving.Metric': Metric;
  'tensorflow.serving.ModelConfig': ModelConfig;
  'tensorflow.serving.ModelConfigList': ModelConfigList;
  'tensorflow.serving.ModelServerConfig': ModelServerConfig;
  'tensorflow.serving.ModelSpec': ModelSpec;
  'tensorflow.serving.ModelVersionStatus': ModelVersionStatus;
  'tensorflow.serving.ModelWarmupOptions': ModelWarmupOptions;
  'tensorflow.serving.MonitoringConfig': MonitoringConfig;
  'tensorflow.serving.MultiInferenceLog': MultiInferenceLog;
  'tensorflow.serving.MultiInferenceRequest': MultiInferenceRequest;
  'tensorflow.serving.MultiInferenceResponse': MultiInferenceResponse;
  'tensorflow.serving.PerTaskSamplingConfig': PerTaskSamplingConfig;
  'tensorflow.serving.PlatformConfig': PlatformConfig;
  'tensorflow.serving.PlatformConfigMap': PlatformConfigMap;
  'tensorflow.serving.PredictLog': PredictLog;
  'tensorflow.serving.PredictRequest': PredictRequest;
  'tensorflow.serving.PredictRequest.RequestOptions': PredictRequest_RequestOptions;
  'tensorflow.serving.PredictResponse': PredictResponse;
  'tensorflow.serving.PredictStreamedLog': PredictStreamedLog;
  'tensorflow.serving.PredictStreamedOptions': PredictStreamedOptions;
  'tensorflow.serving.PredictionLog': PredictionLog;
  'tensorflow.serving.PrometheusConfig': PrometheusConfig;
  'tensorflow.serving.RegressLog': RegressLog;
  'tensorflow.serving.Regression': Regression;
  'tensorflow.serving.RegressionRequest': RegressionRequest;
  'tensorflow.serving.RegressionResponse': RegressionResponse;
  'tensorflow.serving.RegressionResult': RegressionResult;
  'tensorflow.serving.ReloadConfigRequest': ReloadConfigRequest;
  'tensorflow.serving.ReloadConfigResponse': ReloadConfigResponse;
  'tensorflow.serving.SSLConfig': SSLConfig;
  'tensorflow.serving.SamplingConfig': SamplingConfig;
  'tensorflow.serving.SavedModelBundleSourceAdapterConfig': SavedModelBundleSourceAdapterConfig;
  'tensorflow.serving.SavedModelConfig': SavedModelConfig;
  'tensorflow.serving.SessionBundleConfig': SessionBundleConfig;
  'tensorflow.serving.SessionRunLog': SessionRunLog;
  'tensorflow.serving.SessionRunRequest': SessionRunRequest;
  'tensorflow.serving.SessionRunResponse': SessionRunResponse;
  'tensorflow.serving.SignatureDefMap': SignatureDefMap;
  'tensorflow.serving.StatusProto': StatusProto;
  'tensorflow.serving.ThreadPoolFactoryConfig': ThreadPoolFactoryConfig;
  'tensorflow.serving.internal.SerializedExampleList': SerializedExampleList;
  'tensorflow.serving.internal.SerializedExampleListWithContext': SerializedExampleListWithContext;
  'tensorflow.serving.internal.SerializedInput': SerializedInput;
}
