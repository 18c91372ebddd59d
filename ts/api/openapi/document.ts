import { sampleRequest, sampleSize, takesExamples } from '../../codec/sample-request.js';
import { isInternal, type SignatureDescription } from '../../codec/signature-description.js';
import { ERROR, EXAMPLES_REQUEST, HEALTH, MODELS, RESULTS, STATUS } from './fixed-schemas.js';
import { RAW_ANSWER_CONTENT, rawRequestContent, SIGNATURE_PARAMETER } from './raw-bodies.js';
import { fitsJson, predictRequestSchema, predictResponseSchema, type Schema } from './schema.js';

/** A model as the description shows it: what its newest available version takes and gives. */
export interface DescribedModel {
  readonly name: string;
  /** The newest available version. */
  readonly version: bigint;
  /** Signatures of that version. */
  readonly signatures: readonly SignatureDescription[];
}

type Verb = 'predict' | 'classify' | 'regress';

/** Examples of more values are left out: the schema says the same in less. */
const MOST_EXAMPLE_VALUES = 4096;

const ref = (name: string): Schema => ({ $ref: `#/components/${name}` });

const json = (schema: Schema, examples: Schema = {}): Schema => ({
  'application/json': Object.keys(examples).length === 0 ? { schema } : { schema, examples },
});

const ERRORS: Schema = Object.fromEntries(
  [400, 404, 413, 429, 500, 503, 504].map((status) => [String(status), ref('responses/Error')]),
);

function answer(description: string, schema: Schema, raw: Schema = {}): Schema {
  const text = (what: string): Schema => ({ schema: { type: 'string' }, description: what });
  return {
    description,
    headers: {
      'X-Servable-Model-Version': text('the version that answered'),
      'X-Request-Id': text('the id of the request, or a new one'),
    },
    content: { ...json(schema), ...raw },
  };
}

const anyOf = (schemas: readonly Schema[]): Schema =>
  schemas.length === 1 ? (schemas[0] as Schema) : { anyOf: schemas };

/** `serving_default` first, then by name: clients show the first as the choice to start from. */
function callable({ signatures }: DescribedModel, verb: Verb): SignatureDescription[] {
  const rank = ({ name }: SignatureDescription): string =>
    `${name === 'serving_default' ? 0 : 1}${name}`;
  return signatures
    .filter((signature) => !isInternal(signature))
    .filter(({ methodName }) =>
      // Any other method, or none, is a predict signature to TensorFlow Serving.
      takesExamples(methodName) ? methodName.endsWith(`/${verb}`) : verb === 'predict',
    )
    .sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

function requestBody(verb: Verb, signatures: readonly SignatureDescription[]): Schema {
  const samples = signatures
    .filter((each) => fitsJson(each) && sampleSize(each) <= MOST_EXAMPLE_VALUES)
    .map((signature) => [
      signature.name,
      { value: sampleRequest(signature, Number.POSITIVE_INFINITY) },
    ]);
  const schema =
    verb === 'predict' ? anyOf(signatures.map(predictRequestSchema)) : EXAMPLES_REQUEST;
  const content = json(schema, Object.fromEntries(samples) as Schema);
  const raw = verb === 'predict' ? rawRequestContent(signatures) : {};
  return { required: true, content: { ...content, ...raw } };
}

/** What `components` may be called: every other byte of a model's name is written as `.` and its hex digits. */
function componentName(model: string, verb: Verb): string {
  const name = Buffer.from(model)
    .toString('latin1')
    .replace(/[^A-Za-z0-9_-]/g, (char) => `.${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `${name}.${verb}`;
}

interface Operation {
  readonly verb: Verb;
  readonly component: string;
  readonly signatures: readonly SignatureDescription[];
}

function operations(model: DescribedModel): Operation[] {
  return (['predict', 'classify', 'regress'] as const)
    .map((verb) => ({
      verb,
      component: componentName(model.name, verb),
      signatures: callable(model, verb),
    }))
    .filter(({ signatures }) => signatures.length > 0);
}

const SUMMARIES: Readonly<Record<Verb, string>> = {
  predict: 'Predict with',
  classify: 'Classify examples with',
  regress: 'Regress examples with',
};

function modelPaths(model: DescribedModel): [string, Schema][] {
  const { name, version } = model;
  const base = `/v1/models/${encodeURIComponent(name)}`;
  const places: [string, string][] = [
    [base, ''],
    [`${base}/versions/{version}`, 'version'],
    [`${base}/labels/{label}`, 'label'],
  ];
  const paths: [string, Schema][] = [];
  for (const [path, choice] of places) {
    const common = choice === '' ? {} : { parameters: [ref(`parameters/${choice}`)] };
    const id = (what: string): string => `${name}_${what}${choice === '' ? '' : `_${choice}`}`;
    const read = (what: string, summary: string, schema: Schema): Schema => ({
      ...common,
      get: {
        tags: [name],
        summary,
        operationId: id(what),
        responses: { '200': answer(summary, schema), ...ERRORS },
      },
    });
    paths.push([path, read('status', `State of ${name}`, STATUS)]);
    paths.push([`${path}/metadata`, read('metadata', `Signatures of ${name}`, { type: 'object' })]);
    for (const { verb, component, signatures } of operations(model)) {
      const post: Schema = {
        tags: [name],
        summary: `${SUMMARIES[verb]} ${name}`,
        description: `Signatures of version ${version}: ${signatures.map((each) => each.name).join(', ')}`,
        operationId: id(verb),
        ...(verb === 'predict' ? { parameters: [ref('parameters/signature')] } : {}),
        requestBody: ref(`requestBodies/${component}`),
        responses: { '200': ref(`responses/${component}`), ...ERRORS },
      };
      paths.push([`${path}:${verb}`, { ...common, post }]);
    }
  }
  return paths;
}

/** Request bodies and answers stand once; the paths of a version and of a label refer to them. */
function components(models: readonly DescribedModel[]): Schema {
  const all = models.flatMap(operations);
  return {
    securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    parameters: {
      signature: SIGNATURE_PARAMETER,
      version: {
        name: 'version',
        in: 'path',
        required: true,
        schema: { type: 'integer', format: 'int64' },
      },
      label: { name: 'label', in: 'path', required: true, schema: { type: 'string' } },
    },
    requestBodies: Object.fromEntries(
      all.map(({ verb, component, signatures }) => [component, requestBody(verb, signatures)]),
    ),
    responses: {
      Error: { description: 'What went wrong', content: json(ERROR) },
      ...Object.fromEntries(
        all.map(({ verb, component, signatures }) => [
          component,
          verb === 'predict'
            ? answer(
                'Predictions, in the form of the request',
                anyOf(signatures.map(predictResponseSchema)),
                RAW_ANSWER_CONTENT,
              )
            : answer('One result an example', RESULTS),
        ]),
      ),
    },
  };
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
    responses: { '200': { description: 'All models', content: json(MODELS) } },
  };
  const health = (operationId: string, summary: string): Schema => ({
    get: {
      tags: ['server'],
      summary,
      operationId,
      responses: {
        '200': { description: 'yes', content: json(HEALTH) },
        '503': { description: 'no', content: json(HEALTH) },
      },
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
      ['/v1/models', { get: list }],
      ['/healthz/live', health('live', 'Does the process answer?')],
      ['/healthz/ready', health('ready', 'Should requests be sent here?')],
      ...models.flatMap(modelPaths),
    ]) as Schema,
    components: components(models),
  };
}
