import type { ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { ServingError } from '../../ts/errors.js';
import { FakeEngine, fakeCatalog, versionStatus } from './fakes.js';
import { call, failure, identity, start } from './grpc-support.js';

const PREDICT = '/tensorflow.serving.PredictionService/Predict';
const METADATA = '/tensorflow.serving.PredictionService/GetModelMetadata';
const STATUS = '/tensorflow.serving.ModelService/GetModelStatus';
const RELOAD = '/tensorflow.serving.ModelService/HandleReloadConfigRequest';

describe('inference over gRPC', () => {
  it.each([
    ['PredictionService/Predict', 'grpc.predict'],
    ['PredictionService/Classify', 'grpc.classify'],
    ['PredictionService/Regress', 'grpc.regress'],
    ['PredictionService/MultiInference', 'grpc.multiInference'],
    ['SessionService/SessionRun', 'grpc.sessionRun'],
  ])('%s hands the bytes over and sends the reply as it is', async (name, method) => {
    const engine = new FakeEngine(() => ({ reply: Buffer.from([1, 2, 3]) }));
    const { client } = await start({ engine, settings: { session: true } });
    const reply = await call(client, `/tensorflow.serving.${name}`, Buffer.from('request'));
    expect([...reply]).toEqual([1, 2, 3]);
    expect(engine.seen[0]?.target).toEqual({ method, name: '', version: null, label: null });
    expect(engine.seen[0]?.body).toBe('request');
  });

  it('serves SessionRun only behind its flag', async () => {
    const { client } = await start();
    const [code] = await failure(
      client,
      '/tensorflow.serving.SessionService/SessionRun',
      Buffer.alloc(0),
    );
    expect(code).toBe(12);
  });

  it('answers the code and the text of a failure', async () => {
    const error = new ServingError('NOT_FOUND', 'Servable not found for request: Latest(nope)');
    const { client } = await start({ engine: new FakeEngine(() => error) });
    expect(await failure(client, PREDICT, Buffer.alloc(0))).toEqual([5, error.message]);
  });

  it('cuts long texts at 1024 bytes, not inside a character', async () => {
    const text = `${'x'.repeat(1023)}é${'y'.repeat(100)}`;
    const { client } = await start({
      engine: new FakeEngine(() => new ServingError('INTERNAL', text)),
    });
    const [, details] = await failure(client, PREDICT, Buffer.alloc(0));
    expect(details).toBe(`${'x'.repeat(1023)}...TRUNCATED`);
  });

  it('passes the deadline on, and none when the client has none', async () => {
    const engine = new FakeEngine();
    const { client } = await start({ engine });
    await call(client, PREDICT, Buffer.alloc(0), Date.now() + 5000);
    const remaining = (engine.seen[0]?.deadlineMs ?? 0) - performance.now();
    expect(remaining).toBeGreaterThan(1000);
    expect(remaining).toBeLessThanOrEqual(5100);
    await call(client, PREDICT, Buffer.alloc(0), Number.POSITIVE_INFINITY);
    expect(engine.seen[1]?.deadlineMs).toBe(0);
  });

  it('cancels in the engine what the client cancels', async () => {
    const engine = new FakeEngine(() => 'never');
    const { client } = await start({ engine });
    const running = client.makeUnaryRequest(
      PREDICT,
      identity,
      identity,
      Buffer.alloc(0),
      () => undefined,
    );
    await expect.poll(() => engine.seen.length).toBe(1);
    running.cancel();
    await expect.poll(() => engine.cancelled).toEqual([1]);
  });

  it('refuses messages over the limit', async () => {
    const { client } = await start({ settings: { maxMessageBytes: 1000 } });
    const [code] = await failure(client, PREDICT, Buffer.alloc(1001));
    expect(code).toBe(8);
  });

  it('answers a stream of Predicts in order', async () => {
    const engine = new FakeEngine(({ body }) => ({ reply: `re:${body}` }));
    const { client } = await start({ engine });
    const stream = client.makeBidiStreamRequest(
      '/tensorflow.serving.PredictionService/PredictStreamed',
      identity,
      identity,
    );
    const replies: string[] = [];
    stream.on('data', (reply: Buffer) => replies.push(reply.toString()));
    for (const word of ['a', 'b', 'c']) stream.write(Buffer.from(word));
    stream.end();
    await new Promise((resolve) => stream.on('end', resolve));
    expect(replies).toEqual(['re:a', 're:b', 're:c']);
  });

  it('ends a stream of Predicts at the first failure', async () => {
    const engine = new FakeEngine(() => new ServingError('NOT_FOUND', 'no'));
    const { client } = await start({ engine });
    const stream = client.makeBidiStreamRequest(
      '/tensorflow.serving.PredictionService/PredictStreamed',
      identity,
      identity,
    );
    stream.on('data', () => undefined);
    const error = new Promise<ServiceError>((resolve) => stream.on('error', resolve as never));
    stream.write(Buffer.from('a'));
    expect(await error).toMatchObject({ code: 5, details: 'no' });
  });
});

describe('GetModelStatus', () => {
  const request = messageType('tensorflow.serving.GetModelStatusRequest');
  const response = messageType('tensorflow.serving.GetModelStatusResponse');

  it('lists all versions, or the one asked for; a label is ignored', async () => {
    const { client } = await start();
    const versions = async (modelSpec: Parameters<typeof request.encode>[0]['modelSpec']) => {
      const reply = await call(client, STATUS, request.encode({ modelSpec: modelSpec ?? {} }));
      return response
        .decode(reply)
        .modelVersionStatus.map(({ version, state }) => [version, state]);
    };
    const both = [
      [2n, 30],
      [1n, 30],
    ];
    expect(await versions({ name: 'half_plus_two' })).toEqual(both);
    expect(await versions({ name: 'half_plus_two', versionLabel: 'stable' })).toEqual(both);
    expect(await versions({ name: 'half_plus_two', version: { value: 1n } })).toEqual([[1n, 30]]);
  });

  it('always sends a status, with the error of a failed load', async () => {
    const catalog = fakeCatalog([
      {
        name: 'm',
        versions: [versionStatus(1n, { state: 'END', code: 5, message: 'gone' })],
        labels: [],
      },
    ]);
    const { client } = await start({ catalog });
    const reply = await call(client, STATUS, request.encode({ modelSpec: { name: 'm' } }));
    expect(response.decode(reply).modelVersionStatus).toEqual([
      { version: 1n, state: 50, status: { errorCode: 5, errorMessage: 'gone' } },
    ]);
  });

  it.each([
    [3, 'Missing ModelSpec', {}],
    [5, 'Could not find any versions of model ', { modelSpec: {} }],
    [5, 'Could not find any versions of model nope', { modelSpec: { name: 'nope' } }],
    [
      5,
      'Could not find version 9 of model half_plus_two',
      { modelSpec: { name: 'half_plus_two', version: { value: 9n } } },
    ],
  ])('refuses, code %i: %s', async (code, text, message) => {
    const { client } = await start();
    expect(await failure(client, STATUS, request.encode(message))).toEqual([code, text]);
  });

  it('refuses what is not a message', async () => {
    const { client } = await start();
    const [code] = await failure(client, STATUS, Buffer.from([0xff, 0xff]));
    expect(code).toBe(3);
  });
});

describe('GetModelMetadata', () => {
  const request = messageType('tensorflow.serving.GetModelMetadataRequest');

  it('sends the signatures in an Any', async () => {
    const { client } = await start();
    const reply = await call(
      client,
      METADATA,
      request.encode({ modelSpec: { name: 'half_plus_two' }, metadataField: ['signature_def'] }),
    );
    const { modelSpec, metadata } = messageType(
      'tensorflow.serving.GetModelMetadataResponse',
    ).decode(reply);
    expect(modelSpec).toMatchObject({
      name: 'half_plus_two',
      version: { value: 2n },
      signatureName: '',
    });
    expect(metadata.signature_def?.type_url).toBe(
      'type.googleapis.com/tensorflow.serving.SignatureDefMap',
    );
  });

  it.each([
    [3, 'Missing ModelSpec', {}],
    [
      3,
      'GetModelMetadataRequest must specify at least one metadata_field',
      { modelSpec: { name: 'm' } },
    ],
    [
      3,
      'Metadata field zzz is not supported',
      { modelSpec: { name: 'm' }, metadataField: ['signature_def', 'zzz'] },
    ],
    [3, 'ModelSpec has no name specified.', { modelSpec: {}, metadataField: ['signature_def'] }],
    [
      5,
      'Servable not found for request: Latest(nope)',
      { modelSpec: { name: 'nope' }, metadataField: ['signature_def'] },
    ],
  ])('refuses, code %i: %s', async (code, text, message) => {
    const { client } = await start();
    expect(await failure(client, METADATA, request.encode(message))).toEqual([code, text]);
  });
});

describe('HandleReloadConfigRequest', () => {
  const request = messageType('tensorflow.serving.ReloadConfigRequest');

  it('hands the list over and answers when it is applied', async () => {
    const { client, reloads } = await start();
    const config = { modelConfigList: { config: [{ name: 'm', basePath: '/m' }] } };
    const reply = await call(client, RELOAD, request.encode({ config }));
    const { status } = messageType('tensorflow.serving.ReloadConfigResponse').decode(reply);
    expect(status).toEqual({ errorCode: 0, errorMessage: '' });
    const seen = messageType('tensorflow.serving.ModelServerConfig').decode(
      reloads[0] ?? Buffer.alloc(0),
    );
    expect(seen.modelConfigList?.config[0]).toMatchObject({ name: 'm', basePath: '/m' });
  });

  it('passes a refusal on', async () => {
    const { client } = await start({
      reload: async () => {
        throw new ServingError(
          'INVALID_ARGUMENT',
          'Illegal to list model m multiple times in config list',
        );
      },
    });
    expect(await failure(client, RELOAD, Buffer.alloc(0))).toEqual([
      3,
      'Illegal to list model m multiple times in config list',
    ]);
  });
});

it('stopping waits for running calls and refuses new ones', async () => {
  let finish = (): void => undefined;
  const engine = new FakeEngine();
  const infer = engine.infer.bind(engine);
  engine.infer = (target, body, deadlineMs, done) =>
    infer(target, body, deadlineMs, (failure, reply, version) => {
      finish = () => done(failure, reply, version);
    });
  const { client, server } = await start({ engine });
  const running = call(client, PREDICT, Buffer.alloc(0));
  await expect.poll(() => engine.seen.length).toBe(1);
  const stopped = server.stop(5000);
  setTimeout(() => finish(), 50);
  await expect(running).resolves.toBeInstanceOf(Buffer);
  await stopped;
});
