import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { decodePredict } from '../codec/predict.js';
import { sampleRequest, takesExamples } from '../codec/sample-request.js';
import type { SignatureDescription } from '../codec/signature-description.js';
import { ServingError } from '../errors.js';
import type { TensorSpec } from '../signature.js';
import { errorText } from './describe.js';
import { GrpcLane, type GrpcRequest } from './grpc-lane.js';
import { type Endpoint, type Lane, OK } from './lane.js';
import { predictMessage, restBody, syntheticInputs } from './payload.js';
import { RestLane, type RestRequest } from './rest-lane.js';
import { restPath, shownTarget, type Target } from './target.js';

/** The request that is sent again and again. */
export type Prepared =
  | { readonly protocol: 'rest'; readonly request: RestRequest }
  | { readonly protocol: 'grpc'; readonly request: GrpcRequest };

/** What the request is made of. */
export interface RequestSource {
  /** A file with the request; null makes one up from the signature. */
  readonly file: string | null;
  /** Of a REST file; null tells it from the file's name. */
  readonly contentType: string | null;
  /** Rows of a request that is made up. */
  readonly rows: number;
  /** Asks the server; only where the request has to be made up or translated. */
  readonly signature: () => Promise<SignatureDescription>;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.npy': 'application/x-npy',
  '.csv': 'text/csv',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.pb': 'application/x-protobuf',
};
const RPCS: Readonly<Record<string, string>> = {
  predict: 'Predict',
  classify: 'Classify',
  regress: 'Regress',
};
/** Values of an example shown to nobody. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER;

/**
 * Makes the request.
 *
 * @throws {ServingError} what is wrong with the file, or why none can be made up
 */
export async function prepareRequest(target: Target, source: RequestSource): Promise<Prepared> {
  return target.protocol === 'rest'
    ? { protocol: 'rest', request: await restRequest(target, source) }
    : { protocol: 'grpc', request: await grpcRequest(target, source) };
}

async function restRequest(target: Target, source: RequestSource): Promise<RestRequest> {
  const path = restPath(target, `:${target.verb}`);
  const { file } = source;
  if (file !== null) {
    const known = CONTENT_TYPES[extname(file).toLowerCase()] ?? 'application/json';
    return { path, contentType: source.contentType ?? known, body: read(file) };
  }
  const signature = await source.signature();
  const isExamples = target.verb !== 'predict' || takesExamples(signature.methodName);
  const body = isExamples
    ? Buffer.from(JSON.stringify(sampleRequest(signature, ANY_NUMBER)))
    : restBody(signature, syntheticInputs(signature, source.rows));
  return { path, contentType: 'application/json', body };
}

async function grpcRequest(target: Target, source: RequestSource): Promise<GrpcRequest> {
  const method = `/tensorflow.serving.PredictionService/${RPCS[target.verb]}`;
  const { file } = source;
  const isJson = file === null || extname(file).toLowerCase() === '.json';
  if (file !== null && !isJson) return { method, message: read(file) };
  if (target.verb !== 'predict') {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `:${target.verb} over gRPC needs --request with a serialized request message`,
    );
  }
  const signature = await source.signature();
  const inputs =
    file === null ? syntheticInputs(signature, source.rows) : translated(read(file), signature);
  return { method, message: predictMessage(target.model, target, signature.name, inputs) };
}

/** The tensors of a JSON body, read as the server would. */
function translated(body: Buffer, { name, inputs }: SignatureDescription) {
  const specs = inputs.map((it) => [
    it.name,
    { ...it, tensorName: '', hasDefault: false } as TensorSpec,
  ]);
  const decoded = decodePredict(body, { name, inputs: Object.fromEntries(specs) });
  return Object.entries(decoded.inputs).map(([input, tensor]) => ({ name: input, tensor }));
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new ServingError('NOT_FOUND', `--request ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** A connection for the request. */
export function openLane(prepared: Prepared, endpoint: Endpoint): Lane {
  return prepared.protocol === 'rest'
    ? new RestLane(endpoint, prepared.request)
    : new GrpcLane(endpoint, prepared.request);
}

/** Bytes of the request's body or message. */
export function requestBytes(prepared: Prepared): number {
  return prepared.protocol === 'rest'
    ? prepared.request.body.length
    : prepared.request.message.length;
}

/**
 * Sends the request once: nothing but right answers is worth measuring.
 *
 * @throws {ServingError} `FAILED_PRECONDITION` with what the server answers
 */
export async function mustAnswer(
  target: Target,
  prepared: Prepared,
  endpoint: Endpoint,
): Promise<void> {
  const refused = (answer: string): ServingError =>
    new ServingError(
      'FAILED_PRECONDITION',
      `${shownTarget(target)} answers the request with ${answer}; name one that works with --request`,
    );
  if (prepared.protocol === 'grpc') {
    const lane = new GrpcLane(endpoint, prepared.request);
    const { outcome, text } = await lane.call();
    lane.close();
    if (outcome !== OK) throw refused(`${outcome}: ${text}`);
    return;
  }
  const { path, contentType, body } = prepared.request;
  const { host, port, tls, headers, timeoutMs } = endpoint;
  const name = host.includes(':') ? `[${host}]` : host;
  const url = `http${tls ? 's' : ''}://${name}:${port}${path}`;
  let answer: { status: number; text: string };
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': contentType },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    answer = { status: response.status, text: response.ok ? '' : await response.text() };
    if (response.ok) await response.arrayBuffer();
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause;
    throw new ServingError(
      'UNAVAILABLE',
      `${url}: ${cause?.code ?? (error as Error).message}; is a server running there?`,
      { cause: error },
    );
  }
  if (answer.status >= 300) throw refused(`${answer.status}: ${errorText(answer.text)}`);
}
