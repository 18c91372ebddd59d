import { cpSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Models, PLUS_TWO, predictOne } from '../native/manager-support.js';
import { http } from '../support/http.js';
import { ROOT } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

const UNTRUSTED = join(ROOT, 'test', 'fixtures', 'untrusted');

/** Puts a version of an untrusted model in place, as a whole at once. */
function arrive(models: Models, from: string, model: string, version: number): void {
  const copy = join(models.path, `.new-${from}-${version}`);
  cpSync(join(UNTRUSTED, from, '1'), copy, { recursive: true });
  mkdirSync(join(models.path, model), { recursive: true });
  renameSync(copy, join(models.path, model, String(version)));
}

/** The state of one version, once it is END or AVAILABLE. */
async function settled(server: RunningServer, model: string, version: number): Promise<string> {
  for (;;) {
    const response = await fetch(`${server.rest}/v1/models/${model}/versions/${version}`);
    const { model_version_status: [it] = [] } = (await response.json()) as {
      model_version_status?: {
        state: string;
        status: { error_code: string; error_message: string };
      }[];
    };
    if (it?.state === 'END') return `${it.status.error_code}: ${it.status.error_message}`;
    if (it?.state === 'AVAILABLE') return it.state;
    await delay(20);
  }
}

describe('models that nobody should trust', () => {
  const models = new Models();
  let server: RunningServer;
  beforeAll(async () => {
    models.add('trusted', 1, PLUS_TWO);
    const entry = (name: string): string =>
      `config { name: "${name}" base_path: "${models.path}/${name}" model_platform: "tensorflow" }`;
    const names = ['trusted', 'reader', 'linked'].map(entry).join(' ');
    const config = models.write('models.config', `model_config_list { ${names} }`);
    mkdirSync(join(models.path, 'reader'));
    mkdirSync(join(models.path, 'linked'));
    server = await startServer({
      args: [`--model_config_file=${config}`, '--check_ops=all', '--log_level=debug'],
      models: ['trusted'],
    });
  });
  afterAll(async () => {
    await server.stop();
    models.remove();
  });

  it('one that arrives and ends the process that loads it ends a probe, not the server', async () => {
    arrive(models, 'ends_its_process', 'trusted', 2);
    expect(await settled(server, 'trusted', 2)).toMatch(
      /^FAILED_PRECONDITION: .*trusted\/2: loading it ended the process that tried \(SIGABRT\): Check failed/,
    );
    expect(await predictOne(server, 'trusted')).toBe(2.5);
  });

  it('a good one that arrives is probed and served', async () => {
    models.add('trusted', 3, PLUS_TWO);
    expect(await settled(server, 'trusted', 3)).toBe('AVAILABLE');
    const [, ms] = await server.printed(/probed .*ms=(\d+)|"ms":(\d+),"msg":"probed"/);
    console.log(
      `probe, TensorFlow opened for it: ${ms ?? server.output().match(/"ms":(\d+)/)?.[1]} ms`,
    );
    expect(await predictOne(server, 'trusted/versions/3')).toBe(2.5);
  });

  it('one with an op that reads files is refused, by name and place', async () => {
    arrive(models, 'reads_files', 'reader', 1);
    expect(await settled(server, 'reader', 1)).toMatch(
      /^FAILED_PRECONDITION: .*saved_model.pb: op "ReadFile" \(node ".*" of function ".*"\) reaches beyond the model; refused unless --allowed_ops names it/,
    );
  });

  it('one that is a link out of its base path is refused', async () => {
    symlinkSync(join(models.path, 'trusted', '1'), join(models.path, 'linked', '1'));
    expect(await settled(server, 'linked', 1)).toMatch(/is a link out of the base path/);
  });

  it('no name, version or label of a request leads out of a base path', async () => {
    const status = async (path: string): Promise<number> => {
      const answer = await http({ port: server.restPort, path: `/v1/models/${path}` });
      expect(answer.text, path).not.toContain('half_plus');
      return answer.status;
    };
    const names = ['..', '%2e%2e', '..%2ftrusted', '%2fetc', 'trusted%00', 'trusted%2f1', '.'];
    for (const name of names) {
      for (const path of [name, `${name}/versions/1`, `trusted/labels/${name}`]) {
        for (const suffix of ['', '/metadata']) {
          expect([400, 404, 503], path).toContain(await status(path + suffix));
        }
      }
    }
    for (const version of ['..', '-1', '1e3', '0x1', '1/..', '99999999999999999999']) {
      expect([400, 404], version).toContain(await status(`trusted/versions/${version}/metadata`));
    }
  });
});

describe('models that are trusted all the same', () => {
  it('run with --allowed_ops and --allowed_link_targets', async () => {
    const models = new Models();
    mkdirSync(join(models.path, 'reader'));
    symlinkSync(join(UNTRUSTED, 'reads_files', '1'), join(models.path, 'reader', '1'));
    const server = await startServer({
      args: [
        `--model_base_path=${models.path}/reader`,
        '--model_name=reader',
        '--check_ops=all',
        '--allowed_ops=ReadFile',
        `--allowed_link_targets=${ROOT}`,
        '--isolated_load=always',
      ],
      models: ['reader'],
    });
    const response = await fetch(`${server.rest}/v1/models/reader:predict`, {
      method: 'POST',
      body: JSON.stringify({ inputs: join(ROOT, 'rustfmt.toml') }),
    });
    expect(await response.text()).toContain('outputs');
    expect(await server.stop()).toBe(0);
    models.remove();
  });
});
