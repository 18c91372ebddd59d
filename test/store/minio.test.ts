import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { ROOT } from '../support/paths.js';
import { Minio } from './support/minio.js';
import { storeSuite } from './support/store-suite.js';

/** MinIO is built once where it is missing, which takes minutes. */
const BUILD_MS = 30 * 60_000;

const goOrMinio =
  (process.env.SERVABLE_MINIO ?? '') !== '' ||
  spawnSync('minio', ['--version']).status === 0 ||
  spawnSync('go', ['version']).status === 0;
if (!goOrMinio) {
  process.stderr.write(
    '\nMinIO suite skipped: neither MinIO (SERVABLE_MINIO) nor Go to build it is here; S3 is tested against the signature-checking fake alone\n',
  );
}

describe.skipIf(!goOrMinio)('a real MinIO server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'servable-minio-'));
  let minio: Minio;

  beforeAll(async () => {
    const built = spawnSync(process.execPath, [join(ROOT, 'scripts', 'minio.mjs')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (built.status !== 0) throw new Error('MinIO could not be built: see above');
    minio = await Minio.start(built.stdout.trim(), folder);
  }, BUILD_MS);

  afterAll(async () => {
    await minio?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  storeSuite('minio', () => minio.bucket());
});
