import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GUARDS } from '../../bench/guards.js';
import { judge, type Limit, readLimits } from '../../bench/limits.js';
import { ROOT } from '../support/paths.js';

const TEXT = readFileSync(join(ROOT, 'bench', 'limits.json'), 'utf8');
const limits = readLimits(TEXT);

describe('benchmark guards', () => {
  it.each(GUARDS)('$name fails when its path does its work eight times', async (guard) => {
    const figure = await guard.measure(8);
    expect(judge(figure, limits.get(guard.name) as Limit)).toBe(false);
  });

  it('a figure that is no number is past its limit', () => {
    expect(judge(Number.NaN, { limit: 1 })).toBe(false);
    expect(judge(1, { limit: 1 })).toBe(true);
  });

  it('a guard without a limit, a limit without a guard and a limit without a reason are errors', () => {
    const { limits: all } = JSON.parse(TEXT) as { limits: Limit[] };
    const print = (changed: readonly Partial<Limit>[]): string =>
      JSON.stringify({ limits: changed });
    expect(() => readLimits(print(all.slice(1)))).toThrow('no limit for the guard');
    expect(() => readLimits(print([...all, { name: 'lost', limit: 1, reason: 'none' }]))).toThrow(
      '"lost" is no guard',
    );
    const [first, ...others] = all;
    expect(() => readLimits(print([{ ...first, reason: '' }, ...others]))).toThrow('a reason');
  });
});
