import type { SignatureDef } from '../../codec/messages.js';
import { sampleRequest } from './sample.js';
import { predictRequestSchema, predictResponseSchema, type Schema } from './schema.js';

/** A model as the description shows it: what its newest available version takes and gives. */
export interface DescribedModel {
  readonly name: string;
  /** Available versions, newest first. */
  readonly versions: readonly bigint[];
  readonly labels: readonly string[];
  /** Signatures of the newest available version, by name. */
  readonly signatures: Readonly<Record<string, SignatureDef>>;
}

const METHODS = {
  predict: 'tensorflow/serving/predict',
  classify: 'tensorflow/serving/classify',
  regress: 'tensorflow/serving/regress',
} as const;

/** Signatures that TensorFlow adds for itself. */
const isInternal = (name: string): boolean => name.startsWith('__saved_model_');

const ref = (name: string): Schema => ({ $ref: `#/components/${name}` });

const json = (schema: Schema, example?: unknown): Schema => ({
  'application/json': example === undefined ? { schema } : { schema, example },
});

const COMMON_ANSWERS: Schema = {
  '400': ref('responses/Error'),
  '404': ref('responses/Error'),
  '429': ref('responses/Error'),
  '500': ref('responses/Error'),
  '503': ref('responses/Error'),
  '504': ref('responses/Error'),
};

function answers(description: string, schema: Schema): Schema {
  return {
    '200': {
      description,
      headers: {
        'X-Servable-Model-Version': {
          schema: { type: 'string' },
          description: 'the version that answered',
        },
        'X-Request-Id': { schema: { type: 'string' } },
      },
      content: json(schema),
    },
    ...COMMON_ANSWERS,
  };
}

const EXAMPLES_REQUEST: Schema = {
  type: 'object',
  properties: {
    signature_name: { type: 'string' },
    context: { type: 'object', description: 'features shared by all examples' },
    examples: { type: 'array', minItems: 1, items: { type: 'object' } },
  },
  required: ['examples'],
};

const RESULTS: Schema = {
  type: 'object',
  properties: { results: { type: 'array', items: {} } },
  required: ['results'],
};

const STATUS: Schema = {
  type: 'object',
  properties: {
    model_version_status: {
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
    },
  },
};

/** Signature names of one method; a TensorFlow 2 export names only predict, whatever its inputs. */
function callable(model: DescribedModel, verb: keyof typeof METHODS): [string, SignatureDef][] {
  return Object.entries(model.signatures)
    .filter(([name, signature]) => !isInternal(name) && signature.methodName === METHODS[verb])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function predictOperation(model: DescribedModel): Schema | null {
  const signatures = callable(model, 'predict');
  if (signatures.length === 0) return null;
  const requests = signatures.map(([name, signature]) => predictRequestSchema(name, signature));
  const replies = signatures.map(([, signature]) => predictResponseSchema(signature));
  const [first] = signatures;
  const example = first === undefined ? undefined : sampleRequest(...first);
  return {
    tags: [model.name],
    summary: `Predict with ${model.name}`,
    operationId: `${model.name}_predict`,
    requestBody: {
      required: true,
      content: json(requests.length === 1 ? (requests[0] as Schema) : { anyOf: requests }, example),
    },
    responses: answers(
      'Predictions, in the form of the request',
      replies.length === 1 ? (replies[0] as Schema) : { anyOf: replies },
    ),
  };
}

function examplesOperation(model: DescribedModel, verb: 'classify' | 'regress'): Schema | null {
  const names = callable(model, verb).map(([name]) => name);
  if (names.length === 0) return null;
  return {
    tags: [model.name],
    summary: `${verb === 'classify' ? 'Classify' : 'Regress'} examples with ${model.name}`,
    description: `Signatures: ${names.join(', ')}`,
    operationId: `${model.name}_${verb}`,
    requestBody: {
      required: true,
      content: json(EXAMPLES_REQUEST, { signature_name: names[0], examples: [{ x: 1.5 }] }),
    },
    responses: answers('One result an example', RESULTS),
  };
}

const parameter = (name: string): Schema => ref(`parameters/${name}`);

function modelPaths(model: DescribedModel): [string, Schema][] {
  const base = `/v1/models/${encodeURIComponent(model.name)}`;
  const places: [string, Schema[], string][] = [
    [base, [], ''],
    [`${base}/versions/{version}`, [parameter('version')], '_version'],
    [`${base}/labels/{label}`, [parameter('label')], '_label'],
  ];
  const paths: [string, Schema][] = [];
  for (const [path, parameters, suffix] of places) {
    const own = (operation: Schema): Schema => ({
      ...operation,
      operationId: `${String(operation.operationId)}${suffix}`,
    });
    const read = (id: string, summary: string, schema: Schema): Schema => ({
      parameters,
      get: own({
        tags: [model.name],
        summary,
        operationId: `${model.name}_${id}`,
        responses: answers(summary, schema),
      }),
    });
    paths.push([path, read('status', `State of ${model.name}`, STATUS)]);
    paths.push([
      `${path}/metadata`,
      read('metadata', `Signatures of ${model.name}`, { type: 'object' }),
    ]);
    for (const verb of ['predict', 'classify', 'regress'] as const) {
      const operation =
        verb === 'predict' ? predictOperation(model) : examplesOperation(model, verb);
      if (operation !== null) paths.push([`${path}:${verb}`, { parameters, post: own(operation) }]);
    }
  }
  return paths;
}

/**
 * The OpenAPI 3.1 description of a server: every loaded model, typed from its signatures.
 *
 * @param serverVersion Servable's version, shown as the description's
 */
export function openApiDocument(models: readonly DescribedModel[], serverVersion: string): Schema {
  const list = {
    tags: ['server'],
    summary: 'All models with versions and states',
    operationId: 'models',
  };
  const health = (operationId: string, summary: string): Schema => ({
    get: {
      tags: ['server'],
      summary,
      operationId,
      responses: { '200': { description: 'yes' }, '503': { description: 'no' } },
    },
  });
  return {
    openapi: '3.1.0',
    info: {
      title: 'Servable',
      version: serverVersion,
      description:
        'TensorFlow Serving REST API, version 1. Request and answer types come from the loaded signatures.',
    },
    tags: [{ name: 'server' }, ...models.map(({ name }) => ({ name }))],
    security: [{}, { token: [] }],
    paths: Object.fromEntries([
      ['/v1/models', { get: { ...list, responses: answers('All models', { type: 'object' }) } }],
      ['/healthz/live', health('live', 'Does the process answer?')],
      ['/healthz/ready', health('ready', 'Should requests be sent here?')],
      ...models.flatMap(modelPaths),
    ]) as Schema,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      parameters: {
        version: {
          name: 'version',
          in: 'path',
          required: true,
          schema: { type: 'integer', format: 'int64' },
        },
        label: { name: 'label', in: 'path', required: true, schema: { type: 'string' } },
      },
      responses: {
        Error: {
          description: 'What went wrong',
          content: json({
            type: 'object',
            properties: { error: { type: 'string' } },
            required: ['error'],
          }),
        },
      },
    },
  };
}
