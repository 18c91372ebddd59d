import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DEMO } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { startServer } from '../support/server.js';

/** Files of JavaScript a plain server may load: what it needed when this was written, and a tenth more. Each is time to the first answer. */
const MOST = 375;
/** What only flags, remote models or other commands need. */
const NOT_NEEDED =
  /node_modules\/(commander|yaml|jose|protobufjs|opendal|tar|yauzl|cli-progress|@fastify\/ajv-compiler|@fastify\/fast-json-stringify-compiler|@opentelemetry)\/|dist\/(cli\/program|codec\/messages|manager\/store\/(http-store|opendal-store|.*-settings|fetch-version|unpacker)|security\/(access|jwt|tls-material|token-.*)|api\/admin\/.*|supervise\/run|worker|workers|observe\/(access-log|line-file|observer)|record\/log-.*)\.js$/;

/** Every file of JavaScript that a server of the bundled model loads until it has answered and stopped: V8's coverage names all. */
async function filesOfAServer(...flags: readonly string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'servable-modules-'));
  try {
    const args = ['--model_name=m', `--model_base_path=${DEMO}`, ...flags];
    const server = await startServer({ args, env: { NODE_V8_COVERAGE: folder }, models: ['m'] });
    expect(await server.stop()).toBe(0);
    const reports = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    const urls = reports.flatMap((text) =>
      (JSON.parse(text) as { result: { url: string }[] }).result.map(({ url }) => url),
    );
    return [...new Set(urls)].filter((url) => url.startsWith('file://')).sort();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('a plain server loads no more code than it needs for its first answer', async () => {
  const files = await filesOfAServer();
  expect(files.filter((file) => NOT_NEEDED.test(file))).toEqual([]);
  expect(files.length, files.join('\n')).toBeLessThanOrEqual(MOST);
  expect(files.some((file) => file.endsWith('/dist/api/rest/server.js'))).toBe(true);
});

it('notices what a flag brings', async () => {
  const files = await filesOfAServer(`--admin_port=${await freePort()}`);
  expect(files.some((file) => NOT_NEEDED.test(file))).toBe(true);
});
