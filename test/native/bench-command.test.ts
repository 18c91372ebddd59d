import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchReport } from '../../ts/bench/report.js';
import type { TuneResult } from '../../ts/bench/tune.js';
import { messageType } from '../../ts/codec/messages.js';
import { parseText } from '../../ts/codec/text-format.js';
import { CLI, modelDir } from '../support/paths.js';
import { runtimeLibrary } from '../support/runtime.js';
import { type RunningServer, startServer } from '../support/server.js';

const folder = mkdtempSync(join(tmpdir(), 'servable-bench-'));
let server: RunningServer;
beforeAll(async () => {
  server = await startServer({
    args: ['--model_name=m', `--model_base_path=${modelDir('half_plus_two')}`],
    models: ['m'],
  });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line to its end. */
async function run(...args: string[]): Promise<Ended> {
  const env = { ...process.env, SERVABLE_TENSORFLOW_LIBRARY: runtimeLibrary() };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args], { env });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

const SHORT = ['--warmup=0.1', '--duration=0.5', '--concurrency=4'];

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The report, which must tell of answers and of nothing else. */
function good({ code, out, err }: Ended): BenchReport {
  expect(err).toBe('');
  expect(code).toBe(0);
  const report = JSON.parse(out) as BenchReport;
  expect(report.errors).toEqual({});
  expect(report.answered).toBeGreaterThan(0);
  expect(report.answered).toBe(report.requests);
  const { p50, p90, p99, p999, max } = report.latencyMs;
  const rising = [p50, p90, p99, p999, max];
  expect(rising).toEqual([...rising].sort((a, b) => a - b));
  return report;
}

describe('servable bench', () => {
  it('measures a running server in a closed loop, and its CPU time where that can be read', async () => {
    const url = `${server.rest}/v1/models/m`;
    const report = good(await run('bench', url, '--json', ...SHORT));
    expect(report).toMatchObject({
      target: `${url}:predict`,
      protocol: 'rest',
      loop: 'closed',
      connections: 4,
      rate: null,
    });
    if (process.platform === 'linux') {
      expect(report.cpu.serverMicrosPerRequest).toBeGreaterThan(0);
    }
  });

  it('begins requests at a rate, over gRPC, with a JSON request that it translates', async () => {
    const request = file('body.json', '{"instances": [1.0, 2.0, 5.0]}');
    const out = join(folder, 'report.json');
    const target = `grpc://${server.grpc}/m`;
    const flags = ['--rate=50', `--request=${request}`, `--json=${out}`, ...SHORT];
    const ended = await run('bench', target, ...flags);
    expect(ended.out).toContain('latencies from the time a request was due');
    const report = good({ ...ended, out: readFileSync(out, 'utf8') });
    expect(report).toMatchObject({ protocol: 'grpc', loop: 'open', rate: 50, requests: 25 });
  });

  it('starts a server for a folder, with flags for it, and stops it', async () => {
    const report = good(
      await run(
        'bench',
        modelDir('half_plus_two'),
        '--grpc',
        '--json',
        ...SHORT,
        '--',
        '--workers=1',
      ),
    );
    const port = /^grpc:\/\/127\.0\.0\.1:(\d+)\/model$/.exec(report.target)?.[1];
    expect(port).toBeDefined();
    const again = await run('bench', report.target, ...SHORT);
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toMatch(/ECONNREFUSED/);
  });

  it('says what the server answers instead of measuring errors', async () => {
    const lost = await run('bench', `${server.rest}/v1/models/lost`, ...SHORT);
    expect(lost.code).toBe(1);
    expect(lost.err).toMatch(/models\/lost\/metadata answered 404: .*lost/);
    const request = file('bad.json', '{"instances": ["text"]}');
    const bad = await run('bench', `${server.rest}/v1/models/m`, `--request=${request}`, ...SHORT);
    expect(bad.code).toBe(1);
    expect(bad.err).toMatch(/answers the request with 400: .*; name one that works with --request/);
    const flag = await run('bench', `${server.rest}/v1/models/m`, '--rate=none');
    expect(flag.err).toContain('Wanted a number from 0.01.');
  });

  it.runIf(process.platform === 'linux')(
    'counts errors by code when the server goes away (Linux)',
    async () => {
      const other = await startServer({
        args: ['--model_name=m', `--model_base_path=${modelDir('half_plus_two')}`],
        models: ['m'],
      });
      const before = cpuTicks(other.child.pid ?? 0);
      const bench = run(
        'bench',
        `${other.rest}/v1/models/m`,
        '--json',
        '--warmup=0',
        '--duration=6',
      );
      // The load is on once the server works.
      const used = (): number => cpuTicks(other.child.pid ?? 0) - before;
      await expect.poll(used, { timeout: 20_000 }).toBeGreaterThan(20);
      other.child.kill('SIGKILL');
      const report = JSON.parse((await bench).out) as BenchReport;
      expect(report.answered).toBeGreaterThan(0);
      expect(report.errors.ECONNREFUSED).toBeGreaterThan(0);
    },
  );
});

/** User and system time of a process, in hundredths of a second. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

describe('servable tune', () => {
  it('tries settings on servers of its own, prints a table and writes the file of the best', async () => {
    const out = join(folder, 'batching.txt');
    const flags = ['--batch_sizes=4,16', '--waits=0', '--threads=2', `--out=${out}`];
    const dir = modelDir('half_plus_two');
    const { code, out: text, err } = await run('tune', dir, '--json', ...flags, ...SHORT);
    expect(code, err).toBe(0);
    const { best, results } = JSON.parse(text) as {
      best: TuneResult['setting'];
      results: TuneResult[];
    };
    expect(results.map(({ setting }) => setting?.maxBatchSize ?? 'off')).toEqual(['off', 4, 16]);
    for (const { report } of results) expect(report.answered).toBeGreaterThan(0);
    expect(existsSync(out)).toBe(best !== null);
    if (best === null) {
      expect(err).toContain('no file was written');
    } else {
      const type = messageType('tensorflow.serving.BatchingParameters');
      expect(parseText(type, readFileSync(out, 'utf8'), out)).toMatchObject({
        maxBatchSize: { value: BigInt(best.maxBatchSize) },
      });
    }
  });

  it('names what is no model', async () => {
    const { code, err } = await run('tune', folder);
    expect(code).toBe(1);
    expect(err).toMatch(/no SavedModel; wanted saved_model\.pb/);
  });
});
