import { expect, test } from 'vitest';
import { AnswerReader } from '../../ts/bench/answer-reader.js';

interface Seen {
  status: number;
  body: string;
  keepAlive: boolean;
}

/** What a reader makes of a text that comes in parts of `size` bytes. */
function read(text: string, size: number): { seen: Seen[]; reader: AnswerReader } {
  const seen: Seen[] = [];
  const reader = new AnswerReader(
    ({ status, body, keepAlive }) => seen.push({ status, body: body.toString(), keepAlive }),
    true,
  );
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
  return { seen, reader };
}

const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const EMPTY = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n';
const CHUNKS =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nTrailer: x\r\n\r\n';
const CONTINUE = `HTTP/1.1 100 Continue\r\n\r\n${LENGTH}`;

test.each([1, 2, 3, 7, 1000])(
  'answers are read however they are cut: %i bytes at a time',
  (size) => {
    const { seen } = read(LENGTH + EMPTY + CHUNKS + CONTINUE + LENGTH, size);
    expect(seen).toEqual([
      { status: 200, body: 'hello', keepAlive: true },
      { status: 503, body: '', keepAlive: true },
      { status: 200, body: 'hello!', keepAlive: true },
      { status: 200, body: 'hello', keepAlive: true },
      { status: 200, body: 'hello', keepAlive: true },
    ]);
  },
);

test('a body without a length ends with its connection, and only such a one', () => {
  const { seen, reader } = read('HTTP/1.0 404 Not Found\r\n\r\ngone', 3);
  expect(seen).toEqual([]);
  expect(reader.end()).toBe(true);
  expect(seen).toEqual([{ status: 404, body: 'gone', keepAlive: false }]);
  expect(read('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf', 4).reader.end()).toBe(false);
});

test('a server that closes says so', () => {
  const { seen } = read('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', 9);
  expect(seen.map(({ keepAlive }) => keepAlive)).toEqual([false]);
});
