import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach } from 'vitest';
import type { Door } from '../../ts/api/door.js';
import { Inference } from '../../ts/api/infer.js';
import type { CountRest } from '../../ts/api/rest/door.js';
import type { MetricsPage } from '../../ts/api/rest/metrics.js';
import { createRestServer, type RestTimeouts } from '../../ts/api/rest/server.js';
import { silentLogger } from '../../ts/logger.js';
import type { Observer } from '../../ts/observe/observer.js';
import type { Admission } from '../../ts/security/admission.js';
import { FakeEngine, fakeCatalog } from './fakes.js';

const open: FastifyInstance[] = [];

/** A request of a test. */
interface Asked {
  readonly method?: string;
  readonly url: string;
  readonly payload?: string | Buffer;
  readonly headers?: Record<string, string>;
}

/** What came back. */
interface Answer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly rawPayload: Buffer;
  json(): unknown;
}

/** A REST server whose `inject` sends a request over a connection: what is under `/v1/` does not go through fastify. */
export type TestServer = Omit<FastifyInstance, 'inject'> & {
  inject(asked: Asked | string): Promise<Answer>;
};

/** A REST server on a fake engine, closed after the test. */
export async function rest(
  options: {
    engine?: FakeEngine;
    door?: Door | null;
    admission?: Admission;
    timeouts?: Partial<RestTimeouts>;
    catalog?: ReturnType<typeof fakeCatalog>;
    metrics?: MetricsPage;
    count?: CountRest;
    observer?: Observer;
    cors?: Partial<{ enabled: boolean; origins: string[]; headers: string[] }>;
    settings?: Partial<{ timeoutMs: number; maxBytes: number; compressMinBytes: number }>;
  } = {},
): Promise<TestServer> {
  const { app } = await createRestServer({
    inference: new Inference(options.engine ?? new FakeEngine(), null, null, options.admission),
    catalog: options.catalog ?? fakeCatalog(),
    logger: silentLogger,
    settings: {
      timeoutMs: 30_000,
      maxBytes: 1024 * 1024,
      maxExpansion: 200,
      compressMinBytes: 1000,
      ...options.settings,
    },
    door: options.door ?? null,
    timeouts: { headersMs: 20_000, requestMs: 300_000, idleMs: 75_000, ...options.timeouts },
    maxHeaderBytes: 16_384,
    cors: { enabled: false, origins: ['*'], headers: ['Content-Type'], ...options.cors },
    docs: null,
    metrics: options.metrics ?? null,
    count: options.count ?? (() => undefined),
    observer: options.observer ?? null,
  });
  open.push(app);
  const inject = async (asked: Asked | string): Promise<Answer> =>
    send(await listening(app), typeof asked === 'string' ? { url: asked } : asked);
  return Object.defineProperty(app, 'inject', { value: inject }) as unknown as TestServer;
}

const agent = new Agent({ keepAlive: true });

function send(port: number, { method = 'GET', url, payload, headers }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port, path: url, method, headers, agent };
    const request = httpRequest(to, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const rawPayload = Buffer.concat(chunks);
        const body = rawPayload.toString();
        resolve({
          statusCode: response.statusCode ?? 0,
          headers: response.headers,
          body,
          rawPayload,
          json: () => JSON.parse(body) as unknown,
        });
      });
    });
    request.on('error', reject);
    request.end(payload);
  });
}

afterEach(async () => {
  for (const app of open.splice(0)) {
    app.server.closeAllConnections();
    await app.close();
    app.server.close();
  }
});

/** Listens on a free port and returns it. */
export async function listening(app: Pick<FastifyInstance, 'server'>): Promise<number> {
  if (app.server.listening) return (app.server.address() as AddressInfo).port;
  await new Promise<void>((resolve) => app.server.listen(0, '127.0.0.1', () => resolve()));
  return (app.server.address() as AddressInfo).port;
}

/** Sends raw bytes and returns everything that comes back until the connection closes. */
export function raw(port: number, bytes: string | Buffer, end = true): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
    if (end) socket.end(bytes);
    else socket.write(bytes);
  });
}
