import { DEFAULT_WINDOW, Http2Error, MAX_31_BITS, MAX_FRAME_BYTES, wrongLength } from './frames.js';
import { DEFAULT_TABLE_BYTES } from './hpack/tables.js';

const HEADER_TABLE_SIZE = 1;
const ENABLE_PUSH = 2;
const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_SIZE = 5;
const ENTRY_BYTES = 6;

/** What the client has said of itself in SETTINGS, as far as it counts here; at first HTTP/2's defaults, RFC 9113 section 6.5.2. */
export class PeerSettings {
  /** What may be sent on a new stream. */
  initialWindow = DEFAULT_WINDOW;
  maxFrame = MAX_FRAME_BYTES;
  /** The header table that is kept for us has become smaller, which the next header block must say that it knows (RFC 7541, 4.2). */
  hasSmallerTable = false;

  /**
   * Reads the payload of a SETTINGS frame.
   *
   * @throws {Http2Error} for a length or a value that cannot be
   */
  read(payload: Buffer): void {
    if (payload.length % ENTRY_BYTES !== 0) throw wrongLength('SETTINGS', payload);
    for (let at = 0; at < payload.length; at += ENTRY_BYTES) {
      this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
  }

  #set(id: number, value: number): void {
    if (id === HEADER_TABLE_SIZE && value < DEFAULT_TABLE_BYTES) this.hasSmallerTable = true;
    if (id === ENABLE_PUSH && value > 1) {
      throw new Http2Error('PROTOCOL_ERROR', `ENABLE_PUSH of ${value}`);
    }
    if (id === INITIAL_WINDOW_SIZE) {
      if (value > MAX_31_BITS) {
        throw new Http2Error('FLOW_CONTROL_ERROR', `INITIAL_WINDOW_SIZE of ${value}`);
      }
      this.initialWindow = value;
    }
    if (id === MAX_FRAME_SIZE) {
      if (value < MAX_FRAME_BYTES || value > 0xff_ffff) {
        throw new Http2Error('PROTOCOL_ERROR', `MAX_FRAME_SIZE of ${value}`);
      }
      this.maxFrame = value;
    }
  }
}
