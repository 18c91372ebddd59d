import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { RpcClient } from '../../support/rpc.js';
import { WITNESS } from './witness.js';

/** What steady clients saw. */
export interface Seen {
  /** Correct answers. */
  readonly answered: number;
  /** Refused at once because the server is busy (429, 503, RESOURCE_EXHAUSTED, UNAVAILABLE): the client may ask again. */
  readonly refused: number;
  /** No answer, or a wrong one. */
  readonly lost: readonly string[];
  /** The longest wait for a correct answer, in milliseconds. */
  readonly slowestMs: number;
}

/** Clients that ask again and again, each its own question with its own right answer, over REST and gRPC. */
export class SteadyLoad {
  readonly #ports: { readonly restPort: number; readonly grpc: string };
  readonly #pauseMs: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #rpc: RpcClient;
  readonly #clients: Promise<void>[];
  #running = true;
  #answered = 0;
  #refused = 0;
  #slowestMs = 0;
  readonly #lost: string[] = [];

  /** Starts `clients` clients of each protocol that wait `pauseMs` between two requests. */
  constructor(
    server: { readonly restPort: number; readonly grpc: string },
    { clients = 2, pauseMs = 5 }: { clients?: number; pauseMs?: number } = {},
  ) {
    this.#ports = server;
    this.#pauseMs = pauseMs;
    this.#rpc = new RpcClient(server.grpc);
    this.#clients = Array.from({ length: clients * 2 }, (_, index) =>
      this.#client(index, index % 2 === 0 ? this.#askRest : this.#askGrpc),
    );
  }

  /** Correct answers so far. */
  get answered(): number {
    return this.#answered;
  }

  /** Waits for `count` more correct answers. */
  async more(count: number): Promise<void> {
    const wanted = this.#answered + count;
    while (this.#answered < wanted) {
      if (this.#lost.length > 100) throw new Error(`no answers: ${this.#lost[0]}`);
      await delay(5);
    }
  }

  /** Ends the clients after their answer. */
  async stop(): Promise<Seen> {
    this.#running = false;
    await Promise.all(this.#clients);
    this.#agent.destroy();
    this.#rpc.close();
    return {
      answered: this.#answered,
      refused: this.#refused,
      lost: this.#lost,
      slowestMs: Math.round(this.#slowestMs),
    };
  }

  async #client(index: number, ask: (x: number) => Promise<number>): Promise<void> {
    for (let round = 0; this.#running; round += 1) {
      const x = index * 1000 + (round % 1000);
      const began = performance.now();
      try {
        const y = await ask(x);
        if (y === x / 2 + 2) this.#answered += 1;
        else this.#lost.push(`${x}: got ${y}`);
        this.#slowestMs = Math.max(this.#slowestMs, performance.now() - began);
      } catch (error) {
        if (isRefusal(error)) this.#refused += 1;
        else this.#lost.push(`${x}: ${error instanceof Error ? error.message : error}`);
      }
      await delay(this.#pauseMs);
    }
  }

  readonly #askRest = (x: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const body = `{"instances": [${x}]}`;
      const out = request(
        {
          host: '127.0.0.1',
          port: this.#ports.restPort,
          method: 'POST',
          path: `/v1/models/${WITNESS}:predict`,
          agent: this.#agent,
          timeout: 30_000,
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.once('error', reject);
          response.once('end', () => {
            if (response.statusCode === 200) {
              resolve((JSON.parse(text) as { predictions: number[] }).predictions[0] ?? Number.NaN);
            } else {
              const error = new Error(`REST ${response.statusCode}: ${text}`);
              reject(Object.assign(error, { status: response.statusCode }));
            }
          });
        },
      );
      out.once('timeout', () => out.destroy(new Error('REST: no answer for 30 s')));
      out.once('error', reject);
      out.end(body);
    });

  readonly #askGrpc = async (x: number): Promise<number> => {
    const { outputs } = await this.#rpc.predict(WITNESS, { x: [x] });
    return outputs.y?.floatVal[0] ?? Number.NaN;
  };
}

/** RESOURCE_EXHAUSTED and UNAVAILABLE with a text of the server's own: a lost connection has UNAVAILABLE as well. */
function isRefusal(error: unknown): boolean {
  const { status, code, details } = error as { status?: number; code?: number; details?: string };
  if (status === 429 || status === 503) return true;
  return code === 8 || (code === 14 && !/connect|closed|ECONN|dropped/i.test(details ?? ''));
}
