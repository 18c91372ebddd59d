import { describe, expect, test } from 'vitest';
import { HeaderDecoder } from '../../../ts/api/grpc/http2/hpack/decoder.js';
import { encodeBlock } from '../../../ts/api/grpc/http2/hpack/encoder.js';
import { HpackError } from '../../../ts/api/grpc/http2/hpack/hpack-error.js';
import { hex, lines, literal, ROOMY } from './hpack-support.js';

function indexed(index: number): Buffer {
  return Buffer.from(index < 127 ? [0x80 | index] : [0xff, index - 127]);
}

interface Example {
  readonly title: string;
  readonly tableBytes: number;
  /** Header blocks of one connection. */
  readonly blocks: readonly string[];
  readonly fields: readonly (readonly string[])[];
  /** What is in the table after the last, newest first. */
  readonly table: readonly string[];
}

const REQUESTS = [
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
  [
    ':method: GET',
    ':scheme: http',
    ':path: /',
    ':authority: www.example.com',
    'cache-control: no-cache',
  ],
  [
    ':method: GET',
    ':scheme: https',
    ':path: /index.html',
    ':authority: www.example.com',
    'custom-key: custom-value',
  ],
];
const TABLE_OF_REQUESTS = [
  'custom-key: custom-value',
  'cache-control: no-cache',
  ':authority: www.example.com',
];
const REST_OF_RESPONSE = [
  'cache-control: private',
  'date: Mon, 21 Oct 2013 20:13:21 GMT',
  'location: https://www.example.com',
];
const LATER = 'date: Mon, 21 Oct 2013 20:13:22 GMT';
const COOKIE = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const RESPONSES = [
  [':status: 302', ...REST_OF_RESPONSE],
  [':status: 307', ...REST_OF_RESPONSE],
  [
    ':status: 200',
    'cache-control: private',
    LATER,
    'location: https://www.example.com',
    'content-encoding: gzip',
    COOKIE,
  ],
];
const TABLE_OF_RESPONSES = [COOKIE, 'content-encoding: gzip', LATER];

const EXAMPLES: readonly Example[] = [
  {
    title: 'C.2.1 a literal with indexing',
    tableBytes: 4096,
    blocks: ['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'],
    fields: [['custom-key: custom-header']],
    table: ['custom-key: custom-header'],
  },
  {
    title: 'C.2.2 a literal without indexing',
    tableBytes: 4096,
    blocks: ['040c 2f73 616d 706c 652f 7061 7468'],
    fields: [[':path: /sample/path']],
    table: [],
  },
  {
    title: 'C.2.3 a literal never indexed',
    tableBytes: 4096,
    blocks: ['1008 7061 7373 776f 7264 0673 6563 7265 74'],
    fields: [['password: secret']],
    table: [],
  },
  {
    title: 'C.2.4 an indexed field',
    tableBytes: 4096,
    blocks: ['82'],
    fields: [[':method: GET']],
    table: [],
  },
  {
    title: 'C.3 requests without Huffman coding',
    tableBytes: 4096,
    blocks: [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    fields: REQUESTS,
    table: TABLE_OF_REQUESTS,
  },
  {
    title: 'C.4 requests with Huffman coding',
    tableBytes: 4096,
    blocks: [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
    fields: REQUESTS,
    table: TABLE_OF_REQUESTS,
  },
  {
    title: 'C.5 responses without Huffman coding, in a table of 256 bytes',
    tableBytes: 256,
    blocks: [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
       2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70
       6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
       54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
       5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e
       3d31`,
    ],
    fields: RESPONSES,
    table: TABLE_OF_RESPONSES,
  },
  {
    title: 'C.6 responses with Huffman coding, in a table of 256 bytes',
    tableBytes: 256,
    blocks: [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
       2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
       77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
       9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
    fields: RESPONSES,
    table: TABLE_OF_RESPONSES,
  },
];

describe('examples of RFC 7541, appendix C', () => {
  for (const { title, tableBytes, blocks, fields, table } of EXAMPLES) {
    test(title, () => {
      const decoder = new HeaderDecoder(ROOMY, tableBytes);
      expect(blocks.map((block) => lines(decoder.decode(hex(block))))).toEqual(fields);
      const indexes = Buffer.from(table.map((_, age) => 0x80 | (62 + age)));
      expect(lines(decoder.decode(indexes))).toEqual(table);
      const beyond = Buffer.from([0x80 | (62 + table.length)]);
      expect(() => decoder.decode(beyond)).toThrow(`index ${62 + table.length}, wanted at most`);
    });
  }

  test('C.1 integers, in their prefix and over further bytes', () => {
    const decoder = new HeaderDecoder(ROOMY, 9);
    expect(() => decoder.decode(hex('2a'))).toThrow('a table size of 10, wanted at most 9');
    expect(() => decoder.decode(hex('3f9a0a'))).toThrow('a table size of 1337, wanted at most 9');
    expect(decoder.decode(hex('29'))).toEqual([]);
  });
});

describe('what breaks RFC 7541', () => {
  const cases: readonly (readonly [title: string, block: string, message: string])[] = [
    ['index 0', '80', 'byte 0: index 0'],
    ['an index beyond both tables', '8286be', 'byte 2: index 62, wanted at most 61'],
    ['the name of a field beyond the tables', '827e0161', 'byte 1: index 62, wanted at most 61'],
    ['the largest integer as an index', 'ff80ffffff07', 'byte 0: index 2147483647, wanted'],
    ['an integer over 2^31-1', 'ff81ffffff07', 'byte 1: an integer of more than 2147483647'],
    ['an integer of endless bytes', '82ff808080808080808000', 'byte 2: an integer of'],
    ['an integer that is cut', 'ff80', 'byte 2: the block ends within an integer'],
    ['a field that is cut before its name', '8240', 'byte 2: the block ends within a field'],
    ['a field that is cut before its value', '400161', 'byte 3: the block ends within a field'],
    ['a string that is cut', '40036162', 'byte 2: a string of 3 bytes, and the block has only 2'],
    ['a string of gigabytes', '007f80ffffff07', 'byte 7: a string of 2147483647 bytes'],
    ['padding that is not all ones', '048106', 'byte 2: a Huffman-coded string ends with'],
    ['padding of eight bits', '0481ff', 'byte 2: a Huffman-coded string ends with'],
    ['padding of eleven bits', '048207ff', 'byte 3: a Huffman-coded string ends with'],
    ['a code that is cut', '048207fe', 'byte 3: a Huffman-coded string ends with'],
    ['EOS in a string', '0484ffffffff', 'byte 5: EOS within'],
    ['EOS in the middle of a byte', '048507fffffff7', 'byte 6: EOS within'],
    ['a table larger than ours', '3fe21f', 'byte 0: a table size of 4097, wanted at most 4096'],
    ['a table size after a field', '8220', 'byte 1: a table size update after a field'],
  ];
  for (const [title, block, message] of cases) {
    test(`${title} is refused, with its place`, () => {
      const decoder = new HeaderDecoder(ROOMY);
      let thrown: unknown = null;
      try {
        decoder.decode(hex(block));
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(HpackError);
      expect((thrown as HpackError).message).toContain(message);
    });
  }

  test('what is just within the rules is read', () => {
    const decoder = new HeaderDecoder(ROOMY);
    // Two changes of the table's size, the second to the most there may be; an empty Huffman string; seven bits of padding.
    const block = hex('20 3fe11f 0480 0483032cff');
    expect(lines(decoder.decode(block))).toEqual([':path: ', ':path: 033']);
    // A Huffman string of 5000 bytes, each five of which are eight zeros.
    const long = Buffer.concat([hex('04ff8926'), Buffer.alloc(5000)]);
    expect(decoder.decode(long)).toEqual([':path', '0'.repeat(8000)]);
    // Index 15 with four bytes that add nothing.
    expect(lines(decoder.decode(hex('0f 8080808000 0161')))).toEqual(['accept-charset: a']);
  });
});

test('codes of bytes that HTTP forbids in fields, which no other end writes, are those of appendix B', () => {
  const codes: readonly (readonly [byte: number, code: number, bits: number])[] = [
    [0x00, 0x1ff8, 13],
    [0x01, 0x7fffd8, 23],
    [0x02, 0xfffffe2, 28],
    [0x09, 0xffffea, 24],
    [0x0a, 0x3ffffffc, 30],
    [0x0b, 0xfffffe9, 28],
    [0x0d, 0x3ffffffd, 30],
    [0x0e, 0xfffffeb, 28],
    [0x16, 0x3ffffffe, 30],
    [0x17, 0xffffff3, 28],
    [0x1f, 0xffffffb, 28],
    [0x7f, 0xffffffc, 28],
  ];
  for (const [byte, code, bits] of codes) {
    const padded = code
      .toString(2)
      .padStart(bits, '0')
      .padEnd(32, '1')
      .slice(0, Math.ceil(bits / 8) * 8);
    const bytes = padded.match(/.{8}/g)?.map((eight) => Number.parseInt(eight, 2)) ?? [];
    const block = Buffer.from([0x04, 0x80 | bytes.length, ...bytes]);
    expect(new HeaderDecoder(ROOMY).decode(block)).toEqual([':path', String.fromCharCode(byte)]);
  }
});

describe('the table', () => {
  test('an entry larger than the table leaves it empty, and is a field all the same', () => {
    const decoder = new HeaderDecoder(ROOMY, 64);
    decoder.decode(literal('a', 'b', true));
    expect(lines(decoder.decode(Buffer.from([0xbe])))).toEqual(['a: b']);
    const value = 'v'.repeat(32);
    expect(decoder.decode(literal('n', value, true))).toEqual(['n', value]);
    expect(() => decoder.decode(Buffer.from([0xbe]))).toThrow('index 62, wanted at most 61');
  });

  test('an entry just as large as the table is kept', () => {
    const decoder = new HeaderDecoder(ROOMY, 64);
    const value = 'v'.repeat(31);
    decoder.decode(literal('n', value, true));
    expect(decoder.decode(Buffer.from([0xbe]))).toEqual(['n', value]);
  });

  test('an entry may take the name of the one it drives out', () => {
    const decoder = new HeaderDecoder(ROOMY, 40);
    decoder.decode(literal('name', 'one', true));
    const block = Buffer.concat([hex('7e03'), Buffer.from('two')]);
    expect(decoder.decode(block)).toEqual(['name', 'two']);
    expect(decoder.decode(Buffer.from([0xbe]))).toEqual(['name', 'two']);
  });

  test('it holds as many of the smallest entries as there is room for, however often it goes round', () => {
    const decoder = new HeaderDecoder(ROOMY);
    const entry = (number: number) => String.fromCharCode(number % 256);
    for (let number = 0; number < 1000; number++) {
      decoder.decode(literal('', entry(number), true));
    }
    // 4096 bytes hold 124 of 33.
    for (let age = 0; age < 124; age++) {
      expect(decoder.decode(indexed(62 + age))).toEqual(['', entry(999 - age)]);
    }
    expect(() => decoder.decode(indexed(186))).toThrow('index 186, wanted at most 185');
    for (let left = 200; left > 0; left--) decoder.decode(literal('', '', true));
    expect(decoder.decode(indexed(189))).toEqual(['', '']);
    expect(() => decoder.decode(indexed(190))).toThrow('index 190, wanted at most 189');
  });

  test('a smaller size drives the oldest out, and size 0 all', () => {
    const decoder = new HeaderDecoder(ROOMY);
    decoder.decode(Buffer.concat([literal('a', '1', true), literal('b', '2', true)]));
    expect(lines(decoder.decode(Buffer.concat([hex('3f10'), hex('be')])))).toEqual(['b: 2']);
    expect(() => decoder.decode(hex('bf'))).toThrow('index 63, wanted at most 62');
    expect(decoder.decode(hex('20'))).toEqual([]);
    expect(() => decoder.decode(hex('be'))).toThrow('index 62, wanted at most 61');
  });
});

describe('blocks that are written', () => {
  test('known fields become one byte, known names an index, and all else plain literals', () => {
    const block = encodeBlock({ ':status': 200, 'content-type': 'application/grpc', 'x-a': 'é' });
    const type = Buffer.from('application/grpc').toString('hex');
    expect(block.toString('hex')).toBe(`88 0f10 10${type} 00 03782d61 01e9`.replaceAll(' ', ''));
  });

  test('the first of several indexes of a name is taken', () => {
    expect(encodeBlock({ ':status': '302' }).toString('hex')).toBe('0803333032');
  });

  test('names and values of any length come back', () => {
    const fields: Record<string, string> = {};
    for (const length of [0, 1, 7, 8, 48, 49, 126, 127, 128, 254, 255, 16_510, 16_511, 2_200_000]) {
      fields[`n${'a'.repeat(length)}`] = 'ÿ'.repeat(length);
    }
    const decoder = new HeaderDecoder({ maxListBytes: 1e9, maxFields: 100 });
    expect(decoder.decode(encodeBlock(fields))).toEqual(Object.entries(fields).flat());
    expect(encodeBlock({}).length).toBe(0);
  });
});
