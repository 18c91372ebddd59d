import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HttpLoad, LoadResult } from './http-client.js';

const run = promisify(execFile);

// `requests` are the whole answers; wrk counts statuses of 400 and more as errors, and its latencies are in µs.
const SCRIPT = `
local file = io.open(os.getenv("BENCH_BODY"), "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = os.getenv("BENCH_TYPE")
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`;

/**
 * Sends `load` with wrk and resolves with its figures.
 *
 * wrk leaves requests that are under way when the time is up: use it only where a run has thousands.
 *
 * @throws {Error} when wrk cannot be run or says nothing.
 */
export async function runWrk(load: HttpLoad): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'servable-wrk-'));
  try {
    const script = join(folder, 'post.lua');
    const body = join(folder, 'body');
    writeFileSync(script, SCRIPT);
    writeFileSync(body, load.body);
    const { stdout } = await run(
      'wrk',
      [
        '--threads=1',
        `--connections=${load.connections}`,
        // Whole seconds are all that wrk takes.
        `--duration=${Math.max(1, Math.round(load.seconds))}s`,
        '--timeout=60s',
        '--latency',
        `--script=${script}`,
        `http://127.0.0.1:${load.port}${load.path}`,
      ],
      {
        env: { ...process.env, BENCH_BODY: body, BENCH_TYPE: load.contentType ?? CONTENT_TYPE },
      },
    );
    const fields = /RESULT (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(stdout)?.slice(1).map(Number);
    if (fields === undefined) throw new Error(`wrk: no result in ${JSON.stringify(stdout)}`);
    const [requests = 0, micros = 0, errors = 0, p50 = 0, p99 = 0] = fields;
    return { requests: requests - errors, errors, seconds: micros / 1e6, p50, p99 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const CONTENT_TYPE = 'application/json';

/** Whether wrk can be run. */
export async function hasWrk(): Promise<boolean> {
  return run('wrk', ['--version']).then(
    () => true,
    // wrk says its version with status 1; only a missing program has a code in letters.
    (error: { code?: unknown }) => typeof error.code === 'number',
  );
}
