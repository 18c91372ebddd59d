import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frameOf,
  hpack,
  hpackInteger,
  hpackText,
  PADDED,
  REQUEST,
  REQUEST_FIELDS,
  setting,
  uint32,
  WITH_PRIORITY,
} from '../../../chaos/support/frames.js';
import type { Random } from '../../../chaos/support/random.js';
import { frame } from '../../../support/rpc.js';
import { call, data, headers, SETTING, STREAM_FIELDS } from './calls.js';

const entry = Buffer.concat([hpackInteger(0, 6, 0x40), hpackText('x-entry'), hpackText('value')]);
const block = (stream: number, bytes: Uint8Array, flags: number): Buffer =>
  frameOf(FRAME.headers, stream, bytes, flags);

/** What clients send after preface and SETTINGS, as frames: each is in order as it stands. */
export const VALID: readonly (readonly Buffer[])[] = [
  [headers(1), data(1, 'one')],
  [headers(1), data(1, 'one'), headers(3), data(3, 'three'), headers(5), data(5, 'five')],
  [headers(1), headers(3), data(3, 'three'), data(1, 'one')],
  [headers(1, STREAM_FIELDS), data(1, 'a', 0), data(1, 'b', 0), data(1, 'c')],
  [headers(1), data(1, 'one', 0), block(1, hpack([['x-end', 'y']]), END_HEADERS | END_STREAM)],
  [
    block(1, Buffer.concat([Buffer.from([4]), REQUEST, Buffer.alloc(4)]), PADDED | END_HEADERS),
    frameOf(
      FRAME.data,
      1,
      Buffer.concat([Buffer.from([9]), frame(Buffer.from('padded')), Buffer.alloc(9)]),
      PADDED | END_STREAM,
    ),
  ],
  [
    block(1, Buffer.concat([uint32(0), Buffer.from([1]), REQUEST]), WITH_PRIORITY | END_HEADERS),
    frameOf(FRAME.priority, 1, Buffer.concat([uint32(0), Buffer.from([3])])),
    data(1, 'one'),
  ],
  [
    block(1, REQUEST.subarray(0, 30), 0),
    frameOf(FRAME.continuation, 1, REQUEST.subarray(30, 31)),
    frameOf(FRAME.continuation, 1, REQUEST.subarray(31), END_HEADERS),
    data(1, 'one'),
  ],
  [
    block(1, Buffer.concat([REQUEST, entry]), END_HEADERS),
    data(1, 'one'),
    block(3, Buffer.concat([REQUEST, hpackInteger(62, 7, 0x80)]), END_HEADERS),
    data(3, 'three'),
    block(5, Buffer.concat([hpackInteger(100, 5, 0x20), REQUEST]), END_HEADERS | END_STREAM),
  ],
  [
    frameOf(FRAME.settings, 0, setting(SETTING.initialWindowSize, 4)),
    call(1, 'a long word'),
    frameOf(FRAME.windowUpdate, 1, uint32(3)),
    frameOf(FRAME.settings, 0, setting(SETTING.initialWindowSize, 1)),
    frameOf(FRAME.windowUpdate, 1, uint32(100)),
  ],
  [headers(1), frameOf(FRAME.reset, 1, uint32(8)), call(3, 'three')],
  [call(1, 'zeros:200000'), frameOf(FRAME.windowUpdate, 0, uint32(70_000)), call(3, 'three')],
  [
    headers(1),
    frameOf(FRAME.data, 1, Buffer.concat([Buffer.from([0, 0, 1, 0, 0]), Buffer.alloc(9000)])),
  ],
  [
    frameOf(FRAME.ping, 0, Buffer.from('ping!!!!')),
    call(1),
    frameOf(FRAME.ping, 0, Buffer.alloc(8), ACK),
  ],
  [call(1), frameOf(FRAME.goAway, 0, Buffer.alloc(8))],
  [frameOf(FRAME.settings, 0, setting(SETTING.headerTableSize, 0)), call(1), call(3)],
  [headers(1, [...REQUEST_FIELDS, ['grpc-timeout', 'x']]), data(1, 'one')],
  [headers(1, [...REQUEST_FIELDS, ['content-length', '8']]), data(1, 'one')],
  [frameOf(0x42, 0, Buffer.from('unknown')), call(1), frameOf(0x42, 1)],
];

const TYPES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255] as const;
const STREAMS = [0, 1, 2, 3, 4, 5, 7, 9, 0x7fff_ffff, 0x8000_0001, 0xffff_ffff] as const;
const NUMBERS = [0, 1, 16_383, 65_535, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const;

/** A valid sequence that was made wrong, or at least unusual: among its frames, inside one, or anywhere in its bytes. */
export function mutatedFrames(random: Random): Buffer {
  let frames = [...pick(random, VALID)];
  const changes = 1 + random.below(3);
  for (let change = 0; change < changes; change += 1) frames = changed(random, frames);
  const bytes = Buffer.concat(frames);
  return random.below(4) === 0 ? random.mutated(bytes) : bytes;
}

function changed(random: Random, frames: readonly Buffer[]): Buffer[] {
  const list = [...frames];
  const at = random.below(Math.max(1, list.length));
  const one = list[at] ?? headers(1);
  const other = pick(random, pick(random, VALID));
  switch (random.below(12)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.splice(at, 0, one);
      break;
    case 2:
      list.splice(at, 0, other);
      break;
    case 3:
      list.push(...list.splice(at, 1));
      break;
    case 4:
      list.push(...pick(random, VALID));
      break;
    case 5:
      list[at] = patched(one, (copy) => copy.writeUInt8(random.pick(TYPES), 3));
      break;
    case 6:
      list[at] = patched(one, (copy) => copy.writeUInt8(random.below(256), 4));
      break;
    case 7:
      list[at] = patched(one, (copy) => copy.writeUInt32BE(random.pick(STREAMS), 5));
      break;
    case 8:
      // The length alone: all that follows is read from another place.
      list[at] = patched(one, (copy) => copy.writeUIntBE(random.below(1 << 15), 0, 3));
      break;
    case 9:
      list.splice(at, 0, random.below(2) === 0 ? settings(random) : window(random));
      break;
    default:
      list[at] = withPayload(one, random.mutated(Buffer.from(one.subarray(9))));
  }
  return list;
}

const settings = (random: Random): Buffer =>
  frameOf(FRAME.settings, 0, setting(random.below(8), random.pick(NUMBERS)));
const window = (random: Random): Buffer =>
  frameOf(FRAME.windowUpdate, random.pick(STREAMS), uint32(random.pick(NUMBERS)));

/** The frame with other bytes, whose length it gives. */
function withPayload(one: Buffer, payload: Buffer): Buffer {
  const head = Buffer.from(one.subarray(0, 9));
  head.writeUIntBE(payload.length, 0, 3);
  return Buffer.concat([head, payload]);
}

function patched(one: Buffer, patch: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(one);
  patch(copy);
  return copy;
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)] as T;
}
