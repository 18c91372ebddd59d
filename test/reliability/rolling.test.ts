import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { modelDir } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { Balancer } from './proxy.js';
import { PAUSE_MS, RestLoad } from './support.js';

const INSTANCES = 3;

function instance(): Promise<RunningServer> {
  return startServer({
    args: [
      '--model_name=half_plus_two',
      `--model_base_path=${modelDir('half_plus_two')}`,
      '--workers=1',
      // Ten of the balancer's looks.
      '--drain_delay_seconds=1',
    ],
    models: ['half_plus_two'],
  });
}

/** Calls over one channel, several at a time, one after the other. */
class GrpcLoad {
  answered = 0;
  readonly lost: string[] = [];
  readonly #client: Client;
  readonly #done: Promise<void>[];
  #running = true;

  constructor(port: number, atOnce: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const x = {
      dtype: 1,
      tensorShape: { dim: [{ size: 1n, name: '' }], unknownRank: false },
      floatVal: [1],
    };
    const request = messageType('tensorflow.serving.PredictRequest').encode({
      modelSpec: { name: 'half_plus_two' },
      inputs: { x },
    });
    this.#done = Array.from({ length: atOnce }, () => this.#run(Buffer.from(request)));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#done);
    this.#client.close();
  }

  async #run(request: Buffer): Promise<void> {
    while (this.#running) {
      const failure = await this.#call(request);
      if (failure === null) this.answered += 1;
      else this.lost.push(failure);
      await delay(PAUSE_MS);
    }
  }

  #call(request: Buffer): Promise<string | null> {
    const identity = (bytes: Buffer): Buffer => bytes;
    const path = '/tensorflow.serving.PredictionService/Predict';
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(path, identity, identity, request, (error) =>
        resolve(error === null ? null : `${error.code} ${error.details}`),
      );
    });
  }
}

it('a rolling restart of three instances behind a TCP balancer loses no request of REST or gRPC', async () => {
  const balancer = new Balancer();
  onTestFinished(() => balancer.close());
  const servers = await Promise.all(Array.from({ length: INSTANCES }, instance));
  onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.stop()));
  });
  await Promise.all(servers.map((server) => balancer.add(server)));
  const rest = new RestLoad(await balancer.front((it) => it.restPort), 4);
  const grpc = new GrpcLoad(await balancer.front((it) => it.grpcPort), 4);
  for (const [index, old] of servers.entries()) {
    // As an orchestrator does: the new one answers before the old one is told to go.
    const next = await instance();
    await balancer.add(next);
    const before = rest.result.answered;
    expect(await old.stop()).toBe(0);
    balancer.remove(old);
    expect(rest.result.answered).toBeGreaterThan(before);
    servers[index] = next;
  }
  await Promise.all([rest.stop(), grpc.stop()]);
  const { answered, lost } = rest.result;
  console.log(`rolling restart: ${answered} REST and ${grpc.answered} gRPC requests answered`);
  expect(lost).toEqual([]);
  expect(grpc.lost).toEqual([]);
  expect(grpc.answered).toBeGreaterThan(0);
}, 150_000);
