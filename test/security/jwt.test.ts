import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../ts/logger.js';
import type { Options } from '../../ts/options/options.js';
import { type JwtSettings, JwtVerifier } from '../../ts/security/jwt.js';
import { http } from '../support/http.js';
import { atEnd, type Front, front, grpcStatus, temporary } from './support.js';

const ISSUER = 'https://issuer.example';
const PREDICT = '/v1/models/half_plus_two:predict';

interface Key {
  readonly id: string;
  readonly sign: CryptoKey;
  readonly jwk: JWK;
}

const VERIFIER: JwtSettings = {
  jwks: '',
  issuer: ISSUER,
  audience: ['servable'],
  algorithms: ['ES256'],
  scopeClaim: 'scope',
  scopeMap: [],
  pollMs: 1000,
  refetchMs: 0,
};

let first: Key;
let second: Key;
let unknown: Key;

async function makeKey(id: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: id, alg: 'ES256', use: 'sig' };
  return { id, sign: privateKey, jwk };
}

beforeAll(async () => {
  [first, second, unknown] = await Promise.all([makeKey('a'), makeKey('b'), makeKey('a')]);
});

interface Claims {
  readonly [claim: string]: unknown;
}

/** A token of the issuer for this server; claims that are undefined are left out. */
function token(
  key: Key,
  claims: Claims = {},
  header: { kid?: string } = { kid: key.id },
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const all = {
    iss: ISSUER,
    aud: 'servable',
    sub: 'someone',
    scope: 'predict other:x',
    exp: now + 600,
  };
  return new SignJWT({ ...all, ...claims })
    .setProtectedHeader({ alg: 'ES256', ...header })
    .sign(key.sign);
}

function settings(jwks: string): Partial<Options> {
  return { authJwks: jwks, authJwtIssuer: ISSUER, authJwtAudience: ['servable', 'second'] };
}

function keysFile(...keys: Key[]): string {
  const file = join(temporary(), 'jwks.json');
  writeFileSync(file, jwks(...keys));
  return file;
}

function jwks(...keys: Key[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}

async function ask({ rest }: Front, jwt: string): Promise<[number, string]> {
  const headers = { authorization: `Bearer ${jwt}` };
  const answer = await http({ port: rest, path: PREDICT, body: '{}', headers });
  return [
    answer.status,
    answer.status === 200 ? '' : (JSON.parse(answer.text) as { error: string }).error,
  ];
}

describe('a JSON Web Token', () => {
  it('lets in over REST and gRPC what its scopes say, and is remembered', async () => {
    const server = await front(settings(keysFile(first)));
    const jwt = await token(first);
    expect(await ask(server, jwt)).toEqual([200, '']);
    expect(await ask(server, jwt)).toEqual([200, '']);
    expect((await ask(server, await token(first, { scope: 'metadata' })))[0]).toBe(403);
    expect((await ask(server, await token(first, { scope: 'predict:other' })))[0]).toBe(403);
    expect((await ask(server, await token(first, { scope: undefined })))[0]).toBe(403);
    const path = '/tensorflow.serving.PredictionService/Predict';
    expect((await grpcStatus({ port: server.grpc, path, token: `Bearer ${jwt}` })).code).toBe(0);
    const wrong = await token(unknown);
    expect((await grpcStatus({ port: server.grpc, path, token: `Bearer ${wrong}` })).code).toBe(16);
    expect(server.log.lines.join('')).not.toContain(jwt.split('.')[2]);
  });

  it('is refused with the reason when anything about it is wrong', async () => {
    const server = await front(settings(keysFile(first)));
    const past = Math.floor(Date.now() / 1000) - 100;
    for (const [claims, reason] of [
      [{ exp: past }, 'the token has expired'],
      [{ exp: undefined }, 'the token\'s claim "exp" is not accepted'],
      [{ nbf: past + 1000 }, 'the token\'s claim "nbf" is not accepted'],
      [{ iss: 'https://other.example' }, 'the token\'s claim "iss" is not accepted'],
      [{ aud: 'other' }, 'the token\'s claim "aud" is not accepted'],
    ] as const) {
      expect(await ask(server, await token(first, claims))).toEqual([401, reason]);
    }
    expect((await ask(server, await token(first, { aud: ['x', 'second'] })))[0]).toBe(200);
    expect(await ask(server, await token(unknown))).toEqual([
      401,
      'the token or its signature is not valid',
    ]);
    expect(await ask(server, await token(first, {}, { kid: 'z' }))).toEqual([
      401,
      "no key of the issuer fits the token's signature",
    ]);
    const jwt = await token(first);
    expect((await ask(server, `${jwt.slice(0, -4)}AAAA`))[0]).toBe(401);
    expect((await ask(server, 'a.b.c'))[0]).toBe(401);
  });

  it('without a signature, or signed with a shared secret, is never accepted', async () => {
    const server = await front(settings(keysFile(first)));
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(Date.now() / 1000) + 600;
    const payload = part({ iss: ISSUER, aud: 'servable', scope: 'predict', exp });
    expect((await ask(server, `${part({ alg: 'none' })}.${payload}.`))[0]).toBe(401);
    expect((await ask(server, `${part({ alg: 'none' })}.${payload}.AAAA`))[0]).toBe(401);
    const secret = new TextEncoder().encode(JSON.stringify(first.jwk));
    const hmac = await new SignJWT({ iss: ISSUER, aud: 'servable', scope: 'predict', exp })
      .setProtectedHeader({ alg: 'HS256', kid: 'a' })
      .sign(secret);
    expect(await ask(server, hmac)).toEqual([401, "the token's algorithm is not accepted"]);
    for (const algorithms of [['none'], ['HS256'], []]) {
      const given = { ...settings(keysFile(first)), authJwtAlgorithms: algorithms };
      await expect(front(given)).rejects.toThrow(/--auth_jwt_algorithms: got/);
    }
  });

  it('has scopes by its claims, also nested ones and lists', async () => {
    const server = await front({
      ...settings(keysFile(first)),
      authJwtScopeClaim: 'permissions',
      authJwtScopeMap: ['realm.roles data science predict:half_*', 'https://x/groups ops metadata'],
    });
    const status = async (claims: Claims) => (await ask(server, await token(first, claims)))[0];
    expect(await status({})).toBe(403);
    expect(await status({ permissions: ['predict'] })).toBe(200);
    expect(await status({ realm: { roles: ['data science'] } })).toBe(200);
    expect(await status({ realm: { roles: ['data'] } })).toBe(403);
    expect(await status({ 'https://x/groups': 'ops' })).toBe(403);
  });
});

describe('the keys of an issuer', () => {
  it('come from its URL and may change: an unknown key has them fetched again', async () => {
    let keys = jwks(first);
    let asked = 0;
    const issuer = createServer((_request, reply) => {
      asked += 1;
      reply.end(keys);
    });
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    atEnd(() => void issuer.close());
    const { port } = issuer.address() as AddressInfo;
    const server = await front(settings(`http://127.0.0.1:${port}/jwks`));
    expect(server.warnings.join()).toContain('use https');
    expect((await ask(server, await token(first)))[0]).toBe(200);
    expect((await ask(server, await token(first, { sub: 'b' })))[0]).toBe(200);
    expect(asked).toBe(1);
    // Made-up key ids are no flood for the issuer: keys were fetched a moment ago.
    expect((await ask(server, await token(unknown, {}, { kid: 'z' })))[0]).toBe(401);
    expect(asked).toBe(1);
    // Without that pause a new key counts at once.
    const verifier = await JwtVerifier.open(
      { ...VERIFIER, jwks: `http://127.0.0.1:${port}/jwks` },
      silentLogger,
    );
    expect((await verifier.identify(await token(first))).name).toBe('jwt:someone');
    keys = jwks(second);
    expect((await verifier.identify(await token(second))).name).toBe('jwt:someone');
    expect(asked).toBe(3);
  });

  it('that cannot be had are the server’s trouble, not the client’s', async () => {
    const issuer = createServer((_request, reply) => reply.writeHead(500).end());
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    atEnd(() => void issuer.close());
    const { port } = issuer.address() as AddressInfo;
    const server = await front(settings(`http://127.0.0.1:${port}/jwks`));
    expect(await ask(server, await token(first))).toEqual([
      503,
      "the issuer's keys cannot be had now",
    ]);
  });

  it('come from a file that is read again when it changes; a key that is gone counts no more', async () => {
    const file = keysFile(first);
    const server = await front(settings(file));
    const jwt = await token(first);
    expect((await ask(server, jwt))[0]).toBe(200);
    writeFileSync(file, '{"keys": 1}');
    await server.log.count('JWKS file not taken');
    expect((await ask(server, jwt))[0]).toBe(200);
    writeFileSync(file, jwks(second));
    await server.log.count('JWKS file read again');
    expect((await ask(server, jwt))[0]).toBe(401);
    expect((await ask(server, await token(second)))[0]).toBe(200);
  });

  it('that are no keys, or secrets, are refused at the start', async () => {
    const file = join(temporary(), 'jwks.json');
    for (const [text, message] of [
      ['', /--auth_jwks: .*jwks.json/],
      ['{}', /--auth_jwks: .*jwks.json/],
      ['{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', /holds a shared secret/],
    ] as const) {
      writeFileSync(file, text);
      await expect(front(settings(file))).rejects.toThrow(message);
    }
    await expect(front(settings('/nowhere.json'))).rejects.toThrow(/nowhere.json: ENOENT/);
    await expect(front({ authJwtIssuer: ISSUER })).rejects.toThrow('need --auth_jwks');
    const bad = { ...settings(keysFile(first)), authJwtScopeMap: ['groups x'] };
    await expect(front(bad)).rejects.toThrow(/--auth_jwt_scope_map: got "groups x"/);
  });
});
