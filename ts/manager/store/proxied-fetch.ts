import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { basicAuth, type ProxyRules, proxyFor, redact } from '../../proxy.js';

/** What a store asks of fetch. */
export interface FetchInit {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent with a POST. */
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** As many as fetch follows would be 20; a store has one or two. */
const MAX_REDIRECTS = 5;
const NO_BODY = [101, 204, 205, 304];

/** `fetch`, through the proxies of `rules`: Node's own knows none before Node 24. */
export async function proxiedFetch(
  address: string,
  init: FetchInit,
  rules: ProxyRules,
): Promise<Response> {
  let url = new URL(address);
  const { origin } = url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const proxy = proxyFor(url, rules);
    if (proxy === null && hop === 0) return fetch(address, init);
    const headers = { ...init.headers };
    // A password is for the server it was given for, not for where that redirects to.
    if (url.origin !== origin) delete headers.authorization;
    if (proxy === null) return fetch(url.href, { ...init, headers });
    const reply = await ask(url, new URL(proxy), { ...init, headers });
    const { statusCode: status = 0, headers: got } = reply;
    if (status < 300 || status >= 400 || got.location === undefined) return response(reply);
    reply.resume();
    url = new URL(got.location, url);
  }
  throw new Error('too many redirects');
}

/** http targets are asked for by their whole address, https ones through a tunnel. */
async function ask(url: URL, proxy: URL, init: FetchInit): Promise<IncomingMessage> {
  const { signal, method = 'GET', body = '' } = init;
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const headers = { host: url.host, ...init.headers, ...length };
  const path = `${url.pathname}${url.search}`;
  if (url.protocol === 'http:') {
    const login = basicAuth(proxy);
    const proxied = { ...headers, ...(login === null ? {} : { 'proxy-authorization': login }) };
    const target = { method, signal, headers: proxied, path: `http://${url.host}${path}` };
    return await settle(plain(proxy)({ ...hop(proxy), ...target }), body);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || 443);
  const tunnel = await open(`${url.hostname}:${port}`, proxy, signal);
  const socket = connectTls({ socket: tunnel, servername: host });
  // An agent of Node's would make a connection of its own.
  const through = { createConnection: () => socket } as RequestOptions;
  const target = { method, signal, headers, host, port, path, ...through };
  return await settle(https.request(target), body);
}

function plain(proxy: URL): typeof http.request {
  return proxy.protocol === 'https:' ? https.request : http.request;
}

function hop(proxy: URL): RequestOptions {
  const secure = proxy.protocol === 'https:';
  const host = proxy.hostname.replace(/^\[|\]$/g, '');
  return { host, port: proxy.port || (secure ? 443 : 80), agent: false };
}

function settle(request: http.ClientRequest, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.end(body);
  });
}

function open(target: string, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const login = basicAuth(proxy);
  const headers = { host: target, ...(login === null ? {} : { 'proxy-authorization': login }) };
  const request = plain(proxy)({ ...hop(proxy), method: 'CONNECT', path: target, headers, signal });
  return new Promise((resolve, reject) => {
    const refused = (why: string, cause?: Error): Error =>
      new Error(`proxy ${redact(proxy.href)}${why}`, { cause });
    request.once('error', (error) => reject(refused(`: ${error.message}`, error)));
    request.once('connect', ({ statusCode }, socket: Socket) => {
      if (statusCode === 200) resolve(socket);
      else {
        socket.destroy();
        reject(refused(` refused: ${statusCode}`));
      }
    });
    request.end();
  });
}

function response(reply: IncomingMessage): Response {
  const { statusCode: status = 0, statusMessage: statusText = '' } = reply;
  const headers = new Headers();
  for (const [name, value] of Object.entries(reply.headers)) {
    if (value !== undefined) headers.set(name, String(value));
  }
  const body = NO_BODY.includes(status) ? null : (Readable.toWeb(reply) as ReadableStream);
  if (body === null) reply.resume();
  return new Response(body, { status, statusText, headers });
}
