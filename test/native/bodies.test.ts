import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { decodeTensorProto, encodeTensorProto } from '../../ts/codec/predict.js';
import { tensor } from '../../ts/tensor.js';
import { http } from '../support/http.js';
import { bodyServer, predict, predictions, refusal, startBodyServer } from './bodies-support.js';

beforeAll(startBodyServer);

afterAll(async () => {
  expect(await bodyServer().stop()).toBe(0);
});

/** A file as numpy.save writes it. */
function npy(descr: string, shape: readonly number[], data: ArrayBufferView): Buffer {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const header = `${dict.padEnd(117)}\n`;
  const length = Buffer.from([header.length, 0]);
  const magic = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
  const elements = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([magic, length, Buffer.from(header), elements]);
}

function readNpy(file: Buffer): { descr: string; shape: string; data: Buffer } {
  expect(file.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
  const start = 10 + file.readUInt16LE(8);
  expect(start % 64).toBe(0);
  const header = file.subarray(10, start).toString();
  const [, descr = '', shape = ''] =
    /^\{'descr': '(.*)', 'fortran_order': False, 'shape': \((.*)\), \} *\n$/.exec(header) ?? [];
  return { descr, shape, data: file.subarray(start) };
}

const NPY = 'application/x-npy';

describe('.npy', () => {
  test('a file of floats and one of doubles are answered alike', async () => {
    const floats = npy('<f4', [3], new Float32Array([1, 2, 5]));
    const doubles = npy('<f8', [3], new Float64Array([1, 2, 5]));
    expect(predictions(await predict('half_plus_two', NPY, floats))).toEqual([2.5, 3, 4.5]);
    expect(predictions(await predict('half_plus_two', NPY, doubles))).toEqual([2.5, 3, 4.5]);
    expect(predictions(await predict('half_plus_two', 'application/npy', floats))).toHaveLength(3);
  });

  test('the reply is .npy when asked for', async () => {
    const body = npy('<f4', [2, 2], new Float32Array([1, 2, 5, -4]));
    const answer = await predict('half_plus_two', NPY, body, { accept: NPY });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.headers['content-type']).toBe(NPY);
    const { descr, shape, data } = readNpy(answer.bytes);
    expect([descr, shape]).toEqual(['<f4', '2, 2']);
    expect(data).toEqual(Buffer.from(new Float32Array([2.5, 3, 4.5, 0]).buffer));
  });

  test('the query names the signature; every type comes back to the byte', async () => {
    for (const [name, descr, data] of [
      ['float16', '<f2', new Uint16Array([0x3c00, 0xc000])],
      ['float64', '<f8', new Float64Array([0.1, -2])],
      ['int8', '|i1', new Int8Array([-128, 127])],
      ['uint8', '|u1', new Uint8Array([0, 255])],
      ['int16', '<i2', new Int16Array([-32768, 32767])],
      ['uint16', '<u2', new Uint16Array([0, 65535])],
      ['int32', '<i4', new Int32Array([-5, 5])],
      ['uint32', '<u4', new Uint32Array([0, 2 ** 32 - 1])],
      ['int64', '<i8', new BigInt64Array([-(2n ** 63n), 2n ** 63n - 1n])],
      ['uint64', '<u8', new BigUint64Array([0n, 2n ** 64n - 1n])],
      ['bool', '|b1', new Uint8Array([1, 0])],
    ] as const) {
      const body = npy(descr, [1, 2], data);
      const answer = await predict(`echo?signature_name=echo_${name}`, NPY, body, { accept: NPY });
      expect(answer.status, `${name}: ${answer.text}`).toBe(200);
      expect(readNpy(answer.bytes)).toEqual({
        descr,
        shape: '1, 2',
        data: Buffer.from(data.buffer),
      });
    }
    const unknown = await predict(
      'echo?signature_name=nope',
      NPY,
      npy('|u1', [0], new Uint8Array()),
    );
    expect(refusal(unknown)).toContain('"nope"');
  });

  test('a large file, compressed or not', async () => {
    const values = new Float32Array(300_000).map((_, i) => i % 1000);
    const body = npy('<f4', [values.length], values);
    const path = 'echo?signature_name=any_rank';
    for (const [sent, headers] of [
      [body, {}],
      [gzipSync(body), { 'content-encoding': 'gzip' }],
    ] as const) {
      const answer = await predict(path, NPY, sent, { accept: NPY, ...headers });
      expect(answer.status).toBe(200);
      expect(readNpy(answer.bytes).data.equals(Buffer.from(values.buffer))).toBe(true);
    }
    const broken = await predict(path, NPY, gzipSync(body).subarray(0, 5000), {
      'content-encoding': 'gzip',
    });
    expect(broken.status).toBe(400);
  });

  test.each<[string, string, () => Uint8Array, string]>([
    [
      'another type',
      'half_plus_two',
      () => npy('<i8', [1], new BigInt64Array(1)),
      'npy body: input "x" wants float, got int64',
    ],
    [
      'a cut file',
      'half_plus_two',
      () => npy('<f4', [3], new Float32Array(2)),
      'npy body: shape [3] of float needs 12 bytes of elements, got 8',
    ],
    [
      'big-endian',
      'half_plus_two',
      () => npy('>f4', [1], new Float32Array(1)),
      'npy body: big-endian >f4, want little-endian',
    ],
    [
      'JSON',
      'half_plus_two',
      () => Buffer.from('{"instances": [1]}'),
      'npy body: does not begin with \\x93NUMPY',
    ],
    ['nothing', 'half_plus_two', () => Buffer.alloc(0), 'npy body: does not begin with \\x93NUMPY'],
    [
      'a model of several inputs',
      'multi',
      () => npy('<f4', [1], new Float32Array(1)),
      'npy body: signature "serving_default" has 2 inputs (a, b), such a body can fill only one',
    ],
    [
      'a shape that would end the process',
      'image',
      () => npy('<f4', [1, 3], new Float32Array(3)),
      'keras_tensor',
    ],
  ])('%s is refused', async (_what, model, body, text) => {
    expect(refusal(await predict(model, NPY, body()))).toContain(text);
  });

  test('an answer of several outputs or of strings is JSON only', async () => {
    const several = await predict('strings', 'text/csv', 'a\nb\n', { accept: NPY });
    expect(refusal(several)).toContain('an .npy answer holds one output');
    const text = await predict('echo?signature_name=flat_string', 'text/csv', 'a', { accept: NPY });
    expect(refusal(text)).toBe('output "y": string has no .npy form, ask for JSON');
  });
});

describe('CSV', () => {
  test('rows fill a flat input', async () => {
    const answer = await predict('echo', 'text/csv', '1,2\r\n3.5,-4\r\n');
    expect(predictions(answer)).toEqual([
      [1, 2],
      [3.5, -4],
    ]);
    const header = await predict('echo', 'text/csv; charset=utf-8; header=present', 'a,b\n1,2\n');
    expect(predictions(header)).toEqual([[1, 2]]);
    const one = await predict('echo?signature_name=flat_int64', 'text/csv', '9007199254740993\n-1');
    expect(one.text.replaceAll(/\s/g, '')).toBe('{"predictions":[9007199254740993,-1]}');
  });

  test('quoted strings keep commas, quotes and line ends', async () => {
    const body = '"a,b"\n"say ""hi"""\n"two\nlines"\n';
    const answer = await predict('echo?signature_name=flat_string', 'text/csv', body);
    expect(predictions(answer)).toEqual(['a,b', 'say "hi"', 'two\nlines']);
  });

  test('the answer may be .npy', async () => {
    const answer = await predict('echo', 'text/csv', '1,2', { accept: `${NPY}, */*` });
    expect(readNpy(answer.bytes)).toMatchObject({ descr: '<f4', shape: '1, 2' });
  });

  test.each([
    ['echo', '1,x', 'csv body: line 1, field 2: want float, got "x"'],
    ['echo', '1,2\n3', 'csv body: line 2 has 1 fields, the first row has 2'],
    ['echo', '', 'csv body: no rows'],
    ['echo', '"1,2', 'csv body: line 1: a quote is never closed'],
    ['echo?signature_name=echo_int8', '1,200', 'want int8, got "200"'],
    ['image', '1,2', 'csv body: input "keras_tensor" has 4 dimensions, rows of fields fill 1 or 2'],
    ['multi', '1,2', 'has 2 inputs'],
  ])('%s refuses %j', async (model, body, text) => {
    expect(refusal(await predict(model, 'text/csv', body))).toContain(text);
  });
});

describe('protobuf', () => {
  const Request = messageType('tensorflow.serving.PredictRequest');
  const Response = messageType('tensorflow.serving.PredictResponse');
  const TensorProto = messageType('tensorflow.TensorProto');
  const PROTOBUF = 'application/x-protobuf';
  const x = TensorProto.decode(encodeTensorProto(tensor(new Float32Array([1, 2, 5]))));

  test('a PredictRequest is answered by a PredictResponse', async () => {
    const body = Request.encode({ modelSpec: { name: 'half_plus_two' }, inputs: { x } });
    const answer = await predict('half_plus_two', PROTOBUF, body);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.headers['content-type']).toBe(PROTOBUF);
    const { outputs, modelSpec } = Response.decode(answer.bytes);
    const y = decodeTensorProto(TensorProto.encode(outputs.y ?? {}));
    expect(y.data).toEqual(new Float32Array([2.5, 3, 4.5]));
    expect(modelSpec).toMatchObject({ name: 'half_plus_two', version: { value: 2n } });
  });

  test('the path decides the model, the body the signature', async () => {
    const body = Request.encode({
      modelSpec: { signatureName: 'any_rank' },
      inputs: { x },
      outputFilter: ['y'],
    });
    const answer = await predict('echo', PROTOBUF, body);
    expect(answer.status, answer.text).toBe(200);
    expect(Response.decode(answer.bytes).modelSpec?.signatureName).toBe('any_rank');
    const other = Request.encode({ modelSpec: { name: 'multi' }, inputs: { x } });
    expect(refusal(await predict('echo', PROTOBUF, other))).toBe(
      'model_spec.name: the path names model "echo", the message "multi"',
    );
  });

  test.each<[string, () => Uint8Array]>([
    ['half a message', () => Buffer.from([0x0a, 0x10])],
    ['JSON', () => Buffer.from('{"instances": [1]}')],
    ['a missing input', () => Request.encode({ modelSpec: { name: 'half_plus_two' } })],
  ])('%s is refused', async (_what, body) => {
    expect(refusal(await predict('half_plus_two', PROTOBUF, body()))).not.toBe('');
  });
});

test('other types are read as JSON, whatever they say', async () => {
  for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'image/gif', 'x']) {
    expect(predictions(await predict('half_plus_two', type, '{"instances": [1]}'))).toEqual([2.5]);
  }
});

test('classify and regress take JSON only, whatever the type says', async () => {
  const answer = await http({
    port: bodyServer().restPort,
    path: '/v1/models/half_plus_two:regress',
    headers: { 'content-type': 'text/csv', accept: NPY },
    body: '{"signature_name": "regress_x_to_y", "examples": [{"x": 1.0}]}',
  });
  expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { results: [2.5] }]);
});

test('hundreds of refused bodies leave nothing behind', async () => {
  const bodies = [
    [NPY, npy('<f4', [250_000], new Float32Array(249_999))],
    ['text/csv', `${'1\n'.repeat(100_000)}x`],
    ['application/x-protobuf', Buffer.alloc(100_000, 0x0a)],
  ] as const;
  const round = async (): Promise<number> => {
    for (let i = 0; i < 60; i += 1) {
      const [type, body] = bodies[i % bodies.length] ?? bodies[0];
      refusal(await predict('half_plus_two', type, body));
    }
    return residentBytes();
  };
  await round();
  const before = await round();
  await round();
  // Each round sends 24 MB.
  expect((await round()) - before).toBeLessThan(20e6);
});

/** Memory of the server's process. */
function residentBytes(): number {
  const text = execFileSync('ps', ['-o', 'rss=', '-p', String(bodyServer().child.pid)], {
    encoding: 'utf8',
  });
  return Number(text) * 1024;
}
