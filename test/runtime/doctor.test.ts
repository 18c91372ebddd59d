import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeDiagnosis } from '../../ts/cli/doctor.js';
import { diagnose } from '../../ts/runtime/diagnosis.js';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'servable-doctor-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

function options(changes: Partial<Parameters<typeof diagnose>[0]> = {}) {
  const env = { HOME: home, XDG_CACHE_HOME: join(home, 'cache'), PATH: '/nowhere' };
  return { model: null, library: null, ports: [], env, cwd: home, ...changes };
}

test('the JSON document has every part', async () => {
  const diagnosis = JSON.parse(JSON.stringify(await diagnose(options()))) as Record<
    string,
    unknown
  >;
  expect(diagnosis).toMatchObject({
    ok: expect.any(Boolean),
    node: { version: process.versions.node, problem: null },
    system: { platform: process.platform, arch: process.arch },
    addon: expect.objectContaining({
      problem: expect.toSatisfy((p) => p === null || typeof p === 'string'),
    }),
    cpu: { model: expect.any(String), count: expect.any(Number), features: expect.any(Array) },
    gpus: expect.any(Array),
    ports: [],
    cache: {
      folder: join(home, 'cache', 'servable'),
      bytes: 0,
      freeBytes: expect.any(Number),
      problem: null,
    },
    memory: { total: expect.any(Number), available: expect.any(Number) },
    model: null,
    problems: expect.any(Array),
    warnings: expect.any(Array),
  });
  for (const runtime of diagnosis.runtimes as unknown[]) {
    expect(Object.keys(runtime as object).sort()).toEqual([
      'origin',
      'path',
      'problem',
      'source',
      'verdict',
      'version',
    ]);
  }
});

test('a library that is none is opened in a child and judged, not fatal', async () => {
  const library = join(home, 'libtensorflow.so.2');
  const fake = Buffer.alloc(200);
  fake.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  fake.writeUInt16LE(process.arch === 'arm64' ? 183 : 62, 18);
  await writeFile(library, fake);
  const diagnosis = await diagnose(options({ library }));
  expect(diagnosis.ok).toBe(false);
  expect(diagnosis.runtimes).toHaveLength(1);
  expect(diagnosis.runtimes[0]).toMatchObject({
    source: 'option',
    verdict: 'unusable',
    path: library,
  });
  expect(diagnosis.problems.join('\n')).toContain(library);
  expect(describeDiagnosis(diagnosis)).toContain('Serving does not work yet.');
});

test('a port in use and a path without a model are problems', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '::', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const diagnosis = await diagnose(options({ ports: [port], model: home }));
    expect(diagnosis.ports).toEqual([{ port, problem: 'EADDRINUSE' }]);
    expect(diagnosis.problems.join('\n')).toContain(`port ${port} cannot be listened on`);
    expect(diagnosis.problems.join('\n')).toContain('holds no SavedModel');
  } finally {
    server.close();
  }
});

test('finds the versions of a model path', async () => {
  for (const version of ['1', '12', 'notes']) {
    await mkdir(join(home, 'model', version), { recursive: true });
    await writeFile(join(home, 'model', version, 'saved_model.pb'), '');
  }
  const { model } = await diagnose(options({ model: join(home, 'model') }));
  expect(model?.problem).toBeNull();
  expect(model?.versions).toEqual([join(home, 'model', '1'), join(home, 'model', '12')]);
});
