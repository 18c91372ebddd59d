import { expect } from 'vitest';
import { type HttpAnswer, http } from '../support/http.js';
import { writeModelConfig } from '../support/model-config.js';
import { modelDir } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

const MODELS = ['half_plus_two', 'echo', 'multi', 'strings', 'image'] as const;

let started: RunningServer | null = null;

/** Starts a server of the models these tests send bodies to. */
export async function startBodyServer(): Promise<void> {
  const list = MODELS.map(
    (name) =>
      `config { name: "${name}" base_path: "${modelDir(name)}" model_platform: "tensorflow" }\n`,
  );
  const config = writeModelConfig(`model_config_list {\n${list.join('')}}\n`);
  started = await startServer({ args: [`--model_config_file=${config}`], models: MODELS });
}

/** The server under test. */
export function bodyServer(): RunningServer {
  if (started === null) throw new Error('startBodyServer() has not been called');
  return started;
}

/** Sends a body of some type to a model's `:predict`; `model` may end in a query. */
export function predict(
  model: string,
  type: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  const [name, query = ''] = model.split('?');
  const path = `/v1/models/${name}:predict${query === '' ? '' : `?${query}`}`;
  return http({
    port: bodyServer().restPort,
    path,
    body,
    headers: { 'content-type': type, ...headers },
  });
}

/** The predictions of a JSON answer. */
export function predictions(answer: HttpAnswer): unknown {
  expect(answer.status, answer.text).toBe(200);
  expect(answer.headers['content-type']).toBe('application/json');
  return (JSON.parse(answer.text) as { predictions: unknown }).predictions;
}

/** The text of a JSON refusal with status 400. */
export function refusal(answer: HttpAnswer): string {
  expect(answer.status, answer.text).toBe(400);
  expect(answer.headers['content-type']).toBe('application/json');
  return (JSON.parse(answer.text) as { error: string }).error;
}
