import { describe, expect, it } from 'vitest';
import { isScope, matches, Scopes } from '../../ts/security/scopes.js';

describe('scopes', () => {
  it.each([
    ['predict', 'predict', 'a', true],
    ['predict', 'metadata', 'a', false],
    ['predict', 'admin', 'a', false],
    ['admin', 'predict', 'a', false],
    ['predict:a', 'predict', 'a', true],
    ['predict:a', 'predict', 'ab', false],
    ['predict:a', 'predict', '', false],
    ['predict:*', 'predict', '', true],
    ['metadata:res*_v?', 'metadata', 'resnet_v?', true],
    ['metadata:res*_v?', 'metadata', 'resnet_v1', false],
    ['predict:a*b*c', 'predict', 'axxbxxc', true],
    ['predict:a*b*c', 'predict', 'acb', false],
    ['predict:ab*ba', 'predict', 'aba', false],
    ['predict:.*', 'predict', 'x', false],
  ] as const)('%s: %s on "%s" is %s', (scope, action, model, allowed) => {
    expect(new Scopes([scope]).allows(action, model)).toBe(allowed);
  });

  it('several for one action add up, and one for all models is for all', () => {
    const some = new Scopes(['predict:a', 'predict:b*']);
    expect(some.allows('predict', 'a') && some.allows('predict', 'bb')).toBe(true);
    expect(some.allowsEverywhere('predict')).toBe(false);
    expect(some.allowsSomewhere('predict')).toBe(true);
    expect(new Scopes(['predict', 'predict:a']).allowsEverywhere('predict')).toBe(true);
    expect(new Scopes(['predict:a', 'predict:*']).allowsEverywhere('predict')).toBe(true);
  });

  it.each([
    '',
    'Predict',
    'predict:',
    'predict:a/b',
    'predict:a b',
    'admin:a',
    'write',
    'predict:a:b',
  ])('text "%s" is none', (text) => {
    expect(isScope(text)).toBe(false);
    expect(() => new Scopes([text])).toThrow(/wanted predict/);
  });

  it('a pattern of many stars takes no time on a long name', () => {
    const began = performance.now();
    expect(matches(`${'*a'.repeat(30)}b`, 'a'.repeat(16_000))).toBe(false);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});
