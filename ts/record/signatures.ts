import protojson from 'protobufjs/ext/protojson.js';
import { messageType, type SignatureDefMap, toPlain } from '../codec/messages.js';
import { describeSignature, type SignatureDescription } from '../codec/signature-description.js';
import { ServingError } from '../errors.js';
import { DEFAULT_SIGNATURE } from '../signature.js';
import type { Destination } from './bodies.js';

/** The signatures of a server's models, each model asked for once. */
export class Signatures {
  readonly #ask: (request: Buffer) => Promise<Buffer>;
  readonly #known = new Map<string, Promise<readonly SignatureDescription[]>>();

  /** @param ask the RPC GetModelMetadata */
  constructor(ask: (request: Buffer) => Promise<Buffer>) {
    this.#ask = ask;
  }

  /**
   * The signature a request means.
   *
   * @throws {ServingError} `NOT_FOUND` naming those there are
   */
  async find(destination: Destination, name: string): Promise<SignatureDescription> {
    const key = `${destination.version ?? ''} ${destination.model}`;
    const asked = this.#known.get(key) ?? this.#read(destination);
    this.#known.set(key, asked);
    return named(await asked, name);
  }

  async #read({ model, version }: Destination): Promise<readonly SignatureDescription[]> {
    const chosen = version === null ? {} : { version: { value: version } };
    const request = messageType('tensorflow.serving.GetModelMetadataRequest').encode({
      modelSpec: { name: model, ...chosen },
      metadataField: ['signature_def'],
    });
    const type = messageType('tensorflow.serving.GetModelMetadataResponse');
    const { metadata } = type.decode(await this.#ask(request));
    const map = messageType('tensorflow.serving.SignatureDefMap');
    const { signatureDef } = map.decode(metadata.signature_def?.value ?? new Uint8Array(0));
    return Object.entries(signatureDef).map(([name, it]) => describeSignature(name, it));
  }
}

/**
 * The signatures in the document of `GET /v1/models/NAME/metadata`.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` it is not one
 */
export function signaturesFromJson(document: unknown): SignatureDescription[] {
  const { reflection } = messageType('tensorflow.serving.SignatureDefMap');
  const { metadata } = document as { metadata?: { signature_def?: unknown } };
  try {
    const map = toPlain(reflection, protojson.fromJson(reflection, metadata?.signature_def));
    const { signatureDef } = map as unknown as SignatureDefMap;
    return Object.entries(signatureDef).map(([name, it]) => describeSignature(name, it));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new ServingError('INVALID_ARGUMENT', `not the metadata of a model: ${reason}`, { cause });
  }
}

/**
 * The signature of this name among others; the empty name is the default one.
 *
 * @throws {ServingError} `NOT_FOUND` naming those there are
 */
export function named(
  signatures: readonly SignatureDescription[],
  name: string,
): SignatureDescription {
  const wanted = name || DEFAULT_SIGNATURE;
  const found = signatures.find((signature) => signature.name === wanted);
  if (found !== undefined) return found;
  const names = signatures.map((signature) => signature.name).join(', ');
  throw new ServingError('NOT_FOUND', `no signature "${wanted}" (there are ${names})`);
}
