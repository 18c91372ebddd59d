import { type ClientHttp2Session, connect } from 'node:http2';
import {
  Client,
  type ClientOptions,
  credentials,
  type Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { type Init, messageType, type PredictResponse } from '../../ts/codec/messages.js';

export const PREDICT = '/tensorflow.serving.PredictionService/Predict';

const identity = (bytes: Buffer): Buffer => bytes;

/** A client of raw messages. */
export class RpcClient {
  readonly client: Client;

  /** @param address `host:port` or `unix:path` */
  constructor(address: string, options: ClientOptions = {}) {
    this.client = new Client(address, credentials.createInsecure(), options);
  }

  /** One unary call; rejects with a `ServiceError`. */
  call(path: string, request: Uint8Array, metadata?: Metadata): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, reply?: Buffer): void => {
        if (error !== null) reject(error);
        else resolve(reply as Buffer);
      };
      const options = { deadline: Date.now() + 30_000 };
      const body = Buffer.from(request);
      if (metadata === undefined) {
        this.client.makeUnaryRequest(path, identity, identity, body, options, done);
      } else {
        this.client.makeUnaryRequest(path, identity, identity, body, metadata, options, done);
      }
    });
  }

  /** The code and the text a call fails with; code 0 where it does not. */
  async failure(path: string, request: Uint8Array): Promise<[code: number, text: string]> {
    try {
      await this.call(path, request);
      return [0, ''];
    } catch (error) {
      const { code, details } = error as ServiceError;
      return [code, details];
    }
  }

  /** A Predict of float inputs. */
  async predict(
    model: string,
    inputs: Readonly<Record<string, readonly number[]>>,
  ): Promise<PredictResponse> {
    const reply = await this.call(PREDICT, floatRequest(model, inputs));
    return messageType('tensorflow.serving.PredictResponse').decode(reply);
  }

  bidi(path: string) {
    return this.client.makeBidiStreamRequest(path, identity, identity);
  }

  stream(path: string, request: Buffer) {
    return this.client.makeServerStreamRequest(path, identity, identity, request);
  }

  close(): void {
    this.client.close();
  }
}

const DT_FLOAT = 1;

/** A rank-1 float tensor. */
export function floatTensor(values: readonly number[]): Init<PredictResponse['outputs'][string]> {
  return {
    dtype: DT_FLOAT,
    tensorShape: { dim: [{ size: BigInt(values.length) }] },
    floatVal: [...values],
  };
}

/** A serialized PredictRequest of rank-1 float inputs. */
export function floatRequest(
  name: string,
  inputs: Readonly<Record<string, readonly number[]>>,
): Buffer {
  const entries = Object.entries(inputs).map(([alias, values]) => [alias, floatTensor(values)]);
  return messageType('tensorflow.serving.PredictRequest').encode({
    modelSpec: { name },
    inputs: Object.fromEntries(entries),
  });
}

/** How an HTTP/2 request ended: what no gRPC client would send can be sent. */
export interface RawRpcAnswer {
  /** `:status`, 0 where none came. */
  readonly httpStatus: number;
  /** `grpc-status` of headers or trailers; null where none came. */
  readonly grpcStatus: number | null;
  readonly message: string;
  /** The code of the stream's reset; 0 is none. */
  readonly reset: number;
}

/** An HTTP/2 connection. */
export async function http2Session(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    session.once('connect', () => resolve()).once('error', reject);
  });
  return session;
}

/** One request with gRPC's headers and whatever bytes; with `end` false the request stays open. */
export function rawRpc(
  session: ClientHttp2Session,
  path: string,
  bytes: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  end = true,
): Promise<RawRpcAnswer> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    let httpStatus = 0;
    let grpcStatus: number | null = null;
    let message = '';
    const read = (given: Readonly<Record<string, unknown>>): void => {
      if (given[':status'] !== undefined) httpStatus = Number(given[':status']);
      if (given['grpc-status'] === undefined) return;
      grpcStatus = Number(given['grpc-status']);
      message = decodeURIComponent(String(given['grpc-message'] ?? ''));
    };
    stream.on('response', read);
    stream.on('trailers', read);
    stream.on('data', () => undefined);
    stream.on('error', () => undefined);
    stream.on('close', () => resolve({ httpStatus, grpcStatus, message, reset: stream.rstCode }));
    if (end) stream.end(bytes);
    else stream.write(bytes);
  });
}

/** A message with its five bytes in front. */
export function frame(message: Uint8Array, compressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
