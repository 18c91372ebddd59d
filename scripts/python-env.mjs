// npm run python: makes .venv with the reference Python client, once; prints its interpreter's path.
//
// SERVABLE_TEST_PYTHON names an interpreter that has it already. Needs Python 3.11 to 3.13 with venv.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, ROOT, run } from './lib.mjs';

const SERVING_API = 'tensorflow-serving-api==2.19.1';
const REQUIREMENTS = join(ROOT, 'scripts', 'python-requirements.txt');
const PROBE = 'import grpc, tensorflow, tensorflow_serving.apis.predict_pb2';

const venv = join(ROOT, '.venv');
const python = join(venv, 'bin', 'python');
const stamp = join(venv, 'servable.stamp');

/** The interpreter that has tensorflow-serving-api; makes .venv where it is missing or was made from other requirements. */
export async function pythonWithServingApi() {
  const named = process.env.SERVABLE_TEST_PYTHON;
  if (named) {
    if (spawnSync(named, ['-c', PROBE], { stdio: 'ignore' }).status !== 0) {
      fail(`SERVABLE_TEST_PYTHON: ${named} cannot import grpc, tensorflow and tensorflow_serving`);
    }
    return named;
  }
  const wanted = createHash('sha256')
    .update(readFileSync(REQUIREMENTS))
    .update(SERVING_API)
    .digest('hex');
  if (existsSync(python) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted)
    return python;

  rmSync(venv, { recursive: true, force: true });
  await must(basePython(), ['-m', 'venv', venv]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  await must(python, [...pip, '-r', REQUIREMENTS]);
  await must(python, [...pip, '--no-deps', SERVING_API]);
  await must(python, ['-c', PROBE]);
  // Last, so that an interrupted installation is made anew.
  writeFileSync(stamp, wanted);
  return python;
}

function basePython() {
  const usable =
    'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))';
  const found = ['python3.11', 'python3.12', 'python3.13', 'python3'].find(
    (name) => spawnSync(name, ['-c', usable], { stdio: 'ignore' }).status === 0,
  );
  return (
    found ??
    fail(
      'no Python 3.11 to 3.13 with venv on PATH: install one (Debian: apt-get install python3-venv)',
    )
  );
}

async function must(program, args) {
  // Standard output carries the interpreter's path alone.
  const status = await run(program, args, { stdio: ['ignore', 2, 'inherit'] });
  if (status !== 0) fail(`${program} ${args.join(' ')}: exit status ${status}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await pythonWithServingApi());
