import { expect, it } from 'vitest';
import { child } from '../native/support.js';
import { modelDir } from '../support/paths.js';
import { startServer } from '../support/server.js';
import { report, sized, stillAnswers, WITNESS } from './support/chaos.js';
import { SteadyLoad } from './support/load.js';

it('worker threads that end while native threads read their bodies take nothing with them', async () => {
  const rounds = sized(1, 10);
  for (let round = 0; round < rounds; round += 1) {
    // Six workers each, ended with bodies of 64 KiB and of 40 MB under way.
    for (const floats of ['16384', '10000000']) {
      const ended = await child('terminate.mjs', floats);
      expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null, stdout: 'survived' });
    }
  }
  report('workers ended under native runs', { faults: rounds * 12, lost: 0 });
});

it('a server of several workers that stops under load loses no request it took', async () => {
  const rounds = sized(2, 20);
  let answered = 0;
  for (let round = 0; round < rounds; round += 1) {
    const server = await startServer({
      args: [`--model_name=${WITNESS}`, `--model_base_path=${modelDir(WITNESS)}`, '--workers=3'],
      models: [WITNESS],
    });
    await stillAnswers(server);
    const load = new SteadyLoad(server, { clients: 3, pauseMs: 1 });
    await load.more(100);
    const stopping = server.stop();
    expect(await stopping).toBe(0);
    const { answered: right, lost } = await load.stop();
    // After the end there is nobody to ask; before it an answer was cut off only if its text says so.
    const cut = lost.filter(
      (text) => !/ECONNREFUSED|connect|ECONNRESET|socket hang up/i.test(text),
    );
    expect(cut).toEqual([]);
    answered += right;
  }
  report('servers of three workers that stop under load', { faults: rounds, answered, lost: 0 });
});
