import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { WIRE_MODELS, wireModelConfig } from '../support/wire-models.js';

let server: RunningServer;
let browser: Browser;

beforeAll(async () => {
  // Says in one sentence what to install where no Chromium can be had; the tests then fail with it.
  const executablePath = execFileSync(process.execPath, [join(ROOT, 'scripts', 'chromium.mjs')], {
    encoding: 'utf8',
  }).trim();
  server = await startServer({
    args: [`--model_config_file=${wireModelConfig('image', 'multi')}`],
    models: [...WIRE_MODELS, 'image', 'multi'],
  });
  browser = await chromium.launch({
    executablePath,
    // The sandbox needs privileges that containers and root do not have; the page is ours.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}, 600_000);

afterAll(async () => {
  await browser?.close();
  expect(await server?.stop()).toBe(0);
});

/** The page, freshly opened; `complaints` gets what the browser's console says. */
async function openDocs(complaints: string[] = []): Promise<Page> {
  const page = await browser.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${server.rest}/docs`);
  await page.locator('#operations button').first().waitFor();
  return page;
}

const choose = (page: Page, operation: string): Promise<void> =>
  page.getByRole('button', { name: operation, exact: true }).click();

async function send(page: Page): Promise<{ status: string; answer: string }> {
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#status', { hasText: /^[1-5]\d\d in / }).waitFor();
  return {
    status: (await page.locator('#status').textContent()) ?? '',
    answer: (await page.locator('#answer').textContent()) ?? '',
  };
}

describe('the docs page, in Chromium', () => {
  it('starts with a body that fits the signature, sends it and shows the predictions', async () => {
    const complaints: string[] = [];
    const page = await openDocs(complaints);
    await choose(page, 'POST /v1/models/image:predict');
    const body = JSON.parse(await page.getByLabel('Body').inputValue()) as {
      instances: number[][][][];
    };
    expect(body.instances).toHaveLength(1);
    expect(body.instances[0]).toHaveLength(28);
    expect(body.instances[0]?.[0]).toEqual(Array.from({ length: 28 }, () => [1]));
    const { status, answer } = await send(page);
    expect(status).toMatch(/^200 in [\d.]+ ms, version 1$/);
    const { predictions } = JSON.parse(answer) as { predictions: number[][] };
    expect(predictions[0]).toHaveLength(10);
    if (process.env.SERVABLE_TEST_SCREENSHOT) {
      await page.screenshot({ path: process.env.SERVABLE_TEST_SCREENSHOT, fullPage: true });
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('sends what the user made of the body, to the path, with the token', async () => {
    const page = await openDocs();
    await choose(page, 'POST /v1/models/half_plus_two:predict');
    await page.getByLabel('Path').fill('/v1/models/half_plus_two/versions/123:predict');
    await page.getByLabel('Token').fill('secret-1');
    await page.getByLabel('Body').fill('{"instances": [1.0, 2.0, 5.0]}');
    const sent = page.waitForRequest((request) => request.method() === 'POST');
    const { status, answer } = await send(page);
    const request = await sent;
    expect(new URL(request.url()).pathname).toBe('/v1/models/half_plus_two/versions/123:predict');
    expect(await request.headerValue('authorization')).toBe('Bearer secret-1');
    expect(request.postData()).toBe('{"instances": [1.0, 2.0, 5.0]}');
    expect(status).toMatch(/^200 .*version 123$/);
    expect(JSON.parse(answer)).toEqual({ predictions: [2.5, 3, 4.5] });
    await page.close();
  });

  it('offers a body for every signature', async () => {
    const page = await openDocs();
    await choose(page, 'POST /v1/models/half_plus_three:predict');
    await page.getByLabel('Signature').selectOption('tensorflow/serving/predict');
    expect(JSON.parse(await page.getByLabel('Body').inputValue())).toEqual({
      signature_name: 'tensorflow/serving/predict',
      instances: [1],
    });
    expect((await send(page)).status).toMatch(/^200 /);
    await choose(page, 'POST /v1/models/half_plus_three:regress');
    const { status, answer } = await send(page);
    expect(status).toMatch(/^200 /);
    expect(JSON.parse(answer)).toEqual({ results: [3.75] });
    await page.close();
  });

  it('shows errors and what GET answers', async () => {
    const page = await openDocs();
    await choose(page, 'POST /v1/models/multi:predict');
    await page.getByLabel('Body').fill('{"instances": [');
    const refused = await send(page);
    expect(refused.status).toMatch(/^400 /);
    expect(JSON.parse(refused.answer)).toEqual({
      error: expect.stringContaining('JSON Parse error'),
    });
    await choose(page, 'GET /v1/models/multi');
    expect(await page.getByLabel('Body').isVisible()).toBe(false);
    const { status, answer } = await send(page);
    expect(status).toMatch(/^200 /);
    expect(answer).toContain('AVAILABLE');
    await page.close();
  });

  it('makes the body of a large input from its schema', async () => {
    const page = await openDocs();
    const made = (await page.evaluate(`JSON.stringify(sample({
      title: 'serving_default',
      oneOf: [{ type: 'object', required: ['instances'], properties: { instances: {
        type: 'array', minItems: 1, items: { anyOf: [{ type: 'array', minItems: 3, items: { type: 'number' } }, {}] },
      } } }],
    }))`)) as string;
    expect(made).toBe('{"instances":[[1,1,1]]}');
    await page.close();
  });
});

describe('openapi.json', () => {
  it('has an example of every signature that JSON can carry, and the server answers each as described', async () => {
    const response = await fetch(`${server.rest}/openapi.json`);
    expect(response.headers.get('content-type')).toBe('application/json');
    // biome-ignore lint/suspicious/noExplicitAny: a document is looked into at many depths
    const document = (await response.json()) as any;
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    let sent = 0;
    for (const [path, item] of Object.entries<Record<string, never>>(document.paths)) {
      const post = item.post as { requestBody: { $ref: string } } | undefined;
      if (post === undefined || path.includes('{') || path.includes('objects')) continue;
      const key = post.requestBody.$ref.slice('#/components/requestBodies/'.length);
      const { examples } = document.components.requestBodies[key].content['application/json'];
      const schema = document.components.responses[key].content['application/json'].schema;
      for (const { value } of Object.values<{ value: unknown }>(examples ?? {})) {
        const answer = await fetch(server.rest + path, {
          method: 'POST',
          body: JSON.stringify(value),
        });
        const text = await answer.text();
        // The documented request leaves nothing out: a signature's own defaults cannot be used over REST.
        expect(answer.status, `${path} ${text}`).toBe(200);
        expect(ajv.validate(schema, JSON.parse(text)), `${path} ${text}`).toBe(true);
        sent += 1;
      }
    }
    expect(sent).toBeGreaterThan(8);
  });

  it('and the page can be turned off', async () => {
    const off = await startServer({
      args: [`--model_config_file=${wireModelConfig()}`, '--rest_api_enable_docs=false'],
    });
    const statuses = await Promise.all(
      ['/openapi.json', '/docs'].map(async (path) => (await fetch(off.rest + path)).status),
    );
    expect(statuses).toEqual([404, 404]);
    expect(await off.stop()).toBe(0);
  });
});
