import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { ModelService } from '../native/manager-support.js';
import { FakeWeb, sendFile } from '../store/support/fake-web.js';
import { writeModelConfig } from '../support/model-config.js';
import { modelDir } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { report, SEED, sized, stillAnswers, WITNESS } from './support/chaos.js';
import { launch } from './support/launch.js';
import { SteadyLoad } from './support/load.js';
import { Random } from './support/random.js';

const folder = mkdtempSync(join(tmpdir(), 'servable-kill-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The config of the models under test, the witness among them. */
function config(...names: readonly string[]): string {
  const entries = [WITNESS, ...names].map(
    (name) =>
      `config { name: "${name}" base_path: "${modelDir(name)}" model_platform: "tensorflow" }`,
  );
  return `model_config_list { ${entries.join('\n')} }`;
}

const ALL = ['half_plus_three', 'echo', 'image', 'strings', 'multi', 'lookup'] as const;

it('kill -9 at any moment of start-up and loading: the next start serves everything', async () => {
  const random = new Random(SEED);
  const file = writeModelConfig(config(...ALL));
  const rounds = sized(3, 40);
  for (let round = 0; round < rounds; round += 1) {
    const { child, kill } = await launch([`--model_config_file=${file}`]);
    await delay(50 + random.below(1500));
    expect(child.exitCode).toBeNull();
    await kill();
  }
  const server = await startServer({
    args: [`--model_config_file=${file}`],
    models: [WITNESS, ...ALL],
  });
  await stillAnswers(server);
  expect(await server.stop()).toBe(0);
  report('kill -9 while it starts and loads', { faults: rounds, lost: 0 });
});

it('kill -9 under load and during reloads: only what was in flight is lost, and the next start serves', async () => {
  const rounds = sized(2, 20);
  const random = new Random(SEED);
  const file = writeModelConfig(config());
  let answered = 0;
  let inFlight = 0;
  let reloads = 0;
  const clients = 2;
  for (let round = 0; round < rounds; round += 1) {
    const server = await startServer({ args: [`--model_config_file=${file}`], models: [WITNESS] });
    const load = new SteadyLoad(server, { clients, pauseMs: 1 });
    await load.more(50);
    const reloading = reloadUntilGone(server);
    await delay(200 + random.below(800));
    // What is lost before the kill would be a defect; afterwards each client loses the request it had under way.
    const before = load.answered;
    server.child.kill('SIGKILL');
    await server.stop();
    reloads += await reloading;
    const seen = await load.stop();
    expect(before).toBeGreaterThan(50);
    const wrong = seen.lost.filter((text) => !/ECONN|socket hang up|UNAVAILABLE|14 /.test(text));
    expect(wrong).toEqual([]);
    answered += seen.answered;
    inFlight += clients * 2;
  }
  expect(reloads).toBeGreaterThan(0);
  const server = await startServer({ args: [`--model_config_file=${file}`], models: [WITNESS] });
  await stillAnswers(server);
  expect(await server.stop()).toBe(0);
  report('kill -9 under load and during reloads', {
    faults: rounds,
    answered,
    lost: 0,
    note: `${reloads} reloads; each kill took at most the ${inFlight / rounds} requests in flight with it`,
  });
});

/** Reloads between configs for as long as there is a server; gives how often. */
async function reloadUntilGone(server: RunningServer): Promise<number> {
  const service = new ModelService(server);
  const names = [['image'], ['echo', 'lookup'], []];
  let begun = 0;
  for (
    let round = 0;
    server.child.exitCode === null && server.child.signalCode === null;
    round += 1
  ) {
    // Counted when it begins: the kill is to find one under way.
    begun += 1;
    const status = await service.reload(config(...(names[round % names.length] ?? [])));
    if (status !== 'OK') break;
  }
  service.close();
  return begun;
}

it('kill -9 during a download into the cache: nothing half is ever served, and the next start finishes it', async () => {
  const web = await FakeWeb.start();
  const version = join(modelDir(WITNESS), '1');
  for (const name of readdirSync(version, { recursive: true, encoding: 'utf8' })) {
    const path = join(version, name);
    try {
      web.put(`m/1/${name}`, readFileSync(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
    }
  }
  // Large enough that a kill finds it under way.
  web.put('m/1/assets.extra/large', Buffer.alloc(4 * 1024 * 1024, 7));
  let round = 0;
  const rounds = sized(3, 40);
  web.interfere = (request, response) => {
    if (round >= rounds || !request.url?.includes('large') || request.method !== 'GET')
      return false;
    const file = web.files.get('m/1/assets.extra/large') as Buffer;
    if (round % 2 === 0) {
      // Part of it, and then nothing more.
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, 100_000 * (round + 1)));
    } else {
      setTimeout(() => sendFile(request, response, file), 50).unref();
    }
    return true;
  };
  const cache = join(folder, 'cache');
  mkdirSync(cache);
  const args = [
    `--model_name=${WITNESS}`,
    `--model_base_path=${web.url}/m`,
    `--model_cache_dir=${cache}`,
  ];
  const random = new Random(SEED);
  let cutOff = 0;
  for (; round < rounds; round += 1) {
    const asked = web.requests.length;
    const { kill } = await launch(args);
    const isAsked = (): boolean =>
      web.requests.slice(asked).some((it) => it.startsWith('GET') && it.includes('large'));
    await expect.poll(isAsked, { timeout: 20_000, interval: 5 }).toBe(true);
    await delay(random.below(120));
    await kill();
    if (readdirSync(cache).some((name) => name.startsWith('.new-'))) cutOff += 1;
    // A version that has its name is whole.
    for (const name of readdirSync(cache).filter((it) => /^[a-z0-9].*-[0-9a-f]{16}$/i.test(it))) {
      const large = join(cache, name, 'files', 'assets.extra', 'large');
      expect(readFileSync(large).length).toBe(4 * 1024 * 1024);
      // The next round downloads again.
      rmSync(join(cache, name), { recursive: true });
    }
  }
  expect(cutOff).toBeGreaterThanOrEqual(rounds / 2);
  const server = await startServer({ args, models: [WITNESS] });
  await stillAnswers(server);
  expect(await server.stop()).toBe(0);
  const left = readdirSync(cache).filter((name) => name.startsWith('.new-'));
  expect(left, 'what killed downloads left behind').toEqual([]);
  report('kill -9 during a download into the cache', {
    faults: rounds,
    lost: 0,
    note: `${cutOff} of them with files half written`,
  });
});
