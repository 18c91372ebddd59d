import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeModelConfig } from '../support/model-config.js';
import { modelDir, ROOT } from '../support/paths.js';
import { startServer } from '../support/server.js';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'servable-interop-log-'));
let records: Record<string, unknown>[];

beforeAll(async () => {
  const entries = ['half_plus_two', 'strings'].map(
    (name) => `config { name: '${name}' base_path: '${modelDir(name)}' model_platform: 'tensorflow'
      logging_config { log_collector_config { filename_prefix: '${join(folder, 'log')}' } sampling_config { sampling_rate: 1 } } }`,
  );
  const config = writeModelConfig(`model_config_list { ${entries.join('\n')} }`);
  const server = await startServer({
    args: [`--model_config_file=${config}`, '--auto_warmup=false'],
    models: ['half_plus_two', 'strings'],
  });
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(`${server.rest}/v1/models/${path}`, { method: 'POST', body: JSON.stringify(body) });
  await post('half_plus_two:predict', { instances: [1, 2, 5] });
  await post('strings:predict', { instances: ['foo', 'bär'] });
  await post('half_plus_two:classify', {
    signature_name: 'classify_labels',
    examples: [{ x: 1.5 }, { x: 2.5 }],
  });
  // Stopping writes what was captured.
  expect(await server.stop()).toBe(0);
  // Prints the interpreter's path; makes .venv where SERVABLE_TEST_PYTHON names none and there is none yet.
  const made = await run(process.execPath, [join(ROOT, 'scripts', 'python-env.mjs')]);
  const [file = ''] = readdirSync(folder);
  const script = join(ROOT, 'test', 'interop', 'prediction_log.py');
  const { stdout } = await run(made.stdout.trim(), [script, join(folder, file)], {
    timeout: 120_000,
  });
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}, 900_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FACTS = { rate: 1, tags: ['serve'] };
const float = (values: number[]) => ({ dtype: 'float32', shape: [values.length], values });

test('TensorFlow reads a JSON request as the tensors it was', () => {
  expect(records[0]).toEqual({
    kind: 'predict_log',
    model: ['half_plus_two', 2, 'serving_default'],
    inputs: { x: float([1, 2, 5]) },
    outputs: { y: float([2.5, 3, 4.5]) },
    ...FACTS,
  });
});

test('TensorFlow reads strings', () => {
  expect(records[1]).toMatchObject({
    model: ['strings', 1, 'serving_default'],
    inputs: { text: { dtype: 'string', shape: [2], values: ['foo', 'bär'] } },
    outputs: {
      upper: { dtype: 'string', values: ['FOO', 'BäR'] },
      length: { dtype: 'int32', values: [3, 4] },
    },
  });
});

test('TensorFlow reads examples and classes', () => {
  expect(records[2]).toEqual({
    kind: 'classify_log',
    model: ['half_plus_two', 2, 'classify_labels'],
    examples: 2,
    classes: [[['1.5', 2.75]], [['2.5', 3.25]]],
    ...FACTS,
  });
});
