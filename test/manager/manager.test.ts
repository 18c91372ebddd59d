import { expect, test } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import { failedForGood, loadError } from '../../ts/manager/load-summary.js';
import { Bench, quiet } from './support.js';

test('the latest version is loaded and the start-up summary names it', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  bench.folder.add('m', 2);
  const summary = await bench.start(bench.config('m'));
  expect(bench.catalog.versions('m')).toEqual([2n]);
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE');
  expect(summary).toEqual({ models: [{ name: 'm', available: [2n], failed: [], error: null }] });
  expect(loadError(summary, 'servable(s)')).toBeNull();
});

test('a version goes through START and LOADING before requests find it', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  const states: string[] = [];
  bench.manager.events.on('state', ({ state }) => {
    states.push(`${state} ${bench.catalog.versions('m').length}`);
  });
  await bench.start(bench.config('m'));
  expect(states).toEqual(['LOADING 0', 'AVAILABLE 1']);
});

test('a new version is published before the old one is withdrawn', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.add('m', 2);
  await bench.settle();
  expect(bench.catalog.log).toEqual(['publish m/1', 'publish m/2', 'withdraw m/1']);
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:END');
});

test('a lease keeps an old version in memory until its request ends', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  const end = bench.catalog.request('m');
  bench.folder.add('m', 2);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:UNLOADING');
  expect(bench.loader.models[0]?.closed).toBe(false);
  bench.catalog.request('m')();
  end();
  await bench.look();
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:END');
  expect(bench.loader.models[0]?.closed).toBe(true);
});

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

test('a deleted version directory is unloaded', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  bench.folder.add('m', 2);
  await bench.start(bench.config('m', { versionPolicy: { kind: 'all' } }));
  bench.folder.remove('m', 2);
  await bench.look();
  expect(bench.catalog.status('m')).toBe('2:END 1:AVAILABLE');
});

test('an empty base path unloads everything', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.remove('m', 1);
  await bench.look();
  expect(bench.catalog.status('m')).toBe('1:END');
  expect(bench.manager.summary().models[0]?.error?.code).toBe('NOT_FOUND');
});

test('an empty base path unloads nothing where versions must always be present', async () => {
  const bench = new Bench({ servableVersionsAlwaysPresent: true });
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.remove('m', 1);
  await bench.look();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(bench.warnings).toContain('Refusing to unload all versions for Servable: m');
  expect(bench.manager.summary().models[0]?.error?.message).toBe(
    `Unable to find a numerical version path for servable m at: ${bench.config('m').basePath}`,
  );
});

test('a base path that goes away keeps what is loaded, and holds up no other model', async () => {
  const bench = new Bench();
  bench.folder.add('a', 1);
  bench.folder.add('b', 1);
  await bench.start(bench.config('a'), bench.config('b'));
  bench.folder.remove('a');
  bench.folder.add('b', 2);
  await bench.settle();
  expect(bench.catalog.status('a')).toBe('1:AVAILABLE');
  expect(bench.catalog.status('b')).toBe('2:AVAILABLE 1:END');
  expect(bench.manager.summary().models[0]?.error?.message).toMatch(
    /^Could not find base path .*a for servable a with error /,
  );
});

test('a missing base path does not keep start-up waiting and is found later', async () => {
  const bench = new Bench();
  bench.folder.add('good', 1);
  const summary = await bench.start(bench.config('lost'), bench.config('good'));
  expect(summary.models.map(({ available }) => available)).toEqual([[], [1n]]);
  expect(loadError(summary, 'model(s)')?.message).toMatch(
    /^1 model\(s\) did not become available: \{\{\{name: lost\} due to error: NOT_FOUND: Could not find base path /,
  );
  expect(failedForGood(summary)).toBe(false);
  bench.folder.add('lost', 7);
  await bench.settle();
  expect(bench.catalog.status('lost')).toBe('7:AVAILABLE');
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

test('a version that comes back while it unloads is loaded again', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  const end = bench.catalog.request('m');
  bench.folder.remove('m', 1);
  await bench.look();
  bench.folder.add('m', 1);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('1:UNLOADING');
  end();
  await bench.look();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('with resource-preserving transitions the old version is gone before the new one is loaded', async () => {
  const bench = new Bench({ transitionPolicy: 'resource_preserving' });
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  const end = bench.catalog.request('m');
  bench.folder.add('m', 2);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:START 1:UNLOADING');
  end();
  await bench.look();
  expect(bench.catalog.log).toEqual(['publish m/1', 'withdraw m/1', 'publish m/2']);
});

test('a version that has ended is forgotten after its time', async () => {
  const bench = new Bench({ endedVersionTtlSeconds: 60 });
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.add('m', 2);
  await bench.settle();
  bench.clock.advance(59_999);
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:END');
  bench.clock.advance(1);
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE');
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

test('stop unloads everything and waits for requests', async () => {
  const bench = new Bench();
  bench.folder.add('a', 1);
  bench.folder.add('b', 1);
  await bench.start(bench.config('a'), bench.config('b'));
  const end = bench.catalog.request('a');
  let stopped = false;
  const stop = bench.manager.stop(10_000).then(() => {
    stopped = true;
  });
  await bench.look();
  expect(stopped).toBe(false);
  expect(bench.catalog.status('b')).toBe('1:END');
  end();
  await stop;
  expect(bench.loader.models.every((it) => it.closed)).toBe(true);
  await bench.manager.stop(0);
});

test('stop gives up at its deadline', async () => {
  const bench = new Bench();
  bench.folder.add('a', 1);
  await bench.start(bench.config('a'));
  bench.catalog.request('a');
  const stop = bench.manager.stop(500);
  await bench.look();
  bench.clock.advance(500);
  await stop;
  expect(bench.warnings).toContain('models still busy at the deadline');
});

test('stop during a load closes what was loaded', async () => {
  const bench = new Bench();
  bench.folder.add('a', 1);
  let release: () => void = () => undefined;
  bench.loader.behaviour = () => new Promise<void>((resolve) => (release = resolve));
  bench.manager.start([bench.config('a')]);
  await bench.look();
  const stop = bench.manager.stop(10_000);
  release();
  await stop;
  expect(bench.loader.models[0]?.closed).toBe(true);
  expect(bench.catalog.log).toEqual([]);
});

test('a config that comes while the server stops is refused', async () => {
  const bench = new Bench();
  await bench.start();
  await bench.manager.stop(0);
  await expect(bench.manager.apply([])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
