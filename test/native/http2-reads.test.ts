import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { Http2Connection } from '../../ts/api/grpc/http2/connection.js';
import type { StreamHandler } from '../../ts/api/grpc/http2/stream.js';
import { END_HEADERS, FRAME, frameOf, PREFACE, REQUEST } from '../chaos/support/frames.js';

const READ = 64 * 1024;

/** A socket whose reads are made by the test. */
class FakeSocket extends Duplex {
  override _read(): void {
    // `read` pushes.
  }
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
  setNoDelay(): this {
    return this;
  }
  /** One read with memory of its own, as Node's are. */
  async reads(...parts: readonly Uint8Array[]): Promise<ArrayBuffer> {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const memory = new ArrayBuffer(length);
    const bytes = Buffer.from(memory);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.push(bytes);
    await new Promise(setImmediate);
    return memory;
  }
}

let socket: FakeSocket;
/** What the stream's handler says of what it gets. */
let keeps: boolean;
let received: number;
/** Paths of the requests that were accepted. */
let paths: (string | undefined)[];

beforeEach(async () => {
  socket = new FakeSocket();
  keeps = false;
  received = 0;
  paths = [];
  const handler: StreamHandler = {
    received: ({ length }) => {
      received += length;
      return keeps;
    },
    inputEnded: () => undefined,
    closed: () => undefined,
  };
  new Http2Connection(socket as unknown as Socket, {
    maxConcurrentStreams: 10,
    accept: (stream, headers) => {
      stream.handler = handler;
      paths.push(headers[':path']);
      if (stream.id === 1) stream.resume();
    },
    closed: () => undefined,
  });
  const opened = [1, 3].map((stream) => frameOf(FRAME.headers, stream, REQUEST, END_HEADERS));
  await socket.reads(PREFACE, frameOf(FRAME.settings, 0), ...opened);
});

const data = (bytes: number, stream = 1): Buffer =>
  frameOf(FRAME.data, stream, Buffer.alloc(bytes));

describe('what was read from a socket is freed once it was copied', () => {
  it('of one frame', async () => {
    expect((await socket.reads(data(16_384))).byteLength).toBe(0);
    expect(received).toBe(16_384);
  });

  it('of many, the last of them cut', async () => {
    const frames = Buffer.concat([1, 2, 3, 4].map(() => data(16_384)));
    expect((await socket.reads(frames.subarray(0, READ))).byteLength).toBe(0);
    await socket.reads(frames.subarray(READ));
    expect(received).toBe(READ);
  });

  it('with frames between that are no DATA, though they are cut', async () => {
    const ping = frameOf(FRAME.ping, 0, Buffer.alloc(8, 7));
    const answers: Buffer[] = [];
    socket._write = (chunk, _encoding, done) => {
      answers.push(chunk as Buffer);
      done();
    };
    const whole = await socket.reads(data(16_384), ping, data(10), ping.subarray(0, 12));
    expect(whole.byteLength).toBe(0);
    await socket.reads(ping.subarray(12), data(0));
    expect(Buffer.concat(answers).toString('hex')).toContain('07'.repeat(8));
  });

  it('with the beginning of a header block, whose end comes later', async () => {
    const [path] = paths;
    const first = frameOf(FRAME.headers, 5, REQUEST.subarray(0, 50));
    expect((await socket.reads(data(16_384), first)).byteLength).toBe(0);
    await socket.reads(frameOf(FRAME.continuation, 5, REQUEST.subarray(50), END_HEADERS));
    expect(paths).toEqual([path, path, path]);
  });

  it('with a header block that is remembered', async () => {
    const [path] = paths;
    const other = Buffer.concat([REQUEST, Buffer.from([0, 1, 0x78, 1, 0x79])]);
    const block = frameOf(FRAME.headers, 5, other, END_HEADERS);
    expect((await socket.reads(data(16_384), block)).byteLength).toBe(0);
    await socket.reads(frameOf(FRAME.headers, 7, other, END_HEADERS));
    await socket.reads(frameOf(FRAME.headers, 9, REQUEST, END_HEADERS));
    expect(paths).toEqual([path, path, path, path, path]);
  });

  it('of a stream that was answered or reset', async () => {
    await socket.reads(frameOf(FRAME.reset, 1, Buffer.alloc(4)));
    expect((await socket.reads(data(16_384))).byteLength).toBe(0);
    expect(received).toBe(0);
  });
});

describe('it is left alone', () => {
  it('where a handler keeps some of it', async () => {
    const first = data(16_384);
    keeps = true;
    expect((await socket.reads(first)).byteLength).toBe(first.length);
  });

  it('where it waits for its stream to be read', async () => {
    const frames = [data(16_384), data(1, 3)];
    expect((await socket.reads(...frames)).byteLength).toBeGreaterThan(16_384);
  });

  it('where it is small', async () => {
    expect((await socket.reads(data(1000))).byteLength).toBe(1009);
  });

  it('where it is a part of other memory', async () => {
    const memory = new ArrayBuffer(READ);
    const bytes = data(16_384);
    Buffer.from(memory).set(bytes);
    socket.push(Buffer.from(memory, 0, bytes.length));
    await new Promise(setImmediate);
    expect(received).toBe(16_384);
    expect(memory.byteLength).toBe(READ);
  });
});
