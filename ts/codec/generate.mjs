/**
 * Writes `ts/codec/generated/` from `protos/`: `node ts/codec/generate.mjs`. The same protos always give the same bytes.
 *
 * - `descriptor.ts`: the messages that services and config files can reach, as protobufjs reads them at run time
 * - `types.ts`: an interface for each of them
 * - `files.ts`: every file as a serialized FileDescriptorProto, for gRPC reflection
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { fileDescriptor } from './file-descriptor.mjs';

const HEADER = '// Generated from protos/ by ts/codec/generate.mjs. Do not edit.\n';
const HERE = dirname(fileURLToPath(import.meta.url));
const PROTOS = join(HERE, '..', '..', 'protos');
const OUT = argv[2] ?? join(HERE, 'generated');

/** Files whose messages the server reads or writes; whatever they use comes along. */
const ENTRIES = [/^tensorflow_serving\//, /^grpc\//, /^tensorflow\/core\/example\/example\.proto$/];

const SCALARS = {
  bool: 'boolean',
  string: 'string',
  bytes: 'Uint8Array',
  double: 'number',
  float: 'number',
};
const LONGS = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']);

function protoFiles() {
  return readdirSync(PROTOS, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.proto'))
    .sort();
}

function loadRoot(files, keepCase) {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    protobuf.common.get(target) === null ? join(PROTOS, target) : target;
  root.loadSync(files, { alternateCommentMode: true, keepCase });
  root.resolveAll();
  return root;
}

function* walk(parent) {
  for (const child of parent.nestedArray ?? []) {
    yield child;
    yield* walk(child);
  }
}

function topLevel(object) {
  let at = object;
  while (at.parent instanceof protobuf.Type) at = at.parent;
  return at;
}

const fileOf = (object) => (object.filename ?? '').replace(`${PROTOS}/`, '');

/** Top-level messages and enums that `ENTRIES` can reach, and all services. */
function reachable(root) {
  const seen = new Set();
  const visit = (object) => {
    const top = topLevel(object);
    if (seen.has(top)) return;
    seen.add(top);
    for (const type of [top, ...walk(top)]) {
      for (const field of type.fieldsArray ?? []) {
        if (field.resolvedType) visit(field.resolvedType);
      }
    }
  };
  for (const object of walk(root)) {
    if (object instanceof protobuf.Service) seen.add(object);
    else if (ENTRIES.some((entry) => entry.test(fileOf(object)))) {
      if (object instanceof protobuf.Type || object instanceof protobuf.Enum) visit(object);
    }
  }
  return seen;
}

/** Sorts all keys but those of enums, whose first value is the default. */
function sortKeys(value, key = '') {
  if (Array.isArray(value)) return value.map((item) => sortKeys(item));
  if (value === null || typeof value !== 'object' || key === 'values') return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sortKeys(value[name], name)]),
  );
}

function descriptorSource(root, keep) {
  const prune = (json, namespace) => {
    for (const name of Object.keys(json.nested ?? {})) {
      const child = namespace.get(name);
      if (child instanceof protobuf.Namespace && !(child instanceof protobuf.Type)) {
        if (!(child instanceof protobuf.Service)) prune(json.nested[name], child);
        if (!keep.has(child) && Object.keys(json.nested[name].nested ?? {}).length === 0) {
          delete json.nested[name];
        }
      } else if (!keep.has(child)) delete json.nested[name];
    }
    return json;
  };
  const json = prune(root.toJSON({ keepComments: false }), root);
  const text = JSON.stringify(sortKeys(json), null, 1);
  return `${HEADER}import type { INamespace } from 'protobufjs';\n\nexport const descriptor = JSON.parse(\`${text}\`) as INamespace;\n`;
}

function typeName(object) {
  const parts = [object.name];
  for (let at = object.parent; at instanceof protobuf.Type; at = at.parent) parts.unshift(at.name);
  return parts.join('_');
}

function fieldType(field) {
  const resolved = field.resolvedType;
  let base;
  if (resolved instanceof protobuf.Type) base = typeName(resolved);
  else if (resolved instanceof protobuf.Enum) base = 'number';
  else base = LONGS.has(field.type) ? 'bigint' : (SCALARS[field.type] ?? 'number');
  if (field.map) return `Record<string, ${base}>`;
  if (field.repeated) return `${base}[]`;
  return resolved instanceof protobuf.Type || field.partOf ? `${base} | null` : base;
}

function doc(comment, indent) {
  if (!comment) return '';
  return `${indent}/** ${comment.replaceAll('*/', '* /').replaceAll('\n', ' ')} */\n`;
}

function interfaceSource(type) {
  const name = typeName(type);
  if (type.fieldsArray.length === 0) {
    return `${doc(type.comment, '')}export type ${name} = Record<never, never>;\n`;
  }
  const fields = type.fieldsArray.map((field) => {
    const note = field.resolvedType instanceof protobuf.Enum ? typeName(field.resolvedType) : null;
    const comment = field.comment ?? (note === null ? null : `One of \`${note}\`.`);
    return `${doc(comment, '  ')}  ${field.name}: ${fieldType(field)};\n`;
  });
  return `${doc(type.comment, '')}export interface ${name} {\n${fields.join('')}}\n`;
}

function enumSource(type) {
  const lines = Object.entries(type.values).map(([key, value]) => `  ${key}: ${value},\n`);
  return `${doc(type.comment, '')}export const ${typeName(type)} = {\n${lines.join('')}} as const;\n`;
}

function typesSource(keep) {
  const sources = new Map();
  const names = [];
  const all = [...keep].flatMap((top) => [top, ...(top instanceof protobuf.Type ? walk(top) : [])]);
  for (const object of all) {
    if (object instanceof protobuf.Service) continue;
    const source = object instanceof protobuf.Enum ? enumSource(object) : interfaceSource(object);
    const name = typeName(object);
    const other = sources.get(name);
    // The two reflection packages have the same messages: one set of interfaces serves both.
    if (other !== undefined && other !== source) throw new Error(`two messages are named ${name}`);
    sources.set(name, source);
    if (object instanceof protobuf.Type) names.push([object.fullName.slice(1), name]);
  }
  const bodies = [...sources.keys()].sort().map((name) => sources.get(name));
  names.sort(([a], [b]) => (a < b ? -1 : 1));
  const map = names.map(([full, name]) => `  '${full}': ${name};\n`).join('');
  return `${HEADER}${bodies.map((body) => `\n${body}`).join('')}
/** Every message by its full protobuf name. */
export interface MessageTypes {
${map}}
`;
}

/** One file as reflection sends it, with the full names of what it declares. */
function reflectionFile(root, name, parsed) {
  const objects = [...walk(root)].filter(
    (object) =>
      fileOf(object) === name &&
      !(object.parent instanceof protobuf.Type) &&
      [protobuf.Type, protobuf.Enum, protobuf.Service].some((kind) => object instanceof kind),
  );
  return {
    dependencies: [...parsed.imports, ...parsed.publicImports],
    symbols: objects.map((object) => object.fullName.slice(1)),
    bytes: fileDescriptor({ name, objects, ...parsed }),
  };
}

function parseFile(name) {
  const source = readFileSync(join(PROTOS, name), 'utf8');
  const parsed = protobuf.parse(source, new protobuf.Root());
  const publicImports = [...source.matchAll(/^import public "([^"]+)";/gm)].map((m) => m[1]);
  return {
    package: parsed.package,
    proto2: /^syntax = "proto2";/m.test(source),
    imports: (parsed.imports ?? []).filter((target) => !publicImports.includes(target)),
    publicImports,
  };
}

function commonFile(name) {
  const root = protobuf.Root.fromJSON(protobuf.common.get(name));
  root.resolveAll();
  for (const object of walk(root)) object.filename = name;
  return reflectionFile(root, name, {
    package: 'google.protobuf',
    proto2: false,
    imports: [],
    publicImports: [],
  });
}

function filesSource(root, files) {
  const all = new Map();
  for (const name of files) all.set(name, reflectionFile(root, name, parseFile(name)));
  for (const { dependencies } of [...all.values()]) {
    for (const name of dependencies) if (!all.has(name)) all.set(name, commonFile(name));
  }
  const entries = [...all.keys()].sort().map((name) => {
    const file = all.get(name);
    return `  '${name}': {
    dependencies: ${JSON.stringify(file.dependencies)},
    symbols: ${JSON.stringify(file.symbols)},
    base64: '${Buffer.from(file.bytes).toString('base64')}',
  },
`;
  });
  return `${HEADER}
/** A .proto file as reflection sends it. */
export interface ProtoFile {
  readonly dependencies: readonly string[];
  /** Full names of its top-level messages, enums and services. */
  readonly symbols: readonly string[];
  /** The serialized FileDescriptorProto. */
  readonly base64: string;
}

export const protoFiles: Readonly<Record<string, ProtoFile>> = {
${entries.join('')}};
`;
}

const files = protoFiles();
const root = loadRoot(files, false);
const keep = reachable(root);
mkdirSync(OUT, { recursive: true });
writeFileSync(join(OUT, 'descriptor.ts'), descriptorSource(root, keep));
writeFileSync(join(OUT, 'types.ts'), typesSource(keep));
writeFileSync(join(OUT, 'files.ts'), filesSource(loadRoot(files, true), files));
