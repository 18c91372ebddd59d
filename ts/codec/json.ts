import protobuf from 'protobufjs/light.js';
import { quote } from './quote.js';

/**
 * Prints a plain message as proto3 JSON the way TensorFlow Serving asks protobuf to: proto field names, every field with its
 * default, 64-bit integers as strings, one space of indent. Map keys are sorted.
 *
 * @param indent spaces before the closing brace
 */
export function protoJson(
  type: protobuf.Type,
  message: Readonly<Record<string, unknown>>,
  indent = 0,
): string {
  const members: string[] = [];
  const fields = type.fieldsArray.map((field) => field.resolve()).sort((a, b) => a.id - b.id);
  for (const field of fields) {
    const value = message[field.name];
    // An unset message or member of a oneof has no default to print.
    if (value === null || value === undefined) continue;
    const name = quote(field.protoName ?? field.name);
    members.push(`${name}: ${fieldJson(field, value, indent + 1)}`);
  }
  return block('{', members, '}', indent);
}

function fieldJson(field: protobuf.Field, value: unknown, indent: number): string {
  if (field instanceof protobuf.MapField) {
    const record = value as Readonly<Record<string, unknown>>;
    const members = Object.keys(record)
      .sort(byCodePoint)
      .map((key) => `${quote(key)}: ${valueJson(field, record[key], indent + 1)}`);
    return block('{', members, '}', indent);
  }
  if (field.repeated) {
    const items = (value as unknown[]).map((item) => valueJson(field, item, indent + 1));
    return block('[', items, ']', indent);
  }
  return valueJson(field, value, indent);
}

function valueJson(field: protobuf.Field, value: unknown, indent: number): string {
  const type = field.resolvedType;
  if (type instanceof protobuf.Type) {
    return protoJson(type, value as Readonly<Record<string, unknown>>, indent);
  }
  if (type instanceof protobuf.Enum) {
    const name = type.valuesById[value as number];
    return name === undefined ? String(value) : quote(name);
  }
  if (typeof value === 'bigint') return `"${value}"`;
  if (typeof value === 'string') return quote(value);
  if (value instanceof Uint8Array) return quote(Buffer.from(value).toString('base64'));
  if (typeof value === 'number') return numberJson(value, field.type === 'float');
  return String(value);
}

function numberJson(value: number, isFloat: boolean): string {
  if (Number.isNaN(value)) return '"NaN"';
  if (!Number.isFinite(value)) return value > 0 ? '"Infinity"' : '"-Infinity"';
  if (Object.is(value, -0)) return '-0';
  return isFloat ? shortestFloat(value) : String(value);
}

/** The shortest decimal that reads back as the same 32-bit float. */
function shortestFloat(value: number): string {
  for (let digits = 6; digits < 9; digits += 1) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(Number(value.toPrecision(9)));
}

function block(open: string, members: readonly string[], close: string, indent: number): string {
  if (members.length === 0) return open + close;
  const inner = ' '.repeat(indent + 1);
  return `${open}\n${members.map((member) => inner + member).join(',\n')}\n${' '.repeat(indent)}${close}`;
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
