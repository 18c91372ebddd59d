import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { proxyFor, redact } from '../../ts/proxy.js';
import { createHttpClient, readBody } from '../../ts/runtime/http.js';
import { installRuntime } from '../../ts/runtime/install.js';
import { networkSettings } from '../../ts/runtime/settings.js';
import {
  type FakeIndex,
  fakeIndexHandler,
  goodManners,
  listen,
  type Seen,
  startIndex,
} from './support/fake-index.js';
import { type FakeWheel, makeWheel } from './support/fake-wheel.js';
import { makeWorld, type World } from './support/install-options.js';

let wheel: FakeWheel;
let index: FakeIndex;
let world: World;

beforeEach(async () => {
  wheel = makeWheel(200);
  index = await startIndex(wheel);
  world = await makeWorld(wheel, index);
});

afterEach(async () => {
  await index.close();
  await rm(world.home, { recursive: true, force: true });
});

test('an index that knows only HTML will do', async () => {
  index.manners.html = true;
  expect((await installRuntime(world.options())).fresh).toBe(true);
});

test('the index comes from the option, the environment, pip.conf, in this order', async () => {
  const pip = join(world.home, '.config', 'pip');
  await mkdir(pip, { recursive: true });
  await writeFile(join(pip, 'pip.conf'), '[global]\nindex-url = https://file.test/simple/\n');
  const env = { HOME: world.home, PIP_CONFIG_FILE: join(pip, 'pip.conf') };
  expect(networkSettings(null, env)).toMatchObject({
    indexUrl: 'https://file.test/simple',
    indexFrom: join(pip, 'pip.conf'),
  });
  const uv = { ...env, UV_INDEX: 'corp=https://uv.test/simple https://second.test' };
  expect(networkSettings(null, uv).indexUrl).toBe('https://uv.test/simple');
  const both = { ...uv, PIP_INDEX_URL: 'https://user:secret@pip.test/simple' };
  expect(networkSettings(null, both).indexFrom).toBe('PIP_INDEX_URL');
  expect(networkSettings('https://option.test', both).indexUrl).toBe('https://option.test');
  expect(redact('https://user:secret@pip.test/simple?token=1')).toBe('https://pip.test/simple');
});

test('an index that is no URL is refused by name', () => {
  expect(() => networkSettings('file:///tmp', {})).toThrow(
    '--index-url: expected an http(s) URL, got "file:///tmp"',
  );
});

test('NO_PROXY names hosts, domains and ports that are reached directly', () => {
  const settings = networkSettings(null, {
    HTTPS_PROXY: 'proxy.test:3128',
    NO_PROXY: 'localhost,.corp.test,other.test:8443',
  });
  const through = (url: string) => proxyFor(new URL(url), settings);
  expect(through('https://index.test/')).toBe('http://proxy.test:3128');
  expect(through('https://localhost/')).toBeNull();
  expect(through('https://a.corp.test/')).toBeNull();
  expect(through('https://corp.test/')).toBeNull();
  expect(through('https://other.test/')).toBe('http://proxy.test:3128');
  expect(through('https://other.test:8443/')).toBeNull();
  expect(through('http://index.test/')).toBeNull();
  expect(proxyFor(new URL('https://x.test'), { ...settings, noProxy: ['*'] })).toBeNull();
});

test('a password is sent to its own host and not where that redirects to', async () => {
  const seen: (string | undefined)[] = [];
  const target = createHttpServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end('here');
  });
  const targetPort = await listen(target);
  const server = createHttpServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(302, { location: `http://127.0.0.1:${targetPort}/` });
    response.end();
  });
  const port = await listen(server);
  const client = createHttpClient(networkSettings(null, { HOME: world.home }));
  try {
    const reply = await client.get(`http://user:pass@127.0.0.1:${port}/`);
    expect((await readBody(reply, 100)).toString()).toBe('here');
  } finally {
    client.close();
    server.close();
    target.close();
  }
  expect(seen).toEqual([`Basic ${Buffer.from('user:pass').toString('base64')}`, undefined]);
});

test('an index that cannot be reached is one sentence', async () => {
  await index.close();
  await expect(installRuntime(world.options())).rejects.toThrow(
    /^http:\/\/127\.0\.0\.1:\d+\/simple\/tensorflow-cpu\/: connect ECONNREFUSED/,
  );
});

test('plain http goes through the proxy in the absolute form', async () => {
  const asked: string[] = [];
  const seen: Seen = { requests: [], wheelBytes: 0, hosts: new Set() };
  const answer = fakeIndexHandler(wheel, goodManners(), seen);
  const proxy = createHttpServer((request, response) => {
    asked.push(request.url ?? '');
    request.url = new URL(request.url ?? '').pathname;
    answer(request, response);
  });
  const port = await listen(proxy);
  const { env } = world.options();
  const proxied = { ...env, HTTP_PROXY: `http://127.0.0.1:${port}` };
  await installRuntime(world.options({ env: proxied, indexUrl: 'http://index.invalid/simple' }));
  proxy.closeAllConnections();
  proxy.close();
  expect(asked[0]).toBe('http://index.invalid/simple/tensorflow-cpu/');
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) process.stderr.write('skipped: CONNECT test, no openssl to make a certificate\n');

test.skipIf(!hasOpenssl)(
  'https goes through the proxy by CONNECT, with SSL_CERT_FILE trusted',
  async () => {
    const [key, cert] = [join(world.home, 'key.pem'), join(world.home, 'cert.pem')];
    const subject = ['-subj', '/CN=index.test', '-addext', 'subjectAltName=DNS:index.test'];
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
    const out = ['-keyout', key, '-out', cert];
    execFileSync('openssl', [...request, ...out, ...subject], { stdio: 'ignore' });
    const seen: Seen = { requests: [], wheelBytes: 0, hosts: new Set() };
    const tls = { key: readFileSync(key), cert: readFileSync(cert) };
    const secure = createHttpsServer(tls, fakeIndexHandler(wheel, goodManners(), seen));
    const securePort = await listen(secure);
    const tunnels: string[] = [];
    const proxy = createHttpServer();
    proxy.on('connect', (asked, socket) => {
      tunnels.push(`${asked.url} ${asked.headers['proxy-authorization']}`);
      const onward = connect(securePort, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      for (const end of [onward, socket]) end.on('error', () => onward.destroy());
    });
    const proxyPort = await listen(proxy);
    const { env } = world.options();
    const proxied = { ...env, HTTPS_PROXY: `http://me:pw@127.0.0.1:${proxyPort}` };
    const indexUrl = 'https://index.test/simple';
    const install = (changes: Record<string, string>) =>
      installRuntime(world.options({ env: { ...proxied, ...changes }, indexUrl }));
    try {
      await expect(install({})).rejects.toThrow(/self-signed certificate/);
      expect((await install({ SSL_CERT_FILE: cert })).fresh).toBe(true);
      const auth = `Basic ${Buffer.from('me:pw').toString('base64')}`;
      expect(new Set(tunnels)).toEqual(new Set([`index.test:443 ${auth}`]));
    } finally {
      secure.closeAllConnections();
      secure.close();
      proxy.close();
    }
  },
);
