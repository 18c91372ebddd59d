import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { silentLogger } from '../../ts/logger.js';
import { ConfigPoller } from '../../ts/manager/config-poll.js';
import type { ModelConfig } from '../../ts/manager/model-config.js';
import {
  readModelConfigFile,
  rereadModelConfigFile,
} from '../../ts/manager/source/model-config.js';
import { Bench, quiet } from './support.js';

/** A manager that polls a model config file every 30 seconds of its clock. */
class PollBench extends Bench {
  readonly file = join(this.folder.path, 'models.config');
  readonly log: string[] = [];
  readonly poller: ConfigPoller;

  /** @param seen what the file is taken to have said before; left out, the config in force is what counts */
  constructor(seen?: readonly ModelConfig[]) {
    super();
    const write = (_fields: object, text: string) => void this.log.push(text);
    this.poller = new ConfigPoller({
      clock: this.clock,
      logger: { ...silentLogger, info: write, error: write },
      waitSeconds: 30,
      ...(seen === undefined ? {} : { seen }),
      read: () => rereadModelConfigFile(this.file),
      current: () => this.manager.configs(),
      apply: (configs) => this.manager.apply(configs),
    });
  }

  write(...models: string[]): void {
    const entries = models.map(
      (name) =>
        `config { name: '${name}' base_path: '${join(this.folder.path, name)}' model_platform: 'tensorflow' }`,
    );
    writeFileSync(this.file, `model_config_list { ${entries.join('\n')} }`);
  }

  async begin(...models: string[]): Promise<void> {
    for (const name of ['a', 'b', 'c']) this.folder.add(name, 1);
    this.write(...models);
    await this.start(...(await readModelConfigFile(this.file)));
    this.poller.start();
  }

  /** Lets one interval pass and everything that follows happen. */
  async pass(): Promise<void> {
    this.clock.advance(30_000);
    await quiet();
    await this.settle();
  }

  get served(): string[] {
    return [...this.catalog.published.keys()].sort();
  }
}

test('the file is read once per interval, and what it says is brought into force', async () => {
  const bench = new PollBench();
  await bench.begin('a');
  bench.write('a', 'b');
  bench.clock.advance(29_999);
  await quiet();
  expect(bench.manager.configs().map((it) => it.name)).toEqual(['a']);
  bench.clock.advance(1);
  await quiet();
  await bench.settle();
  expect(bench.served).toEqual(['a/1', 'b/1']);
  bench.write('b', 'c');
  await bench.pass();
  expect(bench.served).toEqual(['b/1', 'c/1']);
});

test('a file that says what is in force already touches nothing and logs nothing', async () => {
  const bench = new PollBench();
  await bench.begin('a', 'b');
  let configs = 0;
  bench.manager.events.on('config', () => (configs += 1));
  for (let round = 0; round < 3; round += 1) await bench.pass();
  bench.write('b', 'a');
  await bench.pass();
  expect(configs).toBe(0);
  expect(bench.loader.calls).toHaveLength(2);
  expect(bench.log).toEqual([]);
});

test('a broken edit keeps the last good config, is logged once with line and column, and a good edit heals', async () => {
  const bench = new PollBench();
  await bench.begin('a');
  writeFileSync(bench.file, 'model_config_list {\n  config { nam: "x" }\n}');
  for (let round = 0; round < 3; round += 1) await bench.pass();
  expect(bench.served).toEqual(['a/1']);
  expect(bench.log).toEqual([
    `Failed to read ModelServerConfig file: Invalid protobuf file: '${bench.file}': line 2, column 14: tensorflow.serving.ModelConfig: unknown field 'nam'`,
  ]);
  bench.write('a', 'b');
  await bench.pass();
  expect(bench.served).toEqual(['a/1', 'b/1']);
  await bench.pass();
  expect(bench.log.at(-1)).toBe('model config file is good again');
});

test('a refused config keeps the last good one, and its reason is logged', async () => {
  const bench = new PollBench();
  await bench.begin('a');
  bench.write('a', 'b', 'b');
  await bench.pass();
  writeFileSync(
    bench.file,
    `model_config_list { config { name: 'a' base_path: 'relative' model_platform: 'tensorflow' } }`,
  );
  await bench.pass();
  expect(bench.served).toEqual(['a/1']);
  expect(bench.log).toEqual([
    'Failed to read ModelServerConfig file: Illegal to list model b multiple times in config list',
    'Failed to read ModelServerConfig file: Expected model a to have an absolute path or URI; got base_path()=relative',
  ]);
});

test('a label to a version that is not available is refused at every read until it is', async () => {
  const bench = new PollBench();
  await bench.begin('a');
  const base = join(bench.folder.path, 'a');
  writeFileSync(
    bench.file,
    `model_config_list { config { name: 'a' base_path: '${base}' model_platform: 'tensorflow'
       model_version_policy { all {} } version_labels { key: 'next' value: 2 } } }`,
  );
  await bench.pass();
  expect(bench.log).toEqual([
    'PollFilesystemAndReloadConfig failed to ReloadConfig: Request to assign label to version 2 of model a, which is not currently available for inference',
  ]);
  bench.folder.add('a', 2);
  await bench.settle();
  await bench.pass();
  expect(bench.catalog.labels.get('a')).toEqual([{ label: 'next', version: 2n }]);
});

test('a missing base path of a new model is its own error: the rest is in force and later edits are read', async () => {
  const bench = new PollBench();
  await bench.begin('a');
  bench.write('a', 'nowhere', 'b');
  await bench.pass();
  await bench.pass();
  expect(bench.served).toEqual(['a/1', 'b/1']);
  expect(bench.log.join('\n')).toContain(
    '1 model(s) did not become available: {{{name: nowhere} due to error: NOT_FOUND: Could not find base path',
  );
  bench.write('c');
  await bench.pass();
  expect(bench.served).toEqual(['c/1']);
});

test('a model that loads for ever does not keep later edits from being read', async () => {
  const bench = new PollBench();
  await bench.begin('a');
  bench.loader.behaviour = (dir) =>
    dir.includes('/b/') ? new Promise<void>(() => undefined) : undefined;
  bench.write('a', 'b');
  await bench.pass();
  expect(bench.catalog.status('b')).toBe('1:LOADING');
  bench.write('a');
  await bench.pass();
  expect(bench.manager.configs().map((it) => it.name)).toEqual(['a']);
});

test('an empty file, as while it is being written, and one that is gone change nothing', async () => {
  const bench = new PollBench();
  await bench.begin('a');
  writeFileSync(bench.file, '');
  await bench.pass();
  expect(bench.served).toEqual(['a/1']);
  rmSync(bench.file);
  await bench.pass();
  expect(bench.served).toEqual(['a/1']);
  expect(bench.log.join()).toContain('Failed to read ModelServerConfig file');
  writeFileSync(bench.file, 'model_config_list {}');
  await bench.pass();
  expect(bench.served).toEqual([]);
});

test('what was changed over the network is set back at the next read', async () => {
  const bench = new PollBench();
  await bench.begin('a');
  await Promise.all([bench.manager.apply([bench.config('a'), bench.config('b')]), bench.settle()]);
  expect(bench.served).toEqual(['a/1', 'b/1']);
  await bench.pass();
  expect(bench.served).toEqual(['a/1']);
});

test('a stopped poller reads no more', async () => {
  const bench = new PollBench();
  await bench.begin('a');
  bench.poller.stop();
  bench.write('b');
  await bench.pass();
  expect(bench.served).toEqual(['a/1']);
});

test('where changes are kept, the file goes before them once it changes, and a refused edit is tried again', async () => {
  const bench = new PollBench([]);
  await bench.begin('a');
  await bench.pass();
  await Promise.all([bench.manager.apply([bench.config('b')]), bench.settle()]);
  for (let round = 0; round < 3; round += 1) await bench.pass();
  expect(bench.served).toEqual(['b/1']);
  bench.write('a', 'c', 'c');
  for (let round = 0; round < 2; round += 1) await bench.pass();
  expect(bench.served).toEqual(['b/1']);
  expect(bench.log).toHaveLength(1);
  expect(bench.log[0]).toContain('Illegal to list model c multiple times');
  bench.write('a', 'c');
  await bench.pass();
  expect(bench.served).toEqual(['a/1', 'c/1']);
  await Promise.all([bench.manager.apply([bench.config('c')]), bench.settle()]);
  await bench.pass();
  expect(bench.served).toEqual(['c/1']);
});
