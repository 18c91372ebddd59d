import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { modelsDir, ROOT } from '../support/paths.js';
import { runtimeLibrary } from '../support/runtime.js';
import { report } from './support/chaos.js';

interface Points {
  entries(text: string): { name: string; catches: boolean }[];
  instrumentEntries(text: string): { text: string; names: string[] };
  NATIVE_POINTS: { crate: string; file: string; functions: string[] }[];
}
const path = '../../scripts/panic-points.mjs';
const { entries, instrumentEntries, NATIVE_POINTS } = (await import(path)) as Points;

const SOURCES = join(ROOT, 'crates', 'addon', 'src');
const sources = readdirSync(SOURCES).map((file) => readFileSync(join(SOURCES, file), 'utf8'));

describe('a panic in the addon', () => {
  it('is caught at every entry', () => {
    const found = sources.flatMap((text) => entries(text));
    expect(found.length).toBeGreaterThan(50);
    expect(found.filter(({ catches }) => !catches).map(({ name }) => name)).toEqual([]);
    // What is looked for is all there is: no attribute was overlooked.
    const caught = sources.join('').match(/^\s*(#\[napi\(.*)?\bcatch_unwind\b(?!\().*$/gm) ?? [];
    expect(found.length).toBe(caught.length);
  });

  it('would be noticed at an entry that does not catch it', () => {
    const text =
      '#[napi(ts_return_type = "{ x: number }")]\npub fn bare(a: (u8, u8)) -> Result<()> {\n}';
    expect(entries(text)).toMatchObject([{ name: 'bare', catches: false }]);
    expect(instrumentEntries(text).text).toContain('{ servable_codec::chaos::point("bare");\n}');
  });

  it('stays in the functions that are armed below: they are there', () => {
    for (const { crate, file, functions } of NATIVE_POINTS) {
      const text = readFileSync(join(ROOT, 'crates', crate, 'src', file), 'utf8');
      for (const name of functions) expect(text, `${crate} ${name}`).toMatch(`fn ${name}`);
    }
  });
});

interface Outcome {
  readonly name: string;
  readonly panics: number;
  readonly wasRight: string;
  readonly isRight: string;
  readonly uncaught: readonly string[];
}

/** Builds an addon of its own. */
describe('an addon that panics on demand', { timeout: 900_000 }, () => {
  it('at any entry and behind it: the process goes on and the next request is answered', async () => {
    const run = promisify(execFile);
    await run(process.execPath, [join(ROOT, 'scripts', 'panic-addon.mjs')], { maxBuffer: 1 << 26 });
    const folder = join(ROOT, 'target', 'panics');
    const names = JSON.parse(readFileSync(join(folder, 'points.json'), 'utf8')) as string[];
    const outcomes: Outcome[] = [];
    const ended: string[] = [];
    let left = [...new Set(names)];
    while (left.length > 0) {
      const env = {
        ...process.env,
        DIST: join(ROOT, 'dist'),
        MODELS: modelsDir(),
        POINTS: JSON.stringify(left),
        SERVABLE_ADDON: join(folder, 'servable.node'),
        SERVABLE_TENSORFLOW_LIBRARY: runtimeLibrary(),
      };
      const child = join(ROOT, 'test', 'chaos', 'support', 'panics-child.mjs');
      const { stdout, stderr } = await run(process.execPath, [child], {
        env,
        maxBuffer: 1 << 26,
      }).catch((error: { stdout: string; stderr: string }) => error);
      const lines = stdout
        .trim()
        .split('\n')
        .filter((line) => line.startsWith('{'));
      const told = lines.map((line) => JSON.parse(line) as Outcome & { done?: number });
      outcomes.push(...told.filter((line) => line.done === undefined));
      left = left.slice(told.filter((line) => line.done === undefined).length);
      if (told.some((line) => line.done !== undefined)) break;
      ended.push(`${left[0]}: ${stderr.slice(-600)}`);
      left = left.slice(1);
    }
    expect(ended, 'points whose panic ended the process').toEqual([]);
    expect(outcomes.filter(({ panics }) => panics === 0).map(({ name }) => name)).toEqual([]);
    expect(outcomes.filter((it) => it.wasRight !== 'right' || it.isRight !== 'right')).toEqual([]);
    const panics = outcomes.reduce((sum, it) => sum + it.panics, 0);
    report('panics in the addon', {
      faults: panics,
      answered: outcomes.length * 4,
      lost: 0,
      note: `${outcomes.length} places, each the beginning of an entry or of what it hands to other threads`,
    });
  });
});
