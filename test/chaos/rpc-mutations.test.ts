import { readFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { http } from '../support/http.js';
import { writeModelConfig } from '../support/model-config.js';
import { modelDir, ROOT } from '../support/paths.js';
import { frame, http2Session, type RawRpcAnswer, RpcClient, rawRpc } from '../support/rpc.js';
import { type RunningServer, startServer } from '../support/server.js';
import { report, SEED, sized, stillAnswers } from './support/chaos.js';
import { Random } from './support/random.js';
import {
  hostilePredict,
  MODELS,
  RELOAD_MESSAGE,
  RELOAD_PATH,
  type ValidRequest,
  validRequests,
} from './support/rpcs.js';

const PER_REQUEST = sized(300, 5000);
/** A reload looks at the disk and may load models. */
const PER_RELOAD = sized(60, 500);
const AT_ONCE = 16;

let server: RunningServer;
const requests = validRequests();

beforeAll(async () => {
  const entries = MODELS.map(
    (name) =>
      `config { name: "${name}" base_path: "${modelDir(name)}" model_platform: "tensorflow" }`,
  );
  server = await startServer({
    args: [
      `--model_config_file=${writeModelConfig(`model_config_list { ${entries.join('\n')} }`)}`,
      '--enable_session_service',
      '--max_num_load_retries=0',
    ],
    models: MODELS,
  });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
  expect(server.output()).not.toMatch(/uncaught|unhandled|panicked|"level":60/i);
});

/** One raw call; a stream that stays open is ended by us. */
function call(session: ClientHttp2Session, { path, endless }: ValidRequest, bytes: Buffer) {
  const headers = endless === true ? { 'grpc-timeout': '20m' } : {};
  return rawRpc(session, path, bytes, headers);
}

const ended = ({ grpcStatus, reset }: RawRpcAnswer): boolean => grpcStatus !== null || reset !== 0;

/** Sends `count` messages of `make` and expects an end of each call; gives how often which code came. */
async function mutations(
  request: ValidRequest,
  count: number,
  seed: number,
  make: (random: Random) => Buffer = (random) => random.mutated(request.message),
): Promise<string> {
  const random = new Random(seed);
  const statuses = new Map<string, number>();
  let session = await http2Session(server.grpcPort);
  for (let done = 0; done < count; done += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - done) }, () => {
      const message = make(random);
      // One in eight breaks the frame around the message too.
      return random.below(8) === 0 ? random.mutated(frame(message)) : frame(message);
    });
    if (session.closed || session.destroyed) session = await http2Session(server.grpcPort);
    const answers = await Promise.all(batch.map((bytes) => call(session, request, bytes)));
    for (const [index, answer] of answers.entries()) {
      const sent = `${request.path} seed ${seed} ${batch[index]?.toString('hex')}`;
      expect(ended(answer), `no end: ${JSON.stringify(answer)} ${sent}`).toBe(true);
      // INTERNAL is the code of a defect of ours; TensorFlow's own failures have it for few cases.
      const name = answer.grpcStatus === null ? 'reset' : String(answer.grpcStatus);
      expect(answer.message, sent).not.toMatch(/panick|vanished|could not be queued/);
      statuses.set(name, (statuses.get(name) ?? 0) + 1);
    }
  }
  session.destroy();
  return [...statuses].map(([code, times]) => `${code}: ${times}`).join(', ');
}

it('every RPC that protos/ names has a valid request here, which is answered', async () => {
  const named = ['prediction_service', 'model_service', 'session_service'].flatMap((file) => {
    const text = readFileSync(
      join(ROOT, 'protos', 'tensorflow_serving', 'apis', `${file}.proto`),
      'utf8',
    );
    return [...text.matchAll(/^\s*rpc (\w+)/gm)].map(([, name]) => name);
  });
  expect(named.length).toBeGreaterThan(8);
  const covered = requests.map(({ path }) => path.split('/').at(-1));
  expect(named.filter((name) => !covered.includes(name))).toEqual([]);
  const session = await http2Session(server.grpcPort);
  for (const request of requests) {
    const answer = await call(session, request, frame(request.message));
    expect([0, ...(request.endless ? [4] : [])], `${request.path} ${answer.message}`).toContain(
      answer.grpcStatus,
    );
  }
  session.destroy();
});

it.each(requests.map((request, index) => ({ ...request, index })))(
  'mutated messages to $path are answered, and so is the next client',
  async ({ index, ...request }) => {
    const isReload = request.path === RELOAD_PATH;
    const count = isReload ? PER_RELOAD : PER_REQUEST;
    const statuses = await mutations(request, count, SEED + index);
    if (isReload) {
      // A mutated config may well be a valid one of fewer models.
      const client = new RpcClient(server.grpc);
      await client.call(RELOAD_PATH, RELOAD_MESSAGE());
      client.close();
    }
    await stillAnswers(server);
    report(`mutated ${request.path}`, { inputs: count, lost: 0, note: `gRPC codes ${statuses}` });
  },
);

it('well-formed Predicts of senseless tensors are answered, and so is the next client', async () => {
  const request = requests[0] as ValidRequest;
  const count = sized(3000, 60_000);
  const statuses = await mutations(request, count, SEED, hostilePredict);
  await stillAnswers(server);
  report('senseless tensors', { inputs: count, lost: 0, note: `gRPC codes ${statuses}` });
});

it('mutated JSON and other bodies are answered, and so is the next client', async () => {
  const random = new Random(SEED);
  const valid = [
    '{"instances": [1.0, 2.0, 5.0]}',
    '{"signature_name": "serving_default", "inputs": {"x": [1e3, -2.5, 0]}}',
    '{"instances": [{"x": {"b64": "AAAA"}}, {"x": "\\u00e9"}]}',
    '{"examples": [{"x": [4.0]}], "context": {"y": "z"}}',
  ].map((text) => Buffer.from(text));
  const verbs = ['predict', 'classify', 'regress'] as const;
  const count = sized(1500, 20_000);
  const statuses = new Map<number, number>();
  for (let done = 0; done < count; done += AT_ONCE) {
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, () => {
        const path = `/v1/models/${random.pick(MODELS)}:${random.pick(verbs)}`;
        const body = random.mutated(valid[random.below(valid.length)] ?? Buffer.alloc(0));
        const coding = random.below(20) === 0 ? { 'content-encoding': 'gzip' } : undefined;
        return http({ port: server.restPort, path, body, headers: { ...coding } });
      }),
    );
    for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  await stillAnswers(server);
  const told = [...statuses].map(([status, times]) => `${status}: ${times}`).join(', ');
  report('mutated REST bodies', { inputs: count, lost: 0, note: `HTTP ${told}` });
});
