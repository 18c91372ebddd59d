import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { type RunningServer, startServer } from '../support/server.js';
import { ModelService, Models, PLUS_THREE, PLUS_TWO, predictOne } from './manager-support.js';

const models = new Models();
let server: RunningServer;
let service: ModelService;
let admin: string;

/** What is wrong with each model, and the text that tells it. */
const BAD: Readonly<Record<string, { make: () => void; status: RegExp | null; text: RegExp }>> = {
  'file as base path': {
    make: () => writeFileSync(join(models.path, 'file as base path'), 'x'),
    status: null,
    text: /file as base path\/? of servable file as base path: is a file, wanted a directory of versions/,
  },
  'file as version': {
    make: () => {
      mkdirSync(join(models.path, 'file as version'));
      writeFileSync(join(models.path, 'file as version', '1'), 'x');
    },
    status: /^END: .*\/1: is a file, wanted a directory with saved_model.pb$/,
    text: /is a file, wanted a directory with saved_model.pb/,
  },
  'loop of links': {
    make: () => {
      mkdirSync(join(models.path, 'loop of links'));
      symlinkSync('1', join(models.path, 'loop of links', '1'));
    },
    status: /^END: .*\/1: is a loop of symbolic links$/,
    text: /is a loop of symbolic links/,
  },
  missing: {
    make: () => undefined,
    status: null,
    text: /Could not find base path .*missing for servable missing with error ENOENT/,
  },
  'no numbers': {
    make: () => {
      for (const name of ['v1', '1.0', 'latest', '0x1']) {
        models.add('no numbers', name, PLUS_TWO);
      }
    },
    status: null,
    text: /No versions of servable no numbers found under base path .*Did you forget to name your leaf directory as a number \(eg. '\/1\/'\)\? \(it holds \\?"/,
  },
  'empty version': {
    make: () => mkdirSync(join(models.path, 'empty version', '1'), { recursive: true }),
    status: /^END: Specified file path does not appear to contain a SavedModel bundle/,
    text: /should have a file called `saved_model.pb`/,
  },
  'broken for ever': {
    make: () => void models.addBroken('broken for ever', 1),
    status: /^END: Read less bytes than requested$/,
    text: /Read less bytes than requested/,
  },
};

const GOOD = ['with spaces and ünïcødé 模型', 'signs'] as const;

beforeAll(async () => {
  for (const { make } of Object.values(BAD)) make();
  models.add(GOOD[0], 1, PLUS_TWO);
  for (const version of ['001', '-1', '1.0']) {
    models.add('signs', version, version === '-1' ? PLUS_THREE : PLUS_TWO);
  }
  const entries = [...Object.keys(BAD), ...GOOD].map(
    (name) =>
      `config { name: '${name}' base_path: '${join(models.path, name)}' model_platform: 'tensorflow' model_version_policy { all {} } }`,
  );
  const adminPort = await freePort();
  admin = `http://127.0.0.1:${adminPort}`;
  server = await startServer({
    args: [
      `--model_config_file=${models.write('models.config', `model_config_list { ${entries.join('\n')} }`)}`,
      '--max_num_load_retries=1',
      '--load_retry_interval_micros=0',
      `--admin_port=${adminPort}`,
    ],
  });
  service = new ModelService(server);
});
afterAll(async () => {
  service?.close();
  await server?.stop();
  models.remove();
});

/** What the admin list says is wrong with a model, of its base path or of a version. */
async function adminText(name: string): Promise<string> {
  const response = await fetch(`${admin}/admin/models/${encodeURIComponent(name)}`);
  return response.text();
}

describe('what is wrong with a model is told in its status and in the log', () => {
  it.each(Object.entries(BAD))('%s', async (name, { status, text }) => {
    await expect.poll(() => adminText(name), { timeout: 15_000 }).toMatch(text);
    await server.printed(text);
    if (status === null) {
      expect(await service.states(name)).toBe('NOT_FOUND');
    } else {
      await expect
        .poll(async () => Object.values(await service.states(name))[0], { timeout: 15_000 })
        .toMatch(status);
    }
  });
});

it('other models are served all the while', async () => {
  expect(await predictOne(server, encodeURIComponent(GOOD[0]))).toBe(2.5);
  expect(await service.states('signs')).toEqual({ 1: 'AVAILABLE', '-1': 'AVAILABLE' });
  expect(await predictOne(server, 'signs/versions/1')).toBe(2.5);
});

it('what was wrong is put right without a reload', async () => {
  models.add('broken for ever', 1, PLUS_TWO);
  models.add('missing', 4, PLUS_THREE);
  await expect.poll(() => predictOne(server, 'broken%20for%20ever'), { timeout: 15_000 }).toBe(2.5);
  await expect.poll(() => predictOne(server, 'missing'), { timeout: 15_000 }).toBe(3.5);
});
