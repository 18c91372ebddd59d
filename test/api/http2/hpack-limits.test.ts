import { describe, expect, test } from 'vitest';
import { HeaderDecoder } from '../../../ts/api/grpc/http2/hpack/decoder.js';
import { encodeBlock } from '../../../ts/api/grpc/http2/hpack/encoder.js';
import { hex, lines, literal, ROOMY } from './hpack-support.js';

describe('a block that comes again', () => {
  const KEPT = Buffer.concat([literal('x-a', '1', true), literal('x-b', '2', true)]);
  const BLOCK = hex('83 86 be bf');
  const FIELDS = [':method: POST', ':scheme: http', 'x-b: 2', 'x-a: 1'];

  function started(): HeaderDecoder {
    const decoder = new HeaderDecoder(ROOMY);
    decoder.decode(KEPT);
    return decoder;
  }

  test('gives the same array, whichever buffer it is in', () => {
    const decoder = started();
    const first = decoder.decode(BLOCK);
    expect(lines(first)).toEqual(FIELDS);
    expect(decoder.decode(BLOCK)).toBe(first);
    expect(decoder.decode(Buffer.from(BLOCK))).toBe(first);
  });

  test('long ones too', () => {
    const decoder = started();
    const block = encodeBlock({ 'x-long': 'v'.repeat(3000) });
    const first = decoder.decode(block);
    expect(decoder.decode(Buffer.from(block))).toBe(first);
    const other = Buffer.from(block);
    other[2999] = 0x77;
    expect(decoder.decode(other)).not.toEqual(first);
    expect(decoder.decode(block)).toEqual(first);
  });

  test('a buffer that is written over afterwards changes nothing', () => {
    const decoder = started();
    const buffer = Buffer.from(BLOCK);
    const first = decoder.decode(buffer);
    buffer.fill(0x82);
    expect(lines(decoder.decode(buffer))).toEqual(Array(4).fill(':method: GET'));
    const again = decoder.decode(BLOCK);
    expect(again).toEqual(first);
    expect(decoder.decode(BLOCK)).toBe(again);
  });

  test('a block that is the beginning of the last, or begins with it, is another', () => {
    const decoder = started();
    decoder.decode(BLOCK);
    expect(lines(decoder.decode(BLOCK.subarray(0, 2)))).toEqual(FIELDS.slice(0, 2));
    expect(lines(decoder.decode(BLOCK))).toEqual(FIELDS);
    expect(decoder.decode(Buffer.alloc(0))).toEqual([]);
  });

  test('a field that was added in between gives the same bytes another meaning', () => {
    const decoder = started();
    const first = decoder.decode(BLOCK);
    decoder.decode(literal('x-c', '3', true));
    expect(lines(decoder.decode(BLOCK))).toEqual([...FIELDS.slice(0, 2), 'x-c: 3', 'x-b: 2']);
    expect(lines(first)).toEqual(FIELDS);
  });

  test('a table that was emptied in between leaves the same bytes no meaning', () => {
    const decoder = started();
    decoder.decode(BLOCK);
    decoder.decode(hex('20'));
    expect(() => decoder.decode(BLOCK)).toThrow('byte 2: index 62');
  });

  test('a block that adds to the table is read anew each time', () => {
    const decoder = started();
    const block = literal('x-d', '4', true);
    const first = decoder.decode(block);
    expect(decoder.decode(block)).not.toBe(first);
    // It is in the table twice.
    expect(lines(decoder.decode(hex('be bf c0')))).toEqual(['x-d: 4', 'x-d: 4', 'x-b: 2']);
  });

  test('a block that sets the size of the table is read anew each time', () => {
    const decoder = started();
    const block = hex('3fe11f 82');
    const first = decoder.decode(block);
    expect(decoder.decode(block)).not.toBe(first);
    expect(decoder.decode(block)).toEqual(first);
  });
});

describe('limits', () => {
  test('a list just as long as allowed is whole; a byte more is too large', () => {
    // Three fields of 2 + 32 bytes.
    const block = Buffer.concat(['a', 'b', 'c'].map((name) => literal(name, 'v', false)));
    const roomy = new HeaderDecoder({ maxListBytes: 102, maxFields: 10 });
    expect(lines(roomy.decode(block))).toEqual(['a: v', 'b: v', 'c: v']);
    expect(roomy.isTooLarge).toBe(false);
    const tight = new HeaderDecoder({ maxListBytes: 101, maxFields: 10 });
    expect(lines(tight.decode(block))).toEqual(['a: v', 'b: v']);
    expect(tight.isTooLarge).toBe(true);
  });

  test('as many fields as allowed are whole; one more is too many', () => {
    const decoder = new HeaderDecoder({ maxListBytes: 10_000, maxFields: 3 });
    expect(decoder.decode(hex('828282')).length).toBe(6);
    expect(decoder.isTooLarge).toBe(false);
    expect(decoder.decode(hex('82828282')).length).toBe(6);
    expect(decoder.isTooLarge).toBe(true);
  });

  test('a block that is too large says so each time, and the next one is itself again', () => {
    const decoder = new HeaderDecoder({ maxListBytes: 10_000, maxFields: 1 });
    for (let times = 0; times < 3; times++) {
      decoder.decode(hex('8282'));
      expect(decoder.isTooLarge).toBe(true);
    }
    expect(lines(decoder.decode(hex('82')))).toEqual([':method: GET']);
    expect(decoder.isTooLarge).toBe(false);
  });

  test('nothing after the first field that is too much is kept, even if it would fit', () => {
    const decoder = new HeaderDecoder({ maxListBytes: 100, maxFields: 10 });
    const block = Buffer.concat([literal('a', 'v'.repeat(100), false), literal('b', 'v', false)]);
    expect(decoder.decode(block)).toEqual([]);
    expect(decoder.isTooLarge).toBe(true);
  });

  test('what is beyond the limits still goes into the table, and is still checked', () => {
    const decoder = new HeaderDecoder({ maxListBytes: 10_000, maxFields: 1 });
    decoder.decode(Buffer.concat([hex('82'), literal('x-late', '1', true)]));
    expect(lines(decoder.decode(hex('be')))).toEqual(['x-late: 1']);
    expect(() => decoder.decode(hex('82 82 80'))).toThrow('byte 2: index 0');
    expect(() => decoder.decode(hex('82 82 048106'))).toThrow('byte 4: a Huffman-coded string');
    expect(() => decoder.decode(hex('82 82 20'))).toThrow('byte 2: a table size update');
  });

  test('a bomb of references to one large entry keeps no more than the limit', () => {
    const decoder = new HeaderDecoder({ maxListBytes: 16_384, maxFields: 1000 });
    const value = 'v'.repeat(4000);
    const known = encodeBlock({ bomb: value });
    known[0] = 0x40;
    expect(decoder.decode(known)).toEqual(['bomb', value]);
    // A megabyte that stands for four gigabytes.
    const fields = decoder.decode(Buffer.alloc(1 << 20, 0xbe));
    expect(decoder.isTooLarge).toBe(true);
    expect(fields).toEqual(Array(4).fill(['bomb', value]).flat());
  });
});
