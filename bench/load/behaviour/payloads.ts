import { table } from '../compare.js';
import { runHttpLoad } from '../http-client.js';
import { rssMegabytes } from '../process.js';
import {
  type Context,
  type Finding,
  loadOf,
  mustAnswer,
  pause,
  predictPath,
  rate,
  verdict,
  withBenchModels,
  withCpu,
} from './common.js';

/** Bytes of the bodies; the smallest predict body there is has 12. */
const SIZES = [12, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 64e6];
const CONNECTIONS = 4;
/** MB that an allocator may keep: V8's young generation, glibc's arenas, TensorFlow's pools. */
const KEPT = 150;

/** A body of about so many bytes for the model that sums its input: eight digits a number, as clients send. */
export function bodyOfSize(bytes: number): Buffer {
  if (bytes < 30) return Buffer.from('{"inputs":1}');
  const count = Math.max(1, Math.floor((bytes - 12) / 11));
  const numbers = Array.from({ length: count }, (_, i) =>
    (0.1 + ((i * 7919) % 100_003) / 112_360).toFixed(8),
  );
  return Buffer.from(`{"inputs":[${numbers.join(',')}]}`);
}

/** 12 B to 64 MB of JSON on a graph that sums its input: cost per byte flat, memory back at its level afterwards. */
export function payloads({ setting, seconds }: Context): Promise<Finding> {
  return withBenchModels(['total'], setting, async (server) => {
    const rows: string[][] = [];
    const perMegabyte: number[] = [];
    const send = (body: Buffer, time: number) =>
      withCpu(server.pid, () =>
        runHttpLoad(loadOf(server, 'total', body, { connections: CONNECTIONS, seconds: time })),
      );
    await send(bodyOfSize(1000), seconds);
    const before = rssMegabytes(server.pid);
    for (const size of SIZES) {
      const body = bodyOfSize(size);
      await mustAnswer(server.rest, predictPath('total'), body);
      const result = await send(body, seconds);
      const megabytes = body.length / 1e6;
      perMegabyte.push(result.cpu / megabytes);
      rows.push([
        String(body.length),
        rate(result).toFixed(1),
        (rate(result) * megabytes).toFixed(2),
        result.cpu.toFixed(0),
        (result.cpu / megabytes / 1000).toFixed(2),
        result.p50.toFixed(0),
        result.p99.toFixed(0),
        rssMegabytes(server.pid).toFixed(0),
      ]);
    }
    await send(bodyOfSize(1000), seconds);
    await pause(5000);
    const after = rssMegabytes(server.pid);
    const [mega = 0, ...larger] = perMegabyte.slice(SIZES.indexOf(1e6));
    const worst = Math.max(...larger) / mega;
    const header = [
      'body B',
      'req/s',
      'MB/s',
      'CPU µs/req',
      'CPU ms/MB',
      'p50 µs',
      'p99 µs',
      'RSS MB',
    ];
    return {
      title: `Payloads: a graph that sums its input, REST JSON, ${CONNECTIONS} connections`,
      text: table(header, rows),
      verdicts: [
        verdict(
          `a byte of a 10 or 64 MB body costs at most 1.5 × one of a 1 MB body (${worst.toFixed(2)} ×)`,
          worst <= 1.5,
        ),
        verdict(
          `memory returns to its level: ${before.toFixed(0)} MB before, ${after.toFixed(0)} MB five idle seconds after (bound + ${KEPT})`,
          after <= before + KEPT,
        ),
      ],
    };
  });
}
