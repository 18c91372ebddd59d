import { readFileSync } from 'node:fs';
import { Client, credentials, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MessageName, messageType, type TensorProto } from '../../ts/codec/messages.js';
import { GOLDEN_MODELS, goldenModelConfig } from '../support/model-config.js';
import { goldenFile } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

interface Case {
  readonly id: string;
  readonly method: string;
  readonly request_base64: string;
  readonly response:
    | { readonly code: 'OK'; readonly message_base64: string }
    | { readonly code: string; readonly details: string };
}

const RESPONSES: Readonly<Record<string, MessageName>> = {
  Predict: 'tensorflow.serving.PredictResponse',
  Classify: 'tensorflow.serving.ClassificationResponse',
  Regress: 'tensorflow.serving.RegressionResponse',
  MultiInference: 'tensorflow.serving.MultiInferenceResponse',
  GetModelMetadata: 'tensorflow.serving.GetModelMetadataResponse',
  GetModelStatus: 'tensorflow.serving.GetModelStatusResponse',
};

const identity = (bytes: Buffer): Buffer => bytes;

/** Up to where the reference prints a SignatureDef, which it marks with text that is random by design. */
function upToDump(text: string): string {
  const at = text.indexOf('goo.gle/debug');
  return at < 0 ? text : text.slice(0, at);
}

/** A tensor by dtype, shape and values: typed fields and tensor_content say the same. */
function tensorValue(tensor: TensorProto): unknown {
  const shape = tensor.tensorShape?.dim.map(({ size }) => Number(size)) ?? [];
  const fields = [
    ...tensor.floatVal,
    ...tensor.doubleVal,
    ...tensor.intVal,
    ...tensor.stringVal.map((bytes) => Buffer.from(bytes).toString('hex')),
    ...tensor.int64Val,
    ...tensor.boolVal,
    ...tensor.halfVal,
    ...tensor.uint32Val,
    ...tensor.uint64Val,
  ];
  return {
    dtype: tensor.dtype,
    shape,
    values: fields,
    content: Buffer.from(tensor.tensorContent).toString('hex'),
  };
}

/** A response as values to compare: maps have no order, and an Any is opened. */
function comparable(method: string, bytes: Buffer): unknown {
  const name = RESPONSES[method];
  if (name === undefined) throw new Error(`no response type for ${method}`);
  if (name === 'tensorflow.serving.PredictResponse') {
    const { outputs, modelSpec } = messageType(name).decode(bytes);
    const entries = Object.entries(outputs).map(([key, tensor]) => [key, tensorValue(tensor)]);
    return { outputs: Object.fromEntries(entries), modelSpec };
  }
  if (name === 'tensorflow.serving.GetModelMetadataResponse') {
    const { metadata, modelSpec } = messageType(name).decode(bytes);
    const any = metadata.signature_def;
    const map = messageType('tensorflow.serving.SignatureDefMap').decode(
      any?.value ?? Buffer.alloc(0),
    );
    return { type: any?.type_url, map, modelSpec };
  }
  return messageType(name).decode(bytes);
}

describe('answers recorded from TensorFlow Serving, over gRPC', () => {
  const cases = JSON.parse(readFileSync(goldenFile('grpc.json'), 'utf8')) as Case[];
  let server: RunningServer;
  let client: Client;

  beforeAll(async () => {
    server = await startServer({
      args: [
        `--model_config_file=${goldenModelConfig()}`,
        '--allow_version_labels_for_unavailable_models=true',
      ],
      models: GOLDEN_MODELS,
    });
    client = new Client(server.grpc, credentials.createInsecure());
  });

  afterAll(async () => {
    client.close();
    expect(await server.stop()).toBe(0);
  });

  function call(path: string, body: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        identity,
        identity,
        body,
        { deadline: Date.now() + 30_000 },
        (error: ServiceError | null, reply?: Buffer) => {
          if (error !== null) reject(error);
          else resolve(reply as Buffer);
        },
      );
    });
  }

  for (const { id, method, request_base64, response } of cases) {
    it(id, async () => {
      const request = Buffer.from(request_base64, 'base64');
      const name = method.slice(method.lastIndexOf('/') + 1);
      if ('message_base64' in response) {
        const reply = await call(method, request);
        const wanted = Buffer.from(response.message_base64, 'base64');
        expect(comparable(name, reply)).toEqual(comparable(name, wanted));
        return;
      }
      const error = await call(method, request).then(
        () => null,
        (failure: ServiceError) => failure,
      );
      expect(error === null ? 'OK' : grpcStatus[error.code]).toBe(response.code);
      const ours = error?.details ?? '';
      const wanted = upToDump(response.details);
      expect(wanted === response.details ? ours : ours.slice(0, wanted.length)).toBe(wanted);
    });
  }
});
