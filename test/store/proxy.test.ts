import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { proxyFor, proxyRules } from '../../ts/proxy.js';
import { savedModel, zipFile } from './support/archives.js';
import { FakeWeb } from './support/fake-web.js';
import { StoreBench } from './support/store-bench.js';

/** The name that only the proxy knows. */
const HOST = 'models.store.test';

/** A proxy that brings requests for {@link HOST} to `web`, and refuses tunnels. */
async function startProxy(web: FakeWeb): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? '-'}`);
    const { pathname, search } = new URL(request.url ?? '');
    const { method } = request;
    const headers = { ...request.headers, host: HOST };
    const onward = httpRequest(`${web.url}${pathname}${search}`, { method, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 0, reply.headers);
      reply.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('connect', ({ url }, socket) => {
    seen.push(`CONNECT ${url}`);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

test('an http store is asked through HTTP_PROXY, redirects included', async () => {
  const web = await FakeWeb.start();
  web.put('real/m.zip', zipFile(savedModel('one')));
  web.interfere = ({ url = '' }, response) => {
    if (!url.startsWith('/m.zip')) return false;
    response.writeHead(302, { location: `http://${HOST}/real/m.zip` }).end();
    return true;
  };
  const { url, seen } = await startProxy(web);
  const bench = new StoreBench({ env: { HTTP_PROXY: `http://user:word@${url}` } });
  await bench.start(bench.config('m', `http://${HOST}/m.zip`));
  expect(bench.loaded).toEqual(['one']);
  const login = `Basic ${Buffer.from('user:word').toString('base64')}`;
  expect(seen).toContain(`GET http://${HOST}/m.zip ${login}`);
  expect(seen).toContain(`GET http://${HOST}/real/m.zip ${login}`);
});

test('an https store is asked for a tunnel, and a refusal names the proxy', async () => {
  const { url, seen } = await startProxy(await FakeWeb.start());
  const bench = new StoreBench({ env: { https_proxy: url } });
  bench.manager.start([bench.config('m', `https://${HOST}/m.zip`)]);
  await bench.manager.poll();
  expect(seen).toContain(`CONNECT ${HOST}:443`);
  expect(bench.manager.summary().models[0]?.error).toMatchObject({
    code: 'UNAVAILABLE',
    message: `https://${HOST}/m.zip: proxy http://${url}/ refused: 403`,
  });
});

test('a host of NO_PROXY is asked directly', async () => {
  const web = await FakeWeb.start();
  web.put('m.zip', zipFile(savedModel('one')));
  const { url, seen } = await startProxy(web);
  const bench = new StoreBench({ env: { HTTP_PROXY: url, NO_PROXY: 'example.org,127.0.0.1' } });
  await bench.start(bench.config('m', `${web.url}/m.zip`));
  expect(bench.loaded).toEqual(['one']);
  expect(seen).toEqual([]);
});

test('a proxy that is no URL is an error of the models that need it', async () => {
  const bench = new StoreBench({ env: { HTTP_PROXY: 'ftp://proxy' } });
  bench.manager.start([bench.config('m', `http://${HOST}/m.zip`)]);
  await bench.manager.poll();
  expect(bench.manager.summary().models[0]?.error?.message).toBe(
    'proxy: expected http://host:port or https://host:port, got "ftp://proxy"',
  );
});

test('ALL_PROXY stands for both', () => {
  const rules = proxyRules({ ALL_PROXY: 'http://p:1', HTTPS_PROXY: 'http://q:2' });
  expect(proxyFor(new URL('http://a'), rules)).toBe('http://p:1');
  expect(proxyFor(new URL('https://a'), rules)).toBe('http://q:2');
});
