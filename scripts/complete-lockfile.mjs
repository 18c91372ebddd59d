/**
 * Completes package-lock.json where the registry in use does not mirror every platform's optional packages.
 *
 * npm leaves out what it cannot look up, and `npm ci` then refuses the lockfile. Such packages are never installed on this
 * platform, so an entry with version, os and cpu, which their names tell, is all npm needs.
 *
 * usage: node scripts/complete-lockfile.mjs [package-lock.json]
 */
import { readFileSync, writeFileSync } from 'node:fs';

const file = process.argv[2] ?? 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8'));
const packages = lock.packages;

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'sunos', 'win32'];
const PROCESSORS = 'arm arm64 ia32 loong64 mips64el ppc64 riscv64 s390x wasm32 x64'.split(' ');

/** Whether the package at `from` finds `name` in its own or an outer node_modules. */
function isLocked(from, name) {
  for (let folder = from; ; ) {
    if (packages[`${folder}${folder && '/'}node_modules/${name}`] !== undefined) return true;
    if (folder === '') return false;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1));
  }
}

function entry(name, version, isDev) {
  const parts = name.split('/').pop().split('-');
  const known = (list) => list.filter((word) => parts.includes(word));
  const libc = parts.includes('musl') ? ['musl'] : parts.includes('gnu') ? ['glibc'] : [];
  return {
    version,
    ...(known(PROCESSORS).length > 0 && { cpu: known(PROCESSORS) }),
    ...(isDev && { dev: true }),
    ...(libc.length > 0 && { libc }),
    optional: true,
    ...(known(SYSTEMS).length > 0 && { os: known(SYSTEMS) }),
  };
}

let added = 0;
for (const [path, locked] of Object.entries({ ...packages })) {
  for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
    if (isLocked(path, name)) continue;
    if (!/^\d+\.\d+\.\d+$/.test(version)) {
      throw new Error(`${path}: optional ${name} ${version}: want an exact version`);
    }
    packages[`node_modules/${name}`] = entry(name, version, locked.dev === true);
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${file}: ${added} entries added\n`);
