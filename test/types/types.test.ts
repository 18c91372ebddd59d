import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../support/paths.js';

const API = 'public-api.test-d.ts';

/** A CommonJS file; Node 20.19 and newer load the package with require(). */
const COMMON_JS = `
import servable = require('servable');

export async function library(): Promise<Float32Array> {
  const model = await servable.SavedModel.load('/models/half_plus_two/1');
  const x = servable.tensor(new Float32Array([1, 2, 5]), [3]);
  const { y }: Record<string, servable.Tensor> = await model.predict({ x });
  await model.close();
  const code: servable.CodeName = new servable.ServingError('NOT_FOUND', 'none').code;
  return code === 'NOT_FOUND' && y?.data instanceof Float32Array ? y.data : new Float32Array();
}
`;

/** A project that has the built package and TypeScript, and nothing else of ours. */
let project: string;

beforeAll(() => {
  if (!existsSync(join(ROOT, 'dist', 'index.d.ts'))) {
    throw new Error('dist/index.d.ts is missing: run "npm run build:ts"');
  }
  project = mkdtempSync(join(tmpdir(), 'servable-types-'));
  mkdirSync(join(project, 'node_modules', '@types'), { recursive: true });
  symlinkSync(ROOT, join(project, 'node_modules', 'servable'));
  const nodeTypes = join(ROOT, 'node_modules', '@types', 'node');
  symlinkSync(nodeTypes, join(project, 'node_modules', '@types', 'node'));
  writeFileSync(join(project, 'package.json'), '{ "name": "user", "type": "module" }');
  const text = readFileSync(join(ROOT, 'test', 'types', API), 'utf8');
  writeFileSync(join(project, API), text.replaceAll('../../ts/index.js', 'servable'));
  writeFileSync(join(project, 'require.cts'), COMMON_JS);
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

/** What the compiler says of some files; empty when it is content. */
async function compile(files: readonly string[], options: object): Promise<string> {
  const config = join(
    project,
    `tsconfig.${files.join('.')}.${JSON.stringify(options).length}.json`,
  );
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    target: 'ES2023',
    lib: ['ES2023', 'ESNext.Disposable'],
    types: ['node'],
    // Our declarations are looked at too.
    skipLibCheck: false,
    ...options,
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files }));
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    await promisify(execFile)(process.execPath, [tsc, '-p', config], { cwd: project });
    return '';
  } catch (error) {
    return (error as { stdout?: string }).stdout ?? String(error);
  }
}

describe('a project that uses the built package compiles', () => {
  test.each([
    [
      'as an ES module and as CommonJS under nodenext',
      [API, 'require.cts'],
      { module: 'nodenext' },
    ],
    ['with a bundler', [API], { module: 'esnext', moduleResolution: 'bundler' }],
    [
      'without the strictest options',
      [API, 'require.cts'],
      { module: 'nodenext', exactOptionalPropertyTypes: false },
    ],
  ])('%s', async (_how, files, options) => {
    expect(await compile(files, options)).toBe('');
  });

  test('and a misuse does not', async () => {
    writeFileSync(
      join(project, 'misuse.ts'),
      "import { SavedModel } from 'servable';\nexport const model: number = SavedModel.load('/models');\n",
    );
    expect(await compile(['misuse.ts'], { module: 'nodenext' })).toContain(
      'misuse.ts(2,14): error TS2322',
    );
  });
});
