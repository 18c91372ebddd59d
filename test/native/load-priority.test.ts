import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../support/server.js';
import { Models, PLUS_THREE, PLUS_TWO, predictOne } from './manager-support.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of cleanUp.splice(0).reverse()) await work();
});

/** The nice value of every thread of a process, by thread name. */
function niceValues({ child }: RunningServer): { name: string; nice: number }[] {
  const folder = `/proc/${child.pid}/task`;
  return readdirSync(folder).map((id) => {
    const text = readFileSync(`${folder}/${id}/stat`, 'utf8');
    const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
    // Field 19 of the whole line, the 17th after the name.
    const nice = Number(
      text
        .slice(text.lastIndexOf(')') + 2)
        .split(' ')
        .at(16),
    );
    return { name, nice };
  });
}

async function serve(...args: string[]): Promise<{ server: RunningServer; models: Models }> {
  const models = new Models();
  cleanUp.push(() => models.remove());
  models.add('m', 1, PLUS_TWO);
  const server = await startServer({
    args: ['--model_name=m', `--model_base_path=${models.path}/m`, ...args],
    models: ['m'],
  });
  cleanUp.push(() => server.stop());
  return { server, models };
}

async function replaceModel(server: RunningServer, models: Models): Promise<void> {
  expect(await predictOne(server, 'm')).toBe(2.5);
  models.add('m', 2, PLUS_THREE);
  await expect.poll(() => predictOne(server, 'm'), { timeout: 20_000 }).toBe(3.5);
}

it.runIf(process.platform === 'linux')(
  'a later load has a low priority, and no thread that answers requests inherits it (Linux)',
  async () => {
    const { server, models } = await serve();
    const usual = niceValues(server)[0]?.nice ?? 0;
    await replaceModel(server, models);
    const threads = niceValues(server);
    const loads = threads.filter(({ name, nice }) => name.startsWith('servable-loads') && nice > 0);
    expect(loads.length).toBeGreaterThan(0);
    expect(new Set(loads.map(({ nice }) => nice))).toEqual(new Set([Math.min(usual + 10, 19)]));
    const others = threads.filter(({ name }) => !name.startsWith('servable-loads'));
    expect(others.map(({ name }) => name)).toContain('tf_Compute');
    expect(others.filter(({ nice }) => nice !== usual)).toEqual([]);
  },
);

it.runIf(process.platform === 'linux')(
  'sessions with threads of their own are loaded with the usual priority, which those threads inherit (Linux)',
  async () => {
    const files = new Models();
    cleanUp.push(() => files.remove());
    const config = files.write('session.config', 'use_per_session_threads: true\n');
    const { server, models } = await serve(`--tensorflow_session_config_file=${config}`);
    const usual = niceValues(server)[0]?.nice ?? 0;
    await replaceModel(server, models);
    expect(niceValues(server).filter(({ nice }) => nice !== usual)).toEqual([]);
  },
);
