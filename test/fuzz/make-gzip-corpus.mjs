// Writes test/fuzz/gzip: node test/fuzz/make-gzip-corpus.mjs. The same zlib gives the same bytes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'gzip');
mkdirSync(folder, { recursive: true });

const json = Buffer.from('{"instances": [1.0, 2.0, 5.0], "signature_name": "serving_default"}');
const plain = gzipSync(json);
// RFC 1952: FEXTRA, FNAME and FCOMMENT between the fixed head and the data.
const named = Buffer.concat([
  plain.subarray(0, 3),
  Buffer.from([0x1c]),
  plain.subarray(4, 10),
  Buffer.from([2, 0, 0xaa, 0xbb]),
  Buffer.from('body.json\0a comment\0'),
  plain.subarray(10),
]);
const files = {
  plain,
  named,
  empty: gzipSync(''),
  stored: gzipSync(json, { level: 0 }),
  fixed: gzipSync(json, { strategy: constants.Z_FIXED }),
  'two-members': Buffer.concat([plain, gzipSync(' ')]),
  'trailing-garbage': Buffer.concat([plain, Buffer.from('garbage')]),
  'cut-off': plain.subarray(0, plain.length - 9),
  zeros: gzipSync(Buffer.alloc(1 << 20), { level: 9 }),
  'bomb-in-bomb': gzipSync(gzipSync(Buffer.alloc(1 << 20), { level: 9 }), { level: 9 }),
  'not-gzip': json,
};
for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
