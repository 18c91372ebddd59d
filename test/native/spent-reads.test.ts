import { describe, expect, it } from 'vitest';
import { SpentReads } from '../../ts/api/grpc/transport/spent-reads.js';

const READ = 65_536;
const FRAME = 16_384;
const HEAD = 9;

/** What is left of one read of which these chunks were copied: `[offset, length]`, in their order. */
function left(size: number, chunks: readonly (readonly [number, number])[]): number {
  const read = new ArrayBuffer(size);
  const spent = new SpentReads();
  for (const [offset, length] of chunks) spent.add(Buffer.from(read, offset, length));
  return read.byteLength;
}

/** A read that begins inside a frame: so much of it, then whole frames, then what is there of the last. */
function frames(first: number): [number, number][] {
  const list: [number, number][] = first === 0 ? [] : [[0, first]];
  for (let at = first; at + HEAD < READ; at += HEAD + FRAME) {
    list.push([at + HEAD, Math.min(FRAME, READ - at - HEAD)]);
  }
  return list;
}

describe('what was read from a socket is freed', () => {
  it.each([0, 1, 5000])('when its chunks cover it, of which the first has %i bytes', (first) => {
    expect(left(READ, frames(first))).toBe(0);
  });

  it('when a head was cut by the end of the read before', () => {
    expect(left(FRAME + 4, [[4, FRAME]])).toBe(0);
  });
});

describe('it is kept', () => {
  it.each([
    ['before the last chunk', frames(0).slice(0, -1)],
    ['when one is missing', frames(0).toSpliced(1, 1)],
    [
      'when the first is missing',
      frames(5000)
        .slice(1)
        .map(([at, length]) => [at, length] as const),
    ],
    ['when its first bytes are somebody else’s', [[HEAD + 1, READ - HEAD - 1] as const]],
    ['when its last byte is', [[0, READ - 1] as const]],
    [
      'when a frame of one byte stands between two',
      [
        [0, 30_000],
        [30_000 + HEAD + 1 + HEAD, READ - 30_000 - HEAD - 1 - HEAD],
      ] as const,
    ],
    [
      'when chunks come twice',
      [
        [0, 30_000],
        [0, 30_000],
      ] as const,
    ],
  ])('%s', (_when, chunks) => {
    expect(left(READ, chunks)).toBe(READ);
  });

  it('when it is small', () => {
    expect(left(1000, [[0, 1000]])).toBe(1000);
  });
});
