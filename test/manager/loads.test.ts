import { expect, test } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import { failedForGood, loadError } from '../../ts/manager/load-summary.js';
import { managerOptions } from '../../ts/manager-options.js';
import { NO_BATCHING } from '../../ts/options/batching-config.js';
import { resolveOptions } from '../../ts/options/options.js';
import { sessionSettings } from '../../ts/options/session-config.js';
import { Bench, quiet } from './support.js';

test('a version that fails to load leaves the old one serving', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.loader.behaviour = () => {
    throw new ServingError('OUT_OF_RANGE', 'Read less bytes than requested');
  };
  bench.folder.add('m', 2);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:END(11 Read less bytes than requested) 1:AVAILABLE');
  expect(bench.catalog.versions('m')).toEqual([1n]);
});

test('the flag of the remapper reaches the load, and is auto without one', async () => {
  for (const [args, expected] of [
    [{}, 'auto'],
    [{ graphRemapping: 'always' }, 'always'],
  ] as const) {
    const { options } = resolveOptions(args);
    const session = await sessionSettings(options);
    const bench = new Bench({
      graphRemapping: managerOptions(options, session, NO_BATCHING).graphRemapping,
    });
    bench.folder.add('m', 1);
    await bench.start(bench.config('m'));
    expect(bench.loader.last?.graphRemapping).toBe(expected);
  }
});

test('models fail alone, and the summary has the text of TensorFlow Serving', async () => {
  const bench = new Bench();
  bench.folder.add('good', 1);
  bench.folder.add('broken', 1, 'garbage');
  bench.loader.behaviour = (dir) => {
    if (dir.includes('broken'))
      throw new ServingError('OUT_OF_RANGE', 'Read less bytes than requested');
  };
  const summary = await bench.start(bench.config('good'), bench.config('broken'));
  expect(bench.catalog.versions('good')).toEqual([1n]);
  expect(loadError(summary, 'model(s)')?.message).toBe(
    '1 model(s) did not become available: {{{name: broken version: 1} due to error: OUT_OF_RANGE: Read less bytes than requested}, }',
  );
  expect(failedForGood(summary)).toBe(false);
});

test('only a start-up where every model failed for good counts as failed', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  bench.loader.behaviour = () => {
    throw new ServingError('INVALID_ARGUMENT', 'Cannot assign a device for operation a');
  };
  expect(failedForGood(await bench.start(bench.config('m')))).toBe(true);

  const waiting = new Bench();
  waiting.folder.add('m', 1);
  waiting.loader.behaviour = () => {
    throw new ServingError('UNAVAILABLE', 'storage is away');
  };
  expect(failedForGood(await waiting.start(waiting.config('m')))).toBe(false);
});

test('a version directory without saved_model.pb fails with the text of TensorFlow Serving', async () => {
  const bench = new Bench();
  const path = bench.folder.addEmpty('m', '1');
  await bench.start(bench.config('m'));
  expect(bench.loader.calls).toEqual([]);
  expect(bench.catalog.status('m')).toBe(
    `1:END(5 Specified file path does not appear to contain a SavedModel bundle (should have a file called \`saved_model.pb\`)\nSpecified file path: ${path})`,
  );
});

test('a failure that may heal is tried again, each pause twice as long, and then no more', async () => {
  const bench = new Bench({ maxNumLoadRetries: 2, loadRetryIntervalMicros: 1_000_000 });
  bench.folder.add('m', 1);
  bench.loader.behaviour = () => {
    throw new ServingError('UNAVAILABLE', 'storage is away');
  };
  const pauses: (number | null)[] = [];
  bench.manager.events.on('failed', ({ retryInMs }) => pauses.push(retryInMs));
  await bench.start(bench.config('m'));
  for (const pause of [1000, 2000]) {
    bench.clock.advance(pause - 1);
    await bench.look();
    const before = bench.loader.calls.length;
    bench.clock.advance(1);
    await bench.look();
    expect(bench.loader.calls).toHaveLength(before + 1);
  }
  expect(pauses).toEqual([1000, 2000, null]);
  bench.clock.advance(3_600_000);
  await bench.settle();
  expect(bench.loader.calls).toHaveLength(3);
  expect(bench.manager.summary().models[0]?.failed[0]).toMatchObject({ version: 1n, final: true });
});

test('a retry that succeeds makes the version available', async () => {
  const bench = new Bench({ loadRetryIntervalMicros: 1000 });
  bench.folder.add('m', 1);
  let attempts = 0;
  bench.loader.behaviour = () => {
    attempts += 1;
    if (attempts === 1) throw new ServingError('RESOURCE_EXHAUSTED', 'no memory');
  };
  await bench.start(bench.config('m'));
  expect(bench.catalog.status('m')).toBe('1:END(8 no memory)');
  bench.clock.advance(1);
  await bench.look();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('a change of its directory starts a new attempt at a failed version', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1, 'garbage');
  bench.loader.behaviour = () => {
    throw new ServingError('DATA_LOSS', 'garbage');
  };
  await bench.start(bench.config('m'));
  await bench.settle();
  expect(bench.loader.calls).toHaveLength(1);
  bench.loader.behaviour = () => undefined;
  bench.folder.add('m', 1, 'a whole model');
  await bench.look();
  expect(bench.loader.calls).toHaveLength(1);
  await bench.look();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('replaced content of a version is loaded and takes over without a gap', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1, 'one');
  await bench.start(bench.config('m'));
  bench.folder.add('m', 1, 'another');
  await bench.settle();
  expect(bench.loader.calls).toHaveLength(2);
  expect(bench.catalog.log).toEqual(['publish m/1', 'replace m/1']);
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(bench.loader.models.map((it) => it.closed)).toEqual([true, false]);
  await bench.settle();
  expect(bench.loader.calls).toHaveLength(2);
});

test('replaced content that does not load leaves the old content serving, and is not tried in a loop', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1, 'one');
  await bench.start(bench.config('m'));
  bench.loader.behaviour = () => {
    throw new ServingError('DATA_LOSS', 'garbage');
  };
  bench.folder.add('m', 1, 'garbage');
  await bench.settle();
  await bench.settle();
  expect(bench.loader.calls).toHaveLength(2);
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  bench.catalog.request('m')();
});

test('a load that hangs holds up no other model', async () => {
  const bench = new Bench();
  bench.folder.add('slow', 1);
  bench.folder.add('quick', 1);
  let release: () => void = () => undefined;
  bench.loader.behaviour = (dir) => {
    if (dir.includes('slow')) return new Promise<void>((resolve) => (release = resolve));
  };
  bench.manager.start([bench.config('slow'), bench.config('quick')]);
  await bench.look();
  expect(bench.catalog.status('slow')).toBe('1:LOADING');
  expect(bench.catalog.status('quick')).toBe('1:AVAILABLE');
  release();
  await bench.manager.initialLoad();
  expect(bench.catalog.status('slow')).toBe('1:AVAILABLE');
});

test('the first config loads in parallel, later loads are bounded', async () => {
  const bench = new Bench({ numInitialLoadThreads: 3, numLoadThreads: 2 });
  for (const version of [1, 2, 3, 4, 5]) bench.folder.add('m', version);
  bench.loader.behaviour = () => quiet(5);
  await bench.start(bench.config('m', { versionPolicy: { kind: 'all' } }));
  expect(bench.loader.mostRunning).toBe(3);
  bench.loader.mostRunning = 0;
  for (const version of [6, 7, 8, 9]) bench.folder.add('m', version);
  await bench.settle();
  await quiet(40);
  expect(bench.catalog.versions('m')).toHaveLength(9);
  expect(bench.loader.mostRunning).toBe(2);
});

test('a version that is no longer wanted while it loads is closed again', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  let release: () => void = () => undefined;
  bench.loader.behaviour = () => new Promise<void>((resolve) => (release = resolve));
  bench.folder.add('m', 2);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:LOADING 1:AVAILABLE');
  bench.folder.remove('m', 2);
  await bench.look();
  release();
  await bench.look();
  expect(bench.catalog.status('m')).toBe('2:END(1 Loading of servable cancelled) 1:AVAILABLE');
  expect(bench.loader.models[1]?.closed).toBe(true);
  expect(bench.catalog.log).toEqual(['publish m/1']);
});

test('a failed version that is still wanted is not forgotten', async () => {
  const bench = new Bench({ endedVersionTtlSeconds: 60 });
  bench.folder.add('m', 1);
  bench.loader.behaviour = () => {
    throw new ServingError('DATA_LOSS', 'garbage');
  };
  await bench.start(bench.config('m'));
  bench.clock.advance(3_600_000);
  await bench.look();
  expect(bench.catalog.status('m')).toBe('1:END(15 garbage)');
});
