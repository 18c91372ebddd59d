import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';

/** What came back on one HTTP/2 stream: both header blocks as text, the bytes between them, and how it ended. */
export interface WireAnswer {
  /** `name: value` in alphabetical order, without `date`. */
  readonly headers: readonly string[];
  /** The messages' frames, in hexadecimal. */
  readonly data: string;
  readonly trailers: readonly string[];
  /** The code of the stream's reset; 0 is none. */
  readonly reset: number;
}

/** One request as its bytes; the stream is ended after the last part unless `isOpen`. */
export interface WireRequest {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly parts?: readonly Uint8Array[];
  readonly isOpen?: boolean;
}

export const UNARY = '/tensorflow.serving.PredictionService/Predict';
export const STREAM = '/tensorflow.serving.PredictionService/PredictStreamed';

/** An HTTP/2 connection that answers pings and whose errors are of no interest. */
export async function connectTo(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  await once(session, 'connect');
  return session;
}

/** Sends one request on a connection of its own. */
export async function exchange(port: number, request: WireRequest): Promise<WireAnswer> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  const { path = UNARY, headers = {}, parts = [], isOpen = false } = request;
  const stream = session.request(
    {
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    },
    { endStream: parts.length === 0 && !isOpen },
  );
  const found = { headers: [] as string[], trailers: [] as string[] };
  const data: Buffer[] = [];
  stream.on('response', (block) => found.headers.push(...lines(block)));
  stream.on('trailers', (block) => found.trailers.push(...lines(block)));
  stream.on('data', (chunk: Buffer) => data.push(chunk));
  stream.on('error', () => undefined);
  const closed = once(stream, isOpen ? 'end' : 'close').catch(() => undefined);
  for (const part of parts) {
    stream.write(part);
    // Each part becomes a DATA frame of its own.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (!isOpen && parts.length > 0) stream.end();
  await closed;
  session.destroy();
  return { ...found, data: Buffer.concat(data).toString('hex'), reset: stream.rstCode ?? 0 };
}

function lines(block: IncomingHttpHeaders): string[] {
  return Object.entries(block)
    .filter(([name]) => name !== 'date')
    .map(([name, value]) => `${name}: ${String(value)}`)
    .sort();
}
