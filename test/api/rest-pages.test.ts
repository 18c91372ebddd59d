import { describe, expect, it } from 'vitest';
import { fakeCatalog, versionStatus } from './fakes.js';
import { listening, raw, rest } from './rest-support.js';

const PREDICT = '/v1/models/half_plus_two:predict';

describe('status and metadata', () => {
  it('lists versions descending, one version, or the one a label names', async () => {
    const app = await rest();
    const versions = async (url: string) => {
      const answer = await app.inject({ url });
      expect(answer.statusCode).toBe(200);
      const { model_version_status: list } = answer.json() as {
        model_version_status: { version: string }[];
      };
      return list.map(({ version }) => version);
    };
    expect(await versions('/v1/models/half_plus_two')).toEqual(['2', '1']);
    expect(await versions('/v1/models/half_plus_two/versions/1')).toEqual(['1']);
    expect(await versions('/v1/models/half_plus_two/labels/stable')).toEqual(['1']);
    expect(await versions('/v1/models/half_plus_two/METADATA')).toEqual(['2', '1']);
    expect(await versions('/v1/models/half_plus_two?verbose=1')).toEqual(['2', '1']);
  });

  it.each([
    ['/v1/models/nope', 404, 'Could not find any versions of model nope'],
    [
      '/v1/models/half_plus_two/versions/99',
      404,
      'Could not find version 99 of model half_plus_two',
    ],
    ['/v1/models/half_plus_two/labels/none', 400, 'Unrecognized servable version label: none'],
    ['/v1/models/nope/metadata', 404, 'Servable not found for request: Latest(nope)'],
    [
      '/v1/models/half_plus_two/versions/18446744073709551615',
      400,
      'Failed to convert version: 18446744073709551615 to numeric.',
    ],
    ['/v1/models/', 400, 'Malformed request: GET /v1/models/'],
    ['/v1/models/metadata', 404, 'Could not find any versions of model metadata'],
  ])('GET %s answers %i', async (url, status, message) => {
    const app = await rest();
    const answer = await app.inject({ url });
    expect(answer.statusCode).toBe(status);
    expect(answer.body).toBe(`{\n    "error": "${message}"\n}`);
  });

  it('answers metadata with the version it is of', async () => {
    const app = await rest();
    const answer = await app.inject({ url: '/v1/models/half_plus_two/labels/stable/metadata' });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['x-servable-model-version']).toBe('1');
    expect(answer.json()).toMatchObject({ model_spec: { name: 'half_plus_two', version: '1' } });
  });

  it('lists every model', async () => {
    const catalog = fakeCatalog([
      {
        name: 'a',
        versions: [versionStatus(3n, { state: 'END', code: 3, message: 'bad' })],
        labels: [],
      },
      { name: 'b', versions: [], labels: [{ label: 'x', version: 9n }] },
    ]);
    const app = await rest({ catalog });
    const answer = await app.inject({ url: '/v1/models' });
    expect(answer.json()).toEqual({
      models: [
        {
          name: 'a',
          model_version_status: [
            {
              version: '3',
              state: 'END',
              status: { error_code: 'INVALID_ARGUMENT', error_message: 'bad' },
            },
          ],
          version_labels: {},
        },
        { name: 'b', model_version_status: [], version_labels: { x: '9' } },
      ],
    });
  });

  it('a GET with a body is answered, and its body is not taken for the next request', async () => {
    const port = await listening(await rest());
    const smuggled = 'DELETE /v1/models/half_plus_two HTTP/1.1\r\nHost: x\r\n\r\n';
    const head = (more: string) =>
      `GET /v1/models/half_plus_two HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const text = await raw(
      port,
      `${head(`Content-Length: ${smuggled.length}\r\n`)}${smuggled}${head('Connection: close\r\n')}`,
    );
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
  });

  it('answers HEAD like GET without a body', async () => {
    const app = await rest();
    const get = await app.inject({ url: '/v1/models/half_plus_two' });
    const head = await app.inject({ method: 'HEAD', url: '/v1/models/half_plus_two' });
    expect(head.statusCode).toBe(200);
    expect(head.body).toBe('');
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });
});

describe('other methods and paths', () => {
  it.each(['PUT', 'DELETE', 'PATCH'] as const)('%s under /v1 is malformed', async (method) => {
    const app = await rest();
    const answer = await app.inject({ method, url: `${PREDICT}?a=b` });
    expect(answer.statusCode).toBe(400);
    expect(answer.body).toBe(`{\n    "error": "Malformed request: ${method} ${PREDICT}?a=b"\n}`);
  });

  it.each(['/', '/v1', '/v2/models', '/%', '/healthz'])(
    '%s is not found, as a page',
    async (url) => {
      const app = await rest();
      const answer = await app.inject({ url });
      expect(answer.statusCode).toBe(404);
      expect(answer.headers['content-type']).toBe('text/html');
      expect(answer.body).toBe(
        '<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n',
      );
    },
  );

  it('answers TRACE and CONNECT with 501', async () => {
    const app = await rest();
    const port = await listening(app);
    expect(
      await raw(port, 'TRACE /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    ).toContain('501 Not Implemented</TITLE>');
    expect(await raw(port, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', false)).toContain(
      '501 Not Implemented</TITLE>',
    );
  });

  it('answers what is not HTTP with 400 and closes', async () => {
    const app = await rest();
    const port = await listening(app);
    const text = await raw(port, 'GIBBERISH\r\n\r\n', false);
    expect(text).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(text).toContain('{\n    "error": "Malformed HTTP request: Bad Request"\n}');
    const huge = await raw(port, `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, false);
    expect(huge).toMatch(/^HTTP\/1.1 431 /);
  });

  it('serves a client that half-closes its connection', async () => {
    const app = await rest();
    const port = await listening(app);
    const text = await raw(
      port,
      `POST ${PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`,
    );
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  });
});

describe('CORS', () => {
  it('sends the headers on every answer under /v1 when enabled, and none otherwise', async () => {
    const on = await rest({ cors: { enabled: true } });
    for (const url of ['/v1/models/half_plus_two', '/v1/models/nope', '/v1/%']) {
      const answer = await on.inject({ url });
      if (url !== '/v1/%') {
        expect(answer.headers['access-control-allow-origin']).toBe('*');
        expect(answer.headers['access-control-allow-methods']).toBe('POST, GET');
        expect(answer.headers['access-control-allow-headers']).toBe('Content-Type');
      }
    }
    const off = await rest();
    const answer = await off.inject({ url: '/v1/models/half_plus_two' });
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('names only configured origins', async () => {
    const app = await rest({ cors: { enabled: true, origins: ['https://a.example'] } });
    const ask = (origin: string) => app.inject({ url: '/v1/models', headers: { origin } });
    const allowed = await ask('https://a.example');
    expect(allowed.headers['access-control-allow-origin']).toBe('https://a.example');
    expect(allowed.headers.vary).toBe('Origin');
    expect((await ask('https://b.example')).headers['access-control-allow-origin']).toBeUndefined();
  });

  it('answers a preflight of an HTTP origin, flag or not', async () => {
    const app = await rest();
    const good = await app.inject({
      method: 'OPTIONS',
      url: PREDICT,
      headers: { origin: 'http://a' },
    });
    expect([good.statusCode, good.body]).toEqual([200, '']);
    const bad = await app.inject({ method: 'OPTIONS', url: PREDICT, headers: { origin: 'file' } });
    expect([bad.statusCode, bad.body]).toEqual([400, '']);
  });
});

describe('health', () => {
  it('is live at once, ready when the catalog is, and knows every model', async () => {
    const catalog = fakeCatalog([
      {
        name: 'up',
        versions: [versionStatus(2n, { state: 'LOADING' }), versionStatus(1n)],
        labels: [],
      },
      { name: 'down', versions: [versionStatus(1n, { state: 'LOADING' })], labels: [] },
    ]);
    catalog.isReady = false;
    const app = await rest({ catalog });
    const status = async (url: string) => (await app.inject({ url })).statusCode;
    expect(await status('/healthz/live')).toBe(200);
    expect(await status('/healthz/ready')).toBe(503);
    catalog.isReady = true;
    expect(await status('/healthz/ready')).toBe(200);
    expect(await status('/healthz/models/up')).toBe(200);
    expect(await status('/healthz/models/up/versions/2')).toBe(503);
    expect(await status('/healthz/models/down')).toBe(503);
    expect(await status('/healthz/models/none')).toBe(404);
  });
});
