import { type AddressInfo, connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach } from 'vitest';
import type { Door } from '../../ts/api/door.js';
import { Inference } from '../../ts/api/infer.js';
import type { MetricsPage } from '../../ts/api/rest/metrics.js';
import { type CountRest, createRestServer, type RestTimeouts } from '../../ts/api/rest/server.js';
import { silentLogger } from '../../ts/logger.js';
import type { Observer } from '../../ts/observe/observer.js';
import type { Admission } from '../../ts/security/admission.js';
import { FakeEngine, fakeCatalog } from './fakes.js';

const open: FastifyInstance[] = [];

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
): Promise<FastifyInstance> {
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
  return app;
}

afterEach(async () => {
  for (const app of open.splice(0)) {
    app.server.closeAllConnections();
    await app.close();
    app.server.close();
  }
});

/** Listens on a free port and returns it. */
export async function listening(app: FastifyInstance): Promise<number> {
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
