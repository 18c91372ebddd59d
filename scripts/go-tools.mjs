// Builds the Go programs that tests use into the user's cache, each once; prints their paths.
//
// node scripts/go-tools.mjs [grpcurl]          SERVABLE_TEST_GRPCURL names a grpcurl that is there already
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, TOOLS as BIN } from './lib.mjs';

const TOOLS = {
  grpcurl: 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3',
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
  const { status } = spawnSync('go', ['install', module], {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, GOBIN: BIN },
  });
  if (status !== 0) fail(`go install ${module}: exit status ${status}`);
  writeFileSync(stamp, module);
  return path;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2);
  for (const name of wanted.length > 0 ? wanted : Object.keys(TOOLS)) console.log(goTool(name));
}
