import { describe, expect, it } from 'vitest';
import { CrashHistory } from '../../ts/supervise/crash-history.js';
import { FlightFile, type InFlightRequest, parseFlight } from '../../ts/supervise/flight-file.js';
import { supervisorLink } from '../../ts/supervise/link.js';
import type { FromServing } from '../../ts/supervise/messages.js';
import { type Ending, LastLines } from '../../ts/supervise/serving-process.js';
import { type CrashReport, type StartWhat, Supervisor } from '../../ts/supervise/supervisor.js';
import { Suspects } from '../../ts/supervise/suspects.js';

const REQUEST: InFlightRequest = {
  model: 'image',
  version: 1n,
  method: 'rest.predict',
  fingerprint: 0xabcn,
};

/** A supervisor over processes that end when the test says. */
class World {
  readonly started: StartWhat[] = [];
  readonly reports: CrashReport[] = [];
  readonly pauses: number[] = [];
  readonly told: boolean[] = [];
  inFlight: InFlightRequest[] = [];
  kills = 0;
  closed = 0;
  now = 1_000_000;
  #end: ((ending: Ending) => void) | null = null;
  readonly supervisor = new Supervisor({
    limits: { maxCrashes: 4, windowMs: 60_000 },
    suspectTtlMs: 1000,
    start: (what) => {
      this.started.push(what);
      const ended = new Promise<Ending>((resolve) => {
        this.#end = resolve;
      });
      return {
        pid: this.started.length,
        ended,
        lastLines: () => ['last words'],
        stop: (now) => void this.told.push(now),
      };
    },
    readFlight: () => this.inFlight,
    clearFlight: () => {
      this.inFlight = [];
    },
    outOfMemoryKills: () => this.kills,
    closeSockets: () => {
      this.closed += 1;
    },
    report: (crash) => void this.reports.push(crash),
    now: () => this.now,
    after: (ms, then) => {
      this.pauses.push(ms);
      const timer = setImmediate(then);
      return () => clearImmediate(timer);
    },
  });

  say(message: FromServing): void {
    this.started.at(-1)?.onMessage(message);
  }

  /** The process ends, and the supervisor has done what it does about it. */
  async end(code: number | null, signal: NodeJS.Signals | null = null): Promise<void> {
    this.#end?.({ code, signal });
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a supervisor', () => {
  it('starts a process again that a signal ended, at once, and tells what it was doing', async () => {
    const world = new World();
    const status = world.supervisor.run();
    world.say({ kind: 'ready' });
    world.inFlight = [REQUEST];
    await world.end(null, 'SIGABRT');
    expect(world.started).toHaveLength(2);
    expect(world.pauses).toEqual([]);
    expect(world.started.map((it) => it.restarted)).toEqual([false, true]);
    expect(world.reports).toMatchObject([
      {
        signal: 'SIGABRT',
        cause: 'abort',
        suspected: true,
        stderr: ['last words'],
        inFlight: [{ model: 'image', version: '1', fingerprint: '0000000000000abc' }],
      },
    ]);
    expect(world.started[1]?.suspects).toMatchObject([
      { fingerprint: '0000000000000abc', model: 'image', refusedUntil: 0 },
    ]);
    world.supervisor.stop();
    await world.end(0);
    expect(await status).toBe(0);
  });

  it('suspects nothing where somebody killed the process, and all where memory ran out', async () => {
    const world = new World();
    void world.supervisor.run();
    world.say({ kind: 'ready' });
    world.inFlight = [REQUEST];
    await world.end(null, 'SIGKILL');
    world.inFlight = [REQUEST];
    world.kills = 1;
    await world.end(null, 'SIGKILL');
    expect(world.reports.map((it) => [it.cause, it.suspected])).toEqual([
      ['killed', false],
      ['out of memory', true],
    ]);
    expect(world.started.map((it) => it.suspects.length)).toEqual([0, 0, 1]);
  });

  it('passes on the status of a process that never answered', async () => {
    const world = new World();
    const status = world.supervisor.run();
    await world.end(1);
    expect(await status).toBe(1);
    expect(world.reports).toEqual([]);
  });

  it('starts one again that answered before, whatever its status, and ends with one that ended by itself', async () => {
    const world = new World();
    const status = world.supervisor.run();
    world.say({ kind: 'ready' });
    await world.end(7);
    expect(world.started).toHaveLength(2);
    await world.end(0);
    expect(await status).toBe(0);
  });

  it('waits longer each time and gives up with the last status', async () => {
    const world = new World();
    const status = world.supervisor.run();
    world.say({ kind: 'ready' });
    for (let crash = 0; crash < 4; crash++) await world.end(null, 'SIGSEGV');
    expect(await status).toBe(139);
    expect(world.pauses).toEqual([250, 500]);
    expect(world.reports.map((it) => it.restartInMs)).toEqual([0, 250, 500, null]);
  });

  it('forgets crashes that are long ago', () => {
    const history = new CrashHistory({ maxCrashes: 3, windowMs: 1000 });
    expect([0, 900, 2000, 3100].map((now) => history.add(now))).toEqual([0, 250, 0, 0]);
  });

  it('closes the ports when the serving process does, and does not start another one then', async () => {
    const world = new World();
    const status = world.supervisor.run();
    world.say({ kind: 'ready' });
    world.say({ kind: 'closing' });
    expect(world.closed).toBe(1);
    await world.end(null, 'SIGKILL');
    expect(await status).toBe(137);
    expect(world.started).toHaveLength(1);
  });

  it('tells the process once to finish and then to end at once', async () => {
    const world = new World();
    const status = world.supervisor.run();
    world.supervisor.stop();
    world.supervisor.stop();
    expect(world.told).toEqual([false, true]);
    await world.end(1);
    expect(await status).toBe(1);
  });

  it('hands verdicts to the next process', async () => {
    const world = new World();
    void world.supervisor.run();
    world.say({ kind: 'ready' });
    world.inFlight = [REQUEST, { ...REQUEST, fingerprint: 1n }];
    await world.end(null, 'SIGABRT');
    world.say({ kind: 'refused', fingerprint: '0000000000000abc' });
    world.say({ kind: 'cleared', fingerprint: '0000000000000001' });
    await world.end(null, 'SIGKILL');
    expect(world.started[2]?.suspects).toMatchObject([{ refusedUntil: world.now + 1000 }]);
  });
});

describe('what is remembered', () => {
  it('suspects are forgotten after their time, refused ones later', () => {
    const suspects = new Suspects(1000);
    suspects.accuse([REQUEST, { ...REQUEST, fingerprint: 2n }], 0);
    expect(suspects.refuse(2n, 500)).toBe(1500);
    expect(suspects.list(999)).toHaveLength(2);
    expect(suspects.list(1000).map((it) => it.fingerprint)).toEqual([2n]);
    expect(suspects.list(2500)).toEqual([]);
  });

  it('only so many are kept, the oldest go', () => {
    const suspects = new Suspects(1000);
    const many = Array.from({ length: 5000 }, (_, i) => ({
      ...REQUEST,
      fingerprint: BigInt(i + 1),
    }));
    suspects.accuse(many, 0);
    expect(suspects.list(1)).toHaveLength(4096);
    expect(suspects.get(1n)).toBeUndefined();
    expect(suspects.get(5000n)).toBeDefined();
  });

  it('a flight file tells what is in its taken slots, and nothing once it is cleared', () => {
    const slot = Buffer.alloc(128);
    slot.writeBigUInt64LE(7n, 0);
    slot.writeBigInt64LE(-2n, 8);
    slot.writeUInt8(3, 16);
    slot.writeUInt8(5, 17);
    slot.write('modelXX', 24);
    expect(parseFlight(Buffer.concat([Buffer.alloc(128), slot]))).toEqual([
      { model: 'model', version: -2n, method: 'grpc.predict', fingerprint: 7n },
    ]);
    const file = FlightFile.create(1024);
    expect(file.read()).toEqual([]);
    file.clear();
    expect(file.read()).toEqual([]);
    file.close();
    expect(() => FlightFile.create(1024, ['/nowhere'])).toThrow(/cannot be recorded/);
  });

  it('keeps the last lines of a text that comes in parts', () => {
    const lines = new LastLines();
    lines.add('one\ntw');
    lines.add('o\n\nthree');
    expect(lines.list()).toEqual(['one', 'two', 'three']);
    lines.add(`\n${Array.from({ length: 50 }, (_, i) => `line ${i}`).join('\n')}`);
    expect(lines.list()).toHaveLength(21);
    expect(lines.list().at(-1)).toBe('line 49');
    lines.add('\nF0000 00:00:17.5 33 tensor_format.h:428] Check failed: x\n@ 0x1\n@ 0x2\n');
    expect(lines.fatal).toBe('Check failed: x');
    lines.add('@ 0x3\n'.repeat(40));
    expect(lines.list()).toHaveLength(21);
    expect(lines.list()[0]).toContain('Check failed');
    lines.add('x'.repeat(5000));
    expect(lines.list().at(-1)).toHaveLength(1000);
  });

  it('a process without a supervisor has no line, whatever the environment says', () => {
    const env = { SERVABLE_SUPERVISED: '1' };
    const alone = { env, send: undefined, on: () => process, connected: false };
    expect(supervisorLink(alone as unknown as NodeJS.Process)).toBeNull();
    expect(env).toEqual({});
  });
});
