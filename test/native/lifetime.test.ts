import { expect, test } from 'vitest';
import { child } from './support.js';

const SURVIVED = { code: 0, signal: null, stdout: 'survived' };

test('a worker may be terminated while the pool reads its 64 MB bodies', async () => {
  expect(await child('terminate.mjs', '16000000')).toMatchObject(SURVIVED);
});

test('a worker may be terminated while its 3 kB bodies wait for the pool', async () => {
  expect(await child('terminate.mjs', '750')).toMatchObject(SURVIVED);
});

test("a user's own worker may be terminated while its predicts run", async () => {
  expect(await child('library-worker.mjs')).toMatchObject(SURVIVED);
});

test('the process may exit while runs are under way, with its own code', async () => {
  // Without the addon's exit hook about half of these end in a segmentation fault.
  for (let round = 0; round < 5; round += 1) {
    expect(await child('exit.mjs', 'exit')).toMatchObject({ code: 3, signal: null });
  }
});

test('the process ends by itself once nothing is pending, without close()', async () => {
  expect(await child('exit.mjs', 'end')).toMatchObject({ code: 0, signal: null, stdout: 'ending' });
});

test('a thousand runs leave memory flat, and a result outlives its model', async () => {
  const { stdout, stderr } = await child('memory.mjs');
  expect(stdout, stderr).not.toBe('');
  const { grownMiB, intact } = JSON.parse(stdout) as { grownMiB: number; intact: boolean };
  expect(intact).toBe(true);
  // 1000 results of 1 MB each passed through.
  expect(grownMiB).toBeLessThan(60);
});
