import { describe, expect, it } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import { AccessLog, type AccessLogSettings, traceIdOf } from '../../ts/observe/access-log.js';
import { Observation, Observer } from '../../ts/observe/observer.js';
import { FakeEngine } from '../api/fakes.js';
import { call, start } from '../api/grpc-support.js';
import { rest } from '../api/rest-support.js';

const STAGES = { subject: 0, queueUs: 5.4, decodeUs: 7, runUs: 20.6, encodeUs: 3, arrivedMs: 0 };

/** A log that keeps its lines. */
function kept(settings: Partial<AccessLogSettings> = {}, random?: () => number) {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), close: async () => undefined };
  const log = new AccessLog(sink, { mode: 'all', sampleRate: 1, worker: 3, ...settings }, random);
  const parsed = (): Record<string, unknown>[] =>
    lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, lines, parsed };
}

function observation(
  path = '/v1/models/m:predict',
  headers: Record<string, string> = {},
): Observation {
  const arrival = {
    protocol: 'rest',
    id: 'id-1',
    method: 'POST',
    path,
    client: '127.0.0.1:5',
    header: (name: string) => headers[name],
  } as const;
  return new Observation(arrival, null);
}

describe('a line of the access log', () => {
  it('has what the request was, what came of it and how long its parts took', () => {
    const { log, parsed } = kept();
    const seen = observation();
    seen.answered(null, 2, STAGES);
    seen.status = 200;
    seen.bytesIn = 10;
    seen.bytesOut = 20;
    log.write(seen, seen.startedMs + 1.5);
    const [line] = parsed();
    expect(line).toMatchObject({
      level: 30,
      msg: 'request',
      component: 'access',
      worker: 3,
      id: 'id-1',
      protocol: 'rest',
      method: 'POST',
      path: '/v1/models/m:predict',
      code: 'OK',
      status: 200,
      version: '2',
      bytes_in: 10,
      bytes_out: 20,
      us: 1500,
      queue_us: 5,
      decode_us: 7,
      run_us: 21,
      encode_us: 3,
      client: '127.0.0.1:5',
    });
    expect(Math.abs(Number(line?.time) - Date.now())).toBeLessThan(10_000);
  });

  it('is JSON whatever the path holds', () => {
    const { log, parsed, lines } = kept();
    const path = '/v1/"\\\n\u0007é\u2028';
    log.write(observation(path), 0);
    expect(parsed()[0]?.path).toBe(path);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
  });

  it('names the trace that the client named, if that is one', () => {
    const id = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { log, parsed } = kept();
    log.write(observation('/v1/x', { traceparent: `00-${id}-00f067aa0ba902b7-01` }), 0);
    log.write(observation('/v1/x', { traceparent: '00-zz' }), 0);
    expect(parsed().map((it) => it.trace_id)).toEqual([id, undefined]);
    expect(traceIdOf(`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`)).toBe('');
  });

  it('is written for failures alone where that is asked for, and for a share of the rest', () => {
    const ok = observation();
    ok.answered(null, 1, null);
    const failed = observation();
    failed.answered(new ServingError('NOT_FOUND', 'x'), 0, null);
    const errors = kept({ mode: 'errors' });
    for (const seen of [ok, failed]) errors.log.write(seen, 0);
    expect(errors.parsed().map((it) => [it.code, it.level])).toEqual([['NOT_FOUND', 40]]);
    const draws = [0.1, 0.9, 0.2];
    const some = kept({ sampleRate: 0.5 }, () => draws.shift() ?? 1);
    for (const seen of [ok, ok, ok, failed]) some.log.write(seen, 0);
    expect(some.parsed().map((it) => it.code)).toEqual(['OK', 'OK', 'NOT_FOUND']);
  });
});

describe('the access log of a server', () => {
  it('has a line for each REST request, also of those the engine never sees', async () => {
    const { log, parsed } = kept();
    const app = await rest({
      engine: new FakeEngine(() => ({ reply: '{"predictions": []}', version: 7 })),
      observer: new Observer(log, null),
    });
    const headers = { 'x-request-id': 'mine' };
    const url = '/v1/models/half_plus_two:predict?token=secret';
    await app.inject({ method: 'POST', url, payload: '{}', headers });
    await app.inject({ method: 'POST', url: '/v1/nonsense', payload: '{}' });
    await app.inject({ method: 'GET', url: '/v1/models/none' });
    await app.inject({ method: 'GET', url: '/%zz' });
    await app.inject({ method: 'GET', url: '/healthz/live' });
    const lines = parsed();
    expect(lines.map((it) => [it.path, it.status, it.code])).toEqual([
      ['/v1/models/half_plus_two:predict', 200, 'OK'],
      ['/v1/nonsense', 400, 'INVALID_ARGUMENT'],
      ['/v1/models/none', 404, 'NOT_FOUND'],
      ['/%zz', 404, 'NOT_FOUND'],
    ]);
    expect(lines[0]).toMatchObject({ id: 'mine', version: '7', bytes_in: 2, bytes_out: 19 });
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('has a line for each call of gRPC, with its own id where the client gave none', async () => {
    const { log, parsed } = kept();
    const engine = new FakeEngine(({ body }) =>
      body === 'bad' ? new ServingError('INVALID_ARGUMENT', 'no') : { reply: 'four', version: 2 },
    );
    const { client } = await start({ engine, observer: new Observer(log, null) });
    const path = '/tensorflow.serving.PredictionService/Predict';
    await call(client, path, Buffer.from('x'));
    await expect(call(client, path, Buffer.from('bad'))).rejects.toThrow('no');
    const lines = parsed();
    expect(lines.map((it) => [it.method, it.code, it.bytes_in, it.bytes_out])).toEqual([
      ['tensorflow.serving.PredictionService/Predict', 'OK', 1, 4],
      ['tensorflow.serving.PredictionService/Predict', 'INVALID_ARGUMENT', 3, 0],
    ]);
    expect(lines[0]?.id).not.toBe(lines[1]?.id);
    expect(String(lines[0]?.client)).toMatch(/^127\.0\.0\.1:\d+$|unix|unknown/);
  });
});
