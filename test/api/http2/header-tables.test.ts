import { describe, expect, it } from 'vitest';
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  frameOf,
  hpack,
  hpackInteger,
  hpackText,
  PADDED,
  REQUEST,
  setting,
} from '../../chaos/support/frames.js';
import { data, expectMessage, SETTING, target } from './support/calls.js';
import { check } from './support/outcomes.js';

const block = (stream: number, ...parts: Uint8Array[]): Buffer =>
  frameOf(FRAME.headers, stream, Buffer.concat(parts), END_HEADERS);
const indexed = (index: number): Buffer => hpackInteger(index, 7, 0x80);
const sizeUpdate = (size: number): Buffer => hpackInteger(size, 5, 0x20);
/** A new entry of the table. */
const entry = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0x40]), hpackText(name), hpackText(value)]);
/** A call that is refused with the text of a field, which shows how that was read. */
const timed = (stream: number, ...parts: Uint8Array[]): Buffer =>
  frameOf(FRAME.headers, stream, Buffer.concat([REQUEST, ...parts]), END_HEADERS | END_STREAM);

/** A Huffman string: its length, then the bytes. */
const coded = (bytes: number[]): Buffer =>
  Buffer.concat([hpackInteger(bytes.length, 7, 0x80), Buffer.from(bytes)]);

/** What the server read as `grpc-timeout` of the call on `stream`. */
async function timeoutOf(
  peer: { answer(stream: number): Promise<{ headers: Readonly<Record<string, string>> }> },
  stream: number,
): Promise<string | undefined> {
  const { headers } = await peer.answer(stream);
  return /^Invalid grpc-timeout value "(.*)"$/.exec(headers['grpc-message'] ?? '')?.[1];
}

describe('a header field', () => {
  it.each([
    [
      'of the static table',
      Buffer.concat([
        ...[3, 6].map(indexed),
        hpackInteger(4, 4),
        hpackText('/tensorflow.serving.PredictionService/Predict'),
        hpackInteger(1, 6, 0x40),
        hpackText('x'),
        hpackInteger(31, 4, 0x10),
        hpackText('application/grpc'),
      ]),
    ],
    [
      'never to be indexed',
      Buffer.concat([REQUEST, hpackInteger(0, 4, 0x10), hpackText('a'), hpackText('b')]),
    ],
    [
      'in Huffman code',
      // RFC 7541, C.4.1: www.example.com as the authority.
      Buffer.concat([
        hpack([
          [':method', 'POST'],
          [':scheme', 'http'],
          [':path', '/tensorflow.serving.PredictionService/Predict'],
        ]),
        hpackInteger(1, 6, 0x40),
        coded([0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff]),
        hpack([['content-type', 'application/grpc']]),
      ]),
    ],
    ['after size updates', Buffer.concat([sizeUpdate(0), sizeUpdate(4096), REQUEST])],
    [
      'after a size in more bytes than it needs',
      Buffer.concat([Buffer.from([0x3f, 0x80, 0x80, 0x00]), REQUEST]),
    ],
  ])('%s is read', async (_what, bytes) => {
    const peer = await (await target()).open();
    peer.send(block(1, bytes), data(1, 'hi'));
    expectMessage(await peer.answer(1));
  });

  it('stays known to the next calls', async () => {
    const peer = await (await target()).open();
    peer.send(
      timed(1, entry('grpc-timeout', 'first'), entry('x-other', 'y')),
      timed(3, indexed(63)),
      timed(5, hpackInteger(63, 4), hpackText('second')),
      timed(7, hpackInteger(63, 6, 0x40), hpackText('third')),
      timed(9, indexed(62)),
      timed(11, indexed(64)),
    );
    const found: (string | undefined)[] = [];
    for (const stream of [1, 3, 5, 7, 9, 11]) found.push(await timeoutOf(peer, stream));
    expect(found).toEqual(['first', 'first', 'second', 'third', 'third', 'first']);
  });

  it('is forgotten for newer ones, and where the table shrinks', async () => {
    const peer = await (await target()).open();
    const big = (letter: string): Buffer => entry('x-big', letter.repeat(1900));
    peer.send(
      timed(1, entry('grpc-timeout', 'old')),
      timed(3, big('a'), big('b'), indexed(64)),
      // Two of 1937 bytes and one of 47 fit into 4096, so this is the one that leaves.
      timed(5, big('c'), entry('grpc-timeout', 'new')),
      timed(7, indexed(62)),
    );
    expect(await timeoutOf(peer, 3)).toBe('old');
    expect(await timeoutOf(peer, 7)).toBe('new');
    peer.send(frameOf(FRAME.headers, 9, Buffer.concat([sizeUpdate(47), REQUEST, indexed(62)]), 5));
    expect(await timeoutOf(peer, 9)).toBe('new');
    peer.send(block(11, sizeUpdate(46), REQUEST, indexed(62)));
    expect([2, 9]).toContain(await peer.goAwayCode());
  });

  it('larger than the table empties it', async () => {
    const peer = await (await target()).open();
    peer.send(
      timed(1, entry('grpc-timeout', 'old')),
      timed(3, entry('x-big', 'y'.repeat(5000)), entry('grpc-timeout', 'new'), indexed(62)),
    );
    // The field is there twice then.
    expect(await timeoutOf(peer, 3)).toContain('new');
    peer.send(block(5, REQUEST, indexed(63)));
    expect([2, 9]).toContain(await peer.goAwayCode());
  });
});

describe('a header block is an error that', () => {
  const broken = (what: string, ...parts: Uint8Array[]) => ({
    what,
    send: [block(1, REQUEST, ...parts)],
    outcome: 'connection COMPRESSION_ERROR' as const,
  });
  check([
    broken('names entry 0', indexed(0)),
    broken('names an entry after the static table', indexed(62)),
    broken('names an entry far away', indexed(4_000_000)),
    broken('takes its name from an entry that is none', hpackInteger(70, 6, 0x40), hpackText('v')),
    broken('has an integer without an end', Buffer.from([0xff, 0xff, 0xff])),
    broken(
      'has an integer larger than any',
      Buffer.from([0xff, ...Array.from({ length: 12 }, () => 0xff), 0x01]),
    ),
    broken(
      'has a name longer than itself',
      Buffer.from([0]),
      hpackInteger(100, 7),
      Buffer.from('x'),
    ),
    broken('has a value longer than itself', Buffer.from([0]), hpackText('x'), hpackInteger(9, 7)),
    broken('ends after a name', Buffer.from([0]), hpackText('x')),
    broken('resizes the table after a field', sizeUpdate(0)),
    {
      what: 'makes the table larger than it may be',
      send: [block(1, sizeUpdate(4097), REQUEST)],
      outcome: 'connection COMPRESSION_ERROR',
    },
    broken(
      'has a Huffman code with EOS',
      Buffer.from([0]),
      hpackText('x'),
      coded([255, 255, 255, 255]),
    ),
    broken('has a byte of Huffman padding', Buffer.from([0]), hpackText('x'), coded([0x1f, 0xff])),
    // `a` is 00011, and its padding is ones.
    broken('has Huffman padding of zeros', Buffer.from([0]), hpackText('x'), coded([0x18])),
    {
      what: 'is broken in padding that says it is none',
      send: [
        frameOf(
          FRAME.headers,
          1,
          Buffer.concat([Buffer.from([0]), REQUEST, Buffer.from([0x80])]),
          END_HEADERS | PADDED,
        ),
      ],
      outcome: 'connection COMPRESSION_ERROR',
    },
  ]);
});

describe("the client's own header table", () => {
  it.each([0, 1, 100, 4096, 65_536])('may be of %d bytes', async (size) => {
    const settings = setting(SETTING.headerTableSize, size);
    const peer = await (await target()).open({ settings });
    await peer.roundTrip();
    peer.decoder.allow(size);
    for (const stream of [1, 3, 5]) {
      peer.send(timed(stream, entry('grpc-timeout', `t${stream}`)));
      expect(await timeoutOf(peer, stream)).toBe(`t${stream}`);
    }
  });

  it('may shrink and grow again before the next answer', async () => {
    const peer = await (await target()).open();
    peer.send(
      frameOf(FRAME.settings, 0, setting(SETTING.headerTableSize, 0)),
      frameOf(FRAME.settings, 0, setting(SETTING.headerTableSize, 4096)),
    );
    await peer.roundTrip();
    peer.decoder.allow(0);
    peer.decoder.allow(4096);
    for (const stream of [1, 3]) {
      peer.send(block(stream, REQUEST), data(stream, 'hi'));
      expectMessage(await peer.answer(stream));
    }
  });
});
