import { connect, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frameOf,
  PREFACE,
  uint32,
} from '../../../chaos/support/frames.js';
import { type Field, HpackDecoder } from './hpack-decoder.js';

/** What a test waits for at most, in milliseconds. */
const PATIENCE = 5000;
const HEAD = 9;

/** A frame that the server has sent. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
  /** Of the header block that ends with this frame. */
  readonly fields?: Fields;
}

/** Header fields by name; gRPC's answers have none twice. */
export type Fields = Readonly<Record<string, string>>;

/** What came back on one stream. */
export interface Answer {
  readonly headers: Fields;
  /** Null where the headers are the trailers. */
  readonly trailers: Fields | null;
  readonly data: Buffer;
}

/** How to open a connection. */
export interface PeerOptions {
  /** Of the first SETTINGS frame. */
  readonly settings?: Uint8Array;
  /** Sends neither preface nor SETTINGS, and acknowledges none: their place is the test's to choose. */
  readonly isSilent?: boolean;
  readonly isTls?: boolean;
  /** Leaves PINGs without an answer. */
  readonly isDeaf?: boolean;
  /** As it was made; called before anything is sent. */
  readonly onSocket?: (socket: Socket) => void;
}

/** An HTTP/2 client whose frames the test writes itself, and which keeps each frame that comes. It acknowledges SETTINGS and PINGs, nothing else. */
export class Peer {
  readonly socket: Socket;
  /** All that came, in order. */
  readonly frames: Frame[] = [];
  /** The table that the header blocks must keep to. */
  readonly decoder = new HpackDecoder();
  /** Whether the connection has ended on both sides. */
  isClosed = false;
  /** The server has sent all that it will. */
  hasEnded = false;
  readonly #isSilent: boolean;
  readonly #isDeaf: boolean;
  #failure: Error | null = null;
  #rest: Buffer = Buffer.alloc(0);
  #block: { readonly parts: Buffer[]; readonly stream: number } | null = null;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: Socket, { isSilent = false, isDeaf = false }: PeerOptions) {
    this.socket = socket;
    this.#isSilent = isSilent;
    this.#isDeaf = isDeaf || isSilent;
    // A socket that the server has cut off may say so by an error; its close follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      this.hasEnded = true;
      this.#look();
    });
    socket.on('end', () => {
      this.hasEnded = true;
      this.#look();
    });
    socket.on('data', (chunk) => this.#read(chunk));
  }

  static async open(port: number, options: PeerOptions = {}): Promise<Peer> {
    const { settings = Buffer.alloc(0), isSilent = false, isTls = false } = options;
    const address = { port, host: '127.0.0.1', noDelay: true };
    const socket = isTls
      ? connectTls({ ...address, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      : connect(address);
    options.onSocket?.(socket);
    const peer = new Peer(socket, options);
    await new Promise<void>((resolve, reject) => {
      socket.once(isTls ? 'secureConnect' : 'connect', resolve).once('error', reject);
    });
    if (!isSilent) peer.send(PREFACE, frameOf(FRAME.settings, 0, settings));
    return peer;
  }

  /** Writes all of it at once. */
  send(...bytes: readonly Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(bytes));
  }

  /** Resolves to what `find` finds, now or once more has come; `what` says in the failure's text what that is. */
  until<T>(what: string, find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const give = (act: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const look = (): void => {
        if (this.#failure !== null) {
          const failure = this.#failure;
          give(() => reject(failure));
          return;
        }
        let found: T | undefined;
        try {
          found = find();
        } catch (error) {
          give(() => reject(error));
          return;
        }
        if (found !== undefined) give(() => resolve(found));
        else if (this.hasEnded) give(() => reject(this.#missing(what, 'the connection has ended')));
      };
      const timer = setTimeout(() => {
        give(() => reject(this.#missing(what, `${PATIENCE} ms have passed`)));
      }, PATIENCE);
      this.#waiting.add(look);
      look();
    });
  }

  /** The first frame of this type, on a stream if one is named. */
  frame(type: number, stream?: number): Promise<Frame> {
    const what = `frame of type ${type} on stream ${stream ?? 'any'}`;
    return this.until(what, () => this.find(type, stream));
  }

  find(type: number, stream?: number): Frame | undefined {
    return this.frames.find(
      (frame) => frame.type === type && (stream === undefined || frame.stream === stream),
    );
  }

  /** The bytes of the DATA frames of a stream. */
  data(stream: number): Buffer {
    const frames = this.frames.filter((one) => one.type === FRAME.data && one.stream === stream);
    return Buffer.concat(frames.map(({ payload }) => payload));
  }

  /** The answer on a stream, once it is whole. */
  async answer(stream: number): Promise<Answer> {
    const isEnd = ({ stream: of, type, flags }: Frame): boolean =>
      of === stream &&
      (type === FRAME.data || type === FRAME.headers) &&
      (flags & END_STREAM) !== 0;
    await this.until(`whole answer on stream ${stream}`, () => {
      const end = this.frames.find(isEnd);
      // A reset after the end only says that the rest of the request is not wanted.
      if (end === undefined && this.find(FRAME.reset, stream) !== undefined) {
        throw this.#missing(`answer on stream ${stream}`, 'it was reset');
      }
      return end;
    });
    const blocks = this.frames.filter(({ stream: of, fields }) => of === stream && fields);
    return {
      headers: blocks[0]?.fields ?? {},
      trailers: blocks[1]?.fields ?? null,
      data: this.data(stream),
    };
  }

  /** The code that a stream was reset with. */
  async resetCode(stream: number): Promise<number> {
    return (await this.frame(FRAME.reset, stream)).payload.readUInt32BE();
  }

  /** The code of the GOAWAY that an error is answered with. */
  async goAwayCode(): Promise<number> {
    return (await this.frame(FRAME.goAway)).payload.readUInt32BE(4);
  }

  /** Resolves once the server has sent all that it will. */
  ended(): Promise<boolean> {
    return this.until('end', () => this.hasEnded || undefined);
  }

  #pings = 0;

  /** Sends a PING and waits for its answer, or until `isOver`: all that was sent before has been read by then. */
  async roundTrip(isOver: () => boolean = () => false): Promise<void> {
    this.#pings += 1;
    const bytes = Buffer.concat([uint32(0x7069_6e67), uint32(this.#pings)]);
    this.send(frameOf(FRAME.ping, 0, bytes));
    const isAnswer = ({ type, flags, payload }: Frame): boolean =>
      type === FRAME.ping && (flags & ACK) !== 0 && payload.equals(bytes);
    await this.until('answer to a PING', () => this.frames.some(isAnswer) || isOver() || undefined);
  }

  /** Cuts the connection off. */
  close(): void {
    // TLS has no reset.
    if (this.socket instanceof TLSSocket) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  #missing(what: string, why: string): Error {
    const came = this.frames.map(
      ({ type, flags, stream, payload }) =>
        `${TYPES[type] ?? type}(${stream}) ${flags} ${payload.length < 40 ? payload.toString('hex') : `${payload.length} bytes`}`,
    );
    return new Error(`no ${what}: ${why}; what came: ${came.slice(-20).join(', ') || 'nothing'}`);
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }

  #read(chunk: Buffer): void {
    try {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      let length = this.#frameLength();
      while (length <= this.#rest.length) {
        this.#take(this.#rest.subarray(0, length));
        this.#rest = this.#rest.subarray(length);
        length = this.#frameLength();
      }
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
    this.#look();
  }

  #frameLength(): number {
    return this.#rest.length < HEAD ? Number.POSITIVE_INFINITY : HEAD + this.#rest.readUIntBE(0, 3);
  }

  #take(bytes: Buffer): void {
    const [type, flags] = [bytes.readUInt8(3), bytes.readUInt8(4)];
    const stream = bytes.readUInt32BE(5);
    const payload = Buffer.from(bytes.subarray(HEAD));
    const fields = this.#fields(type, flags, stream, payload);
    this.frames.push({ type, flags, stream, payload, ...(fields ? { fields } : {}) });
    if ((flags & ACK) !== 0) return;
    if (type === FRAME.settings && !this.#isSilent) {
      this.send(frameOf(FRAME.settings, 0, undefined, ACK));
    } else if (type === FRAME.ping && !this.#isDeaf) {
      this.send(frameOf(FRAME.ping, 0, payload, ACK));
    }
  }

  #fields(type: number, flags: number, stream: number, payload: Buffer): Fields | null {
    const isContinued = type === FRAME.continuation;
    if (isContinued !== (this.#block !== null) || (isContinued && this.#block?.stream !== stream)) {
      throw new Error(`frame of type ${type} where a header block is not over, or none has begun`);
    }
    if (type !== FRAME.headers && !isContinued) return null;
    this.#block ??= { parts: [], stream };
    this.#block.parts.push(payload);
    if ((flags & END_HEADERS) === 0) return null;
    const fields = this.decoder.decode(Buffer.concat(this.#block.parts));
    this.#block = null;
    return byName(fields);
  }
}

const TYPES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(FRAME).map(([name, number]) => [number, name]),
);

function byName(fields: readonly Field[]): Fields {
  const found: Record<string, string> = {};
  for (const [name, value] of fields) {
    if (found[name] !== undefined) throw new Error(`${name} twice in an answer`);
    found[name] = value;
  }
  return found;
}
