// Prints the path of a Chromium for the tests of the docs page; installs Debian's where there is none and we are root.
//
// SERVABLE_TEST_CHROMIUM names another one.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fail } from './lib.mjs';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The path of a Chromium; installs one by apt-get where that can be done without asking. */
export function chromium() {
  const named = process.env.SERVABLE_TEST_CHROMIUM;
  if (named) {
    if (existsSync(named)) return named;
    fail(`SERVABLE_TEST_CHROMIUM: ${named} does not exist`);
  }
  const installed = PLACES.find((path) => existsSync(path));
  if (installed !== undefined) return installed;
  if (process.getuid?.() === 0 && install()) return PLACES[0];
  return fail(
    'no Chromium: install one (Debian: apt-get install chromium) or set SERVABLE_TEST_CHROMIUM to its path',
  );
}

function install() {
  const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const apt = (...args) => spawnSync('apt-get', ['-qq', ...args], options).status === 0;
  // The lists of a fresh container are empty or old.
  return (
    apt('update') &&
    apt('install', '-y', '--no-install-recommends', 'chromium') &&
    existsSync(PLACES[0])
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(chromium());
