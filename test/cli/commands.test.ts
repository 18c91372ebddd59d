import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { banner } from '../../ts/cli/banner.js';
import { describe as describeModel } from '../../ts/cli/inspect.js';
import { withSignature } from '../../ts/cli/predict.js';
import { makeProgram } from '../../ts/cli/program.js';
import { describeSavedModel, modelFolder } from '../../ts/cli/saved-model-file.js';
import { sampleRequest } from '../../ts/codec/sample-request.js';
import { OPTION_NAMES } from '../../ts/options/options.js';
import type { Server } from '../../ts/server.js';
import { versionStatus } from '../api/fakes.js';
import { CLI, DEMO, modelDir } from '../support/paths.js';

const folders: string[] = [];
afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'servable-cli-'));
  folders.push(path);
  return path;
}

/** Runs the program without letting it end the process. */
async function run(...argv: string[]): Promise<{ code: string; text: string }> {
  const program = makeProgram();
  let text = '';
  const write = (chunk: string): void => {
    text += chunk;
  };
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: write, writeErr: write });
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return { code: '', text };
  } catch (error) {
    return { code: (error as { code: string }).code, text };
  }
}

describe('the command line', () => {
  it('lists every command in the help', async () => {
    const { text } = await run('--help');
    for (const name of ['serve', 'demo', 'inspect', 'predict', 'runtime', 'doctor', 'completion']) {
      expect(text).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
  });

  it('suggests a command for a misspelt one', async () => {
    const { code, text } = await run('inspct', 'x');
    expect(code).toBe('commander.unknownCommand');
    expect(text).toContain('Did you mean inspect?');
  });

  it('knows every flag of serve, for completion', () => {
    const serve = makeProgram().commands.find((command) => command.name() === 'serve');
    const flags = serve?.options.map(({ long }) => long?.slice(2));
    expect(flags).toEqual(expect.arrayContaining([...OPTION_NAMES]));
  });
});

describe('inspect', () => {
  it('takes the highest version of a base path, or the model itself', () => {
    expect(modelFolder(modelDir('half_plus_two'))).toBe(join(modelDir('half_plus_two'), '2'));
    expect(modelFolder(join(modelDir('half_plus_two'), '1'))).toBe(
      join(modelDir('half_plus_two'), '1'),
    );
    const base = folder();
    for (const name of ['9', '10', 'x']) {
      mkdirSync(join(base, name));
      writeFileSync(join(base, name, 'saved_model.pb'), '');
    }
    mkdirSync(join(base, '11'));
    expect(modelFolder(base)).toBe(join(base, '10'));
  });

  it('says what it looked for', () => {
    const base = folder();
    expect(() => modelFolder(join(base, 'none'))).toThrow(`${join(base, 'none')}: no such folder`);
    expect(() => modelFolder(base)).toThrow(`${base}: no SavedModel; wanted saved_model.pb`);
    writeFileSync(join(base, 'file'), '');
    expect(() => modelFolder(join(base, 'file'))).toThrow('not a folder');
  });

  it.each(['', 'garbage', '\u0012\u0005ab', '\u0008'])(
    'refuses a file that is no SavedModel: %j',
    (content) => {
      const base = folder();
      writeFileSync(join(base, 'saved_model.pb'), content);
      expect(() => describeSavedModel(base)).toThrow(
        `${join(base, 'saved_model.pb')}: not a SavedModel`,
      );
    },
  );

  it('reads tags, versions and signatures without TensorFlow', () => {
    const { graphs } = describeSavedModel(modelDir('multi'));
    expect(graphs).toHaveLength(1);
    expect(graphs[0]?.tags).toEqual(['serve']);
    expect(graphs[0]?.tensorflowVersion).toMatch(/^2\.\d+\.\d+$/);
    const signature = graphs[0]?.signatures.find(({ name }) => name === 'serving_default');
    expect(signature).toEqual({
      name: 'serving_default',
      methodName: 'tensorflow/serving/predict',
      inputs: [
        { name: 'a', dtype: 'float', shape: [-1, 2] },
        { name: 'b', dtype: 'int32', shape: [-1] },
      ],
      outputs: [
        { name: 'b', dtype: 'int32', shape: [-1] },
        { name: 'sum', dtype: 'float', shape: [-1, 2] },
      ],
    });
  });

  it('prints the demo model as a table', () => {
    const text = describeModel(describeSavedModel(DEMO));
    expect(text).toMatch(/saved with TensorFlow 2\.\d+\.\d+(, Keras [\d.]+)?; tags: serve/);
    expect(text).toMatch(/^ {2}input +keras_tensor +float +\[-1, 28, 28, 1\]$/m);
    expect(text).not.toContain('__saved_model_init_op');
  });

  it('makes requests that fit the signature', () => {
    const request = (model: string, name = 'serving_default') => {
      const signatures = describeSavedModel(modelDir(model)).graphs[0]?.signatures;
      const signature = signatures?.find((each) => each.name === name);
      if (signature === undefined) throw new Error(`no ${name}`);
      return sampleRequest(signature, 1000);
    };
    expect(request('multi')).toEqual({ instances: [{ a: [1, 1], b: 1 }] });
    expect(request('strings')).toEqual({ instances: ['text'] });
    expect(request('strings', 'bytes_echo')).toEqual({
      signature_name: 'bytes_echo',
      instances: [{ b64: 'AA==' }],
    });
    expect(request('echo', 'scalar_bool')).toEqual({ signature_name: 'scalar_bool', inputs: true });
    expect(request('echo', 'any_rank')).toEqual({
      signature_name: 'any_rank',
      instances: [1],
    });
    const { instances } = request('image') as { instances: number[][][][] };
    expect([instances[0]?.length, instances[0]?.[0]?.length, instances[0]?.[0]?.[0]]).toEqual([
      28,
      28,
      [1],
    ]);
  });
});

describe('predict', () => {
  it.each([
    ['{"instances": [1]}', '{"signature_name": "s", "instances": [1]}'],
    [' {}', ' {"signature_name": "s"}'],
    ['[1]', '[1]'],
    ['', ''],
  ])('puts the signature into %j', (body, wanted) => {
    expect(withSignature(body, 's')).toBe(wanted);
    expect(withSignature(body, undefined)).toBe(body);
  });

  it('says that no server answers at a URL', async () => {
    const program = makeProgram();
    const call = program.parseAsync(['predict', 'http://127.0.0.1:1/v1/models/m', '{}'], {
      from: 'user',
    });
    await expect(call).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:1\/v1\/models\/m:predict: .*is a server running there\?/,
    );
  });
});

it('the banner names the URLs and every version of every model', async () => {
  const server: Server = {
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    listening: () => Promise.resolve({ rest: 'http://localhost:8501', grpc: 'localhost:8500' }),
    models: () => [
      {
        name: 'a b',
        versions: [
          versionStatus(12n),
          versionStatus(3n, { state: 'END', code: 3, message: 'bad\nworse' }),
        ],
        labels: [{ label: 'stable', version: 12n }],
      },
    ],
    runtime: () => ({ version: '2.21.0', path: '/tf', warnings: [] }),
    broken: new Promise(() => undefined),
  };
  const text = await banner(server);
  expect(text).toContain('TensorFlow 2.21.0');
  expect(text).toContain('http://localhost:8501/v1/models/a%20b:predict');
  expect(text).toContain('localhost:8500');
  expect(text).toMatch(/^ {2}MODEL {2}VERSION {2}STATE {6}LABELS$/m);
  expect(text).toMatch(/^ {2}a b {4}12 {7}AVAILABLE {2}stable$/m);
  expect(text).toMatch(/^ {2}a b {4}3 {8}END {16}bad$/m);
});

it("keeps compiled code in the user's cache, where Node can", () => {
  const cache = folder();
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  execFileSync(process.execPath, [CLI, 'serve', '--help'], {
    env: { ...env, XDG_CACHE_HOME: cache },
    stdio: 'ignore',
  });
  const can = 'enableCompileCache' in nodeModule;
  expect(existsSync(join(cache, 'servable', 'compiled'))).toBe(can);
});
