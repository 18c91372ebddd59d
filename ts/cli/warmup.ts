import { mkdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { writeAtomically } from '../atomic-file.js';
import { isInternal, type SignatureDescription } from '../codec/signature-description.js';
import { ServingError } from '../errors.js';
import type { WarmupCollector } from '../record/warmup-file.js';
import { DEFAULT_SIGNATURE } from '../signature.js';
import { collect, whole } from './flag-values.js';
import { describeSavedModel } from './saved-model-file.js';

/** Of records and rows of a batch. */
const DIGITS = 9;
const WARMUP_FILE = join('assets.extra', 'tf_serving_warmup_requests');

interface RecordFlags {
  readonly out?: string;
  readonly from: readonly string[];
  readonly request: readonly string[];
  readonly model?: string;
  readonly count: string;
  readonly batch_sizes: string;
}

const HELP = `
MODEL is a SavedModel, a base path, or the URL of a model on a running server, such as http://host:8501/v1/models/m.
Without --from and --request, one request of ones is made for each signature and batch size. The file is written to the version's
assets.extra/tf_serving_warmup_requests, or to --out, which a URL needs.`;

/** Adds `servable warmup`. */
export function registerWarmup(program: Command): void {
  const warmup = program
    .command('warmup')
    .description('write and read the warm-up requests of a version');
  warmup
    .command('record')
    .description('write a file of warm-up requests')
    .argument('<model>', 'a SavedModel or base path, or a URL such as http://host:8501/v1/models/m')
    .option('--out <file>', 'the file to write')
    .option('--from <file>', 'take the requests of a request log; may be repeated', collect, [])
    .option('--request <file>', 'JSON bodies, one or one a line; may be repeated', collect, [])
    .option('--model <name>', 'with --from: take the requests of this model only')
    .option('--count <number>', 'records at most', '1000')
    .option('--batch_sizes <list>', 'rows of the requests that are made up', '1')
    .addHelpText('after', HELP)
    .action(async (model: string, flags: RecordFlags) => {
      await record(model, flags);
    });
  warmup
    .command('show')
    .description('print the records of a warm-up file or request log, one line of JSON each')
    .argument('<file>', 'TFRecord of PredictionLog, or JSON lines')
    .option('--count <number>', 'records at most; 0 is all', '0')
    .action(async (file: string, { count }: { count: string }) => {
      await show(file, whole('--count', count, DIGITS));
    });
}

/** A model's signatures, and where its warm-up file belongs; null where that is not on this machine. */
interface Found {
  readonly name: string;
  readonly file: string | null;
  readonly signatures: readonly SignatureDescription[];
}

async function record(model: string, flags: RecordFlags): Promise<void> {
  const found = /^https?:\/\//i.test(model) ? await askServer(model) : readModel(model);
  const file = flags.out ?? found.file;
  if (file === null) {
    throw new ServingError('INVALID_ARGUMENT', '--out: wanted, because the model lies elsewhere');
  }
  const [{ WarmupCollector }, { named }] = await Promise.all([
    import('../record/warmup-file.js'),
    import('../record/signatures.js'),
  ]);
  const find = async (name: string) => named(found.signatures, name);
  const collector = new WarmupCollector(found.name, whole('--count', flags.count, DIGITS), find);
  for (const path of flags.from) await collector.addLog(path, flags.model ?? null);
  for (const path of flags.request) await addBodies(collector, path, found.signatures);
  if (flags.from.length + flags.request.length === 0) {
    await collector.addMadeUp(found.signatures, sizes(flags.batch_sizes));
  }
  const { records, left } = collector.result();
  for (const reason of left) process.stderr.write(`left out: ${reason}\n`);
  if (records.length === 0) throw new ServingError('FAILED_PRECONDITION', 'no request to record');
  mkdirSync(dirname(resolve(file)), { recursive: true });
  // As a whole at once: a server may be about to load the version.
  await writeAtomically(file, Buffer.concat(records), { temporary: `${file}.new` });
  process.stdout.write(`${file}: ${records.length} records\n`);
}

function sizes(list: string): number[] {
  const all = list.split(',').map((text) => whole('--batch_sizes', text.trim(), DIGITS));
  if (all.every((size) => size > 0)) return all;
  throw new ServingError(
    'INVALID_ARGUMENT',
    `--batch_sizes: got "${list}", wanted numbers above 0`,
  );
}

function readModel(path: string): Found {
  const { path: folder, graphs } = describeSavedModel(path);
  const signatures = graphs.flatMap((graph) => graph.signatures);
  const name = basename(dirname(resolve(folder)));
  return { name, file: join(folder, WARMUP_FILE), signatures: known(signatures) };
}

const known = (signatures: readonly SignatureDescription[]): SignatureDescription[] =>
  signatures.filter((signature) => !isInternal(signature));

async function askServer(url: string): Promise<Found> {
  const address = url.replace(/\/(metadata)?$/, '');
  const [, name] = /\/v1\/models\/([^/]+)/.exec(address) ?? [];
  if (name === undefined) {
    throw new ServingError('INVALID_ARGUMENT', `${url}: wanted http://HOST:PORT/v1/models/NAME`);
  }
  const [{ signaturesFromJson }, response] = await Promise.all([
    import('../record/signatures.js'),
    fetch(`${address}/metadata`).catch((cause: Error) => {
      throw new ServingError('UNAVAILABLE', `${address}: ${cause.message}`, { cause });
    }),
  ]);
  const text = await response.text();
  if (!response.ok) {
    throw new ServingError(
      'UNKNOWN',
      `${address} answered ${response.status}: ${text.slice(0, 500)}`,
    );
  }
  const signatures = known(signaturesFromJson(JSON.parse(text)));
  return { name: decodeURIComponent(name), file: null, signatures };
}

/** A file that is one JSON document, however laid out, or one a line. */
async function addBodies(
  collector: WarmupCollector,
  path: string,
  signatures: readonly SignatureDescription[],
): Promise<void> {
  const { kindOf } = await import('../record/warmup-file.js');
  const text = readFileSync(path, 'utf8');
  const bodies = isJson(text) ? [text] : text.split('\n').filter((line) => line.trim() !== '');
  for (const [index, body] of bodies.entries()) {
    const what = `${path}: request ${index + 1}`;
    if (!isJson(body)) throw new ServingError('INVALID_ARGUMENT', `${what}: not JSON`);
    const parsed = JSON.parse(body) as { signature_name?: string };
    const wanted = parsed.signature_name ?? DEFAULT_SIGNATURE;
    const signature = signatures.find(({ name }) => name === wanted) ?? null;
    await collector.addBody(kindOf(parsed, signature), body, what);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

async function show(file: string, most: number): Promise<void> {
  const { readLog } = await import('../record/replay/log-source.js');
  let shown = 0;
  for await (const request of readLog(file)) {
    if (most > 0 && shown >= most) return;
    shown += 1;
    const facts = {
      ...(request.atMs === null ? {} : { time: new Date(request.atMs).toISOString() }),
      model: request.model,
      ...(request.version === null ? {} : { version: String(request.version) }),
      method: request.kind,
    };
    const body = request.body();
    const response = request.response() ?? 'null';
    const line = `${JSON.stringify(facts).slice(0, -1)},"request":${body},"response":${response}}`;
    process.stdout.write(`${line}\n`);
  }
}
