import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Models, PLUS_THREE, PLUS_TWO, predictOne } from '../native/manager-support.js';
import { writeModelConfig } from '../support/model-config.js';
import { modelDir, ROOT } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { report, stillAnswers, WITNESS } from './support/chaos.js';
import { SteadyLoad } from './support/load.js';

const folder = mkdtempSync(join(tmpdir(), 'servable-clock-'));
const offsetFile = join(folder, 'offset');
const models = new Models();
let server: RunningServer;

/** Moves the server's wall clock to `seconds` from the right time. */
function moveClock(seconds: number): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(seconds));
  const fd = openSync(offsetFile, 'a+');
  closeSync(fd);
  const file = openSync(offsetFile, 'r+');
  writeSync(file, bytes, 0, 8, 0);
  closeSync(file);
}

beforeAll(async () => {
  const shim = join(folder, 'clock-shim.so');
  const source = join(ROOT, 'test', 'chaos', 'support', 'clock-shim.c');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, source, '-ldl']);
  moveClock(0);
  models.add('arrives', 1, PLUS_TWO);
  const entries = [
    [WITNESS, modelDir(WITNESS)],
    ['arrives', join(models.path, 'arrives')],
  ].map(
    ([name, path]) =>
      `config { name: "${name}" base_path: "${path}" model_platform: "tensorflow" }`,
  );
  server = await startServer({
    args: [
      // A probe of each version that arrives would only take time.
      '--isolated_load=never',
      `--model_config_file=${writeModelConfig(`model_config_list { ${entries.join('\n')} }`)}`,
    ],
    env: { LD_PRELOAD: shim, CLOCK_OFFSET_FILE: offsetFile },
    models: [WITNESS, 'arrives'],
  });
});
afterAll(async () => {
  expect(await server?.stop()).toBe(0);
  expect(server?.output()).not.toMatch(/uncaught|unhandled|"level":60/i);
  models.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** The server's time, as it tells it in an answer. */
async function serverTime(): Promise<number> {
  const response = await fetch(`${server.rest}/healthz/live`);
  return Date.parse(response.headers.get('date') ?? '');
}

const DAY = 86_400;
const JUMPS = [3600, -3600, 400 * DAY, -400 * DAY, 0];

it('jumps of the wall clock, an hour or a year, there and back, lose no request and stop no poll', async () => {
  const load = new SteadyLoad(server);
  let version = 1;
  for (const jump of JUMPS) {
    moveClock(jump);
    // Node makes the Date header once a second.
    await expect
      .poll(async () => Math.abs((await serverTime()) - Date.now() - jump * 1000) < 60_000, {
        timeout: 10_000,
      })
      .toBe(true);
    await load.more(20);
    await stillAnswers(server);
    // A new version is still found and loaded.
    version += 1;
    models.add('arrives', version, version % 2 === 0 ? PLUS_THREE : PLUS_TWO);
    await expect
      .poll(() => predictOne(server, 'arrives'), { timeout: 20_000 })
      .toBe(version % 2 === 0 ? 3.5 : 2.5);
  }
  const seen = await load.stop();
  expect(seen.lost).toEqual([]);
  report('jumps of the wall clock', { faults: JUMPS.length, answered: seen.answered, lost: 0 });
});
