import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningServer } from '../support/server.js';

/** The processes that a process has started and that are still there. */
export function childrenOf(pid: number | undefined): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => parentOf(child) === pid);
}

function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

/** The one serving process under a supervisor. */
export function servingPid(server: RunningServer): number {
  const [pid, ...others] = childrenOf(server.child.pid);
  if (pid === undefined || others.length > 0)
    throw new Error(`serving processes: ${pid} ${others}`);
  return pid;
}

/** What clients that keep their connections have seen. */
export interface LoadResult {
  answered: number;
  /** Requests that got no answer or another one than they should. */
  lost: string[];
  /** The longest time between two answers to anybody, in milliseconds. */
  longestGapMs: number;
}

/** Between an answer and the client's next request. */
export const PAUSE_MS = 5;

/** Clients that send one request after the other over a connection each, and connect again when it is closed. */
export class RestLoad {
  readonly result: LoadResult = { answered: 0, lost: [], longestGapMs: 0 };
  readonly #agents: Agent[];
  readonly #done: Promise<void>[];
  #running = true;
  #lastAnswer = performance.now();

  constructor(port: number, clients: number) {
    this.#agents = Array.from(
      { length: clients },
      () => new Agent({ keepAlive: true, maxSockets: 1 }),
    );
    this.#done = this.#agents.map((agent, client) => this.#run(agent, port, client));
  }

  async stop(): Promise<LoadResult> {
    this.#running = false;
    await Promise.all(this.#done);
    for (const agent of this.#agents) agent.destroy();
    return this.result;
  }

  async #run(agent: Agent, port: number, client: number): Promise<void> {
    for (let count = 0; this.#running; count++) {
      const x = client * 10_000 + count;
      try {
        const text = await post(agent, port, `{"instances": [${x}]}`);
        const { predictions } = JSON.parse(text) as { predictions?: number[] };
        if (predictions?.[0] !== x / 2 + 2) this.result.lost.push(text);
        else this.result.answered += 1;
        const now = performance.now();
        this.result.longestGapMs = Math.max(this.result.longestGapMs, now - this.#lastAnswer);
        this.#lastAnswer = now;
      } catch (error) {
        this.result.lost.push(`${(error as NodeJS.ErrnoException).code}`);
      }
      // Clients that never pause would leave no processor to the servers that are to start.
      await delay(PAUSE_MS);
    }
  }
}

function post(agent: Agent, port: number, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const out = request(
      { agent, host: '127.0.0.1', port, method: 'POST', path: '/v1/models/half_plus_two:predict' },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve(text));
        response.on('error', reject);
      },
    );
    out.on('error', reject);
    out.end(body);
  });
}
