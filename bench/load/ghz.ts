import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { GrpcLoad } from './grpc-client.js';
import type { LoadResult } from './http-client.js';
import { CACHE, ROOT } from './paths.js';

const run = promisify(execFile);
const MODULE = 'github.com/bojand/ghz/cmd/ghz@v0.120.0';
const PROTO = 'tensorflow_serving/apis/prediction_service.proto';

/** What is used of ghz's JSON report; times in nanoseconds. */
interface Report {
  count: number;
  total: number;
  statusCodeDistribution: Record<string, number> | null;
  errorDistribution: Record<string, number> | null;
  latencyDistribution: { percentage: number; latency: number }[] | null;
}

/** Where ghz is: on PATH, in bench/.cache/bin, or built into there with Go; null when none of these can be. */
export async function findGhz(): Promise<string | null> {
  const local = join(CACHE, 'bin', 'ghz');
  for (const program of ['ghz', local]) {
    if (await succeeds(program, ['--version'])) return program;
  }
  if (!(await succeeds('go', ['version']))) return null;
  process.stderr.write(`building ${MODULE} into bench/.cache/bin (minutes, once)\n`);
  const child = spawn('go', ['install', MODULE], {
    env: { ...process.env, GOBIN: join(CACHE, 'bin') },
    stdio: ['ignore', 2, 2],
  });
  await new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  return existsSync(local) ? local : null;
}

function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return run(program, args).then(
    () => true,
    () => false,
  );
}

/**
 * Sends `load` with ghz, one call in flight on each connection, and resolves with its figures. Calls under way at the end are waited
 * for and counted.
 *
 * @throws {Error} when ghz cannot be run.
 */
export async function runGhz(program: string, load: GrpcLoad): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'servable-ghz-'));
  try {
    const message = join(folder, 'message');
    const output = join(folder, 'report.json');
    writeFileSync(message, load.message);
    await run(program, [
      '--insecure',
      `--proto=${join(ROOT, 'protos', PROTO)}`,
      `--import-paths=${join(ROOT, 'protos')}`,
      `--call=${load.method.slice(1)}`,
      `--binary-file=${message}`,
      `--concurrency=${load.connections}`,
      `--connections=${load.connections}`,
      `--duration=${load.seconds}s`,
      '--duration-stop=wait',
      '--timeout=60s',
      '--max-recv-message-size=512MB',
      '--max-send-message-size=512MB',
      '--format=json',
      `--output=${output}`,
      `127.0.0.1:${load.port}`,
    ]);
    return figures(JSON.parse(readFileSync(output, 'utf8')) as Report);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function figures(report: Report): LoadResult {
  const good = report.statusCodeDistribution?.OK ?? 0;
  const at = (percentage: number): number =>
    (report.latencyDistribution?.find((entry) => entry.percentage === percentage)?.latency ?? 0) /
    1000;
  return {
    requests: good,
    errors: report.count - good,
    seconds: report.total / 1e9,
    p50: at(50),
    p99: at(99),
  };
}
