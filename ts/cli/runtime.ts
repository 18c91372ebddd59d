import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { ServingError } from '../errors.js';
import { megabytes, removeIfEmpty, removeTree } from '../runtime/disk.js';
import { isInteractive } from '../runtime/ensure.js';
import {
  findRuntime,
  type RuntimeChoice,
  RuntimeMissingError,
  readUse,
  writeUse,
} from '../runtime/find.js';
import { type CudaSource, installFolder } from '../runtime/install.js';
import { acquireLock } from '../runtime/lock.js';
import {
  type Installed,
  listInstalled,
  listUnfinished,
  looksComplete,
  readManifest,
  runtimeRoot,
  verifyFile,
} from '../runtime/manifest.js';
import { nvidiaDownloadSize } from '../runtime/nvidia.js';
import { confirm, runInstall } from '../runtime/offer.js';
import { pinnedSizes, pinnedWheel } from '../runtime/pinned-wheel.js';
import { PIN_TABLE } from '../runtime/pins.js';
import { DEFAULT_VERSION, THIS_HOST, type Variant } from '../runtime/platform.js';

interface InstallFlags {
  readonly version: string;
  readonly cuda?: string | true;
  readonly dir?: string;
  readonly indexUrl?: string;
  readonly from?: string[];
  readonly full?: true;
  readonly strip: boolean;
  readonly force?: true;
  readonly ifMissing?: true;
  readonly yes?: true;
  readonly json?: true;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

function cudaSource(flag: string | true | undefined): CudaSource | null {
  if (flag === undefined) return null;
  if (flag === true) return { kind: 'fetch' };
  return { kind: 'reuse', folder: flag === 'reuse' ? null : flag };
}

function sizeOf(installed: Installed): number {
  return installed.manifest.files.reduce((sum, file) => sum + file.installedSize, 0);
}

/** Lists what a CUDA install fetches; goes on only after a yes. */
async function confirmCuda(version: string, isAgreed: boolean): Promise<void> {
  const pin = pinnedWheel(PIN_TABLE, version, 'cuda12', THIS_HOST);
  const packages = PIN_TABLE.nvidia[version];
  if (pin === null || packages === undefined) return; // the install says what is missing
  const ours = pinnedSizes(pin).download;
  const lines = [
    `  ${'tensorflow'.padEnd(26)} ${megabytes(ours).padStart(8)}`,
    ...packages.map(
      ({ project, size }) => `  ${project.padEnd(26)} ${megabytes(size).padStart(8)}`,
    ),
    `  ${'in all'.padEnd(26)} ${megabytes(ours + nvidiaDownloadSize(packages)).padStart(8)}`,
  ];
  process.stderr.write(`TensorFlow ${version} for CUDA 12 is fetched from:\n${lines.join('\n')}\n`);
  if (isAgreed) return;
  if (!isInteractive()) {
    throw new ServingError('FAILED_PRECONDITION', 'nobody to ask; add --yes to fetch all this');
  }
  if (!(await confirm('Fetch all this?'))) throw new ServingError('CANCELLED', 'nothing installed');
}

async function install(flags: InstallFlags): Promise<void> {
  const cuda = cudaSource(flags.cuda);
  const wanted = {
    version: flags.version,
    cuda,
    folder: flags.dir ?? null,
    indexUrl: flags.indexUrl ?? null,
    from: flags.from ?? [],
    full: flags.full === true,
    strip: flags.strip,
    force: flags.force === true,
  };
  const variant: Variant = cuda === null ? 'cpu' : 'cuda12';
  const folder = installFolder(
    { ...wanted, env: process.env, host: THIS_HOST },
    flags.version,
    variant,
  );
  const isThere = readManifest(folder) !== null;
  if (cuda?.kind === 'fetch' && wanted.from.length === 0 && !isThere) {
    await confirmCuda(flags.version, flags.yes === true);
  }
  const began = performance.now();
  const result = await runInstall(wanted);
  const seconds = Number(((performance.now() - began) / 1000).toFixed(1));
  const { version } = result.manifest;
  const size = sizeOf(result);
  if (flags.json === true) {
    const { library, fresh } = result;
    printJson({ version, variant: result.manifest.variant, library, fresh, bytes: size, seconds });
    return;
  }
  const outcome = result.fresh ? `installed in ${seconds} s` : 'is installed already';
  print(`TensorFlow ${version} (${result.manifest.variant}) ${outcome}: ${result.library}`);
  if (result.fresh) print(`${megabytes(size)} on disk; checked by ${trustText(result)}`);
  await printWhetherUsed(result.library, flags.dir ?? null);
}

function trustText({ manifest }: Installed): string {
  switch (manifest.trust) {
    case 'pinned':
      return 'the sha256 this release of Servable knows';
    case 'index':
      return 'the sha256 the index lists';
    case 'record':
      return "the wheel's own list only: this release does not know this wheel";
  }
}

/** What a server would open now; null when there is nothing. */
function inUseNow(): Promise<RuntimeChoice | null> {
  return findRuntime().catch((error: unknown) => {
    if (error instanceof RuntimeMissingError) return null;
    throw error;
  });
}

/** Says how to get at an install that another choice hides. */
async function printWhetherUsed(library: string, dir: string | null): Promise<void> {
  const chosen = await inUseNow();
  if (chosen?.path === library) return;
  const name = dir === null ? 'VERSION' : resolve(dir);
  const how =
    dir === null ? 'see: servable runtime list' : `take it with: servable runtime use ${name}`;
  print(chosen === null ? how : `in use is ${chosen.path} (${chosen.source}); ${how}`);
}

/** Finds an install by version (`2.21.0`), version and variant (`2.21.0-cuda12`) or folder. */
function findInstalled(name: string): Installed {
  const installs = listInstalled(runtimeRoot(process.env, process.platform));
  const exact = installs.find(
    ({ manifest, folder }) =>
      [`${manifest.version}-${manifest.variant}`, manifest.version].includes(name) ||
      folder === resolve(name),
  );
  if (exact !== undefined) return exact;
  const manifest = readManifest(resolve(name));
  if (manifest !== null) return { folder: resolve(name), manifest };
  const known = installs.map((one) => `${one.manifest.version}-${one.manifest.variant}`).join(', ');
  throw new ServingError('NOT_FOUND', `${name}: not installed (installed: ${known || 'none'})`);
}

async function list(flags: { json?: true }): Promise<void> {
  const root = runtimeRoot(process.env, process.platform);
  const inUse = await inUseNow();
  const rows = listInstalled(root).map((installed) => ({
    name: `${installed.manifest.version}-${installed.manifest.variant}`,
    version: installed.manifest.version,
    variant: installed.manifest.variant,
    library: join(installed.folder, installed.manifest.library),
    bytes: sizeOf(installed),
    installed: installed.manifest.installed,
    complete: looksComplete(installed),
    inUse: join(installed.folder, installed.manifest.library) === inUse?.path,
  }));
  const unfinished = listUnfinished(root);
  if (flags.json === true) {
    printJson({ root, runtimes: rows, unfinished, inUse });
    return;
  }
  for (const row of rows) {
    const state = row.complete ? '' : '  files missing: install again';
    const size = megabytes(row.bytes).padStart(8);
    const day = row.installed.slice(0, 10);
    print(
      `${row.inUse ? '*' : ' '} ${row.name.padEnd(16)} ${size}  ${day}  ${row.library}${state}`,
    );
  }
  for (const folder of unfinished) print(`  unfinished: ${folder} (install continues it)`);
  if (rows.length === 0 && unfinished.length === 0) print(`nothing installed in ${root}`);
  if (inUse !== null && !rows.some((row) => row.inUse)) {
    print(
      `in use: ${inUse.path} (${inUse.source}${inUse.version === null ? '' : `, ${inUse.version}`})`,
    );
  }
}

async function use(name: string | undefined, flags: { auto?: true }): Promise<void> {
  if (flags.auto === true || name === undefined) {
    if (flags.auto !== true) throw new ServingError('INVALID_ARGUMENT', 'name a version or a path');
    await writeUse(null, process.env);
    print('the newest runtime is used from now on');
    return;
  }
  const isPath = /[/\\]/.test(name);
  const path = isPath ? resolve(name) : findInstalled(name).folder;
  // Judged exactly as it will be at the next start.
  const chosen = await findRuntime({ library: path });
  await writeUse(path, process.env);
  print(`${chosen.path} is used from now on`);
}

async function remove(names: string[], flags: { all?: true }): Promise<void> {
  const root = runtimeRoot(process.env, process.platform);
  const folders =
    flags.all === true
      ? [...listInstalled(root).map(({ folder }) => folder), ...listUnfinished(root)]
      : names.map((name) => findInstalled(name).folder);
  if (names.length === 0 && flags.all !== true) {
    throw new ServingError('INVALID_ARGUMENT', 'name what to remove, or --all');
  }
  for (const folder of folders) {
    const lock = await acquireLock(join(folder, '.lock'), (pid) => {
      process.stderr.write(`an install (process ${pid}) is under way, waiting for it\n`);
    });
    try {
      // The manifest goes first: a removal that is cut leaves nothing that counts as an install.
      for (const part of ['manifest.json', 'tensorflow', 'nvidia', '.part']) {
        await removeTree(join(folder, part));
      }
    } finally {
      await lock.release();
    }
    await removeIfEmpty(folder);
    if (readUse(process.env) === folder) await writeUse(null, process.env);
    print(`removed ${folder}`);
  }
  if (folders.length === 0) print(`nothing installed in ${root}`);
}

async function verify(names: string[], flags: { json?: true }): Promise<void> {
  const root = runtimeRoot(process.env, process.platform);
  const installs = names.length > 0 ? names.map(findInstalled) : listInstalled(root);
  if (installs.length === 0) throw new ServingError('NOT_FOUND', `nothing installed in ${root}`);
  const results = [];
  for (const { folder, manifest } of installs) {
    for (const file of manifest.files) {
      const problem = await verifyFile(folder, file);
      results.push({ path: join(folder, file.path), sha256: file.installedSha256, problem });
      if (flags.json !== true)
        print(`${problem === null ? 'ok  ' : 'BAD '} ${join(folder, file.path)}`);
      if (flags.json !== true && problem !== null) print(`     ${problem}`);
    }
  }
  const isWhole = results.every(({ problem }) => problem === null);
  if (flags.json === true) printJson({ ok: isWhole, files: results });
  if (isWhole) return;
  process.exitCode = 1;
  if (flags.json !== true) print('run: servable runtime install --force');
}

/** Adds `servable runtime` and its commands. */
export function registerRuntime(program: Command): void {
  // Else the program's own --version would swallow that of `runtime install`.
  program.enablePositionalOptions();
  const runtime = program
    .command('runtime')
    .description("install and choose TensorFlow's library, which Servable opens at run time");
  runtime
    .command('install')
    .description("fetch TensorFlow's two libraries out of its wheel on the package index")
    .option('--version <version>', 'TensorFlow release', DEFAULT_VERSION)
    .option(
      '--cuda [reuse|dir]',
      "CUDA 12 build with NVIDIA's libraries (2.8 GB more); reuse: link those of pip or /usr/local/cuda; or name their folder",
    )
    .option('--dir <dir>', 'install into this folder instead of the cache')
    .option('--index-url <url>', 'package index; default: as pip and uv are set up')
    .option('--from <wheel...>', "install from wheels on this machine: TensorFlow's, then NVIDIA's")
    .option('--full', "fetch the whole wheel and check it by the index's sha256")
    .option('--no-strip', 'keep the symbol tables (205 MB that are never loaded)')
    .option('--force', 'install again over a finished install')
    .option('--if-missing', 'do nothing if a usable TensorFlow is found anywhere')
    .option('--yes', 'answer yes to every question')
    .option('--json', 'print the outcome as JSON')
    .addHelpText(
      'after',
      '\nHonours HTTPS_PROXY, NO_PROXY, PIP_INDEX_URL, UV_INDEX, pip.conf, SSL_CERT_FILE, NODE_EXTRA_CA_CERTS and PIP_CERT.' +
        '\nA cut download continues; two installs at once fetch once.',
    )
    .action(async (flags: InstallFlags) => {
      if (flags.ifMissing === true && (await inUseNow()) !== null) return;
      await install(flags);
    });
  runtime
    .command('list')
    .description('list what is installed; * marks the one in use')
    .option('--json', 'print as JSON')
    .action(list);
  runtime
    .command('use')
    .description('choose the runtime of later starts: a version, a folder or a library file')
    .argument('[version|path]')
    .option('--auto', 'forget the choice: take the newest again')
    .action(use);
  runtime
    .command('remove')
    .description('remove installed runtimes')
    .argument('[version|dir...]')
    .addOption(new Option('--all', 'all of them, unfinished ones too'))
    .action(remove);
  runtime
    .command('verify')
    .description('read the installed files and compare their sha256; exits 1 on a difference')
    .argument('[version|dir...]')
    .option('--json', 'print as JSON')
    .action(verify);
  runtime
    .command('path')
    .description("print the library's path that a server would open")
    .option('--json', 'print path, source and version as JSON')
    .action(async (flags: { json?: true }) => {
      const choice = await findRuntime();
      if (flags.json === true) printJson(choice);
      else print(choice.path);
    });
}
