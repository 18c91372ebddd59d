import { expect, test } from 'vitest';
import { FakeGoogle } from './support/fake-google.js';
import { StoreBench } from './support/store-bench.js';
import { storeSuite } from './support/store-suite.js';

storeSuite('gs with a checked service account', async () => (await FakeGoogle.start()).backend());

test('a token that is about to expire is replaced', async () => {
  const google = await FakeGoogle.start();
  // Tokens are replaced five minutes early, so this one never holds.
  google.tokenSeconds = 200;
  const backend = google.backend();
  await backend.put('m/1/saved_model.pb', 'one');
  const bench = new StoreBench({ env: backend.env });
  await bench.start(bench.config('m', backend.uri('m')));
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(google.tokens.length).toBeGreaterThan(1);
});

test('a service account that is refused is named with its file', async () => {
  const google = await FakeGoogle.start();
  const { strangerEnv } = google.backend();
  const bench = new StoreBench({ env: strangerEnv });
  bench.manager.start([bench.config('m', 'gs://test-bucket/m')]);
  await bench.manager.poll();
  expect(bench.manager.summary().models[0]?.error).toMatchObject({
    code: 'PERMISSION_DENIED',
    message: `${google.url}/token: refuses the credentials of ${strangerEnv.GOOGLE_APPLICATION_CREDENTIALS}: invalid_grant`,
  });
});
