import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type OutgoingHttpHeaders,
  sensitiveHeaders,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { HeaderDecoder } from '../../../ts/api/grpc/http2/hpack/decoder.js';
import { encodeBlock } from '../../../ts/api/grpc/http2/hpack/encoder.js';
import { Random } from '../../chaos/support/random.js';
import { dial, headerFrames, listen, RawPeer, ROOMY, randomFields } from './hpack-support.js';

// Node's HTTP/2 is nghttp2, whose HPACK is not ours: each end reads what the other wrote.

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

/** SETTINGS_HEADER_TABLE_SIZE, and no limit of streams. */
function settings(tableBytes: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(1, 0);
  payload.writeUInt32BE(tableBytes, 2);
  return payload;
}

/** What one exchange carried, as the end that sent it and the end that read it saw it. */
interface Seen {
  request: readonly string[];
  response: readonly string[];
}

function flat(fields: OutgoingHttpHeaders): string[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one) => [name, String(one)]),
  );
}

/** Asks with these fields on a connection that is open; resolves to the fields of the answer. */
async function ask(session: ClientHttp2Session, fields: OutgoingHttpHeaders): Promise<string[]> {
  const stream = session.request(fields, { endStream: true });
  stream.resume();
  // The fields as they came are the third argument, which the types lack.
  const [, , raw] = (await once(stream, 'response')) as [unknown, unknown, string[]];
  return raw;
}

for (const tableBytes of [4096, 256, 0]) {
  test(`what Node's client sends is read, and it reads the answers: a table of ${tableBytes} bytes`, async () => {
    const random = new Random(7541 + tableBytes);
    const decoder = new HeaderDecoder(ROOMY);
    const read: string[][] = [];
    const answers: string[][] = [];
    let blocks = 0;
    const server = await listen((socket: Socket) => {
      const peer = new RawPeer(socket, settings(tableBytes), false, (stream, block) => {
        blocks += block.length;
        read.push([...decoder.decode(block)]);
        const answer = { ':status': 200 + random.below(300), ...randomFields(random) };
        answers.push(flat(answer));
        peer.socket.write(headerFrames(stream, encodeBlock(answer)));
      });
    });
    toClose.push(() => server.close());
    const session = connect(`http://127.0.0.1:${server.port}`, { maxSendHeaderBlockLength: 1e6 });
    session.on('error', () => undefined);
    toClose.push(() => session.destroy());
    await once(session, 'remoteSettings');

    let sent = 0;
    for (let number = 0; number < 300; number++) {
      const others: OutgoingHttpHeaders = randomFields(random);
      if (random.below(4) === 0) others['x-twice'] = ['one', `two ${random.below(9)}`];
      const request: OutgoingHttpHeaders = {
        ':authority': `127.0.0.1:${server.port}`,
        ':method': random.pick(['POST', 'PUT', 'BREW']),
        ':path': `/model/${random.below(20)}`,
        ':scheme': 'http',
        ...others,
        [sensitiveHeaders]: Object.keys(others).slice(0, random.below(2)),
      };
      const expected = flat(request);
      sent += expected.join('').length;
      const answer = await ask(session, request);
      expect(read.at(-1)).toEqual(expected);
      expect(answer).toEqual(answers.at(-1));
    }
    expect(read.length).toBe(300);
    // Huffman codes and the table have made them shorter: the test would see little otherwise.
    expect(blocks).toBeLessThan(sent);
  });
}

test("fields of the static table are those of Node's client", async () => {
  const CONTENT_LENGTH = 28;
  const TRANSFER_ENCODING = 57;
  const read: (readonly string[])[] = [];
  const server = await listen((socket: Socket) => {
    const peer = new RawPeer(socket, Buffer.alloc(0), false, (stream) => {
      // A status, then all that are no pseudo-header and that HTTP/2 lets through.
      const indexes = [8 + read.length];
      for (let index = 15; index <= 61; index++) {
        if (index !== CONTENT_LENGTH && index !== TRANSFER_ENCODING) indexes.push(index);
      }
      const block = Buffer.from(indexes.map((index) => 0x80 | index));
      read.push(new HeaderDecoder(ROOMY).decode(block));
      peer.socket.write(headerFrames(stream, block));
    });
  });
  toClose.push(() => server.close());
  const session = connect(`http://127.0.0.1:${server.port}`);
  session.on('error', () => undefined);
  toClose.push(() => session.destroy());
  for (let status = 0; status < 7; status++) {
    const answer = await ask(session, { ':path': '/' });
    expect(read[status]).toEqual(answer);
    expect(read[status]?.length).toBe(2 * 46);
  }
  const others = Buffer.from([CONTENT_LENGTH, TRANSFER_ENCODING].map((index) => 0x80 | index));
  expect(new HeaderDecoder(ROOMY).decode(others)).toEqual([
    ...['content-length', ''],
    ...['transfer-encoding', ''],
  ]);
});

async function nodeServer(seen: Seen[], random: Random): Promise<Http2Server> {
  const server = createServer({ maxSendHeaderBlockLength: 1e6 });
  server.on('stream', (stream, _headers, _flags, ...rest: unknown[]) => {
    const [request] = rest as [string[]];
    const answer = { ':status': 200 + random.below(300), ...randomFields(random) };
    seen.push({ request, response: flat(answer) });
    stream.on('error', () => undefined);
    stream.respond(answer, { endStream: true, sendDate: false } as object);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

test("Node's server reads what is sent, and what it answers is read", async () => {
  const random = new Random(9113);
  const seen: Seen[] = [];
  const server = await nodeServer(seen, random);
  toClose.push(() => new Promise((resolve) => server.close(resolve)));
  const socket = dial((server.address() as AddressInfo).port);
  toClose.push(() => socket.destroy());
  const decoder = new HeaderDecoder(ROOMY);
  let answered: (fields: readonly string[]) => void = () => undefined;
  const peer = new RawPeer(socket, Buffer.alloc(0), true, (_stream, block) => {
    answered(decoder.decode(block));
  });
  for (let number = 0; number < 200; number++) {
    const request = {
      ':method': random.pick(['GET', 'POST', 'PUT']),
      ':path': random.pick(['/', '/index.html', '/elsewhere']),
      ':scheme': random.pick(['http', 'https']),
      ':authority': 'localhost',
      ...randomFields(random),
    };
    const answer = await new Promise<readonly string[]>((resolve) => {
      answered = resolve;
      peer.socket.write(headerFrames(2 * number + 1, encodeBlock(request)));
    });
    expect(seen.at(-1)?.request).toEqual(flat(request));
    expect(answer).toEqual(seen.at(-1)?.response);
  }
  expect(seen.length).toBe(200);
});
