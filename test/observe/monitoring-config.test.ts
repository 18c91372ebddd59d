import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { metricsPaths } from '../../ts/options/monitoring-config.js';

const DEFAULT = '/monitoring/prometheus/metrics';
const folder = mkdtempSync(join(tmpdir(), 'servable-monitoring-'));

afterAll(() => rmSync(folder, { recursive: true }));

function paths(text: string): Promise<readonly string[]> {
  const file = join(folder, 'monitoring.txt');
  writeFileSync(file, text);
  return metricsPaths(file);
}

describe('the monitoring config file', () => {
  it('is not needed: the page is always there', async () => {
    expect(await metricsPaths('')).toEqual([DEFAULT]);
  });

  it('adds a path', async () => {
    expect(await paths('prometheus_config { enable: true path: "/x/metrics" }')).toEqual([
      DEFAULT,
      '/x/metrics',
    ]);
    expect(await paths('prometheus_config: { enable: true }')).toEqual([DEFAULT]);
  });

  it('turns the page off where it does not say enable', async () => {
    expect(await paths('prometheus_config { enable: false path: "/x" }')).toEqual([]);
    expect(await paths('')).toEqual([]);
  });

  it.each([
    ['prometheus_config { enable: yes }', /Invalid protobuf file: '.*monitoring.txt'/],
    ['prometheus_config { enabled: true }', /no such field|enabled/],
    ['prometheus_config { enable: true path: "x" }', /wanted one that begins with \//],
    ['prometheus_config { enable: true path: "/a:b" }', /has none of/],
    ['prometheus_config { enable: true path: "/v1/models" }', /is a page of the API/],
  ])('is refused as a whole: %s', async (text, message) => {
    await expect(paths(text)).rejects.toThrow(message);
  });

  it('that is not there is named', async () => {
    await expect(metricsPaths(join(folder, 'none'))).rejects.toThrow(/none': ENOENT/);
  });
});
