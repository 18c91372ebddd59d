import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { ServingError } from '../errors.js';
import { tokenHeader } from './client-token.js';
import { modelFolder } from './saved-model-file.js';

interface PredictFlags {
  readonly file?: string;
  readonly signature?: string;
  readonly tags: string;
  readonly tensorflow_library?: string;
}

/** Registers `servable predict`. */
export function registerPredict(program: Command): void {
  program
    .command('predict')
    .description('run one request on a SavedModel, or send it to a server')
    .argument('<model>', 'a SavedModel or base path, or a URL such as http://host:8501/v1/models/m')
    .argument('[json]', 'the request body; without it --file, else standard input')
    .option('--file <path>', 'read the body from a file; - is standard input')
    .option('--signature <name>', 'signature to call, when the body names none')
    .option('--tags <list>', 'tags of the graph to load, comma separated', 'serve')
    .option('--tensorflow_library <path>', 'libtensorflow to open')
    .action(async (model: string, json: string | undefined, flags: PredictFlags) => {
      const body = withSignature(readBody(json, flags.file), flags.signature);
      const isUrl = /^https?:\/\//i.test(model);
      const reply = isUrl ? await askServer(model, body) : await runHere(model, body, flags);
      process.stdout.write(reply.endsWith('\n') ? reply : `${reply}\n`);
    });
}

function readBody(json: string | undefined, file: string | undefined): string {
  if (json !== undefined) return json;
  const path = file === undefined || file === '-' ? 0 : file;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const name = path === 0 ? 'standard input' : path;
    throw new ServingError('NOT_FOUND', `${name}: ${(cause as Error).message}`, { cause });
  }
}

/** Adds the signature's name in front: of a repeated key the server takes the first. */
export function withSignature(body: string, signature: string | undefined): string {
  if (signature === undefined) return body;
  const start = /^\s*\{/.exec(body)?.[0].length ?? 0;
  if (start === 0) return body;
  const isEmpty = /^\s*\}/.test(body.slice(start));
  const comma = isEmpty ? '' : ', ';
  return `${body.slice(0, start)}"signature_name": ${JSON.stringify(signature)}${comma}${body.slice(start)}`;
}

async function askServer(url: string, body: string): Promise<string> {
  const target = /:(predict|classify|regress)$/.test(url) ? url : `${url}:predict`;
  let response: Response;
  try {
    response = await fetch(target, { method: 'POST', body, headers: tokenHeader(process.env) });
  } catch (cause) {
    const reason = (cause as { cause?: { code?: string } }).cause?.code ?? (cause as Error).message;
    throw new ServingError('UNAVAILABLE', `${target}: ${reason}; is a server running there?`, {
      cause,
    });
  }
  const text = await response.text();
  if (response.ok) return text;
  throw new ServingError('UNKNOWN', `${target} answered ${response.status}: ${errorText(text)}`);
}

function errorText(body: string): string {
  try {
    return String((JSON.parse(body) as { error?: unknown }).error ?? body);
  } catch (error) {
    if (error instanceof SyntaxError) return body.slice(0, 500);
    throw error;
  }
}

/** The server's own walk, in this process: the same bytes in and out as over REST. */
async function runHere(path: string, body: string, flags: PredictFlags): Promise<string> {
  const exportDir = resolve(modelFolder(path));
  const [{ findRuntime }, { openRuntime }, { loadModel }, { catalog }, { InferQueue }] =
    await Promise.all([
      import('../runtime/find.js'),
      import('../native/runtime.js'),
      import('../native/model.js'),
      import('../native/catalog.js'),
      import('../native/infer-queue.js'),
    ]);
  openRuntime((await findRuntime({ library: flags.tensorflow_library ?? null })).path);
  const model = await loadModel({
    exportDir,
    tags: flags.tags.split(','),
    configProto: null,
    inputShapeCheck: 'auto',
  });
  const name = basename(dirname(exportDir)) || 'model';
  catalog.publish(name, 1n, model);
  const queue = new InferQueue();
  const target = queue.target({ method: 'rest.predict', name, version: null, label: null });
  try {
    return await new Promise<string>((resolve, reject) => {
      queue.infer(target, Buffer.from(body), 0, (failure, reply) => {
        if (failure !== null) reject(failure);
        else resolve(reply?.toString() ?? '');
      });
    });
  } finally {
    await queue.close();
    await catalog.withdraw(name, 1n);
  }
}
