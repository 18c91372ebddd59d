import { runHttpLoad } from '../http-client.js';
import { type OpenLoad, type OpenResult, runOpenLoad, startOpenLoad } from '../open-loop.js';
import { rssMegabytes } from '../process.js';
import {
  type Context,
  type Finding,
  loadOf,
  pause,
  predictPath,
  rate,
  verdict,
  WARM_UP_SECONDS,
  withBenchModels,
  withCpu,
} from './common.js';
import { busyBody } from './neighbours.js';

/** A model of this many milliseconds makes a sustainable rate that this client can send ten times over. */
const MODEL_MILLISECONDS = 5;
const BURST = 10;
const MAX_IN_FLIGHT = 4000;
const RECOVERY_SECONDS = 5;

/** Ten times the sustainable rate for a minute: refusals that come fast, no crash, normal p99 again within five seconds. */
export function burst({ setting, seconds, burstSeconds }: Context): Promise<Finding> {
  return withBenchModels(['busy'], setting, async (server) => {
    const path = predictPath('busy');
    const body = await busyBody(server, MODEL_MILLISECONDS);
    const closed = loadOf(server, 'busy', body, { connections: 16, seconds });
    await runHttpLoad({ ...closed, seconds: WARM_UP_SECONDS });
    const sustainable = rate(await withCpu(server.pid, () => runHttpLoad(closed)));
    const open = (share: number, time: number): OpenLoad => ({
      port: server.rest,
      path,
      body,
      rate: sustainable * share,
      seconds: time,
      maxInFlight: MAX_IN_FLIGHT,
    });
    const before = await runOpenLoad(open(0.5, Math.max(3, seconds)));
    const level = rssMegabytes(server.pid);
    const storm = startOpenLoad(open(BURST, burstSeconds));
    await storm.sent;
    // On the clock, not after each other: a server that still works the burst off is not given time for it.
    const windows = await Promise.all(
      Array.from({ length: RECOVERY_SECONDS + 1 }, async (_, second) => {
        await pause(second * 1000);
        return runOpenLoad(open(0.5, 1));
      }),
    );
    const during = await storm.done;
    const alive = server.child.exitCode === null && server.child.signalCode === null;
    const after = windows.at(-1)?.answeredP99 ?? Number.POSITIVE_INFINITY;
    const refusals = during.refused / Math.max(1, during.refused + during.answered);
    return {
      title: `Burst: ${BURST} × the sustainable ${sustainable.toFixed(0)} req/s for ${burstSeconds} s, a model of about ${MODEL_MILLISECONDS} ms`,
      text: [
        `before (half the rate)   ${describe(before)}`,
        `burst                    ${describe(during)}`,
        ...windows.map((each, i) => `second ${i + 1} after           ${describe(each)}`),
        `RSS ${level.toFixed(0)} MB before, ${rssMegabytes(server.pid).toFixed(0)} MB after`,
      ].join('\n'),
      verdicts: [
        verdict('the server lives on', alive),
        verdict(
          `no request fails otherwise than by 429 or 503 (${during.failed})`,
          during.failed === 0,
        ),
        verdict(
          `what cannot be served is refused (${(refusals * 100).toFixed(0)} % of those sent, p99 ${ms(during.refusedP99)})`,
          during.refused > 0 && during.unsent === 0 && during.refusedP99 < 1e6,
        ),
        verdict(
          `p99 is normal again within ${RECOVERY_SECONDS} s (${ms(after)}, before ${ms(before.answeredP99)}, bound 2 ×)`,
          after <= 2 * before.answeredP99,
        ),
      ],
    };
  });
}

/** One line of what an open loop saw. */
export function describe(result: OpenResult): string {
  return [
    `${result.answered} answered (p50 ${ms(result.answeredP50)}, p99 ${ms(result.answeredP99)})`,
    `${result.refused} refused (p99 ${ms(result.refusedP99)})`,
    `${result.failed} failed`,
    `${result.unsent} unsent`,
    `client late by ${ms(result.lateP99)} at p99`,
  ].join(', ');
}

/** Microseconds as milliseconds. */
export function ms(micros: number): string {
  return `${(micros / 1000).toFixed(1)} ms`;
}
