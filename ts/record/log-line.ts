import protojson from 'protobufjs/ext/protojson.js';
import { type Example, type MessageName, messageType } from '../codec/messages.js';
import { decodeTensorProto, encodePredict } from '../codec/predict.js';
import { ServingError } from '../errors.js';
import type { NonFinite } from '../native/infer-queue.js';
import type { PredictionRecord } from './prediction-log.js';
import type { LogKind } from './request-spec.js';
import { fieldsOf, lastBytes } from './wire.js';

/** What a JSON line tells besides the record. */
export interface LineFacts {
  readonly atMs: number;
  readonly protocol: 'rest' | 'grpc';
  /** Names whose values were taken out. */
  readonly redacted: readonly string[];
}

/** The messages of the kinds that are printed as protobuf's JSON. */
const MESSAGES: Readonly<
  Record<'multiInference' | 'sessionRun', readonly [MessageName, MessageName]>
> = {
  multiInference: [
    'tensorflow.serving.MultiInferenceRequest',
    'tensorflow.serving.MultiInferenceResponse',
  ],
  sessionRun: ['tensorflow.serving.SessionRunRequest', 'tensorflow.serving.SessionRunResponse'],
};

/**
 * A record as one line of JSON: `request` and `response` are bodies of the REST API (`inputs` and `outputs` by name; `examples` and
 * `results`), for multi-inference and session runs protobuf's JSON. NaN and the infinities are texts.
 *
 * @throws {ServingError} for a tensor that JSON has no form for, such as a complex one
 */
export function logLine(record: PredictionRecord, { atMs, protocol, redacted }: LineFacts): string {
  const { metadata, kind } = record;
  const spec = metadata.modelSpec;
  const facts = {
    time: new Date(atMs).toISOString(),
    model: spec?.name ?? '',
    version: String(spec?.version?.value ?? ''),
    signature: spec?.signatureName ?? '',
    method: kind,
    protocol,
    ...(redacted.length === 0 ? {} : { redacted }),
  };
  const request = requestText(kind, record.request);
  const response = record.response === null ? 'null' : responseText(kind, record.response);
  return `${JSON.stringify(facts).slice(0, -1)},"request":${request},"response":${response}}`;
}

/** A request message as the JSON of a log's lines. */
export function requestText(
  kind: LogKind,
  request: Buffer,
  nonFinite: NonFinite = 'string',
): string {
  const INPUT = 2;
  switch (kind) {
    case 'predict':
      return tensorsText('inputs', request, INPUT, nonFinite);
    case 'classify':
    case 'regress':
      return examplesText(lastBytes(request, INPUT) ?? Buffer.alloc(0), nonFinite);
    case 'multiInference':
    case 'sessionRun':
      return protoJson(MESSAGES[kind][0], request);
  }
}

/** A response message as the JSON of a log's lines. */
export function responseText(kind: LogKind, response: Buffer): string {
  switch (kind) {
    case 'predict':
      return tensorsText('outputs', response, 1, 'string');
    case 'classify':
    case 'regress':
      return JSON.stringify({ results: results(kind, response) });
    case 'multiInference':
    case 'sessionRun':
      return protoJson(MESSAGES[kind][1], response);
  }
}

/** `{"inputs":{"x":[…]}}` of the entries of a map of tensors. */
function tensorsText(
  key: 'inputs' | 'outputs',
  message: Buffer,
  number: number,
  nonFinite: NonFinite,
): string {
  const entries = new Map<string, Buffer>();
  for (const field of fieldsOf(message)) {
    if (field.number !== number || field.bytes === null) continue;
    const name = lastBytes(field.bytes, 1)?.toString() ?? '';
    entries.set(name, lastBytes(field.bytes, 2) ?? Buffer.alloc(0));
  }
  const texts = [...entries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, proto]) => `${JSON.stringify(name)}:${tensorText(name, proto, nonFinite)}`);
  return `{"${key}":{${texts.join(',')}}}`;
}

/** The values of one tensor as the REST API prints them, on one line. */
function tensorText(name: string, proto: Buffer, nonFinite: NonFinite): string {
  const tensor = decodeTensorProto(proto, name);
  const printed = encodePredict({ [name]: tensor }, { format: 'column', nonFinite });
  // { "outputs": VALUE }, in which only the layout has line breaks: texts have theirs escaped.
  const text = printed.toString();
  return text
    .slice(text.indexOf(':') + 1, text.lastIndexOf('}'))
    .replace(/\s*\n\s*/g, '')
    .trim();
}

/** The `examples`, and the `context` where there is one, as the REST API takes them. */
function examplesText(input: Buffer, nonFinite: NonFinite): string {
  const [list, withContext] = [lastBytes(input, 1), lastBytes(input, 2)];
  const holder = withContext ?? list ?? Buffer.alloc(0);
  const examples = fieldsOf(holder).flatMap(({ number, bytes }) =>
    number === 1 && bytes !== null ? [exampleText(bytes, nonFinite)] : [],
  );
  const context = withContext === null ? null : lastBytes(withContext, 2);
  const shared = context === null ? '' : `"context":${exampleText(context, nonFinite)},`;
  return `{${shared}"examples":[${examples.join(',')}]}`;
}

function exampleText(bytes: Buffer, nonFinite: NonFinite): string {
  const example: Example = messageType('tensorflow.Example').decode(bytes);
  const features = Object.entries(example.features?.feature ?? {});
  const texts = features.map(([name, { bytesList, floatList, int64List }]) => {
    const values =
      bytesList?.value.map((value) => JSON.stringify(textOrBase64(value))) ??
      floatList?.value.map((value) => floatText(value, nonFinite)) ??
      int64List?.value.map(String) ??
      [];
    return `${JSON.stringify(name)}:[${values.join(',')}]`;
  });
  return `{${texts.join(',')}}`;
}

/** A whole number without a point would be read as an integer. */
function floatText(value: number, nonFinite: NonFinite): string {
  if (!Number.isFinite(value)) return nonFinite === 'token' ? String(value) : `"${value}"`;
  const text = String(value);
  return Number.isInteger(value) && !text.includes('e') ? `${text}.0` : text;
}

function textOrBase64(bytes: Uint8Array): string | { b64: string } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString();
  return Buffer.from(text).equals(buffer) ? text : { b64: buffer.toString('base64') };
}

function results(kind: 'classify' | 'regress', response: Buffer): unknown[] {
  const shown = (value: number): number | string =>
    Number.isFinite(value) ? value : String(value);
  if (kind === 'regress') {
    const { result } = messageType('tensorflow.serving.RegressionResponse').decode(response);
    return (result?.regressions ?? []).map(({ value }) => shown(value));
  }
  const { result } = messageType('tensorflow.serving.ClassificationResponse').decode(response);
  return (result?.classifications ?? []).map(({ classes }) =>
    classes.map(({ label, score }) => [label, shown(score)]),
  );
}

function protoJson(name: MessageName, bytes: Buffer): string {
  const { reflection } = messageType(name);
  try {
    return JSON.stringify(protojson.toJson(reflection, reflection.decode(bytes)));
  } catch (cause) {
    throw new ServingError('INVALID_ARGUMENT', `${name}: ${(cause as Error).message}`, { cause });
  }
}
