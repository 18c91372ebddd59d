import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { afterEach } from 'vitest';
import type { Door } from '../../ts/api/door.js';
import { GrpcServer, type GrpcSettings } from '../../ts/api/grpc/server.js';
import { Inference } from '../../ts/api/infer.js';
import type { Observer } from '../../ts/observe/observer.js';
import type { Admission } from '../../ts/security/admission.js';
import { FakeEngine, fakeCatalog } from './fakes.js';

export const identity = (bytes: Buffer): Buffer => bytes;
const cleanUp: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const work of cleanUp.splice(0)) await work();
});

/** What a server on a fake engine may be made of. */
export interface Made {
  engine?: FakeEngine;
  door?: Door | null;
  admission?: Admission;
  catalog?: ReturnType<typeof fakeCatalog>;
  settings?: Partial<GrpcSettings>;
  reload?: (config: Buffer) => Promise<void>;
  observer?: Observer;
  /** PEM texts; TCP without TLS where absent. */
  tls?: { readonly cert: string; readonly key: string };
}

/** A running server. */
export interface Serving {
  readonly server: GrpcServer;
  readonly port: number;
  readonly reloads: Buffer[];
  /** How many sockets the server holds. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

/** A running server and its client. */
export interface Started extends Serving {
  readonly client: Client;
}

/** A gRPC server on a fake engine, which is the caller's to stop. */
export async function serve(options: Made = {}): Promise<Serving> {
  const reloads: Buffer[] = [];
  const server = new GrpcServer({
    inference: new Inference(options.engine ?? new FakeEngine(), null, null, options.admission),
    catalog: options.catalog ?? fakeCatalog(),
    reload:
      options.reload ??
      (async (config) => {
        reloads.push(config);
      }),
    door: options.door ?? null,
    settings: {
      maxMessageBytes: 1024 * 1024,
      maxConcurrentStreams: 1000,
      idleTimeoutMs: 0,
      channelArguments: [],
      health: true,
      reflection: true,
      session: false,
      ...options.settings,
    },
    observer: options.observer ?? null,
  });
  const { tls } = options;
  const acceptor: Server =
    tls === undefined
      ? createServer({ noDelay: true }, (socket) => server.accept(socket))
      : createTlsServer({ ...tls, noDelay: true, ALPNProtocols: ['h2'] }, (socket) =>
          server.accept(socket),
        );
  await new Promise<void>((resolve) => acceptor.listen(0, '127.0.0.1', () => resolve()));
  const { port } = acceptor.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    acceptor.close();
    await server.stop(1000);
  };
  const connections = (): Promise<number> =>
    new Promise((resolve, reject) => {
      acceptor.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  return { server, port, reloads, connections, stop };
}

/** A gRPC server on a fake engine with a client, both closed after the test. */
export async function start(options: Made = {}): Promise<Started> {
  const serving = await serve(options);
  const client = new Client(`127.0.0.1:${serving.port}`, credentials.createInsecure());
  cleanUp.push(async () => {
    client.close();
    await serving.stop();
  });
  return { client, ...serving };
}

/** One unary call of raw bytes. */
export function call(
  client: Client,
  path: string,
  body: Uint8Array,
  deadline?: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      identity,
      identity,
      Buffer.from(body),
      { deadline: deadline ?? Date.now() + 10_000 },
      (error: ServiceError | null, reply?: Buffer) => {
        if (error !== null) reject(error);
        else resolve(reply as Buffer);
      },
    );
  });
}

/** The code and text an RPC fails with. */
export async function failure(
  client: Client,
  path: string,
  body: Uint8Array,
): Promise<[number, string]> {
  try {
    await call(client, path, body);
  } catch (error) {
    const { code, details } = error as ServiceError;
    return [code, details];
  }
  throw new Error('the call succeeded');
}
