import { expect, test } from 'vitest';
import { HeaderDecoder } from '../../../ts/api/grpc/http2/hpack/decoder.js';
import { encodeBlock } from '../../../ts/api/grpc/http2/hpack/encoder.js';
import { HpackError } from '../../../ts/api/grpc/http2/hpack/hpack-error.js';
import { Random } from '../../chaos/support/random.js';
import { hex, literal, randomFields } from './hpack-support.js';

const LIMITS = { maxListBytes: 2000, maxFields: 20 };

/** Valid blocks of every form, for a connection in which the first came first. */
const VALID = [
  Buffer.concat([hex('8286'), literal('x-first', 'one', true), literal('x-second', 'two', true)]),
  hex('8286 84be 5886 a8eb 1064 9cbf'),
  hex('4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff'),
  hex('3fe11f 20 3f45 82 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'),
  hex('1008 7061 7373 776f 7264 0673 6563 7265 74 0f10 00'),
] as const;

/** The list as limits count it; anything but an HpackError fails the test. */
function tryDecode(decoder: HeaderDecoder, block: Buffer): 'read' | 'refused' {
  try {
    const fields = decoder.decode(block);
    let bytes = 0;
    for (const text of fields) bytes += text.length + 16;
    if (fields.length % 2 !== 0 || fields.length > 2 * LIMITS.maxFields) {
      throw new Error(`${fields.length} strings from ${block.toString('hex')}`);
    }
    if (bytes > LIMITS.maxListBytes) throw new Error(`${bytes} from ${block.toString('hex')}`);
    return 'read';
  } catch (error) {
    if (error instanceof HpackError && /^header block, byte \d+: ./.test(error.message)) {
      return 'refused';
    }
    throw new Error(`on ${block.toString('hex')}`, { cause: error });
  }
}

test('random bytes are read or refused, and nothing else', () => {
  const random = new Random(1);
  const found = { read: 0, refused: 0 };
  for (let round = 0; round < 50_000; round++) {
    found[tryDecode(new HeaderDecoder(LIMITS), random.bytes(random.below(40)))]++;
  }
  expect(found.read).toBeGreaterThan(1000);
  expect(found.refused).toBeGreaterThan(1000);
});

test('connections of damaged blocks are read or refused, and nothing else', () => {
  const random = new Random(2);
  const found = { read: 0, refused: 0 };
  for (let round = 0; round < 20_000; round++) {
    const decoder = new HeaderDecoder(LIMITS, random.pick([4096, 100, 33, 0]));
    // Of a damaged connection the server reads no further; here it may come to no harm if it does.
    for (const block of VALID) {
      const given = random.below(3) === 0 ? block : random.mutated(block);
      found[tryDecode(decoder, given)]++;
    }
  }
  expect(found.read).toBeGreaterThan(1000);
  expect(found.refused).toBeGreaterThan(1000);
});

test('a decoder that remembers the last block says what one without a past says', () => {
  const random = new Random(3);
  const keeping = new HeaderDecoder(LIMITS);
  const blocks = Array.from({ length: 4 }, () => encodeBlock(randomFields(random)));
  for (let round = 0; round < 5000; round++) {
    const block = blocks[random.below(blocks.length)] as Buffer;
    const fresh = new HeaderDecoder(LIMITS);
    expect(keeping.decode(block)).toEqual(fresh.decode(block));
    expect(keeping.isTooLarge).toBe(fresh.isTooLarge);
  }
});
