import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';

/** FieldDescriptorProto.Type. */
const TYPES = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  message: 11,
  bytes: 12,
  uint32: 13,
  enum: 14,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
};
const OPTIONAL = 1;
const REPEATED = 3;

/**
 * Serializes one parsed .proto file as a FileDescriptorProto, without comments and positions.
 *
 * protobufjs's own `toDescriptor` names map entries like their values, which no other reader of descriptors takes.
 *
 * @param {{ name: string, package: string, proto2: boolean, imports: string[], publicImports: string[], objects: protobuf.ReflectionObject[] }} file
 *   with the file's top-level messages, enums and services
 */
export function fileDescriptor(file) {
  const pick = (kind) => file.objects.filter((object) => object instanceof kind);
  const proto = descriptor.FileDescriptorProto.fromObject({
    name: file.name,
    package: file.package,
    dependency: [...file.imports, ...file.publicImports],
    publicDependency: file.publicImports.map((_, index) => file.imports.length + index),
    messageType: pick(protobuf.Type).map(message),
    enumType: pick(protobuf.Enum).map(enumeration),
    service: pick(protobuf.Service).map(service),
    syntax: file.proto2 ? undefined : 'proto3',
  });
  return descriptor.FileDescriptorProto.encode(proto).finish();
}

function message(type) {
  // By number, but the members of a oneof stand together: Go's reader of descriptors takes no others.
  const first = ({ id, partOf }) => Math.min(id, ...(partOf?.fieldsArray ?? []).map((f) => f.id));
  const fields = [...type.fieldsArray].sort((a, b) => first(a) - first(b) || a.id - b.id);
  // Oneofs that only stand for `optional` come last.
  const oneofs = type.oneofsArray.filter((oneof) => !isOptional(oneof));
  const optional = type.oneofsArray.filter(isOptional);
  const order = [...oneofs, ...optional];
  const reserved = type.reserved ?? [];
  return {
    name: type.name,
    field: fields.map((item) => field(item, order)),
    nestedType: [
      ...type.nestedArray.filter((object) => object instanceof protobuf.Type).map(message),
      ...fields.filter((item) => item.map).map(mapEntry),
    ],
    enumType: type.nestedArray.filter((object) => object instanceof protobuf.Enum).map(enumeration),
    oneofDecl: order.map(({ name }) => ({ name })),
    reservedRange: reserved.filter(Array.isArray).map(([start, end]) => ({ start, end: end + 1 })),
    reservedName: reserved.filter((item) => typeof item === 'string'),
  };
}

const isOptional = (oneof) => oneof.fieldsArray.some((item) => item.options?.proto3_optional);

function field(item, oneofs) {
  const protoName = item.protoName ?? item.name;
  const oneofIndex = oneofs.indexOf(item.partOf);
  return {
    name: protoName,
    number: item.id,
    label: item.repeated || item.map ? REPEATED : OPTIONAL,
    ...(item.map
      ? { type: TYPES.message, typeName: `${item.parent.fullName}.${entryName(item)}` }
      : kind(item)),
    jsonName: item.jsonName,
    ...(oneofIndex < 0 ? {} : { oneofIndex }),
    ...(item.options?.proto3_optional ? { proto3Optional: true } : {}),
    ...fieldOptions(item),
  };
}

function fieldOptions({ options }) {
  const picked = {};
  if (options?.deprecated) picked.deprecated = true;
  if (options?.packed !== undefined) picked.packed = options.packed;
  return Object.keys(picked).length === 0 ? {} : { options: picked };
}

function kind({ type, resolvedType }) {
  if (resolvedType instanceof protobuf.Enum) {
    return { type: TYPES.enum, typeName: resolvedType.fullName };
  }
  if (resolvedType instanceof protobuf.Type) {
    return { type: TYPES.message, typeName: resolvedType.fullName };
  }
  return { type: TYPES[type] };
}

function entryName(item) {
  const words = (item.protoName ?? item.name).split('_');
  return `${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}Entry`;
}

function mapEntry(item) {
  const key = {
    name: 'key',
    number: 1,
    label: OPTIONAL,
    type: TYPES[item.keyType],
    jsonName: 'key',
  };
  const value = { name: 'value', number: 2, label: OPTIONAL, jsonName: 'value', ...kind(item) };
  return { name: entryName(item), field: [key, value], options: { mapEntry: true } };
}

function enumeration(type) {
  return {
    name: type.name,
    value: Object.entries(type.values).map(([name, number]) => ({ name, number })),
    ...(type.options?.allow_alias ? { options: { allowAlias: true } } : {}),
  };
}

function service(type) {
  return {
    name: type.name,
    method: type.methodsArray.map((method) => ({
      name: method.name,
      inputType: method.resolvedRequestType.fullName,
      outputType: method.resolvedResponseType.fullName,
      clientStreaming: method.requestStream ?? false,
      serverStreaming: method.responseStream ?? false,
    })),
  };
}
