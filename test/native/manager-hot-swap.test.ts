import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { predictFloats } from '../support/grpc.js';
import { type RunningServer, startServer } from '../support/server.js';
import { ModelService, Models, PLUS_THREE, PLUS_TWO } from './manager-support.js';

const SWITCHES = 50;
/** What version 1 and version 2 answer to 1.0. */
const VALUES: Readonly<Record<string, number>> = { 1: 2.5, 2: 3.5 };

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of cleanUp.splice(0).reverse()) await work();
});

/** What went wrong, and how much went right. */
class Tally {
  readonly failures: string[] = [];
  readonly seen = new Map<string, number>();

  count(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }
}

function post(
  agent: Agent,
  port: number,
  path: string,
): Promise<{ version: string; body: string }> {
  return new Promise((resolve, reject) => {
    const out = httpRequest(
      { agent, host: '127.0.0.1', port, path, method: 'POST' },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on('end', () => {
          const version = String(response.headers['x-servable-model-version']);
          resolve({
            version,
            body: response.statusCode === 200 ? body : `${response.statusCode} ${body}`,
          });
        });
      },
    );
    out.on('error', reject);
    out.end('{"instances": [1.0]}');
  });
}

it.each([1, 2])(
  '50 version switches, label moves and reloads fail no request and give none a wrong version, with %i workers',
  async (workers) => {
    const models = new Models();
    cleanUp.push(() => models.remove());
    for (const name of ['switched', 'labelled', 'replaced']) {
      models.add(name, 1, PLUS_TWO);
      if (name !== 'replaced') models.add(name, 2, PLUS_THREE);
    }
    /** The config of one round: `switched` serves one version, the label `stable` of `labelled` points at it. */
    const config = (version: number): string => `model_config_list {
      config { name: 'switched' base_path: '${join(models.path, 'switched')}' model_platform: 'tensorflow'
               model_version_policy { specific { versions: ${version} } } }
      config { name: 'labelled' base_path: '${join(models.path, 'labelled')}' model_platform: 'tensorflow'
               model_version_policy { all {} } version_labels { key: 'stable' value: ${version} } }
      config { name: 'replaced' base_path: '${join(models.path, 'replaced')}' model_platform: 'tensorflow' }
    }`;
    const server = await startServer({
      args: [
        `--model_config_file=${models.write('models.config', config(1))}`,
        `--workers=${workers}`,
        // With one worker the usual way, which is to load what arrives in another process first.
        `--isolated_load=${workers === 1 ? 'auto' : 'never'}`,
        '--allow_version_labels_for_unavailable_models',
      ],
      models: ['switched', 'labelled', 'replaced'],
    });
    cleanUp.push(() => server.stop());
    const service = new ModelService(server);
    cleanUp.push(() => service.close());

    const tally = new Tally();
    const wanted = { last: 1, next: 1 };
    let running = true;
    const load = connections(server, tally, wanted, () => running);
    await expect.poll(() => tally.seen.size, { timeout: 10_000 }).toBeGreaterThanOrEqual(5);

    for (let round = 1; round <= SWITCHES; round += 1) {
      const version = (round % 2) + 1;
      wanted.next = version;
      expect(await service.reload(config(version))).toBe('OK');
      wanted.last = version;
      if (round % 10 === 0) models.add('replaced', 1, round % 20 === 0 ? PLUS_TWO : PLUS_THREE);
      await expect
        .poll(() => service.states('switched'), { timeout: 15_000, interval: 10 })
        .toEqual({
          1: version === 1 ? 'AVAILABLE' : 'END',
          2: version === 2 ? 'AVAILABLE' : 'END',
        });
    }
    // The content of "replaced" was another last: it is found by looking, so it may take a moment.
    await expect
      .poll(() => tally.seen.get('replaced 3.5') ?? 0, { timeout: 20_000 })
      .toBeGreaterThan(0);
    running = false;
    await Promise.all(load);
    expect(tally.failures).toEqual([]);
    for (const what of [
      'switched 1',
      'switched 2',
      'stable 1',
      'stable 2',
      'version 1',
      'version 2',
    ]) {
      expect(tally.seen.get(what) ?? 0, what).toBeGreaterThan(50);
    }
    expect(tally.seen.get('grpc') ?? 0).toBeGreaterThan(50);
  },
  180_000,
);

/** Eight connections that send without a pause: three for the newest version, two by label, one by number, one of replaced content, one gRPC. */
function connections(
  server: RunningServer,
  tally: Tally,
  wanted: { readonly last: number; readonly next: number },
  isRunning: () => boolean,
): Promise<void>[] {
  const rest = async (
    path: () => string,
    check: (version: string, value: number) => string | null,
  ): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (isRunning()) {
      const asked = path();
      try {
        const { version, body } = await post(agent, server.restPort, `/v1/models/${asked}:predict`);
        const value = (JSON.parse(body) as { predictions: number[] }).predictions[0] ?? Number.NaN;
        const wrong = check(version, value);
        if (wrong !== null) tally.failures.push(`${asked}: ${wrong}`);
      } catch (error) {
        tally.failures.push(`${asked}: ${error}`);
      }
    }
    agent.destroy();
  };
  const fits = (version: string, value: number): string | null =>
    VALUES[version] === value ? null : `version ${version} answered ${value}`;
  const newest = (): Promise<void> =>
    rest(
      () => 'switched',
      (version, value) => {
        tally.count(`switched ${version}`);
        return fits(version, value);
      },
    );
  const byLabel = async (): Promise<void> => {
    let before = wanted.last;
    await rest(
      () => {
        before = wanted.last;
        return 'labelled/labels/stable';
      },
      (version, value) => {
        tally.count(`stable ${version}`);
        // The label's place when it was asked, or any it was moved to while the request was under way.
        const allowed = [before, wanted.last, wanted.next].map(String);
        return allowed.includes(version) ? fits(version, value) : `label answered ${version}`;
      },
    );
  };
  const byNumber = async (): Promise<void> => {
    let number = 1;
    await rest(
      () => {
        number = 3 - number;
        return `labelled/versions/${number}`;
      },
      (version, value) => {
        tally.count(`version ${version}`);
        return version === String(number) ? fits(version, value) : `${number} answered ${version}`;
      },
    );
  };
  const replaced = (): Promise<void> =>
    rest(
      () => 'replaced',
      (version, value) => {
        tally.count(`replaced ${value}`);
        return version === '1' && [2.5, 3.5].includes(value) ? null : `${version} gave ${value}`;
      },
    );
  const grpc = async (): Promise<void> => {
    while (isRunning()) {
      try {
        const outputs = await predictFloats({
          address: server.grpc,
          model: 'switched',
          inputs: { x: { shape: [1], values: [1] } },
        });
        const value = outputs.y?.values[0];
        if (value !== 2.5 && value !== 3.5) tally.failures.push(`grpc: ${value}`);
        tally.count('grpc');
      } catch (error) {
        tally.failures.push(`grpc: ${error}`);
      }
    }
  };
  return [newest(), newest(), newest(), byLabel(), byLabel(), byNumber(), replaced(), grpc()];
}
