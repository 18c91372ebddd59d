import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { savedModel, tarGz, zipFile } from './archives.js';
import type { Backend } from './backend.js';
import { StoreBench } from './store-bench.js';

async function putModel(backend: Backend, prefix: string, content: string): Promise<void> {
  await backend.put(`${prefix}/variables/variables.index`, 'index');
  await backend.put(`${prefix}/variables/variables.data-00000-of-00001`, 'data');
  await backend.put(`${prefix}/saved_model.pb`, content);
}

/** What every object store must do. `start` begins each test with an empty bucket. */
export function storeSuite(name: string, start: () => Promise<Backend>): void {
  test(`${name}: folders and archives under a prefix are versions`, async () => {
    const backend = await start();
    await putModel(backend, 'models/m/1', 'one');
    await backend.put('models/m/2.zip', zipFile(savedModel('two')));
    await backend.put('models/m/3.tar.gz', tarGz(savedModel('three')));
    await backend.put('models/m/notes.txt', 'no version');
    await putModel(backend, 'models/mm/9', 'of another model');
    const bench = new StoreBench({ env: backend.env });
    await bench.start(
      bench.config('m', backend.uri('models/m/'), { versionPolicy: { kind: 'all' } }),
    );
    expect(bench.catalog.status('m')).toBe('3:AVAILABLE 2:AVAILABLE 1:AVAILABLE');
    expect([...bench.loaded].sort()).toEqual(['one', 'three', 'two']);
  });

  test(`${name}: an archive, or a SavedModel itself, as base path is version 1`, async () => {
    const backend = await start();
    await backend.put('a/model.tgz', tarGz(savedModel('archive')));
    await putModel(backend, 'plain', 'folder');
    const bench = new StoreBench({ env: backend.env });
    await bench.start(
      bench.config('a', backend.uri('a/model.tgz')),
      bench.config('p', backend.uri('plain')),
    );
    expect([bench.catalog.status('a'), bench.catalog.status('p')]).toEqual([
      '1:AVAILABLE',
      '1:AVAILABLE',
    ]);
    expect([...bench.loaded].sort()).toEqual(['archive', 'folder']);
  });

  test(`${name}: versions appear, are replaced and disappear with the listing`, async () => {
    const backend = await start();
    await putModel(backend, 'm/1', 'one');
    const bench = new StoreBench({ env: backend.env });
    await bench.start(bench.config('m', backend.uri('m')));
    await putModel(backend, 'm/2', 'two');
    await bench.settle();
    await bench.reaches('m', '2:AVAILABLE 1:END');
    await backend.put('m/2/saved_model.pb', 'two, replaced');
    await bench.settle();
    await expect.poll(() => bench.loaded, { timeout: 20_000 }).toContain('two, replaced');
    for (const file of [
      'saved_model.pb',
      'variables/variables.index',
      'variables/variables.data-00000-of-00001',
    ]) {
      await backend.remove(`m/2/${file}`);
    }
    await bench.settle();
    await bench.reaches('m', '2:END 1:AVAILABLE');
  });

  test(`${name}: an upload is not loaded before its saved_model.pb is there and nothing changes`, async () => {
    const backend = await start();
    await putModel(backend, 'm/1', 'one');
    const bench = new StoreBench({ env: backend.env });
    await bench.start(bench.config('m', backend.uri('m')));
    await backend.put('m/2/variables/variables.index', 'index');
    await bench.manager.poll();
    await bench.manager.poll();
    await backend.put('m/2/saved_model.pb', 'two');
    await bench.manager.poll();
    await backend.put('m/2/variables/variables.data-00000-of-00001', 'data');
    await bench.manager.poll();
    expect(bench.catalog.status('m')).toBe('2:START 1:AVAILABLE');
    await bench.manager.poll();
    await bench.reaches('m', '2:AVAILABLE 1:END');
  });

  test(`${name}: a base path that is not there, and a bucket that is not, say so`, async () => {
    const backend = await start();
    await putModel(backend, 'm/1', 'one');
    const bench = new StoreBench({ env: backend.env });
    bench.manager.start([
      bench.config('gone', backend.uri('gone')),
      bench.config('bucket', backend.missingUri('m')),
      bench.config('m', backend.uri('m')),
    ]);
    await bench.manager.poll();
    await bench.reaches('m', '1:AVAILABLE');
    const [gone, bucket] = bench.manager.summary().models;
    expect(gone?.error).toMatchObject({
      code: 'NOT_FOUND',
      message: `Could not find base path ${backend.uri('gone')} for servable gone with error ${backend.uri('gone')}: nothing in the bucket begins so`,
    });
    expect(bucket?.error?.code).toBe('NOT_FOUND');
    expect(bucket?.error?.message).toContain(
      `Could not find base path ${backend.missingUri('m')} for servable bucket with error ${backend.missingUri('m')}: `,
    );
  });

  test(`${name}: a wrong key is refused with the store's words, and without the secret`, async () => {
    const backend = await start();
    await putModel(backend, 'm/1', 'one');
    const bench = new StoreBench({ env: backend.strangerEnv });
    bench.manager.start([bench.config('m', backend.uri('m'))]);
    await bench.manager.poll();
    const error = bench.manager.summary().models[0]?.error;
    expect(error?.code).toBe('PERMISSION_DENIED');
    // Google refuses where the token is asked for, all others where the bucket is read.
    expect(error?.message).toMatch(/: access denied \(HTTP 40|\/token: refuses the credentials/);
    expect(error?.message).not.toContain('secret');
  });

  test(`${name}: an outage keeps what is loaded, and a restart finds it in the cache`, async () => {
    const backend = await start();
    await putModel(backend, 'm/1', 'one');
    await backend.put('m/2.zip', zipFile(savedModel('two')));
    const first = new StoreBench({ env: backend.env });
    const policy = { versionPolicy: { kind: 'all' } } as const;
    await first.start(first.config('m', backend.uri('m'), policy));
    const second = new StoreBench({ env: backend.env, folder: first.folder });
    const fetching: string[] = [];
    second.manager.events.on('fetching', ({ version }) => fetching.push(`${version}`));
    await second.start(second.config('m', backend.uri('m'), policy));
    expect(second.catalog.status('m')).toBe('2:AVAILABLE 1:AVAILABLE');
    expect(fetching).toEqual([]);
    backend.outage();
    await second.settle();
    expect(second.catalog.status('m')).toBe('2:AVAILABLE 1:AVAILABLE');
    expect(second.manager.summary().models[0]?.error?.code).toBe('UNAVAILABLE');
  });

  test(`${name}: a file of several parts arrives whole, with its progress in the status`, async () => {
    const backend = await start();
    const content = randomBytes(18_000_000);
    await putModel(backend, 'm/1', 'one');
    await backend.put('m/1/variables/big', content);
    await backend.put('m/1/assets/empty', '');
    const bench = new StoreBench({ env: backend.env });
    await bench.start(bench.config('m', backend.uri('m')));
    expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
    expect(bench.progress[0]).toBe('downloading 0 of 18 MB');
    expect(bench.progress.length).toBeGreaterThan(2);
    const folder = bench.loader.calls[0] ?? '';
    const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(sha(readFileSync(`${folder}/variables/big`))).toBe(sha(content));
    expect(statSync(`${folder}/assets/empty`).size).toBe(0);
  });
}
