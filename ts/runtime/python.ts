import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** Longest time Python may take to answer, milliseconds. */
const PYTHON_MS = 10_000;

/** `find_spec` of a top-level name finds a package's folder without importing it: 30 ms instead of seconds. */
const FIND_SPEC = `
import importlib.util, sys
spec = importlib.util.find_spec(sys.argv[1])
for place in (spec and spec.submodule_search_locations) or []:
    print(place)
`;

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Folders of `name` in the active virtual or conda environment, found without starting Python. */
export function environmentPackageFolders(name: string, env: Env): string[] {
  const roots = [env.VIRTUAL_ENV, env.CONDA_PREFIX].filter((root): root is string => Boolean(root));
  return roots.flatMap((root) => {
    const lib = join(root, 'lib');
    if (!isFolder(lib)) return [];
    return readdirSync(lib)
      .filter((entry) => /^python3\.\d+$/.test(entry))
      .map((entry) => join(lib, entry, 'site-packages', name))
      .filter(isFolder);
  });
}

/** Asks the `python3` on PATH where it finds `name`. No Python, or no such package: no folders. */
export function askPython(name: string, env: Env): Promise<string[]> {
  return new Promise((resolve) => {
    const options = { timeout: PYTHON_MS, env: env as NodeJS.ProcessEnv };
    execFile('python3', ['-c', FIND_SPEC, name], options, (error, stdout) => {
      // Whatever keeps Python from answering, the answer is the same: nothing found there.
      const lines = error === null ? stdout.split('\n').filter((line) => line !== '') : [];
      resolve(lines.filter(isFolder));
    });
  });
}

/** All folders of a Python package: the active environment's first, then what `python3` finds. */
export async function pythonPackageFolders(name: string, env: Env): Promise<string[]> {
  const folders = [...environmentPackageFolders(name, env), ...(await askPython(name, env))];
  return [...new Set(folders)];
}

/** The version of the TensorFlow in a `site-packages/tensorflow` folder, from the metadata beside it; null when not told. */
export function pythonTensorflowVersion(folder: string): string | null {
  const beside = readdirSync(join(folder, '..'));
  for (const name of beside) {
    const match =
      /^(?:tensorflow|tensorflow_cpu|tensorflow_intel|tf_nightly)-(\d[^-]*)\.dist-info$/.exec(name);
    if (match?.[1] !== undefined) return match[1];
  }
  return null;
}
