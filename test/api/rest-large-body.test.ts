import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { FakeEngine } from './fakes.js';
import { listening, raw, rest } from './rest-support.js';

const PREDICT = '/v1/models/half_plus_two:predict';
const LARGE = `{"instances": [${'1.0, '.repeat(40_000)}1.0]}`;

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

it('a large body reaches the engine whole and is let go with the answer', async () => {
  const engine = new FakeEngine();
  const app = await rest({ engine });
  const port = await listening(app);
  const head = `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`;
  const answer = await raw(port, `${head}Content-Length: ${LARGE.length}\r\n\r\n${LARGE}`);
  expect(answer).toMatch(/^HTTP\/1.1 200/);
  expect(engine.seen.map(({ body }) => body)).toEqual([LARGE]);
  expect(engine.bodies.open.size).toBe(0);
});

it('a body whose length nobody told turns large on the way', async () => {
  const engine = new FakeEngine();
  const port = await listening(await rest({ engine }));
  const parts = [LARGE.slice(0, 100), LARGE.slice(100, 70_000), LARGE.slice(70_000)];
  const chunks = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('');
  const head = `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
  expect(await raw(port, `${head}${chunks}0\r\n\r\n`)).toMatch(/^HTTP\/1.1 200/);
  expect(engine.seen.map(({ body }) => body)).toEqual([LARGE]);
  expect(engine.bodies.open.size).toBe(0);
});

it('a client that leaves, before or after its body is whole, leaves nothing behind', async () => {
  const engine = new FakeEngine(() => 'never');
  const port = await listening(await rest({ engine }));
  const head = `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: ${LARGE.length}\r\n\r\n`;
  for (const sent of [LARGE.slice(0, 80_000), LARGE]) {
    const socket = connect(port, '127.0.0.1', () => socket.write(head + sent));
    await until(() => engine.bodies.open.size === 1 && (sent !== LARGE || engine.seen.length > 0));
    socket.destroy();
    await until(() => engine.bodies.open.size === 0);
  }
  expect(engine.cancelled).toHaveLength(1);
});

it('a body that grows past the limit is refused and let go', async () => {
  const engine = new FakeEngine();
  const port = await listening(await rest({ engine, settings: { maxBytes: 100_000 } }));
  const head = `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const answer = await raw(port, `${head}${LARGE.length.toString(16)}\r\n${LARGE}\r\n0\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1.1 413/);
  expect(engine.bodies.open.size).toBe(0);
});
