import type { Schema } from './schema.js';

/** The body of `:classify` and `:regress`. */
export const EXAMPLES_REQUEST: Schema = {
  type: 'object',
  properties: {
    signature_name: { type: 'string' },
    context: { type: 'object', description: 'features shared by all examples' },
    examples: {
      type: 'array',
      minItems: 1,
      items: { type: 'object', description: 'features by name: a value or a list of values' },
    },
  },
  required: ['examples'],
};

/** The answer of `:classify` and `:regress`: a list of `[label, score]` pairs, or a number, for each example. */
export const RESULTS: Schema = {
  type: 'object',
  properties: { results: { type: 'array', items: {} } },
  required: ['results'],
};

const VERSION_STATUSES: Schema = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      version: { type: 'string' },
      state: { enum: ['START', 'LOADING', 'AVAILABLE', 'UNLOADING', 'END'] },
      status: {
        type: 'object',
        properties: { error_code: { type: 'string' }, error_message: { type: 'string' } },
      },
    },
  },
};

/** The states of one model's versions. */
export const STATUS: Schema = {
  type: 'object',
  properties: { model_version_status: VERSION_STATUSES },
  required: ['model_version_status'],
};

/** Every model with its versions and labels. */
export const MODELS: Schema = {
  type: 'object',
  properties: {
    models: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          model_version_status: VERSION_STATUSES,
          version_labels: { type: 'object', additionalProperties: { type: 'string' } },
        },
      },
    },
  },
  required: ['models'],
};

/** What a health page says. */
export const HEALTH: Schema = {
  type: 'object',
  properties: { status: { type: 'string' } },
  required: ['status'],
};

/** Every error. */
export const ERROR: Schema = {
  type: 'object',
  properties: { error: { type: 'string' } },
  required: ['error'],
};
