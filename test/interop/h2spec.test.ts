import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelDir, ROOT } from '../support/paths.js';
import { PREDICT, RpcClient } from '../support/rpc.js';
import { type RunningServer, startServer } from '../support/server.js';

const run = promisify(execFile);
const MODEL = 'half_plus_two';

/** Cases that want an answer with a body: what h2spec asks is no gRPC, and is answered with a status alone. */
const NO_BODY = [
  'generic/2: Sends a WINDOW_UPDATE frame on half-closed (remote) stream',
  'generic/2: Sends a PRIORITY frame on half-closed (remote) stream',
];

/** Holds calls open by a window of 0, which an answer without a body does not wait for. */
const NOT_HELD =
  'http2/5.1.2: Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded';

/** Cases that h2spec leaves out where answers have no body; test/api/http2/windows-out.test.ts has them. */
const LEFT_OUT = [
  'http2/6.5.3: Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE',
  'http2/6.9.1: Sends SETTINGS frame to set the initial window size to 1 and sends HEADERS frame',
  'http2/6.9.2: Changes SETTINGS_INITIAL_WINDOW_SIZE after sending HEADERS frame',
  'http2/6.9.2: Sends a SETTINGS frame for window size to be negative',
];

let server: RunningServer;
let h2spec: string;

beforeAll(async () => {
  // Prints the program's path; builds it with Go where it is missing.
  const { stdout } = await run(process.execPath, [join(ROOT, 'scripts', 'go-tools.mjs'), 'h2spec']);
  h2spec = stdout.trim();
  server = await startServer({
    args: [`--model_name=${MODEL}`, `--model_base_path=${modelDir(MODEL)}`],
    models: [MODEL],
  });
}, 900_000);

afterAll(async () => {
  expect(await server?.stop()).toBe(0);
  expect(server.output()).not.toMatch(/uncaught|unhandled|"level":60/i);
});

interface Results {
  readonly passed: string[];
  readonly failed: string[];
  readonly skipped: string[];
}

/** Runs every case, the strict ones too, and reads the report. */
async function results(port: number): Promise<Results> {
  const folder = mkdtempSync(join(tmpdir(), 'servable-h2spec-'));
  try {
    const report = join(folder, 'report.xml');
    const args = ['-h', '127.0.0.1', '-p', String(port), '-P', PREDICT, '-S', '-o', '1'];
    // It ends with 1 where a case fails, and its report says which.
    await run(h2spec, [...args, '-j', report], { timeout: 100_000, encoding: 'buffer' }).catch(
      (error: { code?: unknown }) => {
        if (error.code !== 1) throw error;
      },
    );
    const found: Results = { passed: [], failed: [], skipped: [] };
    const text = readFileSync(report, 'latin1');
    const cases = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;
    for (const [, section, what, body = ''] of text.matchAll(cases)) {
      const list = body.includes('<error') || body.includes('<failure') ? 'failed' : 'passed';
      found[body.includes('<skipped') ? 'skipped' : list].push(
        `${section}: ${what?.replaceAll('&#34;', '"')}`,
      );
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('h2spec finds nothing that RFC 9113 forbids, and the server goes on', async () => {
  const { passed, failed, skipped } = await results(server.grpcPort);
  const expected = [...NO_BODY, NOT_HELD];
  expect(failed.sort()).toEqual(expected.sort());
  expect(skipped.sort()).toEqual(LEFT_OUT);
  expect(passed.length).toBeGreaterThan(130);
  const client = new RpcClient(server.grpc);
  const { outputs } = await client.predict(MODEL, { x: [1, 2, 5] });
  expect(outputs.y?.floatVal).toEqual([2.5, 3, 4.5]);
  client.close();
}, 120_000);
