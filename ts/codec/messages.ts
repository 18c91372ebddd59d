import Long from 'long';
import protobuf from 'protobufjs/light.js';
import { ServingError } from '../errors.js';
import { descriptor } from './generated/descriptor.js';
import type { MessageTypes } from './generated/types.js';

export type * from './generated/types.js';
export {
  Code as StatusCode,
  DataType,
  HealthCheckResponse_ServingStatus as ServingStatus,
  ModelType,
  ModelVersionStatus_State as VersionState,
} from './generated/types.js';

/** A message to send: every field may be left out, and `null` means the same. */
export type Init<T> = T extends Uint8Array | string | number | bigint | boolean | null
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Init<Item>[]
    : { readonly [Key in keyof T]?: Init<T[Key]> };

/** Reads and writes one kind of message. */
export interface MessageType<T> {
  /** Full protobuf name, such as `tensorflow.serving.ModelSpec`. */
  readonly name: string;
  /** protobufjs's own description of the message. */
  readonly reflection: protobuf.Type;
  /**
   * Reads a serialized message. Unset messages and unset members of a oneof are `null`, 64-bit integers are `bigint`, maps are records.
   *
   * @throws {ServingError} `INVALID_ARGUMENT` when the bytes are not such a message.
   */
  decode(bytes: Uint8Array): T;
  /** Serializes a message; fields left out have their default. */
  encode(message: Init<T>): Buffer;
}

/** Full names of the messages the server knows. */
export type MessageName = keyof MessageTypes;

let root: protobuf.Root | null = null;
const types = new Map<MessageName, MessageType<unknown>>();

function reflectionRoot(): protobuf.Root {
  // Not resolved as a whole: that takes 40 ms, a message alone a fraction of one.
  root ??= protobuf.Root.fromJSON(descriptor);
  return root;
}

/** The message with this full name, such as `tensorflow.serving.GetModelStatusRequest`; made once, when first asked for. */
export function messageType<Name extends MessageName>(name: Name): MessageType<MessageTypes[Name]> {
  let type = types.get(name);
  if (type === undefined) {
    type = makeType(reflectionRoot().lookupType(name), name);
    types.set(name, type);
  }
  return type as MessageType<MessageTypes[Name]>;
}

function makeType<T>(reflection: protobuf.Type, name: string): MessageType<T> {
  return {
    name,
    reflection,
    decode(bytes) {
      let message: protobuf.Message;
      try {
        message = reflection.decode(bytes);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new ServingError('INVALID_ARGUMENT', `${name}: ${reason}`, { cause: error });
      }
      return toPlain(reflection, message) as T;
    },
    encode(message) {
      const bytes = reflection.encode(reflection.fromObject(message as object)).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
  };
}

/**
 * Turns a protobufjs message into the plain object its interface in `generated/types.ts` describes.
 *
 * Also takes what `textformat.fromText` returns, where numbers may stand in 64-bit fields.
 */
export function toPlain(type: protobuf.Type, message: object): Record<string, unknown> {
  const source = message as Readonly<Record<string, unknown>>;
  const plain: Record<string, unknown> = {};
  for (const declared of type.fieldsArray) {
    const field = declared.resolve();
    const value = source[field.name];
    if (field instanceof protobuf.MapField) {
      plain[field.name] = Object.fromEntries(
        Object.entries(value ?? {}).map(([key, item]) => [key, element(field, item)]),
      );
    } else if (field.repeated) {
      plain[field.name] = ((value ?? []) as unknown[]).map((item) => element(field, item));
    } else if (isNullable(field) && !Object.hasOwn(source, field.name)) {
      plain[field.name] = null;
    } else {
      plain[field.name] = element(field, value ?? field.typeDefault);
    }
  }
  return plain;
}

function isNullable(field: protobuf.Field): boolean {
  return field.partOf !== null || field.resolvedType instanceof protobuf.Type;
}

function element(field: protobuf.Field, value: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type) {
    return toPlain(field.resolvedType, value as object);
  }
  if (Long.isLong(value)) return value.toBigInt();
  if (typeof value === 'number' && Object.hasOwn(protobuf.types.long, field.type)) {
    return BigInt(value);
  }
  if (field.type === 'bytes' && !(value instanceof Uint8Array)) return new Uint8Array(0);
  return value;
}
