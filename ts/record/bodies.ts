import protojson from 'protobufjs/ext/protojson.js';
import { decodeExamples } from '../codec/examples.js';
import { type MessageName, messageType } from '../codec/messages.js';
import { decodePredict, encodeTensorProto } from '../codec/predict.js';
import type { SignatureDescription } from '../codec/signature-description.js';
import { ServingError } from '../errors.js';
import type { Signature, TensorSpec } from '../signature.js';
import { requestText } from './log-line.js';
import { type LogKind, specOf } from './request-spec.js';
import { bytesField, fieldsOf, lastBytes } from './wire.js';

const MODEL_SPEC = 1;
const INPUT = 2;

/** The signature a request means, by the name it gives; empty for the default one. */
export type FindSignature = (name: string) => Promise<SignatureDescription>;

/** Which model a request goes to. */
export interface Destination {
  readonly model: string;
  /** Null for the newest one. */
  readonly version: bigint | null;
}

/** The REST API's body for a request message, or protobuf's JSON of a kind that REST has not. */
export function bodyText(kind: LogKind, request: Buffer): string {
  const text = requestText(kind, request, 'token');
  if (kind === 'multiInference' || kind === 'sessionRun') return text;
  const { signatureName } = specOf(kind, request);
  return signatureName === ''
    ? text
    : `{"signature_name":${JSON.stringify(signatureName)},${text.slice(1)}`;
}

/**
 * The request message for a body of the REST API, or for protobuf's JSON of a kind that REST has not.
 *
 * @throws {ServingError} what is wrong with the body; `NOT_FOUND` its signature
 */
export async function requestMessage(
  kind: LogKind,
  body: string,
  destination: Destination,
  find: FindSignature,
): Promise<Buffer> {
  switch (kind) {
    case 'predict':
      return predictRequest(body, destination, find);
    case 'classify':
    case 'regress': {
      const { signatureName, examples } = decodeExamples(body);
      const list = bytesField(1, ...examples.map((example) => bytesField(1, example)));
      return Buffer.concat([spec(destination, signatureName), bytesField(INPUT, list)]);
    }
    case 'multiInference':
      return redirect(
        kind,
        fromJson('tensorflow.serving.MultiInferenceRequest', body),
        destination,
      );
    case 'sessionRun':
      return redirect(kind, fromJson('tensorflow.serving.SessionRunRequest', body), destination);
  }
}

async function predictRequest(
  body: string,
  destination: Destination,
  find: FindSignature,
): Promise<Buffer> {
  const name = (JSON.parse(withTexts(body)) as { signature_name?: string }).signature_name ?? '';
  const signature = await find(name);
  const { inputs } = decodeLeniently(body, signature);
  const entries = Object.entries(inputs).map(([alias, tensor]) => {
    const proto = encodeTensorProto(tensor, { asContent: tensor.dtype !== 'string' });
    return bytesField(INPUT, bytesField(1, Buffer.from(alias)), bytesField(2, proto));
  });
  return Buffer.concat([spec(destination, signature.name), ...entries]);
}

/** A line of a log has NaN and the infinities as texts, which requests have not. */
function decodeLeniently(
  body: string,
  signature: SignatureDescription,
): ReturnType<typeof decodePredict> {
  const described = { name: signature.name, inputs: inputsOf(signature) };
  try {
    return decodePredict(body, described);
  } catch (error) {
    const tokens = body.replace(/"(-?(?:NaN|Infinity))"/g, '$1');
    if (tokens === body) throw error;
    return decodePredict(tokens, described);
  }
}

/** Bare NaN as a text, so that `JSON.parse` takes it. */
function withTexts(body: string): string {
  return body.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (match) =>
    match.startsWith('"') ? match : `"${match}"`,
  );
}

function inputsOf({ inputs }: SignatureDescription): Signature['inputs'] {
  const specs = inputs.map(({ name, dtype, shape }) => {
    const tensor = { name, tensorName: name, dtype, shape, hasDefault: false };
    return [name, tensor as TensorSpec] as const;
  });
  return Object.fromEntries(specs);
}

/** The same request for another model or version; its signature stays. */
export function redirect(kind: LogKind, request: Buffer, destination: Destination): Buffer {
  if (kind !== 'multiInference') return respecified(request, destination);
  return Buffer.concat(
    fieldsOf(request).map(({ number, bytes, whole }) =>
      number === 1 && bytes !== null ? bytesField(1, respecified(bytes, destination)) : whole,
    ),
  );
}

function respecified(message: Buffer, destination: Destination): Buffer {
  const old = lastBytes(message, MODEL_SPEC);
  const signatureName = old === null ? '' : (lastBytes(old, 3)?.toString() ?? '');
  const others = fieldsOf(message).filter(({ number }) => number !== MODEL_SPEC);
  return Buffer.concat([spec(destination, signatureName), ...others.map(({ whole }) => whole)]);
}

function spec({ model, version }: Destination, signatureName: string): Buffer {
  const type = messageType('tensorflow.serving.ModelSpec');
  const chosen = version === null ? {} : { version: { value: version } };
  return bytesField(MODEL_SPEC, type.encode({ name: model, signatureName, ...chosen }));
}

function fromJson(name: MessageName, body: string): Buffer {
  const { reflection } = messageType(name);
  try {
    const bytes = reflection.encode(protojson.fromJson(reflection, JSON.parse(body))).finish();
    return Buffer.from(bytes);
  } catch (cause) {
    throw new ServingError('INVALID_ARGUMENT', `${name}: ${(cause as Error).message}`, { cause });
  }
}
