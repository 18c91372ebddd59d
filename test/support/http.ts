import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';

/** A request as it goes over the wire: the path is not normalised, no header is added but Host and a length. */
export interface HttpCall {
  readonly port?: number;
  readonly socketPath?: string;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** An answer, read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
}

/** Sends one request over a connection of its own; POST where there is a body. */
export function http(call: HttpCall): Promise<HttpAnswer> {
  const { body, path, headers = {}, method = body === undefined ? 'GET' : 'POST' } = call;
  const where =
    call.socketPath === undefined
      ? { host: '127.0.0.1', port: call.port }
      : { socketPath: call.socketPath };
  return new Promise((resolve, reject) => {
    const out = httpRequest({ ...where, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const { statusCode: status = 0, headers: given } = response;
        resolve({ status, headers: given, bytes, text: bytes.toString() });
      });
    });
    out.on('error', reject);
    out.end(body);
  });
}

/** A TCP connection under a test's control. */
export interface RawConnection {
  readonly socket: Socket;
  /** Everything received so far. */
  text(): string;
  /** Resolves when the text matches. */
  received(pattern: RegExp): Promise<string>;
  /** Resolves to everything received once the connection is closed, by whichever side. */
  closed(): Promise<string>;
}

/** Opens a connection; a reset counts as closed. */
export async function rawConnection(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  let watchers: (() => void)[] = [];
  const tell = (): void => {
    for (const watcher of watchers) watcher();
  };
  let isClosed = false;
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    tell();
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => undefined);
  socket.on('close', () => {
    isClosed = true;
    tell();
  });
  const when = (holds: () => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (holds()) resolve(text);
        else if (isClosed) reject(new Error(`closed after: ${text}`));
        else return;
        watchers = watchers.filter((each) => each !== look);
      };
      watchers.push(look);
      look();
    });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  return {
    socket,
    text: () => text,
    received: (pattern) => when(() => pattern.test(text)),
    closed: () => when(() => isClosed),
  };
}
