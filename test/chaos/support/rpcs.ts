import { type Init, messageType, type PredictResponse } from '../../../ts/codec/messages.js';
import { modelDir } from '../../support/paths.js';
import { WITNESS } from './chaos.js';
import type { Random } from './random.js';

type Tensor = Init<PredictResponse['outputs'][string]>;

/** A valid request of one RPC: what the mutations start from. */
export interface ValidRequest {
  readonly path: string;
  readonly message: Buffer;
  /** Whether the call stays open until the client ends it. */
  readonly endless?: boolean;
}

const PREDICTION = '/tensorflow.serving.PredictionService/';
const [DT_FLOAT, DT_STRING] = [1, 7];

const floats = (values: readonly number[], ...dims: number[]): Tensor => ({
  dtype: DT_FLOAT,
  tensorShape: { dim: dims.map((size) => ({ size: BigInt(size) })) },
  floatVal: [...values],
});

/** The same tensor as bytes. */
const content = (count: number, ...dims: number[]): Tensor => ({
  dtype: DT_FLOAT,
  tensorShape: { dim: dims.map((size) => ({ size: BigInt(size) })) },
  tensorContent: Buffer.alloc(count * 4, 1),
});

const EXAMPLES = {
  exampleList: {
    examples: [{ features: { feature: { x: { floatList: { value: [4] } } } } }],
  },
};

function predict(name: string, inputs: Record<string, Tensor>, signatureName = ''): Buffer {
  return messageType('tensorflow.serving.PredictRequest').encode({
    modelSpec: { name, signatureName, version: null },
    inputs,
    outputFilter: [],
  });
}

/** The config that a chaos server of these requests serves, for a reload that changes nothing. */
export const MODELS = [WITNESS, 'echo', 'strings', 'image', 'multi', 'lookup'] as const;

/** A reload to the models under test. */
export const RELOAD_MESSAGE = (): Buffer =>
  messageType('tensorflow.serving.ReloadConfigRequest').encode({
    config: {
      modelConfigList: {
        config: MODELS.map((name) => ({
          name,
          basePath: modelDir(name),
          modelPlatform: 'tensorflow',
        })),
      },
    },
  });

export const RELOAD_PATH = '/tensorflow.serving.ModelService/HandleReloadConfigRequest';

/** Every dtype number there is, two that are not, and one above what protobuf calls an enum. */
const DTYPES = 30;
const DIMS = [
  0n,
  1n,
  2n,
  3n,
  28n,
  784n,
  -1n,
  -2n,
  1n << 20n,
  1n << 31n,
  1n << 40n,
  (1n << 63n) - 1n,
] as const;

/** A well-formed PredictRequest whose tensor need not make sense: any dtype, shape and values, to any of the models. */
export function hostilePredict(random: Random): Buffer {
  const [name, alias] = random.pick([
    [WITNESS, 'x'],
    ['image', 'keras_tensor'],
    ['echo', 'x'],
    ['strings', 'text'],
    ['multi', 'a'],
    ['lookup', 'text'],
  ] as const);
  const dim = Array.from({ length: random.below(6) }, () => ({ size: random.pick(DIMS) }));
  const count = random.below(4) === 0 ? 784 : random.below(6);
  const values = <T>(make: () => T): T[] =>
    random.below(3) === 0 ? [] : Array.from({ length: count }, make);
  const tensor = {
    dtype: random.below(4) === 0 ? random.below(DTYPES + 3) : random.pick([DT_FLOAT, DT_STRING, 3]),
    tensorShape: random.below(8) === 0 ? null : { dim, unknownRank: random.below(16) === 0 },
    versionNumber: random.below(3) - 1,
    tensorContent:
      random.below(3) === 0 ? random.bytes(count * random.pick([1, 4, 8])) : Buffer.alloc(0),
    floatVal: values(() => random.below(100) / 7),
    stringVal: values(() => random.bytes(random.below(9))),
    intVal: values(() => random.below(1000) - 500),
  };
  const signatureName = random.pick(['', '', 'any_rank', 'flat_float32', 'nothing']);
  return predict(name, { [alias]: tensor as Tensor }, signatureName);
}

/** At least one valid request of every RPC the server has. */
export function validRequests(): readonly ValidRequest[] {
  const modelSpec = { name: WITNESS };
  const classify = {
    modelSpec: { ...modelSpec, signatureName: 'classify_scores' },
    input: EXAMPLES,
  };
  const regress = { modelSpec: { ...modelSpec, signatureName: 'regress_x_to_y' }, input: EXAMPLES };
  const plain = predict(WITNESS, { x: floats([1, 2, 5], 3) });
  const reflection = (request: Init<{ listServices: string }>): Buffer =>
    messageType('grpc.reflection.v1.ServerReflectionRequest').encode(request as never);
  return [
    { path: `${PREDICTION}Predict`, message: plain },
    { path: `${PREDICTION}Predict`, message: predict(WITNESS, { x: content(3, 3) }) },
    {
      path: `${PREDICTION}Predict`,
      message: predict('image', { keras_tensor: content(784, 1, 28, 28, 1) }),
    },
    {
      path: `${PREDICTION}Predict`,
      message: predict('echo', { x: content(6, 2, 3) }, 'any_rank'),
    },
    {
      path: `${PREDICTION}Predict`,
      message: predict('strings', {
        text: {
          dtype: DT_STRING,
          tensorShape: { dim: [{ size: 2n }] },
          stringVal: [Buffer.from('one'), Buffer.from('two')],
        },
      }),
    },
    { path: `${PREDICTION}PredictStreamed`, message: plain },
    {
      path: `${PREDICTION}Classify`,
      message: messageType('tensorflow.serving.ClassificationRequest').encode(classify),
    },
    {
      path: `${PREDICTION}Regress`,
      message: messageType('tensorflow.serving.RegressionRequest').encode(regress),
    },
    {
      path: `${PREDICTION}MultiInference`,
      message: messageType('tensorflow.serving.MultiInferenceRequest').encode({
        tasks: [
          { modelSpec: classify.modelSpec, methodName: 'tensorflow/serving/classify' },
          { modelSpec: regress.modelSpec, methodName: 'tensorflow/serving/regress' },
        ],
        input: EXAMPLES,
      }),
    },
    {
      path: `${PREDICTION}GetModelMetadata`,
      message: messageType('tensorflow.serving.GetModelMetadataRequest').encode({
        modelSpec,
        metadataField: ['signature_def'],
      }),
    },
    {
      path: '/tensorflow.serving.SessionService/SessionRun',
      message: messageType('tensorflow.serving.SessionRunRequest').encode({
        modelSpec,
        feed: [{ name: 'x:0', tensor: floats([1, 2], 2) }],
        fetch: ['y:0'],
      }),
    },
    {
      path: '/tensorflow.serving.ModelService/GetModelStatus',
      message: messageType('tensorflow.serving.GetModelStatusRequest').encode({ modelSpec }),
    },
    { path: RELOAD_PATH, message: RELOAD_MESSAGE() },
    {
      path: '/grpc.health.v1.Health/Check',
      message: messageType('grpc.health.v1.HealthCheckRequest').encode({ service: WITNESS }),
    },
    {
      path: '/grpc.health.v1.Health/Watch',
      message: messageType('grpc.health.v1.HealthCheckRequest').encode({ service: WITNESS }),
      endless: true,
    },
    {
      path: '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      message: reflection({ listServices: '*' }),
    },
    {
      path: '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
      message: reflection({ listServices: '*' }),
    },
  ];
}
