import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { zipFile } from './support/archives.js';
import { type FakeBackend, fakeS3 } from './support/fake-cloud.js';
import { StoreBench } from './support/store-bench.js';

async function modelIn(backend: FakeBackend, prefix: string, content = 'one'): Promise<void> {
  await backend.put(`${prefix}/saved_model.pb`, content);
  await backend.put(`${prefix}/variables/variables.index`, 'index');
}

/** A bench with the model `m` under test and the model `other`, which must not notice. */
async function startBoth(backend: FakeBackend, more: ConstructorParameters<typeof StoreBench>[0]) {
  await modelIn(backend, 'm/1');
  await modelIn(backend, 'other/1', 'other');
  const bench = new StoreBench({ env: backend.env, ...more });
  await bench.start(
    bench.config('m', backend.uri('m')),
    bench.config('other', backend.uri('other')),
  );
  expect(bench.catalog.status('other')).toBe('1:AVAILABLE');
  return bench;
}

test('a store that sends less or more than it lists fails that version, and leaves nothing in the cache', async () => {
  for (const length of [2, 5]) {
    const backend = await fakeS3();
    backend.bucket.interfere = ({ url }, response) => {
      if (url !== '/test-bucket/m/1/saved_model.pb') return false;
      response.writeHead(206, { 'content-length': length }).end('x'.repeat(length));
      return true;
    };
    const bench = await startBoth(backend, {});
    expect(bench.catalog.status('m')).toBe(
      `1:END(15 s3://test-bucket/m/1/saved_model.pb: got ${length} bytes, wanted 3 as the store lists)`,
    );
    expect(bench.cached()).toHaveLength(1);
  }
});

test('a store that stalls fails that version after the timeout', async () => {
  const backend = await fakeS3();
  backend.bucket.interfere = ({ url }, response) => {
    if (url !== '/test-bucket/m/1/saved_model.pb') return false;
    response.writeHead(206, { 'content-length': 3 });
    response.write('x');
    return true;
  };
  const bench = await startBoth(backend, { stores: { storeTimeoutSeconds: 0.5 } });
  expect(bench.catalog.status('m')).toBe(
    '1:END(14 s3://test-bucket/m/1/saved_model.pb: no answer for 0.5 seconds)',
  );
});

test('a file that is refused fails that version with the status of the store, and is tried again', async () => {
  const backend = await fakeS3();
  backend.bucket.interfere = ({ url }, response) => {
    if (url !== '/test-bucket/m/1/saved_model.pb') return false;
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>');
    return true;
  };
  const bench = await startBoth(backend, {});
  expect(bench.catalog.status('m')).toBe(
    '1:END(7 s3://test-bucket/m/1/saved_model.pb: access denied (HTTP 403): AccessDenied: Access Denied)',
  );
  backend.bucket.interfere = () => false;
  bench.clock.advance(60_000);
  await bench.reaches('m', '1:AVAILABLE');
});

test('a failure that passes is not noticed', async () => {
  const backend = await fakeS3();
  let failures = 2;
  backend.bucket.interfere = ({ url }, response) => {
    if (url !== '/test-bucket/m/1/saved_model.pb' || failures === 0) return false;
    failures -= 1;
    response.writeHead(503).end('busy');
    return true;
  };
  const bench = await startBoth(backend, {});
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('content with another MD5 than its tag is damage', async () => {
  const backend = await fakeS3();
  let sent = 0;
  backend.bucket.interfere = ({ url }, response) => {
    if (url !== '/test-bucket/m/1/saved_model.pb') return false;
    sent += 1;
    response.writeHead(206, { 'content-length': 3 }).end(`${sent}xx`);
    return true;
  };
  const bench = await startBoth(backend, {});
  const md5 = createHash('md5').update('one').digest('hex');
  expect(bench.catalog.status('m')).toBe(
    `1:END(15 s3://test-bucket/m/1: saved_model.pb does not have the MD5 ${md5} that the store declares)`,
  );
});

test('tags that only look like MD5 are found out by a second download, once for a bucket', async () => {
  const backend = await fakeS3();
  backend.bucket.strangeTags = true;
  const bench = await startBoth(backend, {});
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  await modelIn(backend, 'm/2', 'two');
  await bench.settle();
  await bench.reaches('m', '2:AVAILABLE 1:END');
  const count = (path: string) => backend.bucket.requests.filter((it) => it.endsWith(path)).length;
  expect(count('/m/2/saved_model.pb')).toBe(1);
});

test('a version that changes while it is downloaded is not put together of two contents', async () => {
  const backend = await fakeS3();
  backend.bucket.interfere = ({ url }) => {
    if (url === '/test-bucket/m/1/saved_model.pb') {
      backend.bucket.objects.set('m/1/saved_model.pb', Buffer.from('new'));
    }
    return false;
  };
  const bench = await startBoth(backend, {});
  expect(bench.catalog.status('m')).toBe(
    '1:END(10 s3://test-bucket/m/1/saved_model.pb: has changed since it was listed)',
  );
  backend.bucket.interfere = () => false;
  await bench.settle();
  await bench.reaches('m', '1:AVAILABLE');
  expect(bench.loaded).toContain('new');
});

test('names in a bucket that lead out of the version are refused', async () => {
  const backend = await fakeS3();
  await backend.put('m/1/../../../evil', 'x');
  const bench = await startBoth(backend, {});
  expect(bench.catalog.status('m')).toBe(
    '1:END(9 s3://test-bucket/m/1: entry "../../../evil" leads out of its folder with ".."; nothing of it was taken)',
  );
  expect(existsSync(join(dirname(bench.folder), 'evil'))).toBe(false);
});

test('a base path with too much under it says so instead of listing for ever', async () => {
  const backend = await fakeS3();
  backend.bucket.interfere = ({ url = '' }, response) => {
    if (!url.includes('prefix=m%2F')) return false;
    const item = (index: number) =>
      `<Contents><Key>m/f${index}</Key><Size>1</Size><ETag>"1"</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`;
    const items = Array.from({ length: 10_001 }, (_, index) => item(index));
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(
      `<ListBucketResult><IsTruncated>false</IsTruncated>${items.join('')}</ListBucketResult>`,
    );
    return true;
  };
  const bench = await startBoth(backend, {});
  expect(bench.manager.summary().models[0]?.error?.message).toBe(
    's3://test-bucket/m: holds more than 10000 entries; is this the folder of one model?',
  );
});

test('a version that is no longer wanted ends at once, though a request cannot be interrupted', async () => {
  const backend = await fakeS3();
  await modelIn(backend, 'm/1');
  let asked = false;
  backend.bucket.interfere = ({ url }) => {
    if (url !== '/test-bucket/m/1/saved_model.pb') return false;
    asked = true;
    return true;
  };
  const bench = new StoreBench({ env: backend.env });
  bench.manager.start([bench.config('m', backend.uri('m'))]);
  await bench.manager.poll();
  await expect.poll(() => asked).toBe(true);
  await bench.manager.apply([]);
  await bench.reaches('m', '1:END(1 Loading of servable cancelled)');
  await expect.poll(() => bench.cached()).toEqual([]);
});

test('without the optional package the error names the command that installs it', async () => {
  const load = async () => {
    throw new Error("Cannot find package 'opendal' imported from connect.js");
  };
  const bench = new StoreBench({ load });
  bench.manager.start([bench.config('m', 's3://bucket/m')]);
  await bench.manager.poll();
  expect(bench.manager.summary().models[0]?.error).toMatchObject({
    code: 'FAILED_PRECONDITION',
    message:
      's3://bucket: object stores need the optional package opendal: run "npm install opendal@0.49.2" beside servable',
  });
});

test('a scheme that is not served names those that are', async () => {
  const bench = new StoreBench();
  bench.manager.start([bench.config('m', 'hdfs://host/m'), bench.config('n', 's3:///m')]);
  await bench.manager.poll();
  expect(bench.manager.summary().models.map((it) => it.error?.message)).toEqual([
    'base path hdfs://host/m: got scheme "hdfs", wanted an absolute path, file://, s3://, oss://, gs://, az:// or https://',
    's3:///m: has no bucket or host',
  ]);
});

test('a damaged archive in a bucket fails alone', async () => {
  const backend = await fakeS3();
  await backend.put('m/2.zip', zipFile([{ name: '../out', content: 'x' }]));
  const bench = await startBoth(backend, {});
  expect(bench.catalog.status('m')).toBe(
    '2:END(9 s3://test-bucket/m/2.zip: entry "../out" leads out of its folder with ".."; nothing of it was taken)',
  );
});
