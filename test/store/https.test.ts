import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { savedModel, tarGz, zipFile } from './support/archives.js';
import { FakeWeb } from './support/fake-web.js';
import { StoreBench } from './support/store-bench.js';

test('an archive at a web address is version 1', async () => {
  const web = await FakeWeb.start();
  web.put('models/m.tar.gz', tarGz(savedModel('one')));
  const bench = new StoreBench();
  await bench.start(bench.config('m', `${web.url}/models/m.tar.gz`));
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(bench.loaded).toEqual(['one']);
});

test('the versions are folders and archives of a folder whose index the server prints', async () => {
  for (const index of ['html', 'json'] as const) {
    const web = await FakeWeb.start();
    web.index = index;
    web.putModel('m x/1', 'one');
    web.put('m x/2.zip', zipFile(savedModel('two')));
    web.put('m x/3.tgz', tarGz(savedModel('three')));
    web.put('m x/readme.txt', '');
    const bench = new StoreBench();
    await bench.start(bench.config('m', `${web.url}/m%20x/`, { versionPolicy: { kind: 'all' } }));
    expect(bench.catalog.status('m')).toBe('3:AVAILABLE 2:AVAILABLE 1:AVAILABLE');
    expect([...bench.loaded].sort()).toEqual(['one', 'three', 'two']);
  }
});

test('a folder without an index says what to give instead', async () => {
  const web = await FakeWeb.start();
  web.interfere = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).end('hello');
    return true;
  };
  const bench = new StoreBench();
  bench.manager.start([bench.config('m', `${web.url}/m`)]);
  await bench.manager.poll();
  expect(bench.manager.summary().models[0]?.error).toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: `${web.url}/m/: got text/plain, wanted the address of a .zip or .tar.gz archive, or of a folder whose index the server prints`,
  });
});

test('a version that is replaced is fetched again, and an unchanged one is not', async () => {
  const web = await FakeWeb.start();
  web.put('m.zip', zipFile(savedModel('old')));
  const bench = new StoreBench();
  await bench.start(bench.config('m', `${web.url}/m.zip`));
  await bench.settle();
  expect(web.count('GET /m.zip')).toBe(1);
  web.put('m.zip', zipFile(savedModel('new')));
  await bench.settle();
  await expect.poll(() => bench.loaded).toEqual(['old', 'new']);
  await bench.reaches('m', '1:AVAILABLE');
});

test('a server that goes away leaves what is loaded', async () => {
  const web = await FakeWeb.start();
  web.putModel('m/1', 'one');
  const bench = new StoreBench();
  await bench.start(bench.config('m', `${web.url}/m`));
  web.stop();
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(bench.manager.summary().models[0]?.error?.code).toBe('UNAVAILABLE');
});

test('versions appear and disappear with the listing, and a missing base path keeps what is loaded', async () => {
  const web = await FakeWeb.start();
  web.putModel('m/1', 'one');
  const bench = new StoreBench();
  await bench.start(bench.config('m', `${web.url}/m`));
  web.putModel('m/2', 'two');
  await bench.settle();
  await bench.reaches('m', '2:AVAILABLE 1:END');
  web.files.clear();
  web.putModel('m/1', 'one');
  await bench.settle();
  await bench.reaches('m', '2:END 1:AVAILABLE');
  web.files.clear();
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:END 1:AVAILABLE');
  expect(bench.manager.summary().models[0]?.error?.message).toBe(
    `Could not find base path ${web.url}/m for servable m with error ${web.url}/m/: the server answers (HTTP 404 Not Found)`,
  );
});

test('half an upload is not loaded until it has its saved_model.pb and has stopped growing', async () => {
  const web = await FakeWeb.start();
  web.putModel('m/1', 'one');
  const bench = new StoreBench();
  await bench.start(bench.config('m', `${web.url}/m`));
  web.put('m/2/variables/variables.index', 'index');
  await bench.manager.poll();
  await bench.manager.poll();
  expect(bench.catalog.status('m')).toBe('2:START 1:AVAILABLE');
  web.put('m/2/saved_model.pb', 'two');
  await bench.manager.poll();
  expect(bench.catalog.status('m')).toBe('2:START 1:AVAILABLE');
  await bench.manager.poll();
  await bench.reaches('m', '2:AVAILABLE 1:END');
});

test('status tells how far a download is', async () => {
  const web = await FakeWeb.start();
  const bench = new StoreBench();
  web.put('m/1/saved_model.pb', 'one');
  web.put('m/1/variables/variables.data-00000-of-00001', randomBytes(3_500_000));
  await bench.start(bench.config('m', `${web.url}/m`));
  expect(bench.progress[0]).toBe('downloading 0 of 3 MB');
  expect(bench.progress.at(-1)).toBe('downloading 3 of 3 MB');
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('a transfer that breaks goes on where it stopped', async () => {
  const web = await FakeWeb.start();
  const content = randomBytes(300_000);
  web.put('m/1/saved_model.pb', 'one');
  web.put('m/1/data', content);
  let broken = 0;
  const ranges: (string | undefined)[] = [];
  web.interfere = ({ url, method, headers }, response) => {
    if (method !== 'GET' || url !== '/m/1/data') return false;
    ranges.push(headers.range);
    if (broken > 0) return false;
    broken += 1;
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
    return true;
  };
  const bench = new StoreBench();
  await bench.start(bench.config('m', `${web.url}/m`));
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(ranges).toEqual([undefined, 'bytes=100000-']);
});

const lies: [string, (size: number) => { length: number; body: Buffer }, RegExp][] = [
  [
    'sends less than it declared',
    () => ({ length: 10, body: Buffer.alloc(10) }),
    /got 10 bytes, wanted the 4096 the server declares/,
  ],
  [
    'sends more than it declared',
    () => ({ length: 9000, body: Buffer.alloc(9000) }),
    /got more than the 4096 bytes the server declares/,
  ],
];
for (const [what, answer, text] of lies) {
  test(`a store that ${what} fails that version and no other model`, async () => {
    const web = await FakeWeb.start();
    web.put('m/1/saved_model.pb', Buffer.alloc(4096));
    web.putModel('other/1', 'fine');
    web.interfere = ({ url, method }, response) => {
      if (method !== 'GET' || url !== '/m/1/saved_model.pb') return false;
      const { length, body } = answer(4096);
      response.writeHead(200, { 'content-length': length }).end(body);
      return true;
    };
    const bench = new StoreBench();
    await bench.start(bench.config('m', `${web.url}/m`), bench.config('other', `${web.url}/other`));
    expect(bench.catalog.status('other')).toBe('1:AVAILABLE');
    expect(bench.catalog.status('m')).toMatch(/^1:END\(15 /);
    expect(bench.catalog.status('m')).toMatch(text);
    expect(bench.cached()).toHaveLength(1);
  });
}

test('a store that stalls fails that version after the timeout, and holds up no other model', async () => {
  const web = await FakeWeb.start();
  web.putModel('m/1', 'slow');
  web.putModel('other/1', 'fine');
  web.interfere = ({ url, method }, response) => {
    if (method !== 'GET' || url !== '/m/1/saved_model.pb') return false;
    response.writeHead(200, { 'content-length': 4 });
    response.write('s');
    return true;
  };
  const bench = new StoreBench({
    stores: { storeTimeoutSeconds: 0.3 },
    manager: { numInitialLoadThreads: 1 },
  });
  bench.manager.start([
    bench.config('m', `${web.url}/m`),
    bench.config('other', `${web.url}/other`),
  ]);
  await bench.manager.poll();
  await bench.reaches('other', '1:AVAILABLE');
  expect(bench.catalog.status('m')).toBe('1:LOADING');
  await bench.reaches('m', `1:END(14 ${web.url}/m/1/saved_model.pb: no answer for 0.3 seconds)`);
});

test('a download that is refused is tried again later', async () => {
  const web = await FakeWeb.start();
  web.putModel('m/1', 'one');
  web.interfere = ({ url, method }, response) => {
    if (method !== 'GET' || url !== '/m/1/saved_model.pb') return false;
    response.writeHead(403).end();
    return true;
  };
  const bench = new StoreBench();
  await bench.start(bench.config('m', `${web.url}/m`));
  expect(bench.catalog.status('m')).toBe(
    `1:END(7 ${web.url}/m/1/saved_model.pb: access denied (HTTP 403 Forbidden))`,
  );
  web.interfere = () => false;
  bench.clock.advance(60_000);
  await bench.reaches('m', '1:AVAILABLE');
});

test('a base path that is refused says so, and is served when it no longer is', async () => {
  const web = await FakeWeb.start();
  web.putModel('m/1', 'one');
  web.interfere = (_request, response) => {
    response.writeHead(403).end();
    return true;
  };
  const bench = new StoreBench();
  bench.manager.start([bench.config('m', `${web.url}/m`)]);
  await bench.manager.poll();
  expect(bench.manager.summary().models[0]?.error).toMatchObject({
    code: 'PERMISSION_DENIED',
    message: `${web.url}/m/: access denied (HTTP 403 Forbidden)`,
  });
  web.interfere = () => false;
  await bench.manager.poll();
  await bench.reaches('m', '1:AVAILABLE');
});

test('login and query of an address are sent, and stay out of what is logged', async () => {
  const web = await FakeWeb.start();
  web.put('m.zip', zipFile(savedModel('one')));
  const seen = new Set<string>();
  let open = true;
  web.interfere = ({ url, headers }, response) => {
    seen.add(`${url} ${headers.authorization}`);
    if (!open) response.writeHead(403).end();
    return !open;
  };
  const bench = new StoreBench();
  const address = web.url.replace('//', '//us%20er:pass@');
  await bench.start(bench.config('m', `${address}/m.zip?sig=secret`));
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  const login = `Basic ${Buffer.from('us er:pass').toString('base64')}`;
  expect([...seen]).toEqual([`/m.zip?sig=secret ${login}`]);
  open = false;
  await bench.settle();
  expect(bench.manager.summary().models[0]?.error?.message).toBe(
    `${web.url}/m.zip: access denied (HTTP 403 Forbidden)`,
  );
});
