import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frameOf,
  PADDED,
  PREFACE,
  WITH_PRIORITY,
} from '../../chaos/support/frames.js';
import type { Random } from '../../chaos/support/random.js';

/** What no test but those of limits comes near to. */
export const ROOMY = { maxListBytes: 1 << 20, maxFields: 1000 };

/** Bytes as RFC 7541 prints them. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** `name: value` for each field. */
export function lines(fields: readonly string[]): string[] {
  const found: string[] = [];
  for (let at = 0; at < fields.length; at += 2) found.push(`${fields[at]}: ${fields[at + 1]}`);
  return found;
}

/** A literal field in plain characters, to be kept in the table or not; each part shorter than 127 bytes. */
export function literal(name: string, value: string, isIndexed: boolean): Buffer {
  const string = (text: string) =>
    Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
  return Buffer.concat([Buffer.from([isIndexed ? 0x40 : 0]), string(name), string(value)]);
}

const LARGEST_FRAME = 16_384;

/** A header block in as many frames as it takes; the stream ends with it. */
export function headerFrames(stream: number, block: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += LARGEST_FRAME) {
    const part = block.subarray(at, at + LARGEST_FRAME);
    const last = at + LARGEST_FRAME >= block.length ? END_HEADERS : 0;
    if (at === 0) frames.push(frameOf(FRAME.headers, stream, part, last | END_STREAM));
    else frames.push(frameOf(FRAME.continuation, stream, part, last));
  }
  return Buffer.concat(frames);
}

/** What one end of a connection says in bare frames, and its peer's header blocks. */
export class RawPeer {
  readonly socket: Socket;
  readonly #onBlock: (stream: number, block: Buffer) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #block: Buffer[] = [];
  #awaitsPreface: boolean;

  /** @param settings the payload of its SETTINGS */
  constructor(
    socket: Socket,
    settings: Buffer,
    isClient: boolean,
    onBlock: (stream: number, block: Buffer) => void,
  ) {
    this.socket = socket;
    this.#onBlock = onBlock;
    this.#awaitsPreface = !isClient;
    if (isClient) socket.write(PREFACE);
    socket.write(frameOf(FRAME.settings, 0, settings));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      while (this.#next());
    });
  }

  #next(): boolean {
    const bytes = this.#bytes;
    if (this.#awaitsPreface) {
      if (bytes.length < PREFACE.length) return false;
      this.#awaitsPreface = false;
      this.#bytes = bytes.subarray(PREFACE.length);
      return true;
    }
    if (bytes.length < 9) return false;
    const end = 9 + bytes.readUIntBE(0, 3);
    if (bytes.length < end) return false;
    this.#bytes = bytes.subarray(end);
    this.#take(
      bytes[3] as number,
      bytes[4] as number,
      bytes.readUInt32BE(5),
      bytes.subarray(9, end),
    );
    return true;
  }

  #take(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === FRAME.settings && (flags & ACK) === 0) {
      this.socket.write(frameOf(FRAME.settings, 0, Buffer.alloc(0), ACK));
    }
    if (type === FRAME.ping && (flags & ACK) === 0) {
      this.socket.write(frameOf(FRAME.ping, 0, payload, ACK));
    }
    if (type !== FRAME.headers && type !== FRAME.continuation) return;
    let start = 0;
    let end = payload.length;
    if (type === FRAME.headers) {
      if ((flags & PADDED) !== 0) {
        start = 1;
        end -= payload[0] as number;
      }
      if ((flags & WITH_PRIORITY) !== 0) start += 5;
    }
    this.#block.push(payload.subarray(start, end));
    if ((flags & END_HEADERS) === 0) return;
    const block = Buffer.concat(this.#block);
    this.#block = [];
    this.#onBlock(stream, block);
  }
}

/** A server whose connections `accept` takes over. */
export async function listen(
  accept: (socket: Socket) => void,
): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    accept(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export function dial(port: number): Socket {
  return connect(port, '127.0.0.1');
}

const NAME_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789-_.';
/** Names that come again and again, so that the table knows them; the first ones are in the static table. */
const USUAL_NAMES = [
  'accept',
  'user-agent',
  'content-type',
  'x-request-id',
  'grpc-timeout',
] as const;
const USUAL_VALUES = ['application/grpc', 'grpc-go/1.60.0', 'trailers', '', '*/*', '1S'] as const;

function randomName(random: Random): string {
  if (random.below(2) === 0) return random.pick(USUAL_NAMES);
  let name = 'x-';
  for (let left = 1 + random.below(30); left > 0; left--) {
    name += NAME_CHARACTERS[random.below(NAME_CHARACTERS.length)];
  }
  return name;
}

function randomValue(random: Random): string {
  if (random.below(3) === 0) return random.pick(USUAL_VALUES);
  const usual = random.below(100) === 0 ? 30_000 : 80;
  let value = '';
  // HTTP forbids control characters, and spaces at both ends.
  for (let left = random.below(usual); left > 0; left--) {
    const byte = 0x20 + random.below(0xe0);
    value += String.fromCharCode(byte === 0x7f ? 0x80 : byte);
  }
  return value.replaceAll(/^[ \xa0]+|[ \xa0]+$/g, '');
}

/** Fields that HTTP/2 lets through. */
export function randomFields(random: Random): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let left = random.below(10); left > 0; left--) {
    fields[randomName(random)] = randomValue(random);
  }
  return fields;
}
