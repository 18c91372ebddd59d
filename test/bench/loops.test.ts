import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Lane, OK } from '../../ts/bench/lane.js';
import { closedLoop, openLoop } from '../../ts/bench/loops.js';

/** A lane on a server that answers as `answer` says. */
function lane(answer: (request: number) => Promise<string>): Lane & { sent: number } {
  return {
    sent: 0,
    send() {
      this.sent += 1;
      return answer(this.sent);
    },
    close: () => undefined,
  };
}

const quick = async (): Promise<string> => {
  await delay(1);
  return OK;
};
const forTime = (seconds: number) => ({ seconds, signal: new AbortController().signal });

test('a closed loop has one request in flight on each lane, and counts outcomes', async () => {
  let open = 0;
  let most = 0;
  const lanes = [0, 1, 2].map(() =>
    lane(async (request) => {
      open += 1;
      most = Math.max(most, open);
      await delay(1);
      open -= 1;
      return request % 3 === 0 ? '503' : OK;
    }),
  );
  const measured = await closedLoop(lanes, forTime(0.5));
  expect(most).toBe(3);
  const failed = measured.outcomes.get('503') ?? 0;
  expect(failed).toBeGreaterThan(0);
  expect(measured.latency.count + failed).toBe(measured.requests);
  expect(measured.requests).toBe(lanes.reduce((sum, { sent }) => sum + sent, 0));
  expect(measured.seconds).toBeGreaterThan(0.25);
});

test('an open loop begins all requests of its rate, whatever the server does', async () => {
  const lanes = [lane(quick), lane(quick)];
  const measured = await openLoop(lanes, 200, forTime(0.5));
  expect(measured.requests).toBe(100);
  expect(measured.latency.count).toBe(100);
});

test('a stall counts for every request that was due in it, not only for the one that met it', async () => {
  const stall = 300;
  const stalls = lane(async (request) => {
    await delay(request === 10 ? stall : 0);
    return OK;
  });
  const rate = 100;
  const measured = await openLoop([stalls], rate, forTime(1));
  // Requests are due every 10 ms: the thirty of the stall waited for 300, 290, 280 … ms.
  const [p80, p99] = [measured.latency.quantile(0.8), measured.latency.quantile(0.99)];
  expect(p99).toBeGreaterThan(stall * 1000 * 0.85);
  expect(p80).toBeGreaterThan(30_000);
  expect(measured.requests).toBe(100);
});

test('an interrupted loop ends with what it has', async () => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  const loop = { seconds: 60, signal: abort.signal };
  const closed = await closedLoop([lane(quick)], loop);
  const open = await openLoop([lane(() => delay(20, OK))], 1000, loop);
  expect(closed.requests).toBeGreaterThan(0);
  expect(open.requests).toBeLessThan(60_000);
});

test('a lane that fails at once does not turn into a busy loop', async () => {
  const fails = lane(async () => 'ECONNREFUSED');
  const measured = await closedLoop([fails], forTime(0.2));
  expect(measured.requests).toBeLessThanOrEqual(11);
  expect(measured.latency.count).toBe(0);
});

test('progress is told while it lasts', async () => {
  const told: number[] = [];
  const onProgress = (answered: number): void => void told.push(answered);
  await closedLoop([lane(quick)], { ...forTime(0.35), onProgress });
  expect(told.length).toBeGreaterThan(0);
  expect(told.at(-1)).toBeGreaterThan(0);
});
