import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs/minimal.js';
import { messageType } from '../codec/messages.js';
import { describeSignature, type SignatureDescription } from '../codec/signature-description.js';
import { ServingError } from '../errors.js';

/** One graph of a SavedModel, as its file describes it. */
export interface GraphDescription {
  readonly tags: readonly string[];
  /** Such as `2.21.0`; empty when the file does not say. */
  readonly tensorflowVersion: string;
  readonly signatures: readonly SignatureDescription[];
}

/** A SavedModel on disk. */
export interface SavedModelDescription {
  /** The folder that holds `saved_model.pb`. */
  readonly path: string;
  readonly graphs: readonly GraphDescription[];
  /** Such as `2.15.0` or `3.10.0`; null when the files do not say. */
  readonly kerasVersion: string | null;
}

/**
 * The SavedModel a path means: the folder itself, or the highest of its numbered versions.
 *
 * @throws {ServingError} `NOT_FOUND` with what was looked for
 */
export function modelFolder(path: string): string {
  if (!existsSync(path)) throw new ServingError('NOT_FOUND', `${path}: no such folder`);
  if (!statSync(path).isDirectory()) {
    throw new ServingError('INVALID_ARGUMENT', `${path}: not a folder; name the one it lies in`);
  }
  if (holdsModel(path)) return path;
  const versions = readdirSync(path)
    .filter((name) => /^[+-]?\d+$/.test(name) && holdsModel(join(path, name)))
    .sort((a, b) => (BigInt(b) > BigInt(a) ? 1 : -1));
  const latest = versions[0];
  if (latest === undefined) {
    const wanted = 'wanted saved_model.pb, or folders named as numbers that hold one';
    throw new ServingError('NOT_FOUND', `${path}: no SavedModel; ${wanted}`);
  }
  return join(path, latest);
}

function holdsModel(folder: string): boolean {
  return (
    existsSync(join(folder, 'saved_model.pb')) || existsSync(join(folder, 'saved_model.pbtxt'))
  );
}

/**
 * Reads what a SavedModel says about itself, without TensorFlow and without its graph or weights.
 *
 * @throws {ServingError} `NOT_FOUND` no model; `DATA_LOSS` a file that is not one
 */
export function describeSavedModel(path: string): SavedModelDescription {
  const folder = modelFolder(path);
  const file = join(folder, 'saved_model.pb');
  if (!existsSync(file)) {
    const remedy = 'save the model again in the binary form to inspect it';
    throw new ServingError('INVALID_ARGUMENT', `${folder}: holds saved_model.pbtxt; ${remedy}`);
  }
  const bytes = readFileSync(file);
  try {
    return { path: folder, graphs: readGraphs(bytes), kerasVersion: kerasVersion(folder, bytes) };
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new ServingError('DATA_LOSS', `${file}: not a SavedModel (${reason})`, { cause });
  }
}

/** Calls back for every length-delimited field of a message; everything else is skipped. */
function eachField(bytes: Uint8Array, field: (number: number, value: Uint8Array) => void): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === 2) field(tag >>> 3, reader.bytes());
    else reader.skipType(tag & 7);
  }
}

// SavedModel: meta_graphs = 2. MetaGraphDef: meta_info_def = 1, signature_def = 5. MetaInfoDef: tags = 4, tensorflow_version = 5.
function readGraphs(bytes: Uint8Array): GraphDescription[] {
  const graphs: GraphDescription[] = [];
  eachField(bytes, (number, value) => {
    if (number === 2) graphs.push(readGraph(value));
  });
  if (graphs.length === 0) throw new Error('no graph in it');
  return graphs;
}

function readGraph(bytes: Uint8Array): GraphDescription {
  const tags: string[] = [];
  const signatures: SignatureDescription[] = [];
  let tensorflowVersion = '';
  const text = (value: Uint8Array): string => Buffer.from(value).toString();
  eachField(bytes, (number, value) => {
    if (number === 1) {
      eachField(value, (inner, piece) => {
        if (inner === 4) tags.push(text(piece));
        else if (inner === 5) tensorflowVersion = text(piece);
      });
    } else if (number === 5) {
      signatures.push(readSignature(value));
    }
  });
  signatures.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { tags, tensorflowVersion, signatures };
}

/** A map entry: key = 1, value = 2. */
function readSignature(bytes: Uint8Array): SignatureDescription {
  let name = '';
  let definition: Uint8Array = new Uint8Array(0);
  eachField(bytes, (number, value) => {
    if (number === 1) name = Buffer.from(value).toString();
    else if (number === 2) definition = value;
  });
  return describeSignature(name, messageType('tensorflow.SignatureDef').decode(definition));
}

/** Keras 2 keeps its version in a file of its own, some versions in the object graph's metadata. */
function kerasVersion(folder: string, bytes: Buffer): string | null {
  const metadata = join(folder, 'keras_metadata.pb');
  const text = existsSync(metadata) ? readFileSync(metadata) : bytes;
  const at = text.indexOf('"keras_version": "');
  if (at < 0) return null;
  return /^"keras_version": "([^"]{1,40})"/.exec(text.toString('latin1', at, at + 80))?.[1] ?? null;
}
