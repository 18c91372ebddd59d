import { copyFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addToken, listTokens, removeToken } from '../../ts/security/token-store.js';
import { identity } from '../api/grpc-support.js';
import { Authority, type Pair } from './certificates.js';
import { front, temporary } from './support.js';

const ROUNDS = 5;

let authority: Authority;
let pairs: readonly Pair[];

beforeAll(() => {
  authority = new Authority();
  pairs = Array.from({ length: ROUNDS + 1 }, () => authority.issue({ name: 'localhost' }));
});
afterAll(() => authority.remove());

/** Sends one request after the other on its connection; what was answered, and every failure. */
interface Sender {
  readonly failures: string[];
  answered: number;
}

describe('under load', () => {
  it('tokens and certificates rotate, and no request of 8 connections fails', async () => {
    const folder = temporary();
    const [cert, key, tokens] = ['tls.crt', 'tls.key', 'tokens.json'].map((it) =>
      join(folder, it),
    ) as [string, string, string];
    const install = ({ certPath, keyPath }: Pair): void => {
      copyFileSync(keyPath, key);
      copyFileSync(certPath, cert);
    };
    const make = (): string =>
      addToken(tokens, { name: 'load', scopes: ['predict'], expires: null }, null);
    install(pairs[0] as Pair);
    let token = make();
    const options = { sslCertPath: cert, sslKeyPath: key, authTokensFile: tokens };
    const { rest, grpc, log } = await front(options);
    let running = true;
    const senders = [1, 2, 3, 4].flatMap(() => [
      restSender(
        rest,
        () => token,
        () => running,
      ),
      grpcSender(
        grpc,
        () => token,
        () => running,
      ),
    ]);
    for (let round = 1; round <= ROUNDS; round += 1) {
      // The new token is known before it is used, and the old one is taken back after nobody uses it any more.
      const next = make();
      await log.count('tokens file read again', 2 * round - 1);
      token = next;
      install(pairs[round] as Pair);
      await log.count('certificates read again', round);
      const before = senders.map(({ sender }) => sender.answered);
      await expect
        .poll(() => senders.every(({ sender }, at) => sender.answered >= (before[at] ?? 0) + 2), {
          timeout: 20_000,
        })
        .toBe(true);
      const [oldest] = listTokens(tokens);
      removeToken(tokens, oldest?.id ?? '');
      await log.count('tokens file read again', 2 * round);
    }
    running = false;
    await Promise.all(senders.map(({ done }) => done));
    expect(senders.flatMap(({ sender }) => sender.failures)).toEqual([]);
    expect(listTokens(tokens).length).toBe(1);
    expect(senders.reduce((sum, { sender }) => sum + sender.answered, 0)).toBeGreaterThan(100);
  });
});

interface Running {
  readonly sender: Sender;
  readonly done: Promise<void>;
}

function run(goesOn: () => boolean, send: () => Promise<string>, close: () => void): Running {
  const sender: Sender = { failures: [], answered: 0 };
  const loop = async (): Promise<void> => {
    while (goesOn()) {
      const outcome = await send();
      if (outcome === 'OK') sender.answered += 1;
      else sender.failures.push(outcome);
    }
    close();
  };
  return { sender, done: loop() };
}

/** Every tenth request opens a new connection, so that new certificates are met; the others stay on theirs. */
function restSender(port: number, token: () => string, goesOn: () => boolean): Running {
  let agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let sent = 0;
  const send = (): Promise<string> => {
    sent += 1;
    if (sent % 10 === 0) {
      agent.destroy();
      agent = new Agent({ keepAlive: true, maxSockets: 1 });
    }
    return new Promise((resolve) => {
      const out = request({
        host: 'localhost',
        port,
        path: '/v1/models/half_plus_two:predict',
        method: 'POST',
        headers: { authorization: `Bearer ${token()}` },
        ca: authority.pair.cert,
        agent,
      });
      out.on('response', (reply) => {
        reply
          .resume()
          .on('end', () => resolve(reply.statusCode === 200 ? 'OK' : `REST ${reply.statusCode}`));
      });
      out.on('error', (error) => resolve(`REST ${error.message}`));
      out.end('{"instances": [1]}');
    });
  };
  return run(goesOn, send, () => agent.destroy());
}

function grpcSender(port: number, token: () => string, goesOn: () => boolean): Running {
  const ssl = credentials.createSsl(Buffer.from(authority.pair.cert));
  const client = new Client(`localhost:${port}`, ssl);
  const send = (): Promise<string> =>
    new Promise((resolve) => {
      const metadata = new Metadata();
      metadata.set('authorization', token());
      client.makeUnaryRequest(
        '/tensorflow.serving.PredictionService/Predict',
        identity,
        identity,
        Buffer.alloc(0),
        metadata,
        (error) => resolve(error === null ? 'OK' : `gRPC ${error.code} ${error.details}`),
      );
    });
  return run(goesOn, send, () => client.close());
}
