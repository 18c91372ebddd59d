import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelDir } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

let server: RunningServer;

beforeAll(async () => {
  server = await startServer({
    args: ['--model_name=half_plus_two', `--model_base_path=${modelDir('half_plus_two')}`],
  });
});

afterAll(async () => {
  await server.stop();
});

it('the metrics page counts what was asked, at the path TensorFlow Serving has it', async () => {
  const body = JSON.stringify({ instances: [1, 2, 5] });
  const predict = `${server.rest}/v1/models/half_plus_two:predict`;
  for (let i = 0; i < 3; i += 1) {
    const answer = await fetch(predict, { method: 'POST', body });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
  }
  const wrong = await fetch(predict, { method: 'POST', body: '{"instances": ["x"]}' });
  expect(wrong.status).toBe(400);
  const page = await fetch(`${server.rest}/monitoring/prometheus/metrics`);
  expect(page.headers.get('content-type')).toBe('text/plain');
  const text = await page.text();
  const count = ':tensorflow:serving:request_count{model_name="half_plus_two"';
  expect(text).toContain(`${count},status="OK"} 3\n`);
  expect(text).toContain(`${count},status="INVALID_ARGUMENT"} 1\n`);
  expect(text).toContain(
    ':tensorflow:serving:request_latency_count{model_name="half_plus_two",API="predict",entrypoint="REST"} 3\n',
  );
});
