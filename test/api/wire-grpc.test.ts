import { status as Code, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageType, ServingStatus } from '../../ts/codec/messages.js';
import { modelDir } from '../support/paths.js';
import {
  floatRequest,
  floatTensor,
  frame,
  http2Session,
  PREDICT,
  RpcClient,
  rawRpc,
} from '../support/rpc.js';
import { type RunningServer, startServer } from '../support/server.js';
import { WIRE_MODELS, wireModel, wireModelConfig } from '../support/wire-models.js';

const SESSION_RUN = '/tensorflow.serving.SessionService/SessionRun';
const RELOAD = '/tensorflow.serving.ModelService/HandleReloadConfigRequest';
const WATCH = '/grpc.health.v1.Health/Watch';
const predictResponse = messageType('tensorflow.serving.PredictResponse');

async function serve(...args: string[]): Promise<RunningServer> {
  return startServer({
    args: [`--model_config_file=${wireModelConfig()}`, ...args],
    models: WIRE_MODELS,
  });
}

/** Gives `use` a server with these flags and a client of it. */
async function serving(
  args: string[],
  use: (client: RpcClient, server: RunningServer) => Promise<void>,
): Promise<void> {
  const server = await serve(...args);
  const client = new RpcClient(server.grpc);
  try {
    await use(client, server);
  } finally {
    client.close();
    expect(await server.stop()).toBe(0);
  }
}

describe('a server as it is by default', () => {
  let server: RunningServer;
  let client: RpcClient;
  beforeAll(async () => {
    server = await serve('--drain_timeout_seconds=1');
    client = new RpcClient(server.grpc);
  });
  afterAll(async () => {
    client.close();
    expect(await server.stop()).toBe(0);
  });

  it('answers Predict in typed fields', async () => {
    const { outputs, modelSpec } = await client.predict('half_plus_two', { x: [1, 2, 5] });
    expect(outputs.y).toMatchObject({ dtype: 1, floatVal: [2.5, 3, 4.5] });
    expect(outputs.y?.tensorContent).toHaveLength(0);
    expect(modelSpec).toMatchObject({
      name: 'half_plus_two',
      version: { value: 123n },
      signatureName: 'serving_default',
    });
  });

  it("takes a signature's own values for inputs that are left out, and needs the others", async () => {
    const scaled = async (inputs: Record<string, ReturnType<typeof floatTensor>>) => {
      const reply = await client.call(
        PREDICT,
        messageType('tensorflow.serving.PredictRequest').encode({
          modelSpec: { name: 'defaults' },
          inputs,
        }),
      );
      return predictResponse.decode(reply).outputs.scaled?.floatVal;
    };
    const scalar = (value: number) => ({ dtype: 1, floatVal: [value] });
    const x = floatTensor([1, 2]);
    expect(await scaled({ x })).toEqual([4, 7]);
    expect(await scaled({ x, factor: scalar(10) })).toEqual([11, 21]);
    expect(await scaled({ x, factor: scalar(10), offset: scalar(0) })).toEqual([10, 20]);
    const [code, text] = await client.failure(PREDICT, floatRequest('defaults', {}));
    expect(code).toBe(Code.INVALID_ARGUMENT);
    expect(text).toBe(
      'Signature input alias: x(feed name: x:0) not found in request and no default value provided. Inputs expected to be in the request {factor,offset,x}, or default input alias set: factor,offset',
    );
  });

  it('answers GetModelMetadata with the signatures that the file holds', async () => {
    const reply = await client.call(
      '/tensorflow.serving.PredictionService/GetModelMetadata',
      messageType('tensorflow.serving.GetModelMetadataRequest').encode({
        modelSpec: { name: 'readings' },
        metadataField: ['signature_def'],
      }),
    );
    const { metadata, modelSpec } = messageType(
      'tensorflow.serving.GetModelMetadataResponse',
    ).decode(reply);
    expect(modelSpec).toMatchObject({ name: 'readings', version: { value: 1n } });
    const { signatureDef } = messageType('tensorflow.serving.SignatureDefMap').decode(
      metadata.signature_def?.value ?? Buffer.alloc(0),
    );
    const inputs = signatureDef.serving_default?.inputs ?? {};
    expect(Object.entries(inputs).map(([name, { dtype }]) => [name, dtype])).toEqual(
      expect.arrayContaining([
        ['tag', 7],
        ['signal', 9],
        ['sensor', 1],
      ]),
    );
  });

  it('answers a stream of Predicts in order, and its first failure ends it', async () => {
    const stream = client.bidi('/tensorflow.serving.PredictionService/PredictStreamed');
    const replies: number[] = [];
    stream.on('data', (reply: Buffer) => {
      replies.push(predictResponse.decode(reply).outputs.y?.floatVal[0] ?? Number.NaN);
    });
    const error = new Promise<{ code: number; details: string }>((resolve) => {
      stream.on('error', resolve as never);
    });
    for (const x of [2, 4, 6]) stream.write(floatRequest('half_plus_two', { x: [x] }));
    await expect.poll(() => replies).toEqual([3, 4, 5]);
    stream.write(floatRequest('nobody', { x: [1] }));
    expect(await error).toMatchObject({
      code: Code.NOT_FOUND,
      details: 'Servable not found for request: Latest(nobody)',
    });
  });

  it('answers at the deadline of the client, while the run goes on', async () => {
    const session = await http2Session(server.grpcPort);
    const request = messageType('tensorflow.serving.PredictRequest').encode({
      modelSpec: { name: 'slow' },
      inputs: { n: { dtype: 3, tensorShape: { dim: [{ size: 1n }] }, intVal: [300_000] } },
    });
    const began = performance.now();
    // Without a client that gives up by itself at the same time.
    const answer = await rawRpc(session, PREDICT, frame(request), { 'grpc-timeout': '500m' });
    const took = performance.now() - began;
    expect(answer).toMatchObject({ httpStatus: 200, grpcStatus: Code.DEADLINE_EXCEEDED });
    expect(took).toBeGreaterThan(400);
    expect(took).toBeLessThan(3000);
    session.close();
    expect((await client.predict('half_plus_two', { x: [1] })).outputs.y?.floatVal).toEqual([2.5]);
  });

  it('lets a client cancel and serves the next', async () => {
    const request = messageType('tensorflow.serving.PredictRequest').encode({
      modelSpec: { name: 'slow' },
      inputs: { n: { dtype: 3, tensorShape: { dim: [{ size: 1n }] }, intVal: [100_000] } },
    });
    const cancelled = new Promise<number>((resolve) => {
      const call = client.client.makeUnaryRequest(
        PREDICT,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        request,
        (error) => resolve(error?.code ?? 0),
      );
      setTimeout(() => call.cancel(), 50);
    });
    expect(await cancelled).toBe(Code.CANCELLED);
    expect((await client.predict('half_plus_two', { x: [1] })).outputs.y?.floatVal).toEqual([2.5]);
  });

  it('takes gzip and deflate messages, and metadata it does not know', async () => {
    for (const algorithm of [1, 2]) {
      const compressing = new RpcClient(server.grpc, {
        'grpc.default_compression_algorithm': algorithm,
      });
      const x = new Array<number>(5000).fill(2);
      const { outputs } = await compressing.predict('half_plus_two', { x });
      expect(outputs.y?.floatVal).toEqual(new Array(5000).fill(3));
      compressing.close();
    }
    const metadata = new Metadata();
    metadata.set('authorization', 'Bearer of-no-consequence');
    metadata.set('trace-bin', Buffer.from([0, 255]));
    const reply = await client.call(PREDICT, floatRequest('half_plus_two', { x: [2] }), metadata);
    expect(predictResponse.decode(reply).outputs.y?.floatVal).toEqual([3]);
  });

  it('keeps large messages of many calls on one connection apart', async () => {
    const values = Array.from({ length: 8 }, (_, call) =>
      new Array<number>(50_000 + call).fill(call),
    );
    const answers = await Promise.all(values.map((x) => client.predict('half_plus_two', { x })));
    expect(answers.map(({ outputs }) => outputs.y?.floatVal)).toEqual(
      values.map((x) => x.map((value) => value / 2 + 2)),
    );
  });

  it('does not serve SessionRun', async () => {
    expect((await client.failure(SESSION_RUN, Buffer.alloc(0)))[0]).toBe(Code.UNIMPLEMENTED);
  });
});

describe('--enable_session_service', () => {
  it('runs named nodes of the graph, and aliases', async () => {
    await serving(['--enable_session_service'], async (client) => {
      const request = messageType('tensorflow.serving.SessionRunRequest');
      const run = async (message: Parameters<typeof request.encode>[0]) => {
        const reply = await client.call(SESSION_RUN, request.encode(message));
        const { tensor, modelSpec } = messageType('tensorflow.serving.SessionRunResponse').decode(
          reply,
        );
        return {
          version: modelSpec?.version?.value,
          tensors: tensor.map(({ name, tensor: value }) => [name, value?.floatVal]),
        };
      };
      const modelSpec = { name: 'half_plus_two' };
      const feed = [{ name: 'x:0', tensor: floatTensor([1, 2]) }];
      expect(await run({ modelSpec, feed, fetch: ['y:0', 'mul:0'] })).toEqual({
        version: 123n,
        tensors: [
          ['y:0', [2.5, 3]],
          ['mul:0', [0.5, 1]],
        ],
      });
      const aliases = { feed: [{ name: 'x', tensor: floatTensor([4]) }], fetch: ['y'] };
      expect((await run({ modelSpec, ...aliases, tensorNameIsAlias: true })).tensors).toEqual([
        ['y', [4]],
      ]);
      const [code, text] = await client.failure(
        SESSION_RUN,
        request.encode({ modelSpec, feed, fetch: ['nothing:0'] }),
      );
      expect(code).not.toBe(0);
      expect(text).toContain('nothing');
      expect((await client.failure(SESSION_RUN, request.encode({})))[1]).toBe('Missing ModelSpec');
    });
  });
});

describe('--enable_serialization_as_tensor_content', () => {
  it('sends tensors as bytes, and REST stays as it is', async () => {
    await serving(['--enable_serialization_as_tensor_content'], async (client, server) => {
      const { outputs } = await client.predict('half_plus_two', { x: [1, 2] });
      expect(outputs.y?.floatVal).toEqual([]);
      const content = Buffer.from(outputs.y?.tensorContent ?? []);
      expect([content.readFloatLE(0), content.readFloatLE(4), content.length]).toEqual([2.5, 3, 8]);
      const rest = await fetch(`${server.rest}/v1/models/half_plus_two:predict`, {
        method: 'POST',
        body: '{"instances": [1, 2]}',
      });
      expect(await rest.json()).toEqual({ predictions: [2.5, 3] });
    });
  });
});

describe('limits of a message', () => {
  const large = floatRequest('half_plus_two', { x: new Array<number>(2000).fill(1) });
  const small = floatRequest('half_plus_two', { x: [1] });

  it.each([
    '--grpc_max_message_bytes=4000',
    '--grpc_channel_arguments=grpc.max_receive_message_length=4000,grpc.primary_user_agent=x',
  ])('come from %s', async (flag) => {
    await serving([flag], async (client) => {
      expect((await client.failure(PREDICT, large))[0]).toBe(Code.RESOURCE_EXHAUSTED);
      expect((await client.failure(PREDICT, small))[0]).toBe(Code.OK);
    });
  });
});

describe('health', () => {
  it('Watch follows a model through a reload', async () => {
    await serving([], async (client) => {
      const request = messageType('grpc.health.v1.HealthCheckRequest');
      const response = messageType('grpc.health.v1.HealthCheckResponse');
      const watch = (service: string): number[] => {
        const states: number[] = [];
        const stream = client.stream(WATCH, request.encode({ service }));
        stream.on('data', (reply: Buffer) => states.push(response.decode(reply).status));
        stream.on('error', () => undefined);
        return states;
      };
      const [server, leaving, coming] = [watch(''), watch('words'), watch('late')];
      const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = ServingStatus;
      await expect.poll(() => coming).toEqual([SERVICE_UNKNOWN]);
      expect([server, leaving]).toEqual([[SERVING], [SERVING]]);
      const config = [
        { name: 'late', basePath: modelDir('multi'), modelPlatform: 'tensorflow' },
        { name: 'matrices', basePath: wireModel('matrices'), modelPlatform: 'tensorflow' },
      ];
      await client.call(
        RELOAD,
        messageType('tensorflow.serving.ReloadConfigRequest').encode({
          config: { modelConfigList: { config } },
        }),
      );
      await expect.poll(() => coming.at(-1), { timeout: 10_000 }).toBe(SERVING);
      await expect.poll(() => leaving.at(-1), { timeout: 10_000 }).not.toBe(SERVING);
      expect([NOT_SERVING, SERVICE_UNKNOWN]).toContain(leaving.at(-1));
      const check = await client.call(
        '/grpc.health.v1.Health/Check',
        request.encode({ service: 'late' }),
      );
      expect(response.decode(check).status).toBe(SERVING);
    });
  });

  it('and reflection can be turned off', async () => {
    const flags = ['--enable_grpc_healthcheck_service=false', '--enable_grpc_reflection=false'];
    await serving(flags, async (client) => {
      const check = await client.failure('/grpc.health.v1.Health/Check', Buffer.alloc(0));
      expect(check[0]).toBe(Code.UNIMPLEMENTED);
      const reflect = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
      expect((await client.failure(reflect, Buffer.alloc(0)))[0]).toBe(Code.UNIMPLEMENTED);
    });
  });
});

describe('--enable_signature_method_name_check', () => {
  it('refuses over gRPC what it refuses over REST', async () => {
    await serving(['--enable_signature_method_name_check'], async (client) => {
      const request = messageType('tensorflow.serving.ClassificationRequest').encode({
        modelSpec: { name: 'half_plus_two', signatureName: 'regress_x_to_y' },
        input: { exampleList: { examples: [{}] } },
      });
      expect(
        await client.failure('/tensorflow.serving.PredictionService/Classify', request),
      ).toEqual([
        Code.INVALID_ARGUMENT,
        'Expected classification signature method_name to be tensorflow/serving/classify. Was: tensorflow/serving/regress',
      ]);
    });
  });
});
