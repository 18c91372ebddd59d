import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import { expect, onTestFinished, test } from 'vitest';
import { protoFiles } from '../../ts/codec/generated/files.js';
import { messageType } from '../../ts/codec/messages.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const generated = join(root, 'ts/codec/generated');

test('generating again gives the committed bytes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'servable-protos-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  execFileSync(process.execPath, [join(root, 'ts/codec/generate.mjs'), folder]);
  for (const name of readdirSync(generated)) {
    expect(readFileSync(join(folder, name)).equals(readFileSync(join(generated, name))), name).toBe(
      true,
    );
  }
  expect(readdirSync(folder).sort()).toEqual(readdirSync(generated).sort());
});

test('every proto is there for reflection with all that it imports', () => {
  const names = readdirSync(join(root, 'protos'), { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((it) => it.endsWith('.proto'))) {
    expect(Object.keys(protoFiles)).toContain(name);
  }
  for (const [name, { dependencies }] of Object.entries(protoFiles)) {
    for (const dependency of dependencies) {
      expect(Object.keys(protoFiles), `${name} imports it`).toContain(dependency);
    }
  }
});

test('the reflection files describe the services and their messages', () => {
  const file = Object.values(protoFiles).map(({ base64 }) => Buffer.from(base64, 'base64'));
  const set = { file: file.map((bytes) => descriptor.FileDescriptorProto.decode(bytes)) };
  const known = protobuf.Root.fromDescriptor(descriptor.FileDescriptorSet.create(set) as never);
  known.resolveAll();
  const services = Object.values(protoFiles).flatMap(({ symbols }) =>
    symbols.filter((symbol) => known.lookup(symbol) instanceof protobuf.Service),
  );
  expect(services.sort()).toEqual([
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'tensorflow.serving.ModelService',
    'tensorflow.serving.PredictionService',
    'tensorflow.serving.SessionService',
  ]);
  const streamed = known.lookupService('grpc.health.v1.Health').methods.Watch;
  expect(streamed?.responseStream).toBe(true);
  const spec = known.lookupType('tensorflow.serving.ModelSpec');
  expect(
    Object.values(spec.fields)
      .map(({ id }) => id)
      .sort(),
  ).toEqual([1, 2, 3, 4]);
});

test('a message unset, set to its default and set otherwise are told apart where the contract does', () => {
  const spec = messageType('tensorflow.serving.ModelSpec');
  expect(spec.decode(spec.encode({}))).toEqual({
    name: '',
    version: null,
    versionLabel: null,
    signatureName: '',
  });
  expect(spec.decode(spec.encode({ version: {} })).version).toEqual({ value: 0n });
  expect(spec.decode(spec.encode({ versionLabel: '' })).versionLabel).toBe('');
});

test('64-bit integers are whole', () => {
  const status = messageType('tensorflow.serving.ModelVersionStatus');
  const version = 2n ** 63n - 1n;
  expect(status.decode(status.encode({ version, state: 30 }))).toEqual({
    version,
    state: 30,
    status: null,
  });
});

test('bytes that are no such message are refused with its name', () => {
  const spec = messageType('tensorflow.serving.ModelSpec');
  expect(() => spec.decode(Buffer.from([0x0a, 0x05, 0x61]))).toThrow(
    /^tensorflow\.serving\.ModelSpec: /,
  );
});
