/** Types of frames, RFC 9113 section 6. */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Flags of frames; what one means depends on the type. */
export const Flag = {
  END_STREAM: 0x1,
  ACK: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

/** Why a stream or a connection ends, RFC 9113 section 7. */
export const ErrorCode = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  ENHANCE_YOUR_CALM: 11,
} as const;

/** In front of each frame: 24 bits of length, type, flags, stream. */
export const FRAME_HEAD_BYTES = 9;
/** The longest payload that is taken; HTTP/2's own default, which is also what a peer takes that says nothing else. */
export const MAX_FRAME_BYTES = 16_384;
/** The largest window and the largest stream number. */
export const MAX_31_BITS = 0x7fff_ffff;

/** What may be sent on a stream, and on all of a connection, where nothing else is said. */
export const DEFAULT_WINDOW = 65_535;

/** What a client begins with, RFC 9113 section 3.4. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** What ends a connection: thrown by whoever reads the frame that is wrong. */
export class Http2Error extends Error {
  /** One of {@link ErrorCode}. */
  readonly code: number;

  constructor(code: keyof typeof ErrorCode, text: string) {
    super(text);
    this.code = ErrorCode[code];
  }
}

/** The error of a frame whose payload has a length that its type does not allow. */
export function wrongLength(type: string, payload: Buffer): Http2Error {
  return new Http2Error('FRAME_SIZE_ERROR', `a ${type} frame of ${payload.length} bytes`);
}

/** Writes a frame's head at `at`; returns where its payload begins. */
export function writeHead(
  target: Buffer,
  at: number,
  head: { length: number; type: number; flags: number; stream: number },
): number {
  const { length, type, flags, stream } = head;
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  target[at + 5] = stream >>> 24;
  target[at + 6] = stream >>> 16;
  target[at + 7] = stream >>> 8;
  target[at + 8] = stream;
  return at + FRAME_HEAD_BYTES;
}

/** One whole frame. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.length);
  const at = writeHead(bytes, 0, { length: payload.length, type, flags, stream });
  bytes.set(payload, at);
  return bytes;
}

/** A RST_STREAM or WINDOW_UPDATE frame. */
export function numberFrame(type: number, stream: number, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + 4);
  bytes.writeUInt32BE(value, writeHead(bytes, 0, { length: 4, type, flags: 0, stream }));
  return bytes;
}

/** A GOAWAY frame. */
export function goAway(lastStream: number, code: number, text: string): Buffer {
  const words = Buffer.from(text);
  const payload = Buffer.allocUnsafe(8 + words.length);
  payload.writeUInt32BE(lastStream, 0);
  payload.writeUInt32BE(code, 4);
  payload.set(words, 8);
  return frame(FrameType.GOAWAY, 0, 0, payload);
}

/** How many bytes {@link writeHeaders} takes. */
export function headersLength(block: Buffer, maxFrame: number): number {
  const frames = Math.max(1, Math.ceil(block.length / maxFrame));
  return block.length + frames * FRAME_HEAD_BYTES;
}

/** Writes a header block at `at`: HEADERS, and CONTINUATION for what one frame does not hold; returns where it ends. */
export function writeHeaders(
  target: Buffer,
  at: number,
  block: Buffer,
  one: { stream: number; endsStream: boolean; maxFrame: number },
): number {
  const { stream, endsStream, maxFrame } = one;
  const end = endsStream ? Flag.END_STREAM : 0;
  if (block.length <= maxFrame) {
    const head = { length: block.length, type: FrameType.HEADERS, stream };
    const start = writeHead(target, at, { ...head, flags: Flag.END_HEADERS | end });
    target.set(block, start);
    return start + block.length;
  }
  let to = at;
  for (let from = 0; from < block.length; from += maxFrame) {
    const part = block.subarray(from, from + maxFrame);
    const last = from + maxFrame >= block.length ? Flag.END_HEADERS : 0;
    const type = from === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
    const flags = last | (from === 0 ? end : 0);
    const start = writeHead(target, to, { length: part.length, type, flags, stream });
    target.set(part, start);
    to = start + part.length;
  }
  return to;
}
