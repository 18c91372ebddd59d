// A MinIO server binary for the tests of S3: finds one, or builds it with Go into the user's cache.
//
// Building fetches MinIO's modules and takes ten minutes on two cores; it is done once.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fail, TOOLS } from './lib.mjs';

const VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c';
const BINARY = join(TOOLS, 'minio');

/** The binary's path, or the reason why there is none and what would change that. */
export function findMinio() {
  const named = process.env.SERVABLE_MINIO;
  if (named !== undefined && named !== '') {
    return existsSync(named)
      ? { path: named, reason: null }
      : { path: null, reason: `SERVABLE_MINIO: ${named} does not exist` };
  }
  if (existsSync(BINARY)) return { path: BINARY, reason: null };
  const installed = spawnSync('minio', ['--version'], { stdio: 'ignore' });
  if (installed.status === 0) return { path: 'minio', reason: null };
  return { path: null, reason: 'no MinIO server here: run "node scripts/minio.mjs" (needs Go)' };
}

/** Builds the binary where there is none; returns what `findMinio` does. */
export function ensureMinio() {
  const found = findMinio();
  if (found.path !== null || process.env.SERVABLE_MINIO) return found;
  if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) {
    return { path: null, reason: 'no MinIO server here and no Go to build it' };
  }
  process.stderr.write(`building MinIO ${VERSION} into ${TOOLS}, once; this takes minutes\n`);
  mkdirSync(TOOLS, { recursive: true });
  const { status } = spawnSync('go', ['install', `github.com/minio/minio@${VERSION}`], {
    stdio: 'inherit',
    env: { ...process.env, GOBIN: TOOLS },
  });
  return status === 0 && existsSync(BINARY)
    ? { path: BINARY, reason: null }
    : { path: null, reason: `go install of MinIO ended with status ${status}` };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { path, reason } = ensureMinio();
  if (path === null) fail(reason);
  console.log(path);
}
