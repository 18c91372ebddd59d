import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './support/paths.js';

/** Which folders of ts/ each one may import from; files directly in ts/ that compose the others are `root`. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  api: ['codec', 'manager', 'native', 'observe', 'security', 'shared'],
  bench: ['codec', 'shared'],
  codec: ['native', 'shared'],
  manager: ['codec', 'native', 'observe', 'options', 'shared'],
  native: ['shared'],
  observe: ['native', 'shared'],
  runtime: ['native', 'shared'],
  cli: [
    'api',
    'bench',
    'cli',
    'codec',
    'manager',
    'native',
    'observe',
    'options',
    'record',
    'root',
    'runtime',
    'security',
    'shared',
    'supervise',
  ],
  library: ['codec', 'native', 'runtime', 'shared'],
  listeners: ['api', 'native', 'observe', 'options', 'record', 'root', 'security', 'shared'],
  options: ['codec', 'shared'],
  record: ['codec', 'manager', 'native', 'shared'],
  supervise: ['listeners', 'native', 'options', 'shared'],
  security: ['codec', 'options', 'shared'],
  root: [
    'api',
    'cli',
    'codec',
    'library',
    'listeners',
    'manager',
    'native',
    'observe',
    'options',
    'record',
    'runtime',
    'security',
    'shared',
    'supervise',
  ],
};

/** Files directly in ts/ that every folder may import: nothing they need lies in a folder. */
function isShared(file: string, importsOf: ReadonlyMap<string, readonly string[]>): boolean {
  return (
    !file.includes('/') &&
    (importsOf.get(file) ?? []).every((imported) => isShared(imported, importsOf))
  );
}

function sources(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => file.replaceAll('\\', '/'));
}

const files = sources('ts', '.ts').filter((file) => !file.endsWith('.d.ts'));
const importsOf = new Map(
  files.map((file) => {
    const text = readFileSync(join(ROOT, 'ts', file), 'utf8');
    const found = [...text.matchAll(/\bfrom '(\.[^']+)'|\bimport\('(\.[^']+)'\)/g)];
    const imported = found.map(([, from, dynamic]) =>
      normalize(join(dirname(file), from ?? dynamic ?? '')).replace(/\.js$/, '.ts'),
    );
    return [file, imported] as const;
  }),
);

function room(file: string): string {
  const slash = file.indexOf('/');
  if (slash > 0) return file.slice(0, slash);
  return isShared(file, importsOf) ? 'shared' : 'root';
}

describe('the tree', () => {
  it('imports go down only: api → codec → manager → native', () => {
    const upward = files.flatMap((file) =>
      (importsOf.get(file) ?? [])
        .filter((imported) => importsOf.has(imported))
        .filter((imported) => {
          const [from, to] = [room(file), room(imported)];
          return from !== to && !(MAY_IMPORT[from] ?? ['shared']).includes(to);
        })
        .map((imported) => `${file} imports ${imported}`),
    );
    expect(upward).toEqual([]);
  });

  it('would notice an import that goes up', () => {
    expect(MAY_IMPORT.native).not.toContain('manager');
    expect(importsOf.get('api/rest/v1.ts')?.some((file) => file.startsWith('native/'))).toBe(true);
  });

  it('no hand-written source has more than 400 lines', () => {
    const rust = sources('crates', '.rs').filter((file) => !file.includes('/target/'));
    const all = [
      ...files.filter((file) => !file.includes('generated/')).map((file) => join('ts', file)),
      ...rust.map((file) => join('crates', file)),
      ...sources('test', '.ts').map((file) => join('test', file)),
    ];
    const long = all.filter(
      (file) => readFileSync(join(ROOT, file), 'utf8').split('\n').length > 401,
    );
    expect(long.map((file) => relative('.', file))).toEqual([]);
  });

  it('crates depend downwards: addon → engine → codec and tensorflow, which know nobody', () => {
    const needs = (crate: string): string[] => {
      const manifest = readFileSync(join(ROOT, 'crates', crate, 'Cargo.toml'), 'utf8');
      return [...manifest.matchAll(/^servable-(\w+)/gm)].map(([, name]) => name ?? '').sort();
    };
    expect(needs('addon')).toEqual(['codec', 'engine', 'tensorflow']);
    expect(needs('engine')).toEqual(['codec', 'tensorflow']);
    expect(needs('codec')).toEqual([]);
    expect(needs('tensorflow')).toEqual([]);
  });
});
