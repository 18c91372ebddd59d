import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { type HttpAnswer, http } from '../support/http.js';
import { ROOT } from '../support/paths.js';
import { floatRequest } from '../support/rpc.js';
import { type RunningServer, startServer } from '../support/server.js';
import { WIRE_MODELS, wireModelConfig } from '../support/wire-models.js';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({
    args: [`--model_config_file=${wireModelConfig('echo', 'image')}`],
    models: [...WIRE_MODELS, 'echo', 'image'],
  });
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

const send = (
  path: string,
  type: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> =>
  http({
    port: server.restPort,
    path: `/v1/models/${path}`,
    body,
    headers: { 'content-type': type, ...headers },
  });

async function error(answer: Promise<HttpAnswer>): Promise<[number, string]> {
  const { status, text } = await answer;
  return [status, (JSON.parse(text) as { error: string }).error];
}

describe('a PredictRequest', () => {
  const type = 'application/x-protobuf';
  const response = messageType('tensorflow.serving.PredictResponse');

  it('is answered by a PredictResponse', async () => {
    const answer = await send(
      'half_plus_two:predict',
      type,
      floatRequest('half_plus_two', { x: [1, 2, 5] }),
    );
    expect(answer.status, answer.text).toBe(200);
    expect(answer.headers['content-type']).toBe(type);
    expect(answer.headers['x-servable-model-version']).toBe('123');
    const { outputs, modelSpec } = response.decode(answer.bytes);
    expect(outputs.y?.floatVal).toEqual([2.5, 3, 4.5]);
    expect(modelSpec).toMatchObject({ name: 'half_plus_two', version: { value: 123n } });
  });

  it('is told in JSON what is wrong with it', async () => {
    const garbage = await send('half_plus_two:predict', type, Buffer.from([0xff, 0xff]));
    expect(garbage.status).toBe(400);
    expect(garbage.headers['content-type']).toBe('application/json');
    const [status, text] = await error(
      send('half_plus_two:predict', type, floatRequest('half_plus_two', { z: [1] })),
    );
    expect(status).toBe(400);
    expect(text).toContain('Signature input alias: x');
    const missing = await error(send('half:predict', type, floatRequest('half', { x: [1] })));
    expect(missing).toEqual([404, 'Servable not found for request: Latest(half)']);
  });
});

/** An `.npy` file, version 1.0. */
function npy(descr: string, shape: readonly number[], data: Buffer): Buffer {
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const header = `${dict.padEnd(117 - ((117 + 11) % 64) + 64 - 1)}\n`;
  const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0, 0]);
  head.writeUInt16LE(header.length, 8);
  return Buffer.concat([head, Buffer.from(header), data]);
}

const floats = (...values: number[]): Buffer => Buffer.from(new Float32Array(values).buffer);

describe('an .npy file', () => {
  it('fills the only input, and comes back where it is asked for', async () => {
    const file = npy('<f4', [2, 2], floats(1, 2, 3, 4));
    const json = await send('echo:predict', 'application/x-npy', file);
    expect(JSON.parse(json.text)).toEqual({
      predictions: [
        [1, 2],
        [3, 4],
      ],
    });
    const accept = { accept: 'application/x-npy' };
    const answer = await send('echo:predict', 'application/x-npy', file, accept);
    expect(answer.headers['content-type']).toBe('application/x-npy');
    expect(answer.bytes.subarray(0, 6)).toEqual(file.subarray(0, 6));
    expect(answer.bytes.toString('latin1')).toContain("'shape': (2, 2)");
    expect(answer.bytes.subarray(-16)).toEqual(floats(1, 2, 3, 4));
  });

  it('is taken for the signature that the query names, compressed too', async () => {
    const file = gzipSync(
      npy('<i8', [2, 2], Buffer.from(new BigInt64Array([1n, 2n, 3n, -4n]).buffer)),
    );
    const path = 'echo:predict?signature_name=echo_int64';
    const answer = await send(path, 'application/x-npy', file, { 'content-encoding': 'gzip' });
    expect(JSON.parse(answer.text)).toEqual({
      predictions: [
        [1, 2],
        [3, -4],
      ],
    });
  });

  it('must be one, for a signature with one input', async () => {
    const file = npy('<f4', [1], floats(1));
    const several = await error(send('readings:predict', 'application/x-npy', file));
    expect(several[0]).toBe(400);
    expect(several[1]).toMatch(/npy/);
    const cut = await error(send('echo:predict', 'application/x-npy', file.subarray(0, 20)));
    expect(cut[0]).toBe(400);
    const wrong = await error(
      send('echo:predict', 'application/x-npy', npy('<i4', [1, 2], Buffer.alloc(8))),
    );
    expect(wrong).toEqual([400, expect.stringContaining('float')]);
  });
});

describe('CSV', () => {
  it('is rows of the only input', async () => {
    const plain = await send('echo:predict', 'text/csv', '1,2.5\r\n-3e2,NaN\n');
    expect(plain.text.replace(/\s+/g, ' ')).toContain('[[1.0, 2.5], [-300.0, NaN] ]');
    const header = await send('echo:predict', 'text/csv; header=present', 'a,b\n1,2\n');
    expect(JSON.parse(header.text)).toEqual({ predictions: [[1, 2]] });
    const words = await send('words:predict', 'text/csv', '"a, ""b"""\nlonger\n');
    expect(JSON.parse(words.text)).toEqual({ predictions: [6, 6] });
  });

  it('names the line and the field that does not fit', async () => {
    const [status, text] = await error(send('echo:predict', 'text/csv', '1,2\n3,x\n'));
    expect(status).toBe(400);
    expect(text).toMatch(/line 2.*field 2/);
    const ragged = await error(send('echo:predict', 'text/csv', '1,2\n3\n'));
    expect(ragged[1]).toMatch(/line 2/);
  });
});

/** A grey PNG. */
function png(width: number, height: number, pixel: (x: number, y: number) => number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const named = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(named.length + 8);
    out.writeUInt32BE(data.length);
    named.copy(out, 4);
    out.writeUInt32BE(crc32(named), named.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head[8] = 8;
  const rows = Array.from({ length: height }, (_, y) =>
    Buffer.from([0, ...Array.from({ length: width }, (_x, x) => pixel(x, y))]),
  );
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('a picture', () => {
  const pixel = (x: number, y: number): number => (x * 9 + y * 5) % 256;
  const values = (scale: number): number[][][] =>
    Array.from({ length: 28 }, (_, y) =>
      Array.from({ length: 28 }, (_x, x) => [Math.fround(pixel(x, y) / scale)]),
    );
  const predict = async (type: string, body: string | Uint8Array): Promise<number[]> => {
    const answer = await send('image:predict', type, body);
    expect(answer.status, answer.text).toBe(200);
    return (JSON.parse(answer.text) as { predictions: [number[]] }).predictions[0];
  };
  const expectNear = (got: number[], wanted: number[]): void => {
    expect(got).toHaveLength(10);
    for (const [index, value] of got.entries())
      expect(value).toBeCloseTo(wanted[index] ?? Number.NaN, 3);
  };

  it('means what its pixels as JSON mean, from 0 to 1 or to 255', async () => {
    const picture = png(28, 28, pixel);
    const json = (scale: number): string => JSON.stringify({ instances: [values(scale)] });
    expectNear(await predict('image/png', picture), await predict('application/json', json(255)));
    expectNear(
      await predict('image/png;scale=255', picture),
      await predict('application/json', json(1)),
    );
  });

  it('is resized, whether PNG or JPEG', async () => {
    const grey = (): number => 128;
    const one = await predict('image/png', png(28, 28, grey));
    expectNear(await predict('image/png', png(60, 40, grey)), one);
    const jpeg = readFileSync(join(ROOT, 'test', 'fixtures', 'pictures', '8x8.jpg'));
    expect(await predict('image/jpeg', jpeg)).toHaveLength(10);
    // A model of strings gets the file as it is.
    const words = await send('words:predict', 'image/jpeg', jpeg);
    expect(JSON.parse(words.text)).toEqual({ predictions: [jpeg.length] });
  });

  it('is refused when it is none, is cut, or says it is larger than the limit', async () => {
    const refused = async (body: Uint8Array): Promise<string> => {
      const [status, text] = await error(send('image:predict', 'image/png', body));
      expect(status).toBe(400);
      return text;
    };
    expect(await refused(Buffer.from('GIF89a'))).toContain('neither a JPEG nor a PNG file');
    expect(await refused(png(28, 28, pixel).subarray(0, 60))).toMatch(/^image body: /);
    const huge = png(28, 28, pixel);
    huge.writeUInt32BE(60_000, 16);
    huge.writeUInt32BE(60_000, 20);
    huge.writeUInt32BE(crc32(huge.subarray(12, 29)), 29);
    expect(await refused(huge)).toContain('60000×60000 pixels');
    const [status, text] = await error(send('echo:predict', 'image/png', png(2, 2, pixel)));
    expect([status, text]).toEqual([400, expect.stringContaining('image body: input "x"')]);
  });
});
