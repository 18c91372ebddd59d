import { join } from 'node:path';
import { oneDigit } from '../bodies.js';
import { runHttpLoad } from '../http-client.js';
import { type OpenLoad, type OpenResult, runOpenLoad } from '../open-loop.js';
import { ROOT } from '../paths.js';
import { describe, ms } from './burst.js';
import {
  type Context,
  type Finding,
  loadOf,
  mustAnswer,
  pause,
  predictPath,
  rate,
  verdict,
  WARM_UP_SECONDS,
  withCpu,
  withModels,
} from './common.js';

const MODEL = 'modelA';
const SHARE = 0.7;
/** Steps of the search: the rate is found to within a 32nd of what a closed loop reaches. */
const STEPS = 5;
/** Requests of so many seconds may be under way when the last one leaves; more are a queue that grows. */
const BACKLOG_SECONDS = 0.1;

/** The demo model at 70 % of what it can sustain: p99 under 100 ms. */
export function steady({ setting, seconds, rounds }: Context): Promise<Finding> {
  const demo = { [MODEL]: join(ROOT, 'models', 'demo') };
  return withModels(demo, setting, async (server) => {
    const path = predictPath(MODEL);
    const body = oneDigit.json;
    await mustAnswer(server.rest, path, body);
    const closed = loadOf(server, MODEL, body, { connections: 16, seconds });
    await runHttpLoad({ ...closed, seconds: WARM_UP_SECONDS });
    const most = rate(await withCpu(server.pid, () => runHttpLoad(closed)));
    const open = (requests: number, time: number): OpenLoad => ({
      port: server.rest,
      path,
      body,
      rate: requests,
      seconds: time,
      maxInFlight: 1000,
    });
    const sustainable = await highest(most, (requests) => runOpenLoad(open(requests, seconds)));
    await pause(500);
    const result = await runOpenLoad(open(sustainable * SHARE, seconds * rounds));
    return {
      title: `Demo model at ${SHARE * 100} % of the sustainable ${sustainable.toFixed(0)} req/s (a closed loop of 16 connections: ${most.toFixed(0)})`,
      text: describe(result),
      verdicts: [
        verdict(
          `p99 under 100 ms (${ms(result.answeredP99)}), nothing refused or failed`,
          result.answeredP99 < 100_000 && result.refused + result.failed + result.unsent === 0,
        ),
      ],
    };
  });
}

/**
 * The highest rate at which requests leave on time and are answered as fast as they come, by halving what is between. A closed loop says nothing about it: it
 * never has more under way than its connections, and costs its client less.
 *
 * @throws {Error} when not even a 32nd of `most` is kept up with
 */
async function highest(
  most: number,
  send: (requests: number) => Promise<OpenResult>,
): Promise<number> {
  let kept = 0;
  let missed = most;
  for (let step = 0; step < STEPS; step += 1) {
    const tried = (kept + missed) / 2;
    // What else goes on on a shared machine may stop one stretch, hardly two.
    const keepsUp = isKept(tried, await send(tried)) || isKept(tried, await send(tried));
    if (keepsUp) kept = tried;
    else missed = tried;
    await pause(500);
  }
  if (kept === 0) throw new Error('no rate was kept up with');
  return kept;
}

function isKept(tried: number, { refused, failed, unsent, underWay }: OpenResult): boolean {
  return refused + failed + unsent === 0 && underWay <= Math.max(16, tried * BACKLOG_SECONDS);
}
