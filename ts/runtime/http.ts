import { readFileSync } from 'node:fs';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { ServingError } from '../errors.js';
import { basicAuth, proxyFor, redact } from '../proxy.js';
import type { NetworkSettings } from './settings.js';

/** A reply whose body is still to be read (or destroyed). */
export interface HttpReply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Where the redirects ended. */
  readonly url: string;
  readonly body: IncomingMessage;
}

/** Sends GET requests through the configured proxy, trusting the configured certificates. */
export interface HttpClient {
  /** Follows up to five redirects. `UNAVAILABLE` when no reply comes; any status is a reply. */
  get(
    url: string,
    options?: { headers?: Readonly<Record<string, string>>; signal?: AbortSignal | undefined },
  ): Promise<HttpReply>;
  /** Closes idle connections. */
  close(): void;
}

/** A connection silent for this long is given up, milliseconds. */
const IDLE_MS = 30_000;
const MAX_REDIRECTS = 5;

function trusted(files: readonly string[]): string[] {
  return files.map((file) => {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      const reason = (error as Error).message;
      throw new ServingError('INVALID_ARGUMENT', `certificate file: ${reason}`, { cause: error });
    }
  });
}

function unreachable(url: string, error: unknown): ServingError {
  const reason = error instanceof Error ? error.message || error.name : String(error);
  return new ServingError('UNAVAILABLE', `${redact(url)}: ${reason}`, { cause: error });
}

/** Resolves with the reply of a request that is ready to be sent. */
function settle(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.setTimeout(IDLE_MS, () => {
      request.destroy(new Error(`no answer for ${IDLE_MS / 1000} seconds`));
    });
    request.once('response', resolve);
    request.once('error', reject);
    request.end();
  });
}

/** Opens a tunnel to `target` through an HTTP proxy. */
function connectThrough(proxy: URL, target: string, secureContext: tls.SecureContext) {
  const auth = basicAuth(proxy);
  const options = {
    method: 'CONNECT',
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
    path: target,
    headers: { host: target, ...(auth === null ? {} : { 'proxy-authorization': auth }) },
    agent: false as const,
  };
  return new Promise<Duplex>((resolve, reject) => {
    const request =
      proxy.protocol === 'https:'
        ? https.request({ ...options, secureContext } as https.RequestOptions)
        : http.request(options);
    request.setTimeout(IDLE_MS, () => request.destroy(new Error('the proxy does not answer')));
    request.once('error', (error) => {
      reject(new Error(`proxy ${redact(proxy.href)}: ${error.message}`, { cause: error }));
    });
    request.once('connect', (reply, socket) => {
      if (reply.statusCode === 200) resolve(socket);
      else {
        socket.destroy();
        reject(new Error(`proxy ${redact(proxy.href)} refused: ${reply.statusCode}`));
      }
    });
    request.end();
  });
}

/** A TLS connection inside a tunnel. */
function secure(socket: Duplex, servername: string, secureContext: tls.SecureContext) {
  return new Promise<tls.TLSSocket>((resolve, reject) => {
    const isAddress = /^[\d.]+$|:/.test(servername);
    const secured = tls.connect({
      socket,
      secureContext,
      host: servername,
      ...(isAddress ? {} : { servername }),
      ALPNProtocols: ['http/1.1'],
    });
    secured.once('secureConnect', () => resolve(secured));
    secured.once('error', reject);
  });
}

/**
 * Makes a client for one install.
 *
 * Node 20 knows no proxy settings of its own; https targets are reached by CONNECT, http ones by the proxy's absolute form.
 */
export function createHttpClient(settings: NetworkSettings): HttpClient {
  // A list of our own replaces Node's, so Node's roots go into it too.
  const ca = [...tls.rootCertificates, ...trusted(settings.caFiles)];
  const secureContext = tls.createSecureContext({ ca });
  const httpsAgent = new https.Agent({ keepAlive: true });
  const httpAgent = new http.Agent({ keepAlive: true });

  async function send(
    url: URL,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const proxyUrl = proxyFor(url, settings);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const base = { method: 'GET', headers, ...(signal === undefined ? {} : { signal }) };
    const path = `${url.pathname}${url.search}`;
    if (url.protocol === 'http:') {
      if (proxyUrl === null) {
        return settle(
          http.request({ ...base, host, port: url.port || 80, path, agent: httpAgent }),
        );
      }
      const proxy = new URL(proxyUrl);
      const auth = basicAuth(proxy);
      const proxied = { ...headers, ...(auth === null ? {} : { 'proxy-authorization': auth }) };
      const hop = { host: proxy.hostname, port: proxy.port || 80, agent: httpAgent };
      const absolute = `http://${url.host}${path}`;
      return settle(http.request({ ...base, ...hop, headers: proxied, path: absolute }));
    }
    const port = Number(url.port || 443);
    const target = { ...base, host, port, path };
    if (proxyUrl === null) {
      const options = { ...target, agent: httpsAgent, secureContext };
      return settle(https.request(options as https.RequestOptions));
    }
    const tunnel = await connectThrough(
      new URL(proxyUrl),
      `${url.hostname}:${port}`,
      secureContext,
    );
    const socket = await secure(tunnel, host, secureContext);
    // Without an agent: one of Node's would make a connection of its own.
    return settle(https.request({ ...target, createConnection: () => socket }));
  }

  async function get(
    start: string,
    options: { headers?: Readonly<Record<string, string>>; signal?: AbortSignal | undefined } = {},
  ): Promise<HttpReply> {
    let url = new URL(start);
    const auth = basicAuth(url);
    const origin = url.origin;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const headers: Record<string, string> = {
        host: url.host,
        'user-agent': 'servable (runtime install)',
        'accept-encoding': 'identity',
        ...options.headers,
      };
      // A password is for the host it was given for, not for where that host redirects to.
      if (auth !== null && url.origin === origin) headers.authorization = auth;
      let reply: IncomingMessage;
      try {
        reply = await send(url, headers, options.signal);
      } catch (error) {
        throw unreachable(url.href, error);
      }
      const status = reply.statusCode ?? 0;
      const location = reply.headers.location;
      if (status < 300 || status >= 400 || location === undefined) {
        return { status, headers: reply.headers, url: url.href, body: reply };
      }
      reply.resume();
      url = new URL(location, url);
    }
    throw new ServingError('UNAVAILABLE', `${redact(start)}: too many redirects`);
  }

  return {
    get,
    close() {
      httpsAgent.destroy();
      httpAgent.destroy();
    },
  };
}

/**
 * Reads a whole body of at most `limit` bytes.
 *
 * @throws {ServingError} `UNAVAILABLE` when the connection is cut, `RESOURCE_EXHAUSTED` past the limit.
 */
export async function readBody(reply: HttpReply, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of reply.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) {
        const message = `${redact(reply.url)}: reply over ${limit} bytes`;
        throw new ServingError('RESOURCE_EXHAUSTED', message);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof ServingError ? error : unreachable(reply.url, error);
  }
  return Buffer.concat(chunks, length);
}
