import { afterEach, expect } from 'vitest';
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  frameOf,
  hpack,
  REQUEST,
  REQUEST_FIELDS,
} from '../../../chaos/support/frames.js';
import { frame } from '../../../support/rpc.js';
import { type Answer as EngineAnswer, FakeEngine } from '../../fakes.js';
import { type Made, type Serving, serve } from '../../grpc-support.js';
import { STREAM } from '../../grpc-wire-support.js';
import { type Answer, Peer, type PeerOptions } from './peer.js';

/** RFC 9113, section 7. */
export const ERROR = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;

/** RFC 9113, section 6.5.2. */
export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** What HTTP/2 begins with. */
export const WINDOW = 65_535;
export const FRAME_SIZE = 16_384;
export const MAX_WINDOW = 2 ** 31 - 1;

const cleanUp: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const work of cleanUp.splice(0).reverse()) await work();
});

/** An engine that answers with the request; `never` not at all, `zeros:N` with N bytes. */
export function echoEngine(answer?: (word: string) => EngineAnswer | null): FakeEngine {
  return new FakeEngine(({ body }) => {
    const own = answer?.(body);
    if (own) return own;
    if (body === 'never') return 'never';
    const zeros = /^zeros:(\d+)$/.exec(body);
    return { reply: zeros === null ? body : Buffer.alloc(Number(zeros[1])) };
  });
}

/** A server with its engine, stopped after the test. */
export interface Target extends Serving {
  readonly engine: FakeEngine;
  /** A connection, cut off after the test. */
  open(options?: PeerOptions): Promise<Peer>;
}

/** A gRPC server on an engine that echoes. */
export async function target(
  made: Omit<Made, 'engine'> = {},
  engine = echoEngine(),
): Promise<Target> {
  const settings = { maxMessageBytes: 16 * 1024 * 1024, ...made.settings };
  const serving = await serve({ ...made, engine, settings });
  cleanUp.push(() => serving.stop());
  const open = async (options: PeerOptions = {}): Promise<Peer> => {
    const peer = await Peer.open(serving.port, { isTls: made.tls !== undefined, ...options });
    cleanUp.push(() => peer.close());
    return peer;
  };
  return { ...serving, engine, open };
}

/** A HEADERS frame of a request, whose end is still to come; `fields` in place of gRPC's. */
export function headers(
  stream: number,
  fields: readonly (readonly [string, string])[] | null = null,
  flags = END_HEADERS,
): Buffer {
  return frameOf(FRAME.headers, stream, fields === null ? REQUEST : hpack(fields), flags);
}

/** The fields of a request to a method. */
export const fieldsOf = (path: string): readonly (readonly [string, string])[] =>
  REQUEST_FIELDS.map(([name, value]) => [name, name === ':path' ? path : value]);

/** Those of a request to a stream of messages. */
export const STREAM_FIELDS = fieldsOf(STREAM);

/** A message in one DATA frame. */
export function data(stream: number, word: string, flags = END_STREAM): Buffer {
  return frameOf(FRAME.data, stream, frame(Buffer.from(word)), flags);
}

/** A whole request with one message. */
export function call(stream: number, word = 'hi'): Buffer {
  return Buffer.concat([headers(stream), data(stream, word)]);
}

/** That an answer went well and has this message. */
export function expectMessage(answer: Answer, word: string | Buffer = 'hi'): void {
  expect(answer.headers).toEqual({
    ':status': '200',
    'content-type': 'application/grpc+proto',
    'grpc-accept-encoding': 'identity,deflate,gzip',
  });
  expect(answer.data.equals(frame(Buffer.from(word)))).toBe(true);
  expect(answer.trailers).toEqual({ 'grpc-status': '0' });
}

/** That a call on this stream, which is not open yet, is answered. */
export async function expectServes(peer: Peer, stream: number): Promise<void> {
  peer.send(call(stream, `call ${stream}`));
  expectMessage(await peer.answer(stream), `call ${stream}`);
}
