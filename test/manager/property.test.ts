import { EventEmitter } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import type { ManagerEvents } from '../../ts/manager/events.js';
import { Limiter } from '../../ts/manager/limiter.js';
import { MemoryBudget } from '../../ts/manager/memory.js';
import { ServedModel } from '../../ts/manager/model.js';
import {
  defaultManagerOptions,
  type ManagerOptions,
  type ModelLoading,
  type TransitionPolicy,
} from '../../ts/manager/options.js';
import { FakeCatalog, FakeClock, FakeModel, ModelFolder, quiet } from './support.js';

/** A small random generator (mulberry32): the same seed gives the same run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const VERSIONS = [1n, 2n, 3n, 4n];

/** One model under random wishes of its source, random ends of loads and random requests. */
class World {
  readonly catalog = new FakeCatalog();
  readonly clock = new FakeClock();
  readonly roll: (below: number) => number;
  readonly model: ServedModel;
  readonly folder = new ModelFolder();
  /** Loads under way: each is ended by the run, well or badly. */
  readonly loads: { resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly loaded: FakeModel[] = [];
  readonly requests: (() => void)[] = [];
  wanted: bigint[] = [];
  everServed = false;

  constructor(
    seed: number,
    transitionPolicy: TransitionPolicy,
    modelLoading: ModelLoading = 'eager',
  ) {
    this.roll = random(seed);
    const options: ManagerOptions = {
      ...defaultManagerOptions,
      transitionPolicy,
      modelLoading,
      loadRetryIntervalMicros: 1_000_000,
      endedVersionTtlSeconds: 30,
    };
    for (const version of VERSIONS) {
      mkdirSync(this.path(version));
      writeFileSync(join(this.path(version), 'saved_model.pb'), '');
    }
    const config = {
      name: 'm',
      basePath: this.folder.path,
      versionPolicy: { kind: 'all' } as const,
      versionLabels: new Map(),
    };
    this.model = new ServedModel(config, {
      catalog: this.catalog,
      loadModel: ({ exportDir }) =>
        new Promise<FakeModel>((resolve, reject) => {
          const finish = () => {
            const model = new FakeModel(exportDir);
            this.loaded.push(model);
            resolve(model);
          };
          this.loads.push({ resolve: finish, reject });
        }),
      clock: this.clock,
      options,
      events: new EventEmitter<ManagerEvents>(),
      loads: new Limiter(() => 2),
      unloads: new Limiter(() => 2),
      memory: new MemoryBudget({ limitBytes: 0, evict: () => false, freed: () => undefined }),
      warn: (_name, text) => {
        throw new Error(text);
      },
      changed: () => this.check(),
    });
  }

  path(version: bigint): string {
    return join(this.folder.path, String(version));
  }

  /** What must hold at every moment. */
  check(): void {
    for (const model of this.catalog.published.values()) expect(model.closed).toBe(false);
    const statuses = this.catalog.statuses.get('m') ?? [];
    const available = statuses.filter((it) => it.state === 'AVAILABLE').map((it) => it.version);
    expect(available).toEqual(this.catalog.versions('m'));
    const versions = statuses.map((it) => it.version);
    expect(versions).toEqual([...versions].sort((a, b) => (a > b ? -1 : 1)));
    expect(new Set(versions).size).toBe(versions.length);
  }

  async step(): Promise<void> {
    const before = this.catalog.versions('m');
    const wantedBefore = this.wanted;
    // Does nothing to an eager model.
    if (this.roll(8) === 0) this.model.rest();
    else if (this.roll(4) === 0) this.model.demand();
    switch (this.roll(6)) {
      case 0:
      case 1:
        this.wish();
        break;
      case 2:
        this.loads.shift()?.resolve();
        break;
      case 3:
        this.fail();
        break;
      case 4:
        this.clock.advance(this.roll(60_000));
        break;
      default:
        this.request();
    }
    await quiet(2);
    this.check();
    this.keepsServing(before, wantedBefore);
  }

  wish(): void {
    this.wanted = VERSIONS.filter(() => this.roll(2) === 0);
    const aspired = this.wanted.map((version) => ({
      version,
      path: this.path(version),
      fingerprint: String(this.roll(8) === 0 ? this.roll(3) : 0),
    }));
    this.model.see({ kind: 'versions', aspired, waiting: [], error: null });
  }

  fail(): void {
    const code = this.roll(2) === 0 ? 'UNAVAILABLE' : 'DATA_LOSS';
    this.loads.shift()?.reject(new ServingError(code, 'as it happens'));
  }

  request(): void {
    if (this.requests.length > 0 && this.roll(2) === 0) this.requests.shift()?.();
    else if (this.catalog.versions('m').length > 0) this.requests.push(this.catalog.request('m'));
  }

  /** While anything is wanted, requests that found a version go on finding one. */
  keepsServing(before: readonly bigint[], wantedBefore: readonly bigint[]): void {
    if (
      this.policyKeeps &&
      before.length > 0 &&
      wantedBefore.length > 0 &&
      this.wanted.length > 0
    ) {
      expect(this.catalog.versions('m')).not.toEqual([]);
    }
  }

  policyKeeps = true;

  /** Lets everything come to an end: the wishes of the last moment must then be fulfilled. */
  async rest(): Promise<void> {
    this.model.demand();
    this.model.see({
      kind: 'versions',
      aspired: this.wanted.map((version) => ({
        version,
        path: this.path(version),
        fingerprint: 'last',
      })),
      waiting: [],
      error: null,
    });
    for (let round = 0; round < 30; round += 1) {
      for (const end of this.requests.splice(0)) end();
      for (const load of this.loads.splice(0)) load.resolve();
      await quiet(2);
    }
    expect(this.catalog.versions('m')).toEqual([...this.wanted].sort((a, b) => (a > b ? -1 : 1)));
    this.clock.advance(600_000);
    expect((this.catalog.statuses.get('m') ?? []).map((it) => it.version)).toEqual(
      this.catalog.versions('m'),
    );
    const inMemory = this.loaded.filter((it) => !it.closed);
    expect(inMemory).toHaveLength(this.wanted.length);
  }
}

const seeds = Array.from({ length: 12 }, (_, index) => index + 1);

test.each(seeds)(
  'random wishes never serve an unloaded version, close one under a request or lose the last one (seed %i)',
  async (seed) => {
    const world = new World(seed, 'availability_preserving');
    for (let step = 0; step < 60; step += 1) await world.step();
    await world.rest();
  },
);

test.each(seeds.slice(0, 4))(
  'random wishes with resource-preserving transitions never serve an unloaded version (seed %i)',
  async (seed) => {
    const world = new World(seed, 'resource_preserving');
    world.policyKeeps = false;
    for (let step = 0; step < 60; step += 1) await world.step();
    await world.rest();
  },
);

test.each(seeds.slice(0, 6))(
  'random demands of a model on demand never serve an unloaded version or close one under a request (seed %i)',
  async (seed) => {
    const world = new World(seed, 'availability_preserving', 'on_demand');
    world.policyKeeps = false;
    for (let step = 0; step < 60; step += 1) await world.step();
    await world.rest();
  },
);
