// Fuzzes the reading of gzip bodies (dist/api/rest/body.js) with changed corpus files, in pieces of any size, against zlib itself.
//
// node scripts/fuzz-gzip.mjs [--seconds=60] [--seed=N]          a finding is written to target/fuzz/gzip-finding
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readBody } from '../dist/api/rest/body.js';
import { fail, ROOT } from './lib.mjs';

const given = Object.fromEntries(
  process.argv.slice(2).map((argument) => argument.replace(/^--/, '').split('=')),
);
const seconds = Number(given.seconds ?? 60);
const seed = Number(given.seed ?? Date.now() % 2 ** 31);
const CORPUS = join(ROOT, 'test', 'fuzz', 'gzip');
const MOST = 64 * 1024;
const corpus = readdirSync(CORPUS)
  .sort()
  .map((file) => readFileSync(join(CORPUS, file)));

// A small generator with a seed, so that a finding can be had again.
let state = seed >>> 0 || 1;
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

/** A corpus file, or the gzip of one, with up to eight changes. */
function input() {
  let bytes = Buffer.from(corpus[random(corpus.length)]);
  if (random(8) === 0) bytes = gzipSync(bytes, { level: random(10) });
  for (let changes = random(9); changes > 0 && bytes.length > 0; changes--) {
    const at = random(bytes.length);
    const kind = random(6);
    if (kind === 0) bytes[at] ^= 1 << random(8);
    else if (kind === 1) bytes[at] = random(256);
    else if (kind === 2) bytes = bytes.subarray(0, at);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(16))]);
    else if (kind === 4) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(at + 1))]);
    else bytes = Buffer.concat([bytes, corpus[random(corpus.length)].subarray(0, random(64))]);
  }
  return bytes.subarray(0, MOST);
}

/** The bytes as a request's body: in one piece, or in many of any size. */
function request(bytes) {
  const pieces = [];
  const size = 1 + random(random(2) === 0 ? bytes.length + 1 : 64);
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  const stream = Readable.from(pieces, { objectMode: false });
  return Object.assign(stream, { headers: { 'content-encoding': 'gzip' } });
}

function read(bytes, limits) {
  return new Promise((resolve, reject) => {
    let calls = 0;
    readBody(request(bytes), limits, (failure, body) => {
      calls += 1;
      if (calls > 1) reject(new Error('answered twice'));
      resolve({ failure, body });
    });
  });
}

/** What zlib says in one go: the bytes, 'broken', or 'large'. */
function expected(bytes, most) {
  try {
    return gunzipSync(bytes, { maxOutputLength: most });
  } catch (error) {
    return error.code === 'ERR_BUFFER_TOO_LARGE' ? 'large' : 'broken';
  }
}

async function check(bytes) {
  const limits = { maxBytes: 1 << (10 + random(12)), maxExpansion: 200 };
  const { failure, body } = await read(bytes, limits);
  if (bytes.length > limits.maxBytes) {
    if (failure?.status !== 413) throw new Error(`${bytes.length} bytes over ${limits.maxBytes} were taken`);
    return;
  }
  const wanted = bytes.length === 0 ? 'broken' : expected(bytes, limits.maxBytes);
  if (failure !== null) {
    // What is too large before it is broken may be answered as either.
    if (failure.status !== 413 || Buffer.isBuffer(wanted)) throw new Error(`refused: ${failure.message}`);
  } else if (body.length > limits.maxBytes) {
    throw new Error(`${body.length} bytes, the limit is ${limits.maxBytes}`);
  } else if (Buffer.isBuffer(wanted) ? !body.equals(wanted) : body.length > 0) {
    throw new Error(`${body.length} bytes, zlib says ${Buffer.isBuffer(wanted) ? wanted.length : wanted}`);
  }
}

let runs = 0;
const until = performance.now() + seconds * 1000;
let last = Buffer.alloc(0);
try {
  while (performance.now() < until) {
    for (let i = 0; i < 50; i++) {
      last = input();
      await check(last);
      runs += 1;
    }
    await turn();
    const { rss } = process.memoryUsage();
    if (rss > 1024 ** 3) throw new Error(`${Math.round(rss / 2 ** 20)} MiB of memory`);
  }
} catch (error) {
  const path = join(ROOT, 'target', 'fuzz', 'gzip-finding');
  mkdirSync(join(ROOT, 'target', 'fuzz'), { recursive: true });
  writeFileSync(path, last);
  fail(`gzip: ${error.message} (seed ${seed}, run ${runs}; input in ${path})`);
}
console.log(`gzip: ${runs} inputs in ${seconds} s without a finding (seed ${seed})`);
