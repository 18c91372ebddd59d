// node scripts/glibc-needed.mjs [--max 2.17] FILE...: the newest glibc each file asks for; fails past the maximum.
//
// The version names stand as plain text in the file's dynamic string table, so no binutils are needed.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fail } from './lib.mjs';

const { values, positionals } = parseArgs({
  options: { max: { type: 'string' } },
  allowPositionals: true,
});
if (positionals.length === 0) fail('usage: node scripts/glibc-needed.mjs [--max 2.17] FILE...');
const compare = (a, b) => a.localeCompare(b, 'en', { numeric: true });
let late = false;
for (const file of positionals) {
  const found = [...readFileSync(file, 'latin1').matchAll(/GLIBC_(\d+\.\d+(?:\.\d+)?)\0/g)].map(
    (match) => match[1],
  );
  const newest = found.sort(compare).at(-1) ?? 'none';
  console.log(`${file}: glibc ${newest}`);
  if (values.max !== undefined && newest !== 'none' && compare(newest, values.max) > 0) late = true;
}
if (late) fail(`newer than glibc ${values.max}: build with scripts/build-addon.mjs --glibc`);
