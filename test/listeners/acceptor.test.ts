import { createServer } from 'node:net';
import { expect, it, vi } from 'vitest';
import { Acceptor, Balance } from '../../ts/listeners/acceptor.js';
import { BACKLOG, bindListener } from '../../ts/native/listener.js';

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

it('the backlog is set where Node reads it: with { fd, backlog } it would be 511', async () => {
  const server = createServer();
  const listen = vi.spyOn(server, 'listen');
  const { fd } = bindListener({ host: '127.0.0.1', port: 0 });
  const acceptor = new Acceptor(server, { fd, path: null }, null);
  await acceptor.listen();
  acceptor.stop();
  expect(listen.mock.calls[0]?.[1]).toBe(BACKLOG);
});
