import { expect, it } from 'vitest';
import { Balance } from '../../ts/listeners/acceptor.js';

it('a worker is far above its share only past twice the mean and some connections to spare', () => {
  const memory = new SharedArrayBuffer(4 * 4);
  const [one, two] = [new Balance(memory, 0), new Balance(memory, 1)];
  one.add(8);
  expect(one.isFarAbove()).toBe(false);
  one.add(10);
  expect(one.isFarAbove()).toBe(true);
  expect(two.isFarAbove()).toBe(false);
  two.add(18);
  expect(one.isFarAbove()).toBe(false);
  one.add(-18);
  expect(one.isFarAbove()).toBe(false);
});
