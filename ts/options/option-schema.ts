import { OPTION_NAMES, OPTIONS, type OptionName, type OptionSpec } from './options.js';

/** The JSON schema of configuration files, as published in `servable.schema.json`. */
export function optionSchema(): Record<string, unknown> {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'https://unpkg.com/servable/servable.schema.json',
    title: 'Servable',
    description: 'Options of servable serve: each key is the name of a flag.',
    type: 'object',
    additionalProperties: false,
    properties: {
      $schema: { type: 'string', description: 'for editors' },
      ...Object.fromEntries(OPTION_NAMES.map((name) => [name, property(name)])),
    },
  };
}

/** The text of `servable.schema.json`. */
export function optionSchemaText(): string {
  return `${print(optionSchema(), '')}\n`;
}

const WIDTH = 100;

/** JSON as the repository's formatter lays it out: objects over several lines, arrays on one where they fit. */
function print(value: unknown, indent: string): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = `${indent}  `;
  const isArray = Array.isArray(value);
  const items = isArray
    ? value.map((item) => print(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${print(item, inner)}`);
  if (items.length === 0) return isArray ? '[]' : '{}';
  const line = `[${items.join(', ')}]`;
  // The longest key in front of an array is "default": with its comma that is 12 characters.
  if (isArray && indent.length + line.length + 12 <= WIDTH) return line;
  const [open, close] = isArray ? ['[', ']'] : ['{', '}'];
  return `${open}\n${items.map((item) => inner + item).join(',\n')}\n${indent}${close}`;
}

function property(name: OptionName): Record<string, unknown> {
  const spec: OptionSpec = OPTIONS[name];
  const unit = spec.kind === 'number' && spec.unit !== undefined ? ` (${spec.unit})` : '';
  const reason = spec.noEffect ?? spec.later;
  const description = `${spec.doc}${unit}${reason === undefined ? '' : `; no effect: ${reason}`}`;
  return {
    ...typeOf(spec),
    description,
    default: spec.default,
    ...(reason === undefined ? {} : { deprecated: true }),
  };
}

function typeOf(spec: OptionSpec): Record<string, unknown> {
  switch (spec.kind) {
    case 'number':
      return {
        type: spec.fraction ? 'number' : 'integer',
        minimum: spec.min,
        maximum: spec.max,
      };
    case 'boolean':
      return { type: 'boolean' };
    case 'text':
      return { type: 'string' };
    case 'list':
      return { type: 'array', items: { type: 'string' } };
    case 'choice':
      return { type: 'string', enum: [...spec.choices] };
  }
}
