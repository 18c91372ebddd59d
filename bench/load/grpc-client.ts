import { type ClientHttp2Session, connect, constants } from 'node:http2';
import type { LoadResult } from './http-client.js';

/** One closed-loop run of unary calls; a connection has one call in flight. */
export interface GrpcLoad {
  port: number;
  /** `/package.Service/Method`. */
  method: string;
  /** The serialized request message, without gRPC's frame. */
  message: Buffer;
  connections: number;
  seconds: number;
}

/** Puts gRPC's five-byte frame before a message. */
export function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function call(session: ClientHttp2Session, load: GrpcLoad, body: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: load.method,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      te: 'trailers',
    });
    let ok = false;
    stream.on('response', (headers) => {
      // A call that fails at once answers with its status in the only header block.
      ok = headers['grpc-status'] === undefined || headers['grpc-status'] === '0';
    });
    stream.on('trailers', (trailers) => {
      ok = trailers['grpc-status'] === '0';
    });
    stream.on('error', reject);
    stream.on('close', () => resolve(ok));
    stream.resume();
    stream.end(body);
  });
}

/** Sends `load` and resolves with its figures. A status other than OK counts as an error. */
export async function runGrpcLoad(load: GrpcLoad): Promise<LoadResult> {
  const body = frame(load.message);
  const latencies: number[] = [];
  let errors = 0;
  const began = performance.now();
  const until = began + load.seconds * 1000;
  const drive = async (): Promise<void> => {
    const session = connect(`http://127.0.0.1:${load.port}`);
    while (performance.now() < until) {
      const sent = performance.now();
      if (await call(session, load, body)) latencies.push((performance.now() - sent) * 1000);
      else errors += 1;
    }
    await new Promise<void>((resolve) => session.close(resolve));
  };
  await Promise.all(Array.from({ length: load.connections }, drive));
  const seconds = (performance.now() - began) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (q: number): number => latencies[Math.floor(q * (latencies.length - 1))] ?? 0;
  return { requests: latencies.length, errors, seconds, p50: at(0.5), p99: at(0.99) };
}
