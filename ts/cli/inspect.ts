import type { Command } from 'commander';
import { sampleRequest } from '../codec/sample-request.js';
import { isInternal, type SignatureDescription } from '../codec/signature-description.js';
import { ServingError } from '../errors.js';
import { describeSavedModel, type SavedModelDescription } from './saved-model-file.js';

/** Values of one input shown to people, and written out for programs; above that stands what would be there. */
const MOST_SHOWN = 64;
const MOST_WRITTEN = 1_000_000;

/** Registers `servable inspect`. */
export function registerInspect(program: Command): void {
  program
    .command('inspect')
    .description('show the signatures of a SavedModel, and a request for each')
    .argument('<dir>', 'a SavedModel, or a base path: then its highest version')
    .option('--json', 'print as JSON')
    .option('--request [signature]', 'print only a request body that works, in full')
    .action((dir: string, flags: { json?: true; request?: string | true }) => {
      const model = describeSavedModel(dir);
      process.stdout.write(
        flags.request !== undefined
          ? request(model, flags.request === true ? 'serving_default' : flags.request)
          : flags.json === true
            ? asJson(model)
            : describe(model),
      );
    });
}

function request(model: SavedModelDescription, name: string): string {
  const signatures = model.graphs.flatMap((graph) => graph.signatures);
  const signature = signatures.find((each) => each.name === name);
  if (signature === undefined) {
    const names = signatures.filter((each) => !isInternal(each)).map((each) => each.name);
    const message = `${model.path}: no signature "${name}" (it has ${names.join(', ')})`;
    throw new ServingError('NOT_FOUND', message);
  }
  return `${JSON.stringify(sampleRequest(signature, MOST_WRITTEN))}\n`;
}

/** The description for people. */
export function describe(model: SavedModelDescription): string {
  const lines = [model.path];
  for (const graph of model.graphs) {
    const saved = graph.tensorflowVersion || 'an unknown version';
    const keras = model.kerasVersion === null ? '' : `, Keras ${model.kerasVersion}`;
    lines.push(`saved with TensorFlow ${saved}${keras}; tags: ${graph.tags.join(', ')}`);
    for (const signature of graph.signatures) {
      if (isInternal(signature)) continue;
      const method = signature.methodName === '' ? '' : `  (${signature.methodName})`;
      lines.push('', `${signature.name}${method}`, ...table(signature));
      lines.push(`  request  ${JSON.stringify(sampleRequest(signature, MOST_SHOWN))}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function asJson(model: SavedModelDescription): string {
  const graphs = model.graphs.map((graph) => ({
    ...graph,
    signatures: graph.signatures.map((signature) =>
      isInternal(signature)
        ? signature
        : { ...signature, request: sampleRequest(signature, MOST_WRITTEN) },
    ),
  }));
  return `${JSON.stringify({ ...model, graphs }, null, 2)}\n`;
}

function table({ inputs, outputs }: SignatureDescription): string[] {
  const rows = [
    ...inputs.map((tensor) => ['input', tensor] as const),
    ...outputs.map((tensor) => ['output', tensor] as const),
  ];
  const width = Math.max(0, ...rows.map(([, { name }]) => name.length));
  const type = Math.max(0, ...rows.map(([, { dtype }]) => dtype.length));
  return rows.map(([side, { name, dtype, shape }]) => {
    const text = shape === null ? 'any rank' : `[${shape.join(', ')}]`;
    return `  ${side.padEnd(7)}  ${name.padEnd(width)}  ${dtype.padEnd(type)}  ${text}`;
  });
}
