import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import type { Logger } from '../../ts/logger.js';
import { silentLogger } from '../../ts/logger.js';
import { namedMetrics } from '../../ts/native/counters.js';
import { ACCESS_LOG_DROPPED } from '../../ts/observe/definitions.js';
import { LineFile } from '../../ts/observe/line-file.js';
import { CLI, modelDir } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { startServer } from '../support/server.js';

const folder = mkdtempSync(join(tmpdir(), 'servable-access-'));
const run = promisify(execFile);

afterAll(() => rmSync(folder, { recursive: true }));

function dropped(): number {
  const series = namedMetrics.snapshot().find(({ name }) => name === ACCESS_LOG_DROPPED.name);
  return series?.value ?? 0;
}

describe('a file of lines', () => {
  it('has every line in order once it is closed, in a folder that was not there', async () => {
    const path = join(folder, 'new', 'access.log');
    const file = new LineFile({ file: path }, silentLogger);
    const lines = Array.from({ length: 5000 }, (_, i) => `${i}\n`);
    for (const line of lines) file.write(line);
    await file.close();
    expect(readFileSync(path, 'utf8')).toBe(lines.join(''));
  });

  it('that cannot be written is given up once, and its lines are counted', async () => {
    const errors: unknown[] = [];
    const logger: Logger = { ...silentLogger, error: (fields) => void errors.push(fields) };
    const before = dropped();
    const file = new LineFile({ file: '/dev/full' }, logger);
    for (let i = 0; i < 300; i += 1) file.write(`${'x'.repeat(100)}\n`);
    await expect.poll(() => errors.length).toBe(1);
    for (let i = 0; i < 300; i += 1) file.write(`${'x'.repeat(100)}\n`);
    await file.close();
    expect(errors).toEqual([{ error: expect.stringMatching(/ENOSPC/) }]);
    expect(dropped() - before).toBeGreaterThanOrEqual(300);
  });
});

describe('a running server', () => {
  it('writes its access log, and changes its levels when it is told to', async () => {
    const log = join(folder, 'access.log');
    const adminPort = await freePort();
    const server = await startServer({
      args: [
        '--model_name=half_plus_two',
        `--model_base_path=${modelDir('half_plus_two')}`,
        '--workers=2',
        '--access_log=all',
        `--access_log_file=${log}`,
        `--admin_port=${adminPort}`,
      ],
      models: ['half_plus_two'],
    });
    const cli = async (...args: string[]): Promise<string> =>
      (await run(process.execPath, [CLI, 'log-level', ...args, '--server', String(adminPort)]))
        .stdout;
    try {
      expect(await cli()).toBe('servable    info\ntensorflow  warn\n');
      expect(await cli('debug')).toBe('servable    debug\ntensorflow  debug\n');
      const one = await cli('error', '--component', 'tensorflow');
      expect(one).toBe('servable    debug\ntensorflow  error\n');
      await expect(cli('loud')).rejects.toThrow(/wanted one of trace, debug/);
      for (const body of ['{"instances": [1]}', '{']) {
        const url = `${server.rest}/v1/models/half_plus_two:predict`;
        await (await fetch(url, { method: 'POST', body })).text();
      }
    } finally {
      await server.stop();
    }
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    const predicts = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ method }) => method === 'POST')
      // Each worker writes what it has once a second.
      .sort((a, b) => Number(a.level) - Number(b.level));
    expect(predicts).toMatchObject([
      { code: 'OK', model: 'half_plus_two', version: '2', signature: 'serving_default' },
      { code: 'INVALID_ARGUMENT', status: 400, level: 40 },
    ]);
    expect(predicts[0]).toHaveProperty('run_us');
    // Nothing of TensorFlow's comes in its own form.
    const plain = server.output().split('\n');
    expect(plain.filter((line) => line !== '' && !line.startsWith('{'))).toEqual([]);
  });
});
