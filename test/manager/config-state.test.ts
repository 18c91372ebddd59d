import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Admin } from '../../ts/api/admin/admin.js';
import { silentLogger } from '../../ts/logger.js';
import { ConfigState } from '../../ts/manager/config-state.js';
import type { ModelConfig } from '../../ts/manager/model-config.js';
import { readModelConfigFile } from '../../ts/manager/source/model-config.js';
import { ModelConfigs } from '../../ts/model-configs.js';
import type { Options } from '../../ts/options/options.js';
import { resolveOptions } from '../../ts/options/options.js';
import { Bench } from './support.js';

/** A manager with models a (versions 1 and 2), b and c, whose config is kept. */
class StateBench extends Bench {
  readonly file = join(this.folder.path, 'state.json');
  readonly log: string[] = [];
  readonly state: ConfigState;
  readonly admin: Admin;

  constructor() {
    super({ fileSystemPollWaitSeconds: 0 });
    this.state = new ConfigState(this.file, this.logger);
    this.admin = new Admin({
      manager: () => this.manager,
      reread: null,
      state: this.state,
      logLevels: null,
    });
    for (const version of [1, 2]) this.folder.add('a', version);
    for (const name of ['b', 'c']) this.folder.add(name, 1);
  }

  get logger() {
    const write = (_fields: object, text: string) => void this.log.push(text);
    return { ...silentLogger, info: write, warn: write, error: write };
  }

  async begin(...configs: ModelConfig[]): Promise<void> {
    await this.start(...configs);
    this.state.follow(this.manager);
  }

  /** What a server that starts now would serve. */
  kept(): Promise<ModelConfig[]> {
    return readModelConfigFile(this.file);
  }
}

const ALL = { kind: 'all' } as const;

describe('the config that is kept', () => {
  it('is what every change of the admin API left in force, as a model config file', async () => {
    const bench = new StateBench();
    await bench.begin(bench.config('a', { versionPolicy: ALL }), bench.config('b'));
    expect(existsSync(bench.file)).toBe(false);

    await bench.admin.setLabel('a', 'stable', 1n);
    expect(await bench.kept()).toEqual(bench.manager.configs().map(complete));
    await bench.admin.unload('b');
    expect((await bench.kept()).map(({ name }) => name)).toEqual(['a']);
    const base_path = join(bench.folder.path, 'c');
    await bench.admin.load('c', {
      base_path,
      model_version_policy: { specific: { versions: ['1'] } },
      batching: { max_batch_size: 8, allowed_batch_sizes: ['4', '8'], mode: 'auto' },
      logging_config: { sampling_config: { sampling_rate: 0.5 } },
    });
    const kept = await bench.kept();
    expect(kept).toEqual(bench.manager.configs().map(complete));
    expect(kept[1]).toMatchObject({
      versionPolicy: { kind: 'specific', versions: [1n] },
      batching: { maxBatchSize: 8, allowedBatchSizes: [4, 8], mode: 'auto' },
    });
    expect(kept[0]?.versionLabels).toEqual(new Map([['stable', 1n]]));
    await bench.admin.reload({ model_config_list: {} });
    expect(await bench.kept()).toEqual([]);
    expect(bench.log).toEqual([]);
  });

  it('can only be read by this user, and a refused change leaves it alone', async () => {
    const bench = new StateBench();
    await bench.begin(bench.config('a'));
    await bench.admin.unload('a');
    await bench.admin.load('a', null);
    expect(statSync(bench.file).mode & 0o777).toBe(0o600);
    const before = readFileSync(bench.file, 'utf8');
    await expect(bench.admin.load('b', { base_path: 'relative' })).rejects.toThrow('absolute');
    await expect(bench.admin.setLabel('a', 'x', 77n)).rejects.toThrow();
    expect(readFileSync(bench.file, 'utf8')).toBe(before);
  });

  it('replaces what a dead server left half written, and follows no link there', async () => {
    const bench = new StateBench();
    const victim = join(bench.folder.path, 'victim');
    writeFileSync(victim, 'mine');
    symlinkSync(victim, `${bench.file}.new`);
    await bench.begin(bench.config('a'));
    await bench.admin.unload('a');
    expect(await bench.kept()).toEqual([]);
    expect(readFileSync(victim, 'utf8')).toBe('mine');
    expect(existsSync(`${bench.file}.new`)).toBe(false);
  });

  it('a write that fails is logged and listed, fails no change, and the next one heals it', async () => {
    const bench = new StateBench();
    mkdirSync(join(bench.file, 'in the way'), { recursive: true });
    await bench.begin(bench.config('a'), bench.config('b'));
    expect(await bench.admin.unload('b')).toMatchObject({ unloaded: true });
    expect(bench.admin.list().config_state).toEqual({
      file: bench.file,
      error: expect.stringMatching(/EISDIR|ENOTEMPTY|EEXIST/),
    });
    expect(bench.log).toEqual([
      '--model_config_state_file: the config in force could not be kept and would be lost at a restart',
    ]);
    rmSync(bench.file, { recursive: true });
    await bench.admin.load('b', null);
    expect(bench.admin.list().config_state).toEqual({ file: bench.file, error: null });
    expect((await bench.kept()).map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('is the last of many changes at once', async () => {
    const bench = new StateBench();
    await bench.begin(bench.config('a'));
    const names = ['a', 'b', 'c'];
    await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        bench.manager.apply(names.slice(0, 1 + (i % 3)).map((name) => bench.config(name))),
      ),
    );
    await bench.state.written();
    expect((await bench.kept()).map(({ name }) => name)).toEqual(names);
  });
});

describe('a start', () => {
  async function started(bench: StateBench, more: Partial<Options> = {}): Promise<string[]> {
    const config = join(bench.folder.path, 'models.config');
    const base = join(bench.folder.path, 'a');
    writeFileSync(
      config,
      `model_config_list { config { name: 'a' base_path: '${base}' model_platform: 'tensorflow' } }`,
    );
    const { options } = resolveOptions({
      modelConfigFile: config,
      modelConfigStateFile: bench.file,
      ...more,
    });
    const configs = new ModelConfigs({ given: undefined, options, logger: bench.logger });
    await configs.read();
    await configs.start(bench.manager);
    await configs.stop();
    return bench.manager.configs().map(({ name }) => name);
  }

  it('without the file is the configured one, and says nothing', async () => {
    const bench = new StateBench();
    expect(await started(bench)).toEqual(['a']);
    expect(bench.log).toEqual([]);
    expect(existsSync(bench.file)).toBe(false);
  });

  it.each(['file', 'flags'] as const)('with it goes before the %s and says so', async (other) => {
    const bench = new StateBench();
    const base_path = join(bench.folder.path, 'b');
    const entry = { name: 'b', base_path, model_platform: 'tensorflow' };
    writeFileSync(bench.file, JSON.stringify({ model_config_list: { config: [entry] } }));
    const flags = { modelConfigFile: '', modelBasePath: join(bench.folder.path, 'a') };
    expect(await started(bench, other === 'file' ? {} : flags)).toEqual(['b']);
    expect(bench.log).toEqual([
      'models as they were last changed; remove the file to start as configured',
    ]);
  });

  it.each([
    ['{"model_config_list": {\n  "config": [{"nam": "x"}]}}', /state\.json': line 2, column \d+/],
    ['{"model_config_list": ', /state\.json': line 1, column \d+/],
    ['', /state\.json: line 1, column 1: no model_config_list/],
    [
      '{"model_config_list": {"config": [{"name": "x", "base_path": "/x", "model_platform": "onnx"}]}}',
      /Model x requests unsupported platform onnx/,
    ],
  ])('with %j warns and is the configured one', async (text, reason) => {
    const bench = new StateBench();
    writeFileSync(bench.file, text);
    expect(await started(bench)).toEqual(['a']);
    const warning = bench.log.at(-1) ?? '';
    expect(warning).toMatch(
      /^--model_config_state_file is not used, the models are those configured/,
    );
    expect(warning).toMatch(reason);
  });

  it('with something that cannot be read in its place warns', async () => {
    const bench = new StateBench();
    mkdirSync(bench.file);
    expect(await started(bench)).toEqual(['a']);
    expect(bench.log[0]).toContain('EISDIR');
  });

  it('of a program that names its models warns that nothing is kept', () => {
    const bench = new StateBench();
    const { options } = resolveOptions({ modelConfigStateFile: bench.file });
    const configs = new ModelConfigs({ given: [], options, logger: bench.logger });
    expect(configs.state).toBeNull();
    expect(bench.log).toEqual([
      '--model_config_state_file has no effect: the program names the models',
    ]);
  });
});

const complete = (config: ModelConfig): ModelConfig => ({ platform: 'tensorflow', ...config });
