import { execFile } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { addToken, listTokens, removeToken } from '../../ts/security/token-store.js';
import { CLI, modelDir } from '../support/paths.js';
import { startServer } from '../support/server.js';
import { Authority, type Pair } from './certificates.js';
import { grpcStatus, temporary } from './support.js';

let authority: Authority;
let pairs: readonly [Pair, Pair];
beforeAll(() => {
  authority = new Authority();
  pairs = [authority.issue({ name: 'localhost' }), authority.issue({ name: 'localhost' })];
});
afterAll(() => authority.remove());

const MODEL = modelDir('half_plus_two');

describe('servable serve', () => {
  it('asks for tokens over TLS in every worker, and takes new ones and new certificates as it runs', async () => {
    const folder = temporary();
    const [cert, key, tokens] = ['crt', 'key', 'json'].map((it) => join(folder, it));
    if (cert === undefined || key === undefined || tokens === undefined) throw new Error('paths');
    const install = ({ certPath, keyPath }: Pair): void => {
      copyFileSync(keyPath, key);
      copyFileSync(certPath, cert);
    };
    const add = (name: string, ...scopes: string[]): string =>
      addToken(tokens, { name, scopes, expires: null }, null);
    install(pairs[0]);
    const good = add('good', 'predict:m', 'metadata');
    const other = add('other', 'predict:n');
    const server = await startServer({
      args: [
        '--model_name=m',
        `--model_base_path=${MODEL}`,
        '--workers=2',
        `--auth_tokens_file=${tokens}`,
        `--ssl_cert_path=${cert}`,
        `--ssl_key_path=${key}`,
        '--log_format=json',
      ],
    });
    const ask = (token: string): Promise<{ status: number; serial: string; text: string }> =>
      new Promise((resolve, reject) => {
        const out = request({
          host: 'localhost',
          port: server.restPort,
          path: '/v1/models/m:predict',
          method: 'POST',
          headers: { authorization: token },
          ca: authority.pair.cert,
          agent: false,
        });
        out.on('response', (reply) => {
          const { serialNumber: serial } = (reply.socket as TLSSocket).getPeerCertificate();
          let text = '';
          reply.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          reply.on('end', () => resolve({ status: reply.statusCode ?? 0, serial, text }));
        });
        out.on('error', reject);
        out.end('{"instances": [1, 2, 5]}');
      });
    const rpc = async (token: string): Promise<number> => {
      const body = messageType('tensorflow.serving.GetModelStatusRequest').encode({
        modelSpec: { name: 'm' },
      });
      const status = await grpcStatus({
        port: server.grpcPort,
        path: '/tensorflow.serving.ModelService/GetModelStatus',
        body,
        token,
        credentials: credentials.createSsl(Buffer.from(authority.pair.cert)),
      });
      return status.code;
    };
    const first = await ask(good);
    expect(JSON.parse(first.text)).toEqual({ predictions: [2.5, 3, 4.5] });
    expect([(await ask(other)).status, (await ask('x')).status]).toEqual([403, 401]);
    expect([await rpc(good), await rpc(other), await rpc('x')]).toEqual([0, 7, 16]);
    const next = add('next', 'predict', 'metadata');
    removeToken(tokens, listTokens(tokens)[0]?.id ?? '');
    install(pairs[1]);
    // Each worker reads its files itself; connections go to either.
    const eight = [1, 2, 3, 4, 5, 6, 7, 8];
    await expect
      .poll(
        async () => (await Promise.all(eight.map(() => ask(good)))).map(({ status }) => status),
        {
          timeout: 20_000,
        },
      )
      .toEqual(eight.map(() => 401));
    const answers = await Promise.all(eight.map(() => ask(next)));
    expect(answers.map(({ status }) => status)).toEqual(eight.map(() => 200));
    await expect.poll(async () => (await ask(next)).serial).not.toBe(first.serial);
    expect(await server.stop()).toBe(0);
    for (const token of [good, other, next]) {
      expect(server.output()).not.toContain(token);
      expect(server.output()).not.toContain(token.slice(13));
    }
  });

  it('says which file keeps it from starting, and why', async () => {
    const start = (...args: string[]): Promise<string> =>
      new Promise((resolve) => {
        const all = [
          CLI,
          'serve',
          '--port=0',
          '--rest_api_port=1',
          `--model_base_path=${MODEL}`,
          ...args,
        ];
        execFile(process.execPath, all, (failure, _out, error) =>
          resolve(`${failure?.code} ${error}`),
        );
      });
    const folder = temporary();
    const bad = join(folder, 'tokens.json');
    writeFileSync(bad, '{"tokens": [{"id": "a"}]}');
    const [key, cert, tokens] = await Promise.all([
      start(`--ssl_cert_path=${pairs[0].certPath}`, `--ssl_key_path=${pairs[1].keyPath}`),
      start('--ssl_cert_path=/nowhere.pem', `--ssl_key_path=${pairs[0].keyPath}`),
      start(`--auth_tokens_file=${bad}`),
    ]);
    expect(key).toMatch(
      /^1 .*--ssl_key_path .*pair2.key: the key does not belong to the certificate/s,
    );
    expect(cert).toMatch(/^1 .*--ssl_cert_path \/nowhere.pem: ENOENT/s);
    expect(tokens).toMatch(/^1 .*tokens.json: tokens\[0\].name: wanted text/s);
  });

  it('config check says the same before', async () => {
    const file = join(temporary(), 'servable.yaml');
    writeFileSync(
      file,
      'model_base_path: /m\nssl_cert_path: /nowhere.pem\nssl_key_path: /no.key\n',
    );
    const text = await new Promise<string>((resolve) => {
      execFile(process.execPath, [CLI, 'config', 'check', file], (_failure, _out, error) =>
        resolve(error),
      );
    });
    expect(text).toContain('--ssl_key_path /no.key: ENOENT');
  });
});
