import type { Client } from '@grpc/grpc-js';
import descriptor from 'protobufjs/ext/descriptor.js';
import { describe, expect, it } from 'vitest';
import { protoFiles } from '../../ts/codec/generated/files.js';
import { messageType, ServingStatus } from '../../ts/codec/messages.js';
import { fakeCatalog, versionStatus } from './fakes.js';
import { call, failure, identity, start } from './grpc-support.js';

interface DescriptorProto {
  readonly name: string;
  readonly field?: { oneofIndex?: number; proto3Optional?: boolean }[];
  readonly nestedType?: DescriptorProto[];
}
interface FileDescriptor {
  readonly messageType?: DescriptorProto[];
}

describe('health', () => {
  const request = messageType('grpc.health.v1.HealthCheckRequest');
  const response = messageType('grpc.health.v1.HealthCheckResponse');
  const CHECK = '/grpc.health.v1.Health/Check';

  it('knows the server, its services and every model', async () => {
    const catalog = fakeCatalog([
      { name: 'up', versions: [versionStatus(1n)], labels: [] },
      { name: 'down', versions: [versionStatus(1n, { state: 'LOADING' })], labels: [] },
    ]);
    const { client } = await start({ catalog });
    const check = async (service: string) =>
      response.decode(await call(client, CHECK, request.encode({ service }))).status;
    expect(await check('')).toBe(ServingStatus.SERVING);
    expect(await check('tensorflow.serving.PredictionService')).toBe(ServingStatus.SERVING);
    expect(await check('up')).toBe(ServingStatus.SERVING);
    expect(await check('down')).toBe(ServingStatus.NOT_SERVING);
    catalog.isReady = false;
    expect(await check('')).toBe(ServingStatus.NOT_SERVING);
    expect((await failure(client, CHECK, request.encode({ service: 'none' })))[0]).toBe(5);
  });

  it('Watch sends the state at once and again when it changes', async () => {
    const catalog = fakeCatalog();
    catalog.isReady = false;
    const { client } = await start({ catalog });
    const stream = client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      identity,
      identity,
      request.encode({ service: '' }),
    );
    const states: number[] = [];
    stream.on('data', (reply: Buffer) => states.push(response.decode(reply).status));
    stream.on('error', () => undefined);
    await expect.poll(() => states).toEqual([ServingStatus.NOT_SERVING]);
    catalog.isReady = true;
    await expect.poll(() => states).toEqual([ServingStatus.NOT_SERVING, ServingStatus.SERVING]);
    stream.cancel();
  });
});

describe('reflection', () => {
  const request = messageType('grpc.reflection.v1.ServerReflectionRequest');
  const response = messageType('grpc.reflection.v1.ServerReflectionResponse');

  function ask(
    client: Client,
    scope: string,
    bytes: Buffer,
  ): Promise<ReturnType<typeof response.decode>> {
    return new Promise((resolve, reject) => {
      const stream = client.makeBidiStreamRequest(
        `/${scope}.ServerReflection/ServerReflectionInfo`,
        identity,
        identity,
      );
      stream.on('data', (reply: Buffer) => resolve(response.decode(reply)));
      stream.on('error', reject);
      stream.write(bytes);
      stream.end();
    });
  }

  it.each(['grpc.reflection.v1', 'grpc.reflection.v1alpha'])(
    '%s lists services and finds files',
    async (scope) => {
      const { client } = await start();
      const list = await ask(client, scope, request.encode({ listServices: '*' }));
      expect(list.listServicesResponse?.service.map(({ name }) => name)).toEqual([
        'tensorflow.serving.PredictionService',
        'tensorflow.serving.ModelService',
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ]);
      for (const { name } of list.listServicesResponse?.service ?? []) {
        const file = await ask(client, scope, request.encode({ fileContainingSymbol: name }));
        expect(file.fileDescriptorResponse?.fileDescriptorProto.length, name).toBeGreaterThan(0);
      }
      const method = await ask(
        client,
        scope,
        request.encode({ fileContainingSymbol: 'tensorflow.serving.PredictionService.Predict' }),
      );
      expect(method.fileDescriptorResponse?.fileDescriptorProto.length).toBeGreaterThan(5);
      const unknown = await ask(client, scope, request.encode({ fileContainingSymbol: 'no.Such' }));
      expect(unknown.errorResponse).toEqual({ errorCode: 5, errorMessage: 'not found' });
    },
  );
});

it('every file of reflection has the members of a oneof in one place, which Go insists on', () => {
  const type = descriptor.FileDescriptorProto;
  let oneofs = 0;
  const check = (message: DescriptorProto, path: string): void => {
    const indexes = (message.field ?? [])
      .map(({ oneofIndex, proto3Optional }) => (proto3Optional ? undefined : oneofIndex))
      .filter((index, at, all) => index !== undefined && index !== all[at - 1]);
    expect(new Set(indexes).size, `${path}.${message.name}`).toBe(indexes.length);
    oneofs += indexes.length;
    for (const nested of message.nestedType ?? []) check(nested, `${path}.${message.name}`);
  };
  for (const [path, { base64 }] of Object.entries(protoFiles)) {
    const decoded = type.toObject(type.decode(Buffer.from(base64, 'base64'))) as FileDescriptor;
    for (const message of decoded.messageType ?? []) check(message, path);
  }
  expect(oneofs).toBeGreaterThan(10);
});
