/**
 * `npm run bench:gpu`: the load suite on the CUDA runtime of `servable runtime install --cuda`.
 *
 *   --install   install that runtime first where it is missing (gigabytes)
 *
 * All other options are those of `npm run bench:load`. Without a GPU it reads the runtime's files, compares their sha256, looks at
 * how they are laid out, and says that nothing was run.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CLI, ROOT } from './load/paths.js';

const run = promisify(execFile);

interface Runtime {
  readonly name: string;
  readonly variant: string;
  readonly library: string;
  readonly complete: boolean;
}

/** NVIDIA's libraries that TensorFlow opens by name; they lie in folders beside its own. */
const NVIDIA = ['libcudart', 'libcublas', 'libcudnn', 'libcufft', 'libcusolver', 'libcusparse'];

const INSTALL = ['runtime', 'install', '--cuda', '--yes'];
const given = process.argv.slice(2);
const runtime = (await cudaRuntime()) ?? (await installed());
if (runtime === null) {
  process.stdout.write(
    'no CUDA runtime here: run "npm run bench:gpu -- --install" or "servable runtime install --cuda"; nothing was run\n',
  );
} else {
  await verify(runtime);
  const gpus = await listGpus();
  if (gpus === null) {
    process.stdout.write(
      'no GPU here (nvidia-smi lists none): hashes and layout were verified, nothing was run\n',
    );
  } else {
    process.stdout.write(`${gpus}\n`);
    load(runtime);
  }
}

async function cudaRuntime(): Promise<Runtime | null> {
  const { stdout } = await run(process.execPath, [CLI, 'runtime', 'list', '--json']);
  const { runtimes } = JSON.parse(stdout) as { runtimes: Runtime[] };
  return runtimes.find(({ variant, complete }) => variant.startsWith('cuda') && complete) ?? null;
}

async function installed(): Promise<Runtime | null> {
  if (!given.includes('--install')) return null;
  const { status } = spawnSync(process.execPath, [CLI, ...INSTALL], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`servable ${INSTALL.join(' ')}: exited with ${status}`);
  return cudaRuntime();
}

/** @throws {Error} when a file is not what was installed, or one that TensorFlow opens is missing */
async function verify({ name, library }: Runtime): Promise<void> {
  const { stdout } = await run(process.execPath, [CLI, 'runtime', 'verify', '--json', name], {
    maxBuffer: 1 << 26,
  });
  const { ok, files } = JSON.parse(stdout) as { ok: boolean; files: { path: string }[] };
  if (!ok) throw new Error(`${name}: files differ from what was installed\n${stdout}`);
  const root = dirname(dirname(library));
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  const missing = NVIDIA.filter((wanted) => !names.some((file) => file.includes(`/${wanted}.so`)));
  if (missing.length > 0) throw new Error(`${root}: no ${missing.join(', ')}`);
  if (!existsSync(library)) throw new Error(`${library}: missing`);
  process.stdout.write(`${name}: sha256 of ${files.length} files as installed, layout complete\n`);
}

/** What nvidia-smi lists, or null where there is no GPU or no driver. */
async function listGpus(): Promise<string | null> {
  const nothing = { stdout: '' };
  // It fails where there is no driver, and is missing where there never was one.
  const { stdout } = await run('nvidia-smi', ['-L']).catch(() => nothing);
  return stdout.trim() === '' ? null : stdout.trim();
}

/** Servable and the baselines that need no GPU of their own; the table goes to its own part of bench/RESULTS.md. */
function load({ library }: Runtime): void {
  const options = ['--results=gpu', '--servers=servable,library,fastify,grpc-js'];
  const others = given.filter((option) => option !== '--install');
  const script = join(ROOT, 'bench', 'load', 'run.ts');
  const { status } = spawnSync('npx', ['tsx', script, ...options, ...others], {
    stdio: 'inherit',
    env: { ...process.env, SERVABLE_TENSORFLOW_LIBRARY: library },
  });
  process.exitCode = status ?? 1;
}
