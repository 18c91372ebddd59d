import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contender } from './compare.js';
import { runGrpcLoad } from './grpc-client.js';
import { runHttpLoad } from './http-client.js';
import { CLI, ROOT, serverFile } from './paths.js';
import { type Subject, start } from './process.js';

/** The fixture models of the test suite. */
export const MODELS = join(ROOT, 'test', 'fixtures', 'models');

/** Connections of every load, as in design.md section 5. */
export const CONNECTIONS = 8;

/** Arguments of a Servable server that serves one fixture model. */
export function servableArgs(
  model: string,
  ports: { rest: number; grpc: number },
  extra: readonly string[] = [],
): string[] {
  return [
    CLI,
    'serve',
    `--model_name=${model}`,
    `--model_base_path=${join(MODELS, model)}`,
    '--host=127.0.0.1',
    `--port=${ports.grpc}`,
    `--rest_api_port=${ports.rest}`,
    ...extra,
  ];
}

/** A bare fastify that echoes REST bodies. */
export function restEcho(body: Buffer): Contender {
  return {
    name: 'fastify echo',
    start: () => startEcho('echo-rest.mjs'),
    load: (port, seconds) =>
      runHttpLoad({
        port,
        path: '/v1/models/echo:predict',
        body,
        connections: CONNECTIONS,
        seconds,
      }),
  };
}

/** A bare grpc-js that echoes messages. */
export function grpcEcho(message: Buffer): Contender {
  return {
    name: 'grpc-js echo',
    start: () => startEcho('echo-grpc.mjs'),
    load: (port, seconds) =>
      runGrpcLoad({ port, method: PREDICT, message, connections: CONNECTIONS, seconds }),
  };
}

/** Servable's REST predict on one fixture model. */
export function restServable(
  model: string,
  body: Buffer,
  extra: readonly string[] = [],
): Contender {
  return {
    name: `servable REST ${model}`,
    start: () => startServable(model, 'rest', extra),
    load: (port, seconds) =>
      runHttpLoad({
        port,
        path: `/v1/models/${model}:predict`,
        body,
        connections: CONNECTIONS,
        seconds,
      }),
  };
}

/** Servable's gRPC Predict on one fixture model. */
export function grpcServable(
  model: string,
  message: Buffer,
  extra: readonly string[] = [],
): Contender {
  return {
    name: `servable gRPC ${model}`,
    start: () => startServable(model, 'grpc', extra),
    load: (port, seconds) =>
      runGrpcLoad({ port, method: PREDICT, message, connections: CONNECTIONS, seconds }),
  };
}

const PREDICT = '/tensorflow.serving.PredictionService/Predict';

async function startEcho(file: string): Promise<Subject & { port: number }> {
  const subject = await start(process.execPath, [serverFile(file)], /listening (\d+)/);
  return { ...subject, port: Number(subject.match[1]) };
}

async function startServable(
  model: string,
  protocol: 'rest' | 'grpc',
  extra: readonly string[],
): Promise<Subject & { port: number }> {
  const ports = { rest: await freePort(), grpc: await freePort() };
  const args = servableArgs(model, ports, extra);
  // REST opens last, so its line says that both answer.
  const subject = await start(process.execPath, args, /Exporting HTTP\/REST API at:/);
  return { ...subject, port: ports[protocol] };
}

/** A TCP port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      );
    });
  });
}

/** Runs `use` with a scratch folder that is removed afterwards. */
export async function withScratch<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'servable-bench-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Copies a fixture model's version into a scratch base path. */
export function copyModel(model: string, version: string, basePath: string): void {
  cpSync(join(MODELS, model, version), join(basePath, version), { recursive: true });
}
