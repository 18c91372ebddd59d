import { expect, test } from 'vitest';
import { type DemandModel, deadlineIn, Inference } from '../../ts/api/infer.js';
import { ServingError } from '../../ts/errors.js';
import { FakeEngine } from './fakes.js';

const NOT_LOADED = 'Servable is still loading for request: Specific(a, b (c), 7)';
const BODY = Buffer.from('{"instances": [1]}');

/** An engine that answers once the model is in memory, and an inference that brings it there when told to. */
function bench(text = NOT_LOADED) {
  let loaded = false;
  const engine = new FakeEngine(() =>
    loaded ? { reply: 'done', version: 7 } : new ServingError('UNAVAILABLE', text),
  );
  const asked: string[] = [];
  let settle: (error: Error | null) => void = () => undefined;
  const demand: DemandModel = (name) => {
    asked.push(name);
    return new Promise((resolve, reject) => {
      settle = (error) => {
        loaded = error === null;
        if (error === null) resolve();
        else reject(error);
      };
    });
  };
  const inference = new Inference(engine, demand);
  const target = inference.target({ method: 'grpc.predict', name: '', version: null, label: null });
  const run = (deadlineMs = 0) => {
    let ticket = 0;
    const answer = new Promise<string>((resolve) => {
      ticket = inference.run(target, BODY, deadlineMs, (failure, reply) =>
        resolve(failure === null ? String(reply) : `${failure.code}: ${failure.message}`),
      );
    });
    return { answer, ticket };
  };
  return { engine, inference, asked, run, settle: (error: Error | null) => settle(error) };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

test('a request for a model that waits for its first request is answered once it is loaded', async () => {
  const { run, asked, settle, engine } = bench();
  const { answer } = run();
  await turn();
  expect(asked).toEqual(['a, b (c)']);
  settle(null);
  expect(await answer).toBe('done');
  expect(engine.seen.map(({ body }) => body)).toEqual([String(BODY), String(BODY)]);
});

test('at its deadline it is answered UNAVAILABLE', async () => {
  const { run } = bench('Servable is still loading for request: Latest(m)');
  expect(await run(deadlineIn(30)).answer).toBe(
    'UNAVAILABLE: Servable is still loading for request: Latest(m)',
  );
});

test('a model that does not load answers why', async () => {
  const { run, settle } = bench();
  const { answer } = run();
  await turn();
  settle(new ServingError('RESOURCE_EXHAUSTED', 'Insufficient resources'));
  expect(await answer).toBe('RESOURCE_EXHAUSTED: Insufficient resources');
});

test('any other failure is passed on, also another kind of UNAVAILABLE', async () => {
  const { run, asked } = bench('Model labels does not init yet.stable');
  expect(await run().answer).toBe('UNAVAILABLE: Model labels does not init yet.stable');
  expect(asked).toEqual([]);
});

test('a client that leaves while the model loads is not answered, and its request does not run', async () => {
  const { run, settle, engine, inference } = bench();
  const { answer, ticket } = run();
  let isAnswered = false;
  void answer.then(() => {
    isAnswered = true;
  });
  await turn();
  expect(inference.inFlight()).toBe(1);
  inference.cancel(ticket);
  settle(null);
  await turn();
  expect(isAnswered).toBe(false);
  expect(engine.seen).toHaveLength(1);
  expect(inference.inFlight()).toBe(0);
});

test('what only reads waits for the model too', async () => {
  const { inference, settle } = bench();
  let isLoaded = false;
  const read = inference.read(() => {
    if (!isLoaded) throw new ServingError('UNAVAILABLE', NOT_LOADED);
    return 'signatures';
  }, 0);
  await turn();
  isLoaded = true;
  settle(null);
  expect(await read).toBe('signatures');
});

test('without models on demand a failure is answered at once', async () => {
  const engine = new FakeEngine(() => new ServingError('UNAVAILABLE', NOT_LOADED));
  const inference = new Inference(engine);
  const target = inference.target({
    method: 'rest.predict',
    name: 'm',
    version: null,
    label: null,
  });
  const code = await new Promise((resolve) =>
    inference.run(target, BODY, 0, (failure) => resolve(failure?.code)),
  );
  expect(code).toBe('UNAVAILABLE');
});
