import { spawn } from 'node:child_process';
import { median } from './compare.js';
import { freePort, servableArgs } from './contenders.js';
import { rssMegabytes } from './process.js';

/** What a start costs. */
export interface ColdStart {
  /** Milliseconds from the process's start to the first 200 answer, median. */
  milliseconds: number;
  /** MB (10^6 bytes) after the first answer, median. */
  rss: number;
}

const BODY = JSON.stringify({ instances: [1, 2, 5] });

/** Starts `servable serve` on half_plus_two a few times and asks until it answers. */
export async function coldStart(rounds: number, extra: readonly string[]): Promise<ColdStart> {
  const times: number[] = [];
  const sizes: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const ports = { rest: await freePort(), grpc: await freePort() };
    const began = performance.now();
    const child = spawn(process.execPath, servableArgs('half_plus_two', ports, extra), {
      stdio: 'ignore',
    });
    const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await firstAnswer(ports.rest, () => child.exitCode);
    times.push(performance.now() - began);
    sizes.push(rssMegabytes(child.pid ?? 0));
    child.kill('SIGTERM');
    await gone;
  }
  return { milliseconds: median(times), rss: median(sizes) };
}

async function firstAnswer(port: number, exitCode: () => number | null): Promise<void> {
  const url = `http://127.0.0.1:${port}/v1/models/half_plus_two:predict`;
  for (;;) {
    const code = exitCode();
    if (code !== null)
      throw new Error(`servable serve: exited with ${code} before its first answer`);
    const status = await fetch(url, { method: 'POST', body: BODY }).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.status;
      },
      // Connection refused: the port is not open yet.
      () => 0,
    );
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
