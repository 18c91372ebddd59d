import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ALL_ONES_BODY,
  demoLabels,
  expectProbabilities,
  grpcAllOnes,
  restPredict,
} from '../support/demo.js';
import { compilersOnPath, type Installed, packAndInstall } from '../support/packed.js';
import { type RunningServer, startServer } from '../support/server.js';

const run = promisify(execFile);

let installed: Installed;

beforeAll(() => {
  installed = packAndInstall();
}, 600_000);

afterAll(() => {
  rmSync(dirname(installed.folder), { recursive: true, force: true });
});

/** The installed command serving the demo as modelA. */
function serveDemo(): Promise<RunningServer> {
  return startServer({
    command: [installed.bin],
    args: ['--model_name=modelA', `--model_base_path=${join(installed.package, 'models', 'demo')}`],
    models: ['modelA'],
    cwd: installed.folder,
    env: { PATH: installed.env.PATH ?? '' },
  });
}

test('the installation had no compiler on PATH', async () => {
  expect(compilersOnPath(installed.env)).toEqual([]);
  await expect(run('cargo', ['--version'], { env: installed.env })).rejects.toThrow('ENOENT');
});

test('neither installed package has an install script or a binding.gyp', async () => {
  const { stdout } = await run(
    join(dirname(installed.folder), 'bin', 'npm'),
    [
      'query',
      ':attr(scripts, [install]), :attr(scripts, [preinstall]), :attr(scripts, [postinstall])',
    ],
    { cwd: installed.folder, env: installed.env },
  );
  const names = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
  expect(names.filter((name) => /servable/.test(name))).toEqual([]);
});

describe('the installed command', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await serveDemo();
  }, 120_000);
  afterAll(async () => {
    expect(await server.stop()).toBe(0);
  });

  test('answers ten probabilities that sum to 1 over REST', async () => {
    const [row, ...more] = await restPredict(server.rest, 'modelA', ALL_ONES_BODY);
    expect(more).toEqual([]);
    expectProbabilities(row ?? []);
  });

  test('answers the same ten probabilities over gRPC', async () => {
    const tensor = await grpcAllOnes(server.grpc, 'modelA');
    expect(tensor.shape).toEqual([1, 10]);
    expectProbabilities(tensor.values);
    const [row] = await restPredict(server.rest, 'modelA', ALL_ONES_BODY);
    for (const [index, value] of tensor.values.entries()) {
      expect(value).toBeCloseTo(row?.[index] ?? Number.NaN, 6);
    }
  });

  test('recognises the sample images that ship with the model', async () => {
    const labels = demoLabels();
    const body = readFileSync(
      join(installed.package, 'models', 'demo', 'samples', 'batch-of-ten.json'),
      'utf8',
    );
    const rows = await restPredict(server.rest, 'modelA', body);
    const guesses = rows.map((row) => labels[row.indexOf(Math.max(...row))]);
    // One image of each class in the order of the labels; one mistake is what nine right of ten allow.
    expect(guesses.filter((guess, index) => guess === labels[index]).length).toBeGreaterThanOrEqual(
      9,
    );
  });
});

test('SIGTERM lets the requests in flight finish and ends with status 0', async () => {
  const server = await serveDemo();
  // A request counts as in flight once the server has asked for its body.
  const pending = await Promise.all(
    Array.from({ length: 8 }, () => openRequest(server.restPort, '/v1/models/modelA:predict')),
  );
  const exited = server.stop();
  const answers = await Promise.all(pending.map((send) => send(ALL_ONES_BODY)));
  expect(answers.map(({ status }) => status)).toEqual(new Array(8).fill(200));
  for (const { body } of answers) {
    expectProbabilities((JSON.parse(body) as { predictions: number[][] }).predictions[0] ?? []);
  }
  expect(await exited).toBe(0);
});

test('a program uses the library by import and by require', async () => {
  const model = JSON.stringify(join(installed.package, 'models', 'demo', '1'));
  const body = `
    async function main({ SavedModel, tensor }) {
      const model = await SavedModel.load(${model});
      const ones = new Float32Array(28 * 28).fill(1);
      const outputs = await model.predict({ keras_tensor: tensor(ones, [1, 28, 28, 1]) });
      const [output] = Object.values(outputs);
      console.log(JSON.stringify({ shape: output.shape, values: [...output.data] }));
      await model.close();
    }`;
  writeFileSync(
    join(installed.folder, 'use.mjs'),
    `import { SavedModel, tensor } from 'servable';${body}\nawait main({ SavedModel, tensor });\n`,
  );
  writeFileSync(
    join(installed.folder, 'use.cjs'),
    `const servable = require('servable');${body}\nmain(servable);\n`,
  );
  for (const file of ['use.mjs', 'use.cjs']) {
    const { stdout } = await run(process.execPath, [file], {
      cwd: installed.folder,
      env: {
        ...installed.env,
        SERVABLE_TENSORFLOW_LIBRARY: process.env.SERVABLE_TENSORFLOW_LIBRARY,
      },
    });
    const { shape, values } = JSON.parse(stdout) as { shape: number[]; values: number[] };
    expect(shape.map(Number)).toEqual([1, 10]);
    expectProbabilities(values);
  }
});

test('the declarations compile in a strict TypeScript program', async () => {
  writeFileSync(
    join(installed.folder, 'use.mts'),
    `import { SavedModel, type SavedModel as Model } from 'servable';
export async function names(directory: string): Promise<string[]> {
  const model: Model = await SavedModel.load(directory);
  return Object.keys(model.signatures);
}
`,
  );
  const tsc = join(import.meta.dirname, '..', '..', 'node_modules', 'typescript', 'bin', 'tsc');
  const types = join(import.meta.dirname, '..', '..', 'node_modules', '@types');
  // tsc prints its complaints on standard output.
  const complaints = await run(
    process.execPath,
    [
      tsc,
      ...['--noEmit', '--strict', '--module', 'NodeNext', '--target', 'ES2023'],
      ...['--lib', 'ES2023,ESNext.Disposable', '--typeRoots', types, '--types', 'node', 'use.mts'],
    ],
    { cwd: installed.folder },
  ).then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  );
  expect(complaints).toBe('');
});

test('servable demo prints a curl line that works', async () => {
  const server = await startServer({
    command: [installed.bin],
    subcommand: 'demo',
    args: [],
    models: ['modelA'],
    cwd: installed.folder,
    env: { PATH: installed.env.PATH ?? '' },
  });
  try {
    // The command with the lines that a backslash continues.
    const [line] = await server.printed(/^\s*curl (?:[^\n]*\\\n)*[^\n]*$/m);
    const { stdout } = await run('sh', ['-c', line], { cwd: installed.folder });
    const { predictions } = JSON.parse(stdout) as { predictions: number[][] };
    for (const row of predictions) expectProbabilities(row);
    expect(predictions.length).toBeGreaterThan(0);
  } finally {
    expect(await server.stop()).toBe(0);
  }
});

interface Answer {
  status: number;
  body: string;
}

/** Opens a POST and resolves once the server has answered 100 Continue; the returned function sends the body. */
function openRequest(port: number, path: string): Promise<(body: string) => Promise<Answer>> {
  return new Promise((resolve, reject) => {
    const pending = request({
      port,
      path,
      host: '127.0.0.1',
      method: 'POST',
      agent: false,
      headers: {
        expect: '100-continue',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(ALL_ONES_BODY),
      },
    });
    const answer = new Promise<Answer>((settle, fail) => {
      pending.once('error', fail);
      pending.once('response', (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.once('end', () => settle({ status: response.statusCode ?? 0, body }));
        response.once('error', fail);
      });
    });
    answer.catch(reject);
    pending.once('continue', () =>
      resolve((body) => {
        pending.end(body);
        return answer;
      }),
    );
    pending.flushHeaders();
  });
}
