// Prints "true" where package.json's version is not on the registry yet, else "false".
import { spawnSync } from 'node:child_process';
import { fail, npm, readJson } from './lib.mjs';

const { name, version } = readJson('package.json');
const { program, first } = npm();
const view = spawnSync(program, [...first, 'view', `${name}@${version}`, 'version', '--json'], {
  encoding: 'utf8',
});
if (view.error) throw view.error;
if (view.status === 0) console.log(view.stdout.trim() === '' ? 'true' : 'false');
else if (/E404/.test(view.stdout + view.stderr)) console.log('true');
else fail(`the registry did not answer for ${name}@${version}:\n${view.stderr}`);
