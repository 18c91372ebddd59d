import { connect, type Socket } from 'node:net';

/** One closed-loop run: every connection sends its next request when the answer to the last one is whole. */
export interface HttpLoad {
  port: number;
  path: string;
  body: Buffer;
  /** Default `application/json`. */
  contentType?: string;
  connections: number;
  seconds: number;
}

/** What came of it. Latencies in microseconds. */
export interface LoadResult {
  requests: number;
  errors: number;
  seconds: number;
  p50: number;
  p99: number;
}

/** The bytes of one keep-alive POST. */
export function requestBytes(load: Pick<HttpLoad, 'path' | 'body' | 'contentType'>): Buffer {
  const head = `POST ${load.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${load.contentType ?? 'application/json'}\r\nContent-Length: ${load.body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), load.body]);
}

const HEADER_END = Buffer.from('\r\n\r\n');

/** Reads answers off one connection; calls back with the status of each whole one. */
export class AnswerReader {
  #pending: Buffer | null = null;
  #missing = -1;
  #status = 0;
  readonly #done: (status: number) => void;

  constructor(done: (status: number) => void) {
    this.#done = done;
  }

  push(chunk: Buffer): void {
    let data = this.#pending === null ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = null;
    while (data.length > 0) {
      if (this.#missing < 0) {
        const end = data.indexOf(HEADER_END);
        if (end < 0) {
          this.#pending = data;
          return;
        }
        const head = data.toString('latin1', 0, end);
        this.#status = Number(head.slice(9, 12));
        this.#missing = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        data = data.subarray(end + 4);
      }
      const taken = Math.min(this.#missing, data.length);
      this.#missing -= taken;
      data = data.subarray(taken);
      if (this.#missing > 0) return;
      this.#missing = -1;
      this.#done(this.#status);
    }
  }
}

/** Sends `load` and resolves with its figures. A reply that is not 200 counts as an error. */
export function runHttpLoad(load: HttpLoad): Promise<LoadResult> {
  const bytes = requestBytes(load);
  const latencies: number[] = [];
  let errors = 0;
  let open = load.connections;
  const began = performance.now();
  const until = began + load.seconds * 1000;
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      open -= 1;
      if (open > 0) return;
      const seconds = (performance.now() - began) / 1000;
      latencies.sort((a, b) => a - b);
      const at = (q: number): number => latencies[Math.floor(q * (latencies.length - 1))] ?? 0;
      resolve({ requests: latencies.length, errors, seconds, p50: at(0.5), p99: at(0.99) });
    };
    const drive = (socket: Socket): void => {
      let sent = performance.now();
      const reader = new AnswerReader((status) => {
        const now = performance.now();
        if (status === 200) latencies.push((now - sent) * 1000);
        else errors += 1;
        if (now >= until) {
          socket.destroy();
          finish();
          return;
        }
        sent = now;
        socket.write(bytes);
      });
      socket.on('data', (chunk) => reader.push(chunk));
      socket.on('error', reject);
      socket.write(bytes);
    };
    for (let i = 0; i < load.connections; i += 1) {
      const socket = connect(load.port, '127.0.0.1', () => drive(socket));
      socket.setNoDelay(true);
      socket.once('error', reject);
    }
  });
}
