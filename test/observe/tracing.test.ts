import { Metadata } from '@grpc/grpc-js';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import type { Done } from '../../ts/native/target.js';
import { Observer } from '../../ts/observe/observer.js';
import { Tracing } from '../../ts/observe/tracing.js';
import { FakeEngine } from '../api/fakes.js';
import { identity, start } from '../api/grpc-support.js';
import { listening, rest } from '../api/rest-support.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

/** An engine that tells how long the parts of a request took. */
class TimedEngine extends FakeEngine {
  override infer(...[target, body, deadlineMs, done]: Parameters<FakeEngine['infer']>): number {
    const arrivedMs = performance.now();
    const timed: Done = (failure, reply, version) => {
      const stages = { subject: 0, queueUs: 10, decodeUs: 20, runUs: 30, encodeUs: 5, arrivedMs };
      done(failure, reply, version, stages);
    };
    return super.infer(target, body, deadlineMs, timed);
  }
}

async function observer(): Promise<Observer> {
  return new Observer(null, await Tracing.find());
}

/** Spans that have ended, by name. */
function spans(): Map<string, ReadableSpan> {
  return new Map(exporter.getFinishedSpans().map((span) => [span.name, span]));
}

const micros = ({ duration: [seconds, nanos] }: ReadableSpan): number =>
  Math.round((seconds * 1e9 + nanos) / 1000);

it('finds no SDK where none is registered', async () => {
  expect(await Tracing.find()).toBeNull();
});

describe('with an SDK', () => {
  beforeAll(() => provider.register());
  afterAll(async () => {
    await provider.shutdown();
    trace.disable();
  });
  afterEach(() => exporter.reset());

  it('a REST request is a span under its client’s, with a child for each stage', async () => {
    const app = await rest({ engine: new TimedEngine(), observer: await observer() });
    const port = await listening(app);
    const answer = await fetch(`http://127.0.0.1:${port}/v1/models/a%20b/versions/3:predict`, {
      method: 'POST',
      body: '{}',
      headers: { traceparent: TRACEPARENT, tracestate: 'a=1', 'user-agent': 'test' },
    });
    expect(answer.status).toBe(200);
    await answer.text();
    await expect.poll(() => exporter.getFinishedSpans().length).toBe(5);
    const found = spans();
    const server = found.get('POST /v1/models/{model}/versions/{version}:predict');
    expect(server?.kind).toBe(SpanKind.SERVER);
    expect(server?.spanContext().traceId).toBe(TRACE);
    expect(server?.parentSpanContext?.spanId).toBe(PARENT);
    expect(server?.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/v1/models/{model}/versions/{version}:predict',
      'url.path': '/v1/models/a%20b/versions/3:predict',
      'http.response.status_code': 200,
      'client.address': '127.0.0.1',
      'user_agent.original': 'test',
    });
    const own = server?.spanContext().spanId;
    for (const [name, us] of Object.entries({ queue: 10, decode: 20, run: 30, encode: 5 })) {
      const child = found.get(name);
      expect(child?.parentSpanContext?.spanId).toBe(own);
      expect(child === undefined ? Number.NaN : micros(child)).toBe(us);
    }
    expect(answer.headers.get('traceparent')).toBe(`00-${TRACE}-${own}-01`);
    expect(answer.headers.get('tracestate')).toBe('a=1');
  });

  it('a request of a client that traces nothing begins a trace', async () => {
    const app = await rest({ observer: await observer() });
    await app.inject({ method: 'GET', url: '/v1/models/none' });
    const [span] = exporter.getFinishedSpans();
    expect(span?.parentSpanContext).toBeUndefined();
    expect(span?.name).toBe('GET /v1/models/{model}');
    expect(span?.attributes['http.response.status_code']).toBe(404);
    expect(span?.attributes['error.type']).toBe('404');
    // What the client did wrong is no error of the server.
    expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('probes and the metrics page are no spans', async () => {
    const app = await rest({ observer: await observer() });
    await app.inject({ method: 'GET', url: '/healthz/live' });
    expect(exporter.getFinishedSpans()).toEqual([]);
  });

  it('a call of gRPC is a span under its client’s, and tells its own', async () => {
    const engine = new TimedEngine(({ body }) =>
      body === 'bad' ? new ServingError('UNAVAILABLE', 'no') : { reply: 'four' },
    );
    const { client } = await start({ engine, observer: await observer() });
    const metadata = new Metadata();
    metadata.set('traceparent', TRACEPARENT);
    const path = '/tensorflow.serving.PredictionService/Predict';
    const ask = (body: string): Promise<Metadata> =>
      new Promise((resolve) => {
        const unary = client.makeUnaryRequest(
          path,
          identity,
          identity,
          Buffer.from(body),
          metadata,
          () => undefined,
        );
        unary.on('metadata', resolve);
      });
    const [answer] = await Promise.all([ask('x'), ask('bad')]);
    await expect.poll(() => exporter.getFinishedSpans().length).toBe(10);
    const calls = exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.SERVER);
    expect(calls.map(({ name }) => name)).toEqual(Array(2).fill(path.slice(1)));
    for (const call of calls) {
      expect(call.spanContext().traceId).toBe(TRACE);
      expect(call.parentSpanContext?.spanId).toBe(PARENT);
    }
    const [good, bad] = [0, 14].map((code) =>
      calls.find((it) => it.attributes['rpc.grpc.status_code'] === code),
    );
    expect(good?.attributes).toMatchObject({
      'rpc.system': 'grpc',
      'rpc.service': 'tensorflow.serving.PredictionService',
      'rpc.method': 'Predict',
    });
    expect(bad?.status.code).toBe(SpanStatusCode.ERROR);
    expect(answer.get('traceparent')[0]).toBe(`00-${TRACE}-${good?.spanContext().spanId}-01`);
  });

  it('what the sampler leaves out is no span', async () => {
    const app = await rest({ observer: await observer() });
    const headers = { traceparent: `00-${TRACE}-${PARENT}-00` };
    await app.inject({ method: 'GET', url: '/v1/models', headers });
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});
