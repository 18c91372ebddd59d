import { messageType } from '../codec/messages.js';
import { describeSignature, type SignatureDescription } from '../codec/signature-description.js';
import { ServingError } from '../errors.js';
import { GrpcLane } from './grpc-lane.js';
import { type Endpoint, failureOf, OK } from './lane.js';
import { restPath, shownTarget, type Target } from './target.js';

const GET_METADATA = '/tensorflow.serving.PredictionService/GetModelMetadata';
const FIELD = 'signature_def';

/**
 * Asks a server, this one or TensorFlow Serving, for a signature of a model.
 *
 * @throws {ServingError} `UNAVAILABLE` no answer; `NOT_FOUND` no such model or signature
 */
export async function fetchSignature(
  target: Target,
  endpoint: Endpoint,
  name: string,
): Promise<SignatureDescription> {
  const all =
    target.protocol === 'rest'
      ? await overRest(target, endpoint)
      : await overGrpc(target, endpoint);
  const found = all.find((it) => it.name === name);
  if (found !== undefined) return found;
  const names = all.map((it) => it.name).filter((it) => !it.startsWith('__saved_model_'));
  throw new ServingError(
    'NOT_FOUND',
    `model "${target.model}" has no signature "${name}" (it has ${names.join(', ')}): see --signature`,
  );
}

/** A SignatureDef as protobuf's JSON has it. */
interface JsonSignature {
  readonly inputs?: Readonly<Record<string, JsonTensor>>;
  readonly outputs?: Readonly<Record<string, JsonTensor>>;
  readonly method_name?: string;
}
interface JsonTensor {
  readonly dtype: string;
  readonly tensor_shape?: {
    readonly dim?: readonly { readonly size: string }[];
    readonly unknown_rank?: boolean;
  };
}

async function overRest(target: Target, endpoint: Endpoint): Promise<SignatureDescription[]> {
  const { host, port, tls, headers, timeoutMs } = endpoint;
  const name = host.includes(':') ? `[${host}]` : host;
  const url = `http${tls ? 's' : ''}://${name}:${port}${restPath(target, '/metadata')}`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs) });
    text = await response.text();
  } catch (error) {
    throw noAnswer(url, (error as { cause?: unknown }).cause ?? error);
  }
  if (!response.ok) {
    throw new ServingError('NOT_FOUND', `${url} answered ${response.status}: ${errorText(text)}`);
  }
  const document = JSON.parse(text) as {
    metadata?: { signature_def?: { signature_def?: Readonly<Record<string, JsonSignature>> } };
  };
  const definitions = document.metadata?.signature_def?.signature_def ?? {};
  return Object.entries(definitions).map(([signature, definition]) => ({
    name: signature,
    methodName: definition.method_name ?? '',
    inputs: jsonTensors(definition.inputs ?? {}),
    outputs: jsonTensors(definition.outputs ?? {}),
  }));
}

function jsonTensors(tensors: Readonly<Record<string, JsonTensor>>) {
  return Object.entries(tensors)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { dtype, tensor_shape: shape }]) => ({
      name,
      dtype: dtype.replace(/^DT_/, '').toLowerCase(),
      shape:
        shape === undefined || shape.unknown_rank === true
          ? null
          : (shape.dim ?? []).map(({ size }) => Number(size)),
    }));
}

async function overGrpc(target: Target, endpoint: Endpoint): Promise<SignatureDescription[]> {
  const message = messageType('tensorflow.serving.GetModelMetadataRequest').encode({
    modelSpec: {
      name: target.model,
      version: target.version === null ? null : { value: target.version },
      versionLabel: target.label,
    },
    metadataField: [FIELD],
  });
  const lane = new GrpcLane(endpoint, { method: GET_METADATA, message });
  let reply: Buffer | null = null;
  const { outcome, text } = await lane.call((bytes) => {
    reply = bytes;
  });
  lane.close();
  if (outcome !== OK || reply === null) {
    throw new ServingError('NOT_FOUND', `${shownTarget(target)} answered ${outcome}: ${text}`);
  }
  const { metadata } = messageType('tensorflow.serving.GetModelMetadataResponse').decode(reply);
  const map = metadata[FIELD]?.value ?? new Uint8Array();
  const { signatureDef } = messageType('tensorflow.serving.SignatureDefMap').decode(map);
  return Object.entries(signatureDef).map((entry) => describeSignature(...entry));
}

function noAnswer(url: string, cause: unknown): ServingError {
  const text = `${url}: ${failureOf(cause)}; is a server running there?`;
  return new ServingError('UNAVAILABLE', text, { cause });
}

/** The text of an error answer. */
export function errorText(body: string): string {
  try {
    return String((JSON.parse(body) as { error?: unknown }).error ?? body).slice(0, 500);
  } catch {
    return body.slice(0, 500);
  }
}
