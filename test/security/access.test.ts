import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import type { Options } from '../../ts/options/options.js';
import { addToken } from '../../ts/security/token-store.js';
import { identity } from '../api/grpc-support.js';
import { http } from '../support/http.js';
import { type Front, front, grpcStatus, temporary } from './support.js';

const PREDICT = '/v1/models/half_plus_two:predict';
const RPC = '/tensorflow.serving.PredictionService/';
const STATUS = '/tensorflow.serving.ModelService/GetModelStatus';
const RELOAD = '/tensorflow.serving.ModelService/HandleReloadConfigRequest';
const HEALTH = '/grpc.health.v1.Health/Check';

interface Guarded extends Front {
  readonly all: string;
  readonly some: string;
  readonly reader: string;
  readonly admin: string;
  readonly file: string;
}

async function guarded(given: Partial<Options> = {}): Promise<Guarded> {
  const file = join(temporary(), 'tokens.json');
  const add = (name: string, ...scopes: string[]): string =>
    addToken(file, { name, scopes, expires: null }, null);
  const tokens = {
    all: add('all', 'predict', 'metadata'),
    some: add('some', 'predict:half_*', 'metadata:half_*'),
    reader: add('reader', 'metadata'),
    admin: add('admin', 'admin'),
  };
  return { ...(await front({ authTokensFile: file, ...given })), ...tokens, file };
}

/** The status of a REST request. */
async function rest(port: number, path: string, authorization?: string): Promise<number> {
  const headers = authorization === undefined ? {} : { authorization };
  const body = path.includes(':') ? '{"instances": [1]}' : undefined;
  return (await http({ port, path, headers, ...(body === undefined ? {} : { body }) })).status;
}

const predict = (name: string): Buffer =>
  messageType('tensorflow.serving.PredictRequest').encode({ modelSpec: { name } });

describe('without tokens', () => {
  it('the header is ignored, whatever it says', async () => {
    const { rest: port, grpc } = await front({});
    expect(await rest(port, PREDICT, 'Basic nonsense')).toBe(200);
    expect(await rest(port, PREDICT, 'anything')).toBe(200);
    expect((await grpcStatus({ port: grpc, path: `${RPC}Predict`, token: 'x' })).code).toBe(0);
  });
});

describe('REST with tokens', () => {
  it('answers 401 without one and says how to send it', async () => {
    const { rest: port } = await guarded();
    const answer = await http({ port, path: PREDICT, body: '{}' });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="servable"');
    expect(JSON.parse(answer.text)).toEqual({
      error: 'credentials are needed: send Authorization: Bearer TOKEN',
    });
  });

  it('takes a token bare, as PAI EAS sends it, and as Bearer', async () => {
    const { rest: port, all } = await guarded();
    expect(await rest(port, PREDICT, all)).toBe(200);
    expect(await rest(port, PREDICT, `Bearer ${all}`)).toBe(200);
  });

  it('answers 401 to tokens that are not known and to other schemes', async () => {
    const { rest: port, all } = await guarded();
    for (const wrong of [`${all}x`, all.slice(0, -1), 'Bearer x', 'Basic dXNlcjpwYXNz', 'a b c']) {
      const answer = await http({
        port,
        path: PREDICT,
        body: '{}',
        headers: { authorization: wrong },
      });
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe(
        'Bearer realm="servable", error="invalid_token"',
      );
    }
  });

  it('answers 403 to what a token is not for, and does not tell whether there is such a model', async () => {
    const { rest: port, all, some, reader, admin } = await guarded();
    for (const [path, token, status] of [
      [PREDICT, some, 200],
      ['/v1/models/other:predict', some, 403],
      ['/v1/models/half_plus_two/versions/1:predict', some, 200],
      ['/v1/models/other/labels/stable:predict', some, 403],
      ['/v1/models/%68alf_plus_two:predict', some, 200],
      ['/v1/models/oth%65r:predict', some, 403],
      [PREDICT, reader, 403],
      [PREDICT, admin, 403],
      ['/v1/models/half_plus_two', some, 200],
      ['/v1/models/half_plus_two/metadata', reader, 200],
      ['/v1/models/other', some, 403],
      ['/v1/models/other', all, 404],
      ['/v1/models/other/metadata', some, 403],
      ['/v1/models', some, 200],
      ['/monitoring/prometheus/metrics', some, 403],
      ['/monitoring/prometheus/metrics', reader, 200],
      ['/openapi.json', reader, 200],
    ] as const) {
      expect([path, await rest(port, path, token)]).toEqual([path, status]);
    }
    const refused = await http({ port, path: '/v1/models/x', headers: { authorization: some } });
    expect(refused.headers['www-authenticate']).toContain('insufficient_scope');
  });

  it('lists only the models that a token is for', async () => {
    const { rest: port, all, some, file } = await guarded();
    const nothing = addToken(file, { name: 'n', scopes: ['metadata:x'], expires: null }, null);
    const names = async (authorization: string): Promise<string[]> => {
      const { text } = await http({ port, path: '/v1/models', headers: { authorization } });
      return (JSON.parse(text) as { models: { name: string }[] }).models.map(({ name }) => name);
    };
    expect(await names(all)).toEqual(['half_plus_two']);
    expect(await names(some)).toEqual(['half_plus_two']);
    await expect.poll(() => names(nothing).catch(() => null)).toEqual([]);
  });

  it('leaves health open, and preflights, and asks for pages', async () => {
    const { rest: port } = await guarded();
    expect(await rest(port, '/healthz/live')).toBe(200);
    expect(await rest(port, '/healthz/models/half_plus_two')).toBe(200);
    const preflight = { method: 'OPTIONS', headers: { origin: 'http://a.example' } };
    expect((await http({ port, path: '/v1/models/a', ...preflight })).status).toBe(200);
    for (const path of ['/docs', '/openapi.json', '/monitoring/prometheus/metrics', '/v1/models']) {
      expect([path, await rest(port, path)]).toEqual([path, 401]);
    }
    expect(await rest(port, '/nowhere')).toBe(404);
  });

  it('opens what --auth_open_paths names, and only that', async () => {
    const { rest: port, grpc } = await guarded({ authOpenPaths: ['/monitoring/*', '/docs'] });
    expect(await rest(port, '/monitoring/prometheus/metrics')).toBe(200);
    expect(await rest(port, '/docs')).toBe(200);
    expect(await rest(port, '/healthz/live')).toBe(401);
    expect((await grpcStatus({ port: grpc, path: HEALTH })).code).toBe(16);
  });

  it('does not read the body of a request it refuses', async () => {
    const { rest: port, engine } = await guarded();
    const answer = await http({ port, path: PREDICT, body: Buffer.alloc(500_000) });
    expect(answer.status).toBe(401);
    expect(answer.headers.connection).toBe('close');
    expect(engine.bodies.open.size).toBe(0);
    expect(engine.seen).toEqual([]);
  });
});

describe('gRPC with tokens', () => {
  it('answers UNAUTHENTICATED without a token that is known, and takes it bare and as Bearer', async () => {
    const { grpc: port, all } = await guarded();
    const path = `${RPC}Predict`;
    const body = predict('half_plus_two');
    expect((await grpcStatus({ port, path, body })).code).toBe(16);
    expect((await grpcStatus({ port, path, body, token: 'wrong' })).code).toBe(16);
    expect((await grpcStatus({ port, path, body, token: all })).code).toBe(0);
    expect((await grpcStatus({ port, path, body, token: `Bearer ${all}` })).code).toBe(0);
  });

  const spec = (name: string) => ({ modelSpec: { name } });
  const encoders: Record<string, (name: string) => Buffer> = {
    [`${RPC}Predict`]: predict,
    [`${RPC}Classify`]: (name) =>
      messageType('tensorflow.serving.ClassificationRequest').encode(spec(name)),
    [`${RPC}Regress`]: (name) =>
      messageType('tensorflow.serving.RegressionRequest').encode(spec(name)),
    [`${RPC}MultiInference`]: (name) =>
      messageType('tensorflow.serving.MultiInferenceRequest').encode({
        tasks: [spec('half_plus_two'), spec(name)],
      }),
    [`${RPC}GetModelMetadata`]: (name) =>
      messageType('tensorflow.serving.GetModelMetadataRequest').encode({
        ...spec(name),
        metadataField: ['signature_def'],
      }),
    '/tensorflow.serving.SessionService/SessionRun': (name) =>
      messageType('tensorflow.serving.SessionRunRequest').encode(spec(name)),
    [STATUS]: (name) => messageType('tensorflow.serving.GetModelStatusRequest').encode(spec(name)),
  };

  it.each(Object.keys(encoders))('%s looks for the model in the message', async (path) => {
    const { grpc: port, some, admin } = await guarded();
    const encode = encoders[path] as (name: string) => Buffer;
    const status = (name: string, token: string) =>
      grpcStatus({ port, path, token, body: encode(name) });
    expect((await status('half_plus_two', some)).code).toBe(0);
    const refused = await status('other', some);
    expect(refused.code).toBe(7);
    expect(refused.details).toContain('on model "other"');
    expect((await status('half_plus_two', admin)).code).toBe(7);
  });

  it('is not fooled by a second ModelSpec, a second name, or none', async () => {
    const { grpc: port, some, engine } = await guarded();
    const path = `${RPC}Predict`;
    const good = predict('half_plus_two');
    const bad = predict('other');
    const bodies = [
      Buffer.concat([good, bad]),
      Buffer.concat([bad, good]),
      // One ModelSpec with two names.
      Buffer.concat([
        Buffer.from([0x0a, 13, 0x0a, 4]),
        Buffer.from('half'),
        Buffer.from([0x0a, 5]),
        Buffer.from('other'),
      ]),
      Buffer.alloc(0),
      Buffer.from([0x0a]),
      Buffer.from([0x0b, 0x0c]),
    ];
    for (const body of bodies) {
      expect([3, 7]).toContain((await grpcStatus({ port, path, token: some, body })).code);
    }
    expect(engine.seen).toEqual([]);
  });

  it('looks at every message of PredictStreamed', async () => {
    const { grpc, some, engine } = await guarded();
    const client = new Client(`localhost:${grpc}`, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('authorization', some);
    const stream = client.makeBidiStreamRequest(
      `${RPC}PredictStreamed`,
      identity,
      identity,
      metadata,
    );
    const replies: Buffer[] = [];
    const code = await new Promise((resolve) => {
      stream.on('data', (reply: Buffer) => {
        replies.push(reply);
        stream.write(predict('other'));
      });
      stream.on('error', (error: ServiceError) => resolve(error.code));
      stream.write(predict('half_plus_two'));
    });
    client.close();
    expect([code, replies.length, engine.seen.length]).toEqual([7, 1, 1]);
  });

  it('lets only admins change the config', async () => {
    const { grpc: port, all, admin } = await guarded();
    expect((await grpcStatus({ port, path: RELOAD, token: all })).code).toBe(7);
    expect((await grpcStatus({ port, path: RELOAD, token: admin })).code).toBe(0);
  });

  it('leaves health open, and asks reflection for any token', async () => {
    const { grpc: port } = await guarded();
    expect((await grpcStatus({ port, path: HEALTH })).code).toBe(0);
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    expect((await grpcStatus({ port, path })).code).toBe(16);
  });
});

describe('the log', () => {
  it('has a line for what was refused, at most one a second, and never a token', async () => {
    const { rest: port, grpc, all, some, log, file } = await guarded();
    const wrong = `Bearer ${all.slice(0, -3)}xyz`;
    for (let i = 0; i < 20; i += 1) await rest(port, PREDICT, wrong);
    await rest(port, PREDICT, all);
    await rest(port, '/v1/models/other:predict', some);
    await grpcStatus({ port: grpc, path: `${RPC}Predict`, token: wrong });
    writeFileSync(file, `{"tokens": [{"id": "x", "name": "y", "sha256": "${all}"}]}`);
    await log.count('tokens file not taken');
    const refusals = log.lines.filter((line) => line.includes('access refused'));
    expect(refusals.length).toBeGreaterThan(0);
    expect(refusals.length).toBeLessThan(20);
    expect(refusals[0]).toContain('"address":"127.0.0.1"');
    const text = log.lines.join('');
    for (const secret of [all, some, wrong, all.slice(13), some.slice(13)]) {
      expect(text).not.toContain(secret);
    }
  });
});
