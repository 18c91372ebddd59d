import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { Azurite } from './support/azurite.js';
import { storeSuite } from './support/store-suite.js';

describe('Azurite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'servable-azurite-'));
  let azurite: Azurite;

  beforeAll(async () => {
    azurite = await Azurite.start(folder);
  });

  afterAll(async () => {
    await azurite?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  storeSuite('azure', () => azurite.container());
});
