import { crc32, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bodyServer, predict, predictions, refusal, startBodyServer } from './bodies-support.js';

beforeAll(startBodyServer);

afterAll(async () => {
  expect(await bodyServer().stop()).toBe(0);
});

/** A grey PNG. */
function png(width: number, height: number, value: (x: number, y: number) => number): Buffer {
  const chunk = (kind: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head[8] = 8;
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rows[y * (width + 1) + x + 1] = value(x, y);
  }
  const magic = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const parts = [
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ];
  return Buffer.concat([magic, ...parts]);
}

/** 28 × 28 pixels of grey 128. */
const JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAQEBLAEsAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/wAAL' +
    'CAAcABwBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS' +
    '0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5' +
    'usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/ACiiiiiiiiiiiiiiiv/Z',
  'base64',
);

describe('images', () => {
  /** What the model answers to pixels sent as JSON. */
  async function asJson(pixels: (x: number, y: number) => number): Promise<number[]> {
    const rows = Array.from({ length: 28 }, (_, y) =>
      Array.from({ length: 28 }, (_, x) => [pixels(x, y)]),
    );
    const answer = await predict(
      'image',
      'application/json',
      JSON.stringify({ instances: [rows] }),
    );
    return (predictions(answer) as number[][])[0] ?? [];
  }

  const close = (got: unknown, wanted: readonly number[]): void => {
    const [row] = got as number[][];
    expect(row).toHaveLength(wanted.length);
    for (const [at, value] of wanted.entries()) expect(row?.[at]).toBeCloseTo(value, 4);
  };

  test('a PNG is what its pixels are, as parts of 1 or as they are', async () => {
    const value = (x: number, y: number): number => (x * 9 + y * 31) % 256;
    const body = png(28, 28, value);
    close(
      predictions(await predict('image', 'image/png', body)),
      await asJson((x, y) => value(x, y) / 255),
    );
    const kept = await predict('image', 'image/png; scale=255', body);
    const wanted = await asJson(value);
    const [row] = predictions(kept) as number[][];
    for (const [at, want] of wanted.entries()) expect(row?.[at]).toBeCloseTo(want, 1);
  });

  test('a picture of another size is scaled', async () => {
    const wanted = await asJson(() => 51 / 255);
    const large = predictions(
      await predict(
        'image',
        'image/png',
        png(100, 50, () => 51),
      ),
    );
    close(large, wanted);
    // The name of the type does not matter, the file says what it is.
    close(
      predictions(
        await predict(
          'image',
          'image/jpeg',
          png(1, 1, () => 51),
        ),
      ),
      wanted,
    );
  });

  test('a JPEG is decoded', async () => {
    close(predictions(await predict('image', 'image/jpeg', JPEG)), await asJson(() => 128 / 255));
  });

  test('a string input gets the file itself', async () => {
    const answer = await predict('strings?signature_name=bytes_echo', 'image/jpeg', JPEG);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.text).toContain(JPEG.toString('base64'));
  });

  test.each<[string, string, () => Uint8Array, string]>([
    ['a cut JPEG', 'image', () => JPEG.subarray(0, 330), 'image body: the JPEG file is cut short'],
    ['a cut PNG', 'image', () => png(28, 28, (x) => x * 7).subarray(0, 60), 'image body: '],
    ['no image', 'image', () => Buffer.from('GIF89a'), 'image body: neither a JPEG nor a PNG file'],
    [
      'a header that claims too much',
      'image',
      claimed,
      'image body: 60000×60000 pixels, at most 67108864 are taken',
    ],
    [
      'an input that is no image',
      'echo',
      () => JPEG,
      'image body: input "x" has shape [-1, 2], want',
    ],
    [
      'a model of several inputs',
      'multi',
      () => JPEG,
      'image body: signature "serving_default" has 2 inputs',
    ],
  ])('%s is refused', async (_what, model, body, text) => {
    expect(refusal(await predict(model, 'image/png', body()))).toContain(text);
  });

  /** A PNG of one pixel that says it has 60000 × 60000. */
  function claimed(): Buffer {
    const body = png(1, 1, () => 0);
    body.writeUInt32BE(60_000, 16);
    body.writeUInt32BE(60_000, 20);
    body.writeUInt32BE(crc32(body.subarray(12, 29)), 29);
    return body;
  }
});
