import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ROOT } from './paths.js';

/** The packed packages, installed into an empty folder as a user would. */
export interface Installed {
  /** The folder with node_modules. */
  readonly folder: string;
  /** The main package below it. */
  readonly package: string;
  /** The installed `servable` command. */
  readonly bin: string;
  /** The environment of the installation: a PATH with node and npm and nothing else. */
  readonly env: NodeJS.ProcessEnv;
}

/** What a source build would need; none of it may be on PATH. */
export const COMPILERS = ['cc', 'gcc', 'g++', 'c++', 'clang', 'make', 'cargo', 'rustc', 'python3'];

/** Packs the repository and installs the tarballs with scripts disabled and no compiler on PATH. */
export function packAndInstall(): Installed {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'servable-installed-')));
  const packed = join(folder, 'packed');
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'pack.mjs'), '--out', packed], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const env = bareEnvironment(join(folder, 'bin'));
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "user", "private": true }\n');
  const tarballs = readdirSync(packed)
    .filter((file) => file.endsWith('.tgz'))
    .map((file) => join(packed, file));
  execFileSync(
    join(folder, 'bin', 'npm'),
    ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs],
    { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return {
    folder: project,
    package: join(project, 'node_modules', 'servable'),
    bin: join(project, 'node_modules', '.bin', 'servable'),
    env,
  };
}

/** The compilers that the environment's PATH reaches. */
export function compilersOnPath(env: NodeJS.ProcessEnv): string[] {
  const folders = (env.PATH ?? '').split(delimiter);
  return COMPILERS.filter((name) => folders.some((folder) => existsSync(join(folder, name))));
}

// Node and compilers share /usr/bin on many machines, so PATH cannot simply name node's folder.
function bareEnvironment(bin: string): NodeJS.ProcessEnv {
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  symlinkSync(npmScript(), join(bin, 'npm'));
  // What npm sets for the scripts it runs would steer the npm below it.
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^npm_/i.test(name) &&
      !/^(NODE_PATH|NODE_OPTIONS|INIT_CWD|CARGO.*|SERVABLE_ADDON)$/.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: bin };
}

function npmScript(): string {
  const named = process.env.npm_execpath;
  if (named?.endsWith('npm-cli.js') && existsSync(named)) return named;
  return realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim());
}
