import { AccessLog } from '../../ts/observe/access-log.js';
import { Observation } from '../../ts/observe/observer.js';
import type { Work } from './measure.js';

const ARRIVAL = {
  protocol: 'rest',
  id: '5f2b8a1c9d3e-1z',
  method: 'POST',
  path: '/v1/models/half_plus_two:predict',
  client: '127.0.0.1:51234',
  header: () => undefined,
} as const;
const STAGES = { subject: 0, queueUs: 12, decodeUs: 3, runUs: 18, encodeUs: 2, arrivedMs: 1 };
/** benchmark.js misjudges what takes less than a microsecond, so each work is a hundred requests. */
const REQUESTS = 100;

/** The access log of a hundred requests, beside `JSON.stringify` of the same fields. */
export function accessLines(): Work[] {
  let bytes = 0;
  const sink = {
    write: (line: string): void => {
      bytes += line.length;
    },
    close: async () => undefined,
  };
  const log = new AccessLog(sink, { mode: 'all', sampleRate: 1, worker: 0 });
  const observation = (): Observation => {
    const seen = new Observation(ARRIVAL, null);
    seen.answered(null, 2, STAGES);
    seen.status = 200;
    return seen;
  };
  const { header: _, ...fields } = ARRIVAL;
  return [
    {
      name: `JSON.stringify of ${REQUESTS} requests`,
      run: () => {
        for (let i = 0; i < REQUESTS; i += 1) {
          const line = { level: 30, time: Date.now(), msg: 'request', ...fields, ...STAGES };
          sink.write(`${JSON.stringify(line)}\n`);
        }
      },
    },
    {
      name: `access-log lines of ${REQUESTS} requests`,
      run: () => {
        for (let i = 0; i < REQUESTS; i += 1) {
          const seen = observation();
          log.write(seen, seen.startedMs + 0.05);
        }
        return bytes;
      },
    },
  ];
}
