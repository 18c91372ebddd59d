import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLI, modelDir, ROOT } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

/** The part of OTLP that tells of spans. */
const OTLP = protobuf
  .parse(`
  syntax = "proto3";
  message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  }
  message ScopeSpans { repeated Span spans = 2; }
  message ResourceSpans { repeated ScopeSpans scope_spans = 2; }
  message Request { repeated ResourceSpans resource_spans = 1; }
`)
  .root.lookupType('Request');

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly { key: string; value: Record<string, unknown> }[];
}

interface Request {
  readonly resourceSpans: readonly { scopeSpans: readonly { spans: readonly Span[] }[] }[];
}

const spans: Span[] = [];
let receiver: Server;
let server: RunningServer;

beforeAll(async () => {
  receiver = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const message = OTLP.toObject(OTLP.decode(Buffer.concat(parts)), {
        bytes: String,
        longs: String,
      }) as Request;
      for (const { scopeSpans } of message.resourceSpans) {
        spans.push(...scopeSpans.flatMap((scope) => scope.spans));
      }
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', () => resolve()));
  const { port } = receiver.address() as AddressInfo;
  const setUp = pathToFileURL(join(ROOT, 'test', 'native', 'children', 'otlp.mjs')).href;
  server = await startServer({
    command: [process.execPath, '--import', setUp, CLI],
    args: [
      '--model_name=half_plus_two',
      `--model_base_path=${modelDir('half_plus_two')}`,
      '--workers=2',
      '--access_log=all',
    ],
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
    models: ['half_plus_two'],
  });
}, 60_000);

afterAll(async () => {
  await server.stop();
  receiver.close();
});

it('an SDK that --import registers in each worker sends a request’s span and its stages by OTLP', async () => {
  const answer = await fetch(`${server.rest}/v1/models/half_plus_two:predict`, {
    method: 'POST',
    body: '{"instances": [1, 2]}',
    headers: {
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'x-request-id': 'traced-1',
    },
  });
  expect(answer.status).toBe(200);
  await answer.text();
  const traceId = Buffer.from('4bf92f3577b34da6a3ce929d0e0e4736', 'hex').toString('base64');
  const ours = (): Span[] => spans.filter((span) => span.traceId === traceId);
  await expect.poll(() => ours().length, { timeout: 10_000 }).toBe(5);
  const parent = ours().find(({ name }) => name === 'POST /v1/models/{model}:predict');
  expect(parent?.kind).toBe(2);
  const attributes = Object.fromEntries(
    (parent?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]),
  );
  expect(attributes).toMatchObject({
    'servable.model.name': 'half_plus_two',
    'servable.model.version': '2',
    'servable.model.signature': 'serving_default',
    'servable.request.id': 'traced-1',
    'http.route': '/v1/models/{model}:predict',
  });
  const children = ours()
    .filter((span) => span.parentSpanId === parent?.spanId)
    .sort((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)));
  expect(children.map(({ name }) => name)).toEqual(['queue', 'decode', 'run', 'encode']);
  for (const child of children) {
    expect(BigInt(child.startTimeUnixNano)).toBeGreaterThanOrEqual(
      BigInt(parent?.startTimeUnixNano ?? 0),
    );
    expect(BigInt(child.endTimeUnixNano)).toBeLessThanOrEqual(BigInt(parent?.endTimeUnixNano ?? 0));
  }
  // The same trace stands in the access log, which has the same stages.
  const [line] = await server.printed(/^.*"id":"traced-1".*$/m);
  expect(JSON.parse(line)).toMatchObject({
    code: 'OK',
    model: 'half_plus_two',
    version: '2',
    signature: 'serving_default',
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    run_us: expect.any(Number),
  });
});
