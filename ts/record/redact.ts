import { createHmac } from 'node:crypto';
import { messageType } from '../codec/messages.js';
import type { PredictionRecord } from './prediction-log.js';
import type { LogKind } from './request-spec.js';
import { bytesField, type Field, fieldsOf, varintField } from './wire.js';

/** What becomes of the values of a name that is redacted. */
export type RedactionStyle = 'empty' | 'hash';

/** Which names of a model are redacted. */
export interface Redaction {
  /** Inputs, outputs and features of examples, whichever has the name. */
  readonly names: ReadonlySet<string>;
  readonly style: RedactionStyle;
  /** Of the hashes; the same value has the same hash under one key only. */
  readonly key: Uint8Array;
}

const DT_STRING = 7;

/**
 * Takes the values of named inputs, outputs and features out of a record, wherever they stand.
 *
 * `empty` keeps dtype and shape of a tensor, so that the record can still be replayed: on zeros and empty texts. `hash` leaves one string
 * instead, `hmac-sha256:` and the digest of the values, by which equal values can be told. Labels and scores of classify and regress go
 * by `classes`, `scores` and `outputs`.
 */
export function redact(record: PredictionRecord, redaction: Redaction): PredictionRecord {
  if (redaction.names.size === 0) return record;
  const { kind, request, response } = record;
  return {
    ...record,
    request: redactRequest(kind, request, redaction),
    response: response === null ? null : redactResponse(kind, response, redaction),
  };
}

function redactRequest(kind: LogKind, request: Buffer, redaction: Redaction): Buffer {
  const INPUT = 2;
  if (kind === 'predict' || kind === 'sessionRun') {
    return rewrite(request, INPUT, (entry) => named(entry, redaction, tensor));
  }
  // Input { example_list { examples 1 }, example_list_with_context { examples 1, context 2 } }
  const list = (bytes: Buffer): Buffer =>
    [1, 2].reduce((all, at) => rewrite(all, at, (one) => example(one, redaction)), bytes);
  return rewrite(request, INPUT, (input) =>
    [1, 2].reduce((all, at) => rewrite(all, at, list), input),
  );
}

function redactResponse(kind: LogKind, response: Buffer, redaction: Redaction): Buffer {
  switch (kind) {
    case 'predict':
    case 'sessionRun':
      return rewrite(response, 1, (entry) => named(entry, redaction, tensor));
    case 'classify':
      return rewrite(response, 1, (result) => classifications(result, redaction));
    case 'regress':
      return rewrite(response, 1, (result) => regressions(result, redaction));
    case 'multiInference': {
      const result = (one: Buffer): Buffer =>
        rewrite(
          rewrite(one, 2, (it) => classifications(it, redaction)),
          3,
          (it) => regressions(it, redaction),
        );
      return rewrite(response, 1, result);
    }
  }
}

/** Example { features { feature: map<name, Feature> } } */
function example(bytes: Buffer, redaction: Redaction): Buffer {
  return rewrite(bytes, 1, (features) =>
    rewrite(features, 1, (entry) => named(entry, redaction, feature)),
  );
}

/** A map entry or NamedTensorProto: a name in field 1, what it names in field 2. */
function named(
  entry: Buffer,
  redaction: Redaction,
  change: (value: Buffer, redaction: Redaction) => Buffer,
): Buffer {
  const isNamed = ({ number, bytes }: Field): boolean =>
    number === 1 && bytes !== null && redaction.names.has(bytes.toString());
  if (!fieldsOf(entry).some(isNamed)) return entry;
  return rewrite(entry, 2, (value) => change(value, redaction));
}

/** A TensorProto without its values. */
function tensor(bytes: Buffer, redaction: Redaction): Buffer {
  const DTYPE = 1;
  const SHAPE = 2;
  const STRING_VAL = 8;
  const fields = fieldsOf(bytes);
  const isKept = ({ number }: Field): boolean => number === DTYPE || number === SHAPE;
  if (redaction.style === 'empty') return joined(fields.filter(isKept));
  const digest = digestOf(
    fields.filter((field) => !isKept(field)),
    redaction,
  );
  // A scalar: its shape has no dimensions.
  return Buffer.concat([
    varintField(DTYPE, DT_STRING),
    bytesField(SHAPE),
    bytesField(STRING_VAL, digest),
  ]);
}

/** A Feature of the same kind without values, or of one hash. */
function feature(bytes: Buffer, redaction: Redaction): Buffer {
  const fields = fieldsOf(bytes);
  if (redaction.style === 'empty') {
    return Buffer.concat(fields.map(({ number }) => bytesField(number)));
  }
  return bytesField(1, bytesField(1, digestOf(fields, redaction)));
}

function classifications(bytes: Buffer, { names, style, key }: Redaction): Buffer {
  const [labels, scores] = [names.has('classes'), names.has('scores')];
  if (!labels && !scores) return bytes;
  const type = messageType('tensorflow.serving.ClassificationResult');
  const result = type.decode(bytes);
  const shown = (label: string): string =>
    style === 'empty' ? '' : hmac([Buffer.from(label)], key);
  return type.encode({
    classifications: result.classifications.map(({ classes }) => ({
      classes: classes.map(({ label, score }) => ({
        label: labels ? shown(label) : label,
        score: scores ? 0 : score,
      })),
    })),
  });
}

function regressions(bytes: Buffer, { names }: Redaction): Buffer {
  if (!names.has('outputs')) return bytes;
  return rewrite(bytes, 1, () => Buffer.alloc(0));
}

/** A message with other content in each of its fields of one number. */
function rewrite(message: Buffer, number: number, change: (bytes: Buffer) => Buffer): Buffer {
  let changed = false;
  const parts = fieldsOf(message).map((field) => {
    if (field.number !== number || field.bytes === null) return field.whole;
    const content = change(field.bytes);
    if (content === field.bytes) return field.whole;
    changed = true;
    return bytesField(number, content);
  });
  return changed ? Buffer.concat(parts) : message;
}

function joined(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(({ whole }) => whole));
}

function digestOf(fields: readonly Field[], { key }: Redaction): Buffer {
  const contents = fields.map(({ whole }) => whole);
  return Buffer.from(hmac(contents, key));
}

function hmac(parts: readonly Uint8Array[], key: Uint8Array): string {
  const hash = createHmac('sha256', key);
  for (const part of parts) hash.update(part);
  return `hmac-sha256:${hash.digest('hex')}`;
}
