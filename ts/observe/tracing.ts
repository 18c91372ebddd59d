import { performance } from 'node:perf_hooks';
import type * as Otel from '@opentelemetry/api';
import { codeName } from '../errors.js';
import { packageVersion } from '../version.js';
import type { Arrival, Observation } from './observer.js';
import { subjectOf } from './subjects.js';

/** Where the API keeps what an SDK registered; looked at first, so that the API is only loaded where there is an SDK. */
const GLOBAL = Symbol.for('opentelemetry.js.api.1');
const ROUTES: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\/models\/[^/:]+/i, '/v1/models/{model}'],
  [/\/versions\/\d+/i, '/versions/{version}'],
  [/\/labels\/[^/:]+/i, '/labels/{label}'],
];
const HTTP_SERVER_ERROR = 500;
/** Codes that are the server's fault, for gRPC: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const SERVER_CODES = new Set([2, 4, 12, 13, 14, 15]);

/** One request's span. */
export interface RequestSpan {
  readonly traceId: string;
  /** Tells the client the trace: `traceparent` and, where there is one, `tracestate`. */
  inject(set: (name: string, value: string) => void): void;
  /** Ends the span, with a child for each stage. */
  end(observation: Observation, endedMs: number): void;
}

/** Traces through an OpenTelemetry SDK that this process has registered. */
export class Tracing {
  readonly #api: typeof Otel;
  readonly #tracer: Otel.Tracer;

  private constructor(api: typeof Otel) {
    this.#api = api;
    this.#tracer = api.trace.getTracer('servable', packageVersion());
  }

  /** Null where no SDK is registered in this thread: then nothing of it is loaded. */
  static async find(): Promise<Tracing | null> {
    const registered = (globalThis as unknown as Record<symbol, { trace?: unknown } | undefined>)[
      GLOBAL
    ];
    if (registered?.trace === undefined) return null;
    return new Tracing(await import('@opentelemetry/api'));
  }

  /** Begins the span of a request, as a child of what `traceparent` names. */
  begin(arrival: Arrival): RequestSpan {
    const { propagation, trace, ROOT_CONTEXT, SpanKind } = this.#api;
    const getter: Otel.TextMapGetter<Arrival['header']> = {
      get: (header, name) => header(name),
      keys: () => ['traceparent', 'tracestate'],
    };
    const parent = propagation.extract(ROOT_CONTEXT, arrival.header, getter);
    const { name, attributes } = arrival.protocol === 'rest' ? restSpan(arrival) : rpcSpan(arrival);
    const clock = new SpanClock();
    const startTime = clock.at(performance.now());
    const head = { kind: SpanKind.SERVER, attributes, startTime };
    const span = this.#tracer.startSpan(name, head, parent);
    const context = trace.setSpan(parent, span);
    return {
      traceId: span.spanContext().traceId,
      inject: (set) => {
        propagation.inject(context, undefined, { set: (_carrier, key, value) => set(key, value) });
      },
      end: (observation, endedMs) => {
        if (span.isRecording()) {
          this.#stages(observation, context, clock);
          this.#describe(span, observation);
        }
        span.end(clock.at(endedMs));
      },
    };
  }

  /** They follow each other from the request's arrival in the queue. */
  #stages({ stages }: Observation, context: Otel.Context, clock: SpanClock): void {
    if (stages === null) return;
    let atMs = stages.arrivedMs;
    const { queueUs, decodeUs, runUs, encodeUs } = stages;
    for (const [name, us] of Object.entries({ queueUs, decodeUs, runUs, encodeUs })) {
      if (us === 0) continue;
      const child = this.#tracer.startSpan(
        name.slice(0, -2),
        { startTime: clock.at(atMs) },
        context,
      );
      atMs += us / 1000;
      child.end(clock.at(atMs));
    }
  }

  #describe(
    span: Otel.Span,
    { arrival, code, status, stages, bytesIn, bytesOut }: Observation,
  ): void {
    const number = code ?? 2;
    const subject = subjectOf(stages?.subject ?? 0);
    if (subject !== null) {
      span.setAttribute('servable.model.name', subject.model);
      span.setAttribute('servable.model.version', String(subject.version ?? ''));
      span.setAttribute('servable.model.signature', subject.signature);
    }
    const isRest = arrival.protocol === 'rest';
    if (isRest) {
      span.setAttribute('http.response.status_code', status);
      span.setAttribute('http.request.body.size', bytesIn);
      span.setAttribute('http.response.body.size', bytesOut);
    } else span.setAttribute('rpc.grpc.status_code', number);
    const isError = isRest ? status >= HTTP_SERVER_ERROR : SERVER_CODES.has(number);
    if (number !== 0) span.setAttribute('error.type', isRest ? String(status) : codeName(number));
    if (isError)
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: codeName(number) });
  }
}

/**
 * This thread's clock in Unix time, read once a request. An SDK that is given the time of `performance.now()` reads both clocks for each
 * span, and a child then begins up to a millisecond away from where it should.
 */
class SpanClock {
  readonly #originMs = Date.now() - performance.now();

  /** @param ms on the clock of `performance.now()` */
  at(ms: number): Otel.HrTime {
    const seconds = Math.floor((this.#originMs + ms) / 1000);
    const nanos = Math.round((this.#originMs - seconds * 1000 + ms) * 1e6);
    return nanos < 1e9 ? [seconds, nanos] : [seconds + 1, nanos - 1e9];
  }
}

interface SpanHead {
  readonly name: string;
  readonly attributes: Otel.Attributes;
}

/** Name and attributes by OpenTelemetry's conventions for HTTP. */
function restSpan({ method, path, client, header, id }: Arrival): SpanHead {
  let route = path;
  for (const [pattern, text] of ROUTES) route = route.replace(pattern, text);
  const isKnown = route.startsWith('/v1/models');
  const agent = header('user-agent');
  return {
    name: isKnown ? `${method} ${route}` : method,
    attributes: {
      'http.request.method': method,
      'url.path': path,
      'url.scheme': 'http',
      'network.protocol.name': 'http',
      'client.address': address(client),
      'servable.request.id': id,
      ...(isKnown ? { 'http.route': route } : {}),
      ...(agent === undefined ? {} : { 'user_agent.original': agent }),
    },
  };
}

/** Name and attributes by OpenTelemetry's conventions for gRPC. */
function rpcSpan({ method, client, id }: Arrival): SpanHead {
  const [service = '', name = ''] = method.split('/');
  return {
    name: method,
    attributes: {
      'rpc.system': 'grpc',
      'rpc.service': service,
      'rpc.method': name,
      'client.address': address(client),
      'servable.request.id': id,
    },
  };
}

/** An address without its port. */
function address(client: string): string {
  return client.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
