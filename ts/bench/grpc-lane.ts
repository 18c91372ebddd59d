import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { codeName } from '../errors.js';
import { type Endpoint, failureOf, type Lane, OK, type Outcome } from './lane.js';

const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, NGHTTP2_CANCEL } = constants;

/** One unary call. */
export interface GrpcRequest {
  /** Such as `/tensorflow.serving.PredictionService/Predict`. */
  readonly method: string;
  /** The serialized request message. */
  readonly message: Buffer;
}

/** Puts gRPC's five-byte frame before a message. */
export function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** What a failed or successful call says of itself. */
interface Status {
  readonly outcome: Outcome;
  readonly text: string;
}

/** One connection that makes one unary call again and again. */
export class GrpcLane implements Lane {
  readonly #endpoint: Endpoint;
  readonly #method: string;
  readonly #body: Buffer;
  #session: ClientHttp2Session | null = null;

  constructor(endpoint: Endpoint, { method, message }: GrpcRequest) {
    this.#endpoint = endpoint;
    this.#method = method;
    this.#body = frame(message);
  }

  send(): Promise<Outcome> {
    return this.call().then(({ outcome }) => outcome);
  }

  /** As {@link send}, with the server's text; `keep` is given the reply's bytes. */
  call(keep?: (reply: Buffer) => void): Promise<Status> {
    return new Promise((resolve) => {
      const { timeoutMs, headers } = this.#endpoint;
      let status: Status | null = null;
      const session = this.#open();
      const stream = session.request({
        ...headers,
        [HTTP2_HEADER_METHOD]: 'POST',
        [HTTP2_HEADER_PATH]: this.#method,
        'content-type': 'application/grpc',
        'grpc-timeout': `${timeoutMs}m`,
        te: 'trailers',
      });
      const read = (block: Readonly<Record<string, unknown>>): void => {
        const code = block['grpc-status'];
        if (code === undefined) return;
        const outcome = code === '0' ? OK : codeName(Number(code));
        status = { outcome, text: decodeURIComponent(String(block['grpc-message'] ?? '')) };
      };
      // A call that fails at once has its status in the only header block; what is no gRPC server has an HTTP status there.
      stream.on('response', (block) => {
        read(block);
        const http = block[':status'];
        if (http !== 200) status ??= { outcome: String(http), text: `HTTP status ${http}` };
      });
      stream.on('trailers', read);
      stream.on('error', (error) => {
        status ??= { outcome: failureOf(error), text: error.message };
      });
      // The server ends the call at its deadline; one that does not must not hold the lane.
      stream.setTimeout(timeoutMs + 1000, () => {
        status ??= { outcome: 'timeout', text: '' };
        stream.close(NGHTTP2_CANCEL);
      });
      stream.on('close', () =>
        resolve(status ?? { outcome: 'connection closed', text: 'the server closed the call' }),
      );
      if (keep === undefined) stream.resume();
      else collect(stream, keep);
      stream.end(this.#body);
    });
  }

  close(): void {
    this.#session?.destroy();
    this.#session = null;
  }

  #open(): ClientHttp2Session {
    if (this.#session !== null && !this.#session.destroyed && !this.#session.closed) {
      return this.#session;
    }
    const { host, port, tls } = this.#endpoint;
    const name = host.includes(':') ? `[${host}]` : host;
    const session = connect(`${tls ? 'https' : 'http'}://${name}:${port}`, {
      settings: { initialWindowSize: 16 * 1024 * 1024 },
    });
    // Every stream on it reports the failure.
    session.on('error', () => session.destroy());
    session.on('close', () => {
      if (this.#session === session) this.#session = null;
    });
    this.#session = session;
    return session;
  }
}

/** Gives `keep` the first message of a reply, without its frame. */
function collect(stream: NodeJS.ReadableStream, keep: (reply: Buffer) => void): void {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('end', () => {
    const whole = Buffer.concat(parts);
    if (whole.length >= 5) keep(whole.subarray(5, 5 + whole.readUInt32BE(1)));
  });
}
