import { connect, type Socket } from 'node:net';

/** Types of HTTP/2 frames, RFC 9113 section 6. */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const END_STREAM = 1;
/** Of SETTINGS and PING. */
export const ACK = 1;
export const END_HEADERS = 4;
export const PADDED = 8;
export const WITH_PRIORITY = 32;

/** One frame: 24 bits of length, type, flags, stream, payload. */
export function frameOf(
  type: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
  flags = 0,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A 32-bit number, as SETTINGS, RST_STREAM and WINDOW_UPDATE carry it. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** One entry of a SETTINGS frame. */
export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** Header fields as HPACK literals without indexing and without Huffman codes. */
export function hpack(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), hpackText(name), hpackText(value)]),
  );
}

/** An HPACK string without a Huffman code; characters are bytes. */
export function hpackText(text: string): Buffer {
  return Buffer.concat([hpackInteger(text.length, 7), Buffer.from(text, 'latin1')]);
}

/** An HPACK integer in a byte whose upper bits are `pattern`, and the bytes after it. */
export function hpackInteger(value: number, bits: number, pattern = 0): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.from([pattern | value]);
  const bytes = [pattern | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** The header fields of a gRPC request. */
export const REQUEST_FIELDS = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/tensorflow.serving.PredictionService/Predict'],
  [':authority', 'x'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
] as const;

/** Their block. */
export const REQUEST = hpack(REQUEST_FIELDS);

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** An HTTP/2 connection whose frames the test writes itself. */
export class Attacker {
  readonly socket: Socket;
  #received = 0;
  #closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
    });
    socket.on('data', (chunk) => {
      this.#received += chunk.length;
    });
  }

  /** Connects and sends the preface with a SETTINGS frame of `settings`. */
  static async open(port: number, settings: Uint8Array = Buffer.alloc(0)): Promise<Attacker> {
    const socket = connect({ port, host: '127.0.0.1' });
    const attacker = new Attacker(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    socket.write(Buffer.concat([PREFACE, frameOf(FRAME.settings, 0, settings)]));
    return attacker;
  }

  get received(): number {
    return this.#received;
  }

  /** Whether the server has ended the connection. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Writes until `total` frames are sent or the server ends the connection; gives how many were sent. */
  async flood(total: number, make: (index: number) => Buffer): Promise<number> {
    const batch = 200;
    let sent = 0;
    while (sent < total && !this.#closed) {
      const frames: Buffer[] = [];
      for (let i = 0; i < batch && sent < total; i += 1) {
        frames.push(make(sent));
        sent += 1;
      }
      await this.#write(Buffer.concat(frames));
    }
    return sent;
  }

  /** Resolves once the bytes are with the kernel, the connection has ended, or the server has not read for two seconds. */
  #write(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.socket.off('close', done);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#closed = true;
        done();
      }, 2000);
      this.socket.once('close', done);
      this.socket.write(bytes, done);
    });
  }

  close(): void {
    this.socket.resetAndDestroy();
  }
}
