// Builds the Go programs that tests use into the user's cache, each once; prints their paths.
//
// node scripts/go-tools.mjs [grpcurl|h2spec]   SERVABLE_TEST_GRPCURL names a grpcurl that is there already, SERVABLE_TEST_H2SPEC an h2spec
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, TOOLS as BIN } from './lib.mjs';

const TOOLS = {
  grpcurl: 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3',
  // The last one that Go's module rules can name; it says nothing of what it needs itself.
  h2spec: 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible',
};

/** What programs without a go.mod are built with. */
const NEEDS = {
  h2spec: [
    'github.com/summerwind/h2spec@v2.2.1+incompatible',
    'github.com/fatih/color@v1.18.0',
    'github.com/spf13/cobra@v1.8.1',
    'golang.org/x/net@v0.33.0',
  ],
};

/** The path of one of the programs; builds it where it is missing or was built from another version. */
export function goTool(name) {
  const variable = `SERVABLE_TEST_${name.toUpperCase()}`;
  const named = process.env[variable];
  if (named) return existsSync(named) ? named : fail(`${variable}: ${named} does not exist`);
  const module = TOOLS[name];
  if (module === undefined) fail(`no Go tool "${name}": there is ${Object.keys(TOOLS).join(', ')}`);
  const path = join(BIN, name);
  const stamp = `${path}.module`;
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, 'utf8') === module) return path;
  if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) {
    fail(`${name} is built with Go, which is not on PATH: install Go 1.22 or newer, or set ${variable}`);
  }
  console.error(`building ${module} into ${BIN} (minutes, once)`);
  mkdirSync(BIN, { recursive: true });
  const status = name in NEEDS ? buildWith(NEEDS[name], module, path) : install(module);
  if (status !== 0) fail(`go install ${module}: exit status ${status}`);
  writeFileSync(stamp, module);
  return path;
}

function install(module) {
  const env = { ...process.env, GOBIN: BIN };
  return spawnSync('go', ['install', module], { stdio: ['ignore', 2, 2], env }).status;
}

/** Builds a program in a module of its own, which names the versions. */
function buildWith(needs, module, path) {
  const folder = mkdtempSync(join(tmpdir(), 'servable-go-'));
  try {
    const lines = needs.map((need) => `require ${need.replace('@', ' ')}`);
    writeFileSync(join(folder, 'go.mod'), ['module tools', 'go 1.22', ...lines, ''].join('\n'));
    const program = module.slice(0, module.indexOf('@'));
    return spawnSync('go', ['build', '-mod=mod', '-o', path, program], {
      stdio: ['ignore', 2, 2],
      cwd: folder,
      env: { ...process.env, GOFLAGS: '' },
    }).status;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2);
  for (const name of wanted.length > 0 ? wanted : Object.keys(TOOLS)) console.log(goTool(name));
}
