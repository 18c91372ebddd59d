import { connect, type Socket } from 'node:net';
import { AnswerReader, requestBytes } from './http-client.js';

/** Requests at a fixed rate, whether or not earlier ones have been answered. */
export interface OpenLoad {
  port: number;
  path: string;
  body: Buffer;
  /** Requests a second. */
  rate: number;
  seconds: number;
  /** Requests under way beyond which new ones are counted as unsent: this client's own bound. */
  maxInFlight: number;
}

/** Latencies count from when a request was due, µs. */
export interface OpenResult {
  answered: number;
  refused: number;
  /** Neither 200 nor a refusal (429, 503), or no answer at all. */
  failed: number;
  unsent: number;
  answeredP50: number;
  answeredP99: number;
  refusedP99: number;
  /** How much later than due requests left: this client's own part of the latencies. */
  lateP99: number;
  /** Requests that had no answer yet when the last one left: more than the latency explains is a queue that grows. */
  underWay: number;
}

/** As short as a timer can be: what is due meanwhile leaves at once, and a burst of requests is not what is measured. */
const TICK_MILLISECONDS = 1;
const REFUSALS = new Set([429, 503]);

/** Sends `load` and resolves when its last request has been answered. */
export function runOpenLoad(load: OpenLoad): Promise<OpenResult> {
  return startOpenLoad(load).done;
}

/** Sends `load`: `sent` resolves when the last request has left, `done` when it has been answered. */
export function startOpenLoad(load: OpenLoad): { sent: Promise<void>; done: Promise<OpenResult> } {
  let left = (): void => undefined;
  const sent = new Promise<void>((resolve) => {
    left = resolve;
  });
  return { sent, done: drive(load, left) };
}

async function drive(load: OpenLoad, left: () => void): Promise<OpenResult> {
  const connections = new Connections(load.port);
  const bytes = requestBytes(load);
  const answered: number[] = [];
  const refused: number[] = [];
  const late: number[] = [];
  let failed = 0;
  let unsent = 0;
  const underWay = new Set<Promise<void>>();
  const send = async (due: number): Promise<void> => {
    late.push((performance.now() - due) * 1000);
    const status = await connections.post(bytes);
    const took = (performance.now() - due) * 1000;
    if (status === 200) answered.push(took);
    else if (REFUSALS.has(status)) refused.push(took);
    else failed += 1;
  };
  const began = performance.now();
  const total = Math.round(load.rate * load.seconds);
  let next = 0;
  while (next < total) {
    const now = performance.now();
    const due = Math.min(total, Math.floor(((now - began) / 1000) * load.rate) + 1);
    for (; next < due; next += 1) {
      if (underWay.size >= load.maxInFlight) {
        unsent += 1;
        continue;
      }
      const one: Promise<void> = send(began + (next / load.rate) * 1000).finally(() =>
        underWay.delete(one),
      );
      underWay.add(one);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MILLISECONDS));
  }
  const open = underWay.size;
  left();
  await Promise.all(underWay);
  connections.close();
  return {
    answered: answered.length,
    refused: refused.length,
    failed,
    unsent,
    answeredP50: quantile(answered, 0.5),
    answeredP99: quantile(answered, 0.99),
    refusedP99: quantile(refused, 0.99),
    lateP99: quantile(late, 0.99),
    underWay: open,
  };
}

/** Keep-alive connections; a request takes one that is idle, or a new one. */
class Connections {
  readonly #port: number;
  readonly #idle: ((bytes: Buffer, done: (status: number) => void) => void)[] = [];
  readonly #open = new Set<Socket>();

  constructor(port: number) {
    this.#port = port;
  }

  /** Resolves to the status, or to 0 when the connection broke. */
  post(bytes: Buffer): Promise<number> {
    return new Promise((resolve) => {
      const send = this.#idle.pop() ?? this.#connect();
      send(bytes, resolve);
    });
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #connect(): (bytes: Buffer, done: (status: number) => void) => void {
    const socket = connect(this.#port, '127.0.0.1').setNoDelay(true);
    let waiting: ((status: number) => void) | null = null;
    const settle = (status: number): void => {
      const done = waiting;
      waiting = null;
      done?.(status);
    };
    const send = (bytes: Buffer, done: (status: number) => void): void => {
      waiting = done;
      if (socket.destroyed) settle(0);
      else socket.write(bytes);
    };
    const reader = new AnswerReader((status) => {
      this.#idle.push(send);
      settle(status);
    });
    this.#open.add(socket);
    socket.on('data', (chunk) => reader.push(chunk));
    // What an error means is in the close that follows it.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#open.delete(socket);
      const at = this.#idle.indexOf(send);
      if (at >= 0) this.#idle.splice(at, 1);
      settle(0);
    });
    return send;
  }
}

function quantile(values: number[], q: number): number {
  values.sort((a, b) => a - b);
  return values[Math.floor(q * (values.length - 1))] ?? 0;
}
