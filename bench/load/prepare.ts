import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CACHE, ROOT } from './paths.js';

const REQUIREMENTS = join(ROOT, 'bench', 'load', 'requirements.txt');
const TFJS_VERSION = '4.22.0';

/**
 * Runs a program with its output on standard error; resolves to what it printed on standard output.
 *
 * @throws {Error} with the last lines when it ends with another status than 0.
 */
export async function must(
  program: string,
  args: readonly string[],
  cwd: string = ROOT,
): Promise<string> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const all: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk) && all.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => all.push(chunk));
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (status !== 0) {
    const tail = Buffer.concat(all).toString().trim().split('\n').slice(-15).join('\n');
    throw new Error(`${program} ${args.join(' ')}: exit status ${String(status)}\n${tail}`);
  }
  return Buffer.concat(out).toString().trim();
}

/**
 * The interpreter with TensorFlow, OpenVINO and FastAPI: `SERVABLE_BENCH_PYTHON`, or bench/.cache/venv, made here where it is missing
 * or was made from other requirements.
 */
export async function benchPython(): Promise<string> {
  const named = process.env.SERVABLE_BENCH_PYTHON;
  if (named !== undefined && named !== '') return named;
  const venv = join(CACHE, 'venv');
  const python = join(venv, 'bin', 'python');
  const stamp = join(venv, 'servable.stamp');
  const wanted = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python;
  process.stderr.write('making bench/.cache/venv (minutes, once)\n');
  rmSync(venv, { recursive: true, force: true });
  await must('python3', ['-m', 'venv', venv]);
  await must(python, ['-m', 'pip', 'install', '--quiet', '-r', REQUIREMENTS]);
  writeFileSync(stamp, wanted);
  return python;
}

/** The folder of the interpreter's tensorflow package. */
export async function tensorflowFolder(python: string): Promise<string> {
  const find =
    'import importlib.util as u; print(u.find_spec("tensorflow").submodule_search_locations[0])';
  return must(python, ['-c', find]);
}

/** The libtensorflow that every contender opens: `SERVABLE_TENSORFLOW_LIBRARY`, or the interpreter's. */
export async function benchLibrary(python: string): Promise<string> {
  const named = process.env.SERVABLE_TENSORFLOW_LIBRARY;
  if (named !== undefined && named !== '') return named;
  return join(await tensorflowFolder(python), 'libtensorflow_cc.so.2');
}

/** Makes the models that are missing in bench/.cache/models. */
export async function makeModels(python: string, names: readonly string[]): Promise<void> {
  const missing = names.filter((name) => !existsSync(join(CACHE, 'models', name, '1')));
  if (missing.length === 0) return;
  process.stderr.write(`making models: ${missing.join(', ')}\n`);
  const script = join(ROOT, 'bench', 'load', 'make_models.py');
  await must(python, [script, join(CACHE, 'models'), ...missing]);
}

/**
 * Installs tfjs-node into bench/.cache/tfjs without its install script (which would download a libtensorflow of its own) and builds
 * its binding against the headers and libraries of the interpreter's TensorFlow, reached by links.
 *
 * @returns the folder to require it from
 * @throws {Error} with the builder's last lines
 */
export async function installTfjs(python: string): Promise<string> {
  const folder = join(CACHE, 'tfjs');
  const stamp = join(folder, 'servable.stamp');
  const tensorflow = await tensorflowFolder(python);
  const wanted = `${TFJS_VERSION} ${process.version} ${tensorflow}`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return folder;
  process.stderr.write('building tfjs-node in bench/.cache/tfjs (minutes, once)\n');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true}\n');
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund'];
  await must('npm', [...install, `@tensorflow/tfjs-node@${TFJS_VERSION}`], folder);
  const module = join(folder, 'node_modules', '@tensorflow', 'tfjs-node');
  linkTensorflow(join(module, 'deps'), tensorflow);
  await must(process.execPath, gypArguments(module), module);
  writeFileSync(stamp, wanted);
  return folder;
}

/** Lays the names that tfjs-node's binding is linked with over TensorFlow's own. */
function linkTensorflow(deps: string, tensorflow: string): void {
  mkdirSync(join(deps, 'lib'), { recursive: true });
  symlinkSync(join(tensorflow, 'include'), join(deps, 'include'));
  const links = {
    'libtensorflow.so': 'libtensorflow_cc.so.2',
    'libtensorflow_cc.so.2': 'libtensorflow_cc.so.2',
    'libtensorflow_framework.so': 'libtensorflow_framework.so.2',
    'libtensorflow_framework.so.2': 'libtensorflow_framework.so.2',
  };
  for (const [name, target] of Object.entries(links)) {
    symlinkSync(join(tensorflow, target), join(deps, 'lib', name));
  }
}

function gypArguments(module: string): string[] {
  const require = createRequire(import.meta.url);
  const gyp = join(require.resolve('node-gyp/package.json'), '..', 'bin', 'node-gyp.js');
  const prefix = join(process.execPath, '..', '..');
  // Node's own headers where they lie beside it; node-gyp downloads them otherwise.
  const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
    ? [`--nodedir=${prefix}`]
    : [];
  // What node-pre-gyp would hand over.
  const names = ['--module_name=tfjs_binding', '--napi_build_version=8'];
  return [gyp, 'rebuild', ...headers, ...names, `--module_path=${join(module, 'lib', 'napi-v8')}`];
}
