#!/usr/bin/env node
/**
 * Writes ts/runtime/pins.ts: the wheels `servable runtime install` knows in advance.
 *
 * Run by hand when a TensorFlow release is adopted: `npm run build:ts && node scripts/pin-runtime.mjs`. It downloads both
 * libraries of every wheel (about 1 GB), inflates and hashes them whole, and compares each hash with the wheel's own RECORD.
 * NVIDIA's wheels are pinned by the hash the index lists; `pip install --dry-run 'tensorflow[and-cuda]==VERSION'` says which
 * versions fit.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { loadedSize } from '../dist/runtime/elf.js';
import { createHttpClient } from '../dist/runtime/http.js';
import { listFiles } from '../dist/runtime/package-index.js';
import { projectOf, wheelPlatform } from '../dist/runtime/platform.js';
import { openRemoteFile } from '../dist/runtime/remote-file.js';
import { networkSettings } from '../dist/runtime/settings.js';
import { findLibraries, parseRecord } from '../dist/runtime/wheel.js';
import { dataOffset, readMember } from '../dist/runtime/zip.js';

const VERSION = '2.21.0';
/** The libraries do not depend on Python's version; one tag is pinned so that all machines fetch the same bytes. */
const PYTHON_TAG = 'cp311';

const TARGETS = [
  { variant: 'cpu', host: { platform: 'linux', arch: 'x64' } },
  { variant: 'cuda12', host: { platform: 'linux', arch: 'x64' } },
  { variant: 'cpu', host: { platform: 'linux', arch: 'arm64' } },
  { variant: 'cpu', host: { platform: 'darwin', arch: 'arm64' } },
];

const NVIDIA = {
  'nvidia-cublas-cu12': '12.9.3.13',
  'nvidia-cuda-cupti-cu12': '12.9.79',
  'nvidia-cuda-nvcc-cu12': '12.9.86',
  'nvidia-cuda-nvrtc-cu12': '12.9.86',
  'nvidia-cuda-runtime-cu12': '12.9.79',
  'nvidia-cudnn-cu12': '9.28.0.42',
  'nvidia-cufft-cu12': '11.4.1.4',
  'nvidia-curand-cu12': '10.3.10.19',
  'nvidia-cusolver-cu12': '11.7.5.82',
  'nvidia-cusparse-cu12': '12.5.10.65',
  'nvidia-nccl-cu12': '2.32.3',
  'nvidia-nvjitlink-cu12': '12.9.86',
};

const settings = networkSettings(null, process.env);
const client = createHttpClient(settings);

/** Downloads, inflates and hashes one member whole. */
async function measure(remote, entry) {
  const reply = await remote.range(await dataOffset(remote, entry), entry.compressedSize);
  const hash = createHash('sha256');
  let size = 0;
  let head = Buffer.alloc(0);
  await pipeline(Readable.from(reply.body), createInflateRaw(), async (chunks) => {
    for await (const chunk of chunks) {
      if (head.length < 1 << 20) head = Buffer.concat([head, chunk]);
      hash.update(chunk);
      size += chunk.length;
    }
  });
  return { size, sha256: hash.digest('hex'), loadedSize: loadedSize(head) ?? size };
}

async function pinWheel({ variant, host }) {
  const project = projectOf(variant, host);
  const platform = wheelPlatform(host);
  const start = `${project.replaceAll('-', '_')}-${VERSION}-${PYTHON_TAG}-`;
  const files = await listFiles(client, settings.indexUrl, project);
  const file = files.find(({ filename }) => filename.startsWith(start) && platform.test(filename));
  if (file === undefined || file.sha256 === null) throw new Error(`no ${start}* with a sha256`);
  const remote = await openRemoteFile(client, file.url);
  const { libraries, record } = await findLibraries(remote, host.platform);
  const recorded = parseRecord((await readMember(remote, record)).toString('utf8'));
  const members = [];
  for (const entry of libraries) {
    const measured = await measure(remote, entry);
    if (measured.sha256 !== recorded.get(entry.name) || measured.size !== entry.size) {
      throw new Error(`${file.filename}: ${entry.name} differs from its RECORD`);
    }
    const { name, compressedSize } = entry;
    const { size, sha256 } = measured;
    members.push({ name, compressedSize, size, loadedSize: measured.loadedSize, sha256 });
    process.stderr.write(`${file.filename} ${name} ${sha256}\n`);
  }
  const { filename, sha256 } = file;
  const wheel = { version: VERSION, variant, ...host, project, filename };
  return { ...wheel, size: remote.size, sha256, members };
}

async function pinNvidia([project, version]) {
  const files = await listFiles(client, settings.indexUrl, project);
  const start = `${project.replaceAll('-', '_')}-${version}-py3-none-manylinux`;
  const file = files.find(
    ({ filename }) => filename.startsWith(start) && filename.endsWith('x86_64.whl'),
  );
  if (file === undefined || file.sha256 === null) throw new Error(`no ${start}* with a sha256`);
  const { size } = await openRemoteFile(client, file.url);
  return { project, filename: file.filename, size, sha256: file.sha256 };
}

const table = { wheels: [], nvidia: { [VERSION]: [] } };
for (const target of TARGETS) table.wheels.push(await pinWheel(target));
for (const item of Object.entries(NVIDIA)) table.nvidia[VERSION].push(await pinNvidia(item));
client.close();

const text = `import type { PinTable } from './pinned-wheel.js';

/**
 * The wheels known in advance. Written by scripts/pin-runtime.mjs; do not edit.
 *
 * Every library was downloaded, inflated and hashed whole, and its hash found equal to the wheel's RECORD. The wheels' own
 * hashes and those of NVIDIA's wheels are as the index lists them.
 */
export const PIN_TABLE: PinTable = ${JSON.stringify(table, null, 2)};
`;
const target = new URL('../ts/runtime/pins.ts', import.meta.url);
await writeFile(target, text);
process.stderr.write('now run: npx biome check --write ts/runtime/pins.ts\n');
