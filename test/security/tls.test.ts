import { chmodSync, copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect as connectNet } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Options } from '../../ts/options/options.js';
import { alternativeNames } from '../../ts/security/tls-door.js';
import type { TlsFiles } from '../../ts/security/tls-files.js';
import { readTlsMaterial } from '../../ts/security/tls-material.js';
import { addCertificate, addToken } from '../../ts/security/token-store.js';
import { http } from '../support/http.js';
import { Authority, openssl, type Pair } from './certificates.js';
import { type Front, front, grpcStatus, temporary } from './support.js';

const PREDICT = '/v1/models/half_plus_two:predict';
const RPC = '/tensorflow.serving.PredictionService/Predict';

let authority: Authority;
let stranger: Authority;
let server: Pair;
let renewed: Pair;
let expired: Pair;
let trainer: Pair;
let foreign: Pair;

beforeAll(() => {
  authority = new Authority();
  stranger = new Authority('Another authority');
  server = authority.issue({ name: 'localhost' });
  renewed = authority.issue({ name: 'localhost' });
  expired = authority.issue({ name: 'localhost', expired: true });
  trainer = authority.issue({
    name: 'trainer',
    alternative: 'DNS:trainer.example,URI:spiffe://a/b',
  });
  foreign = stranger.issue({ name: 'trainer' });
});
afterAll(() => {
  authority.remove();
  stranger.remove();
});

/** Options that serve with a certificate; client certificates are asked for where `verify` says. */
function paths(pair: Pair, verify?: 'required' | 'optional'): Partial<Options> {
  return {
    sslCertPath: pair.certPath,
    sslKeyPath: pair.keyPath,
    ...(verify === undefined
      ? {}
      : { sslClientCaPath: authority.pair.certPath, sslClientVerify: verify }),
  };
}

interface Answer {
  readonly status: number;
  readonly serial: string;
}

/** One REST predict over TLS. */
function predict(
  port: number,
  more: ConnectionOptions & { agent?: Agent } = {},
  token = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = token === '' ? {} : { authorization: token };
    const options = { host: 'localhost', port, path: PREDICT, method: 'POST', headers };
    const out = request({ ...options, ca: authority.pair.cert, agent: false, ...more }, (reply) => {
      const { serialNumber } = (reply.socket as TLSSocket).getPeerCertificate();
      reply
        .resume()
        .on('end', () => resolve({ status: reply.statusCode ?? 0, serial: serialNumber }));
    });
    out.on('error', reject);
    out.end('{"instances": [1]}');
  });
}

function ssl(client?: Pair): ReturnType<typeof credentials.createSsl> {
  return credentials.createSsl(
    Buffer.from(authority.pair.cert),
    client === undefined ? null : Buffer.from(client.key),
    client === undefined ? null : Buffer.from(client.cert),
  );
}

/** How a handshake ends: the protocol, or the error's code. */
function handshake(port: number, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: 'localhost', ca: authority.pair.cert, ...options });
    // With TLS 1.3 a refusal comes after the handshake.
    socket.on('secureConnect', () =>
      setTimeout(() => {
        resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`);
        socket.destroy();
      }, 200),
    );
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve('closed'));
    socket.resume();
  });
}

describe('TLS', () => {
  it('serves REST and gRPC on their ports, and nothing in the clear', async () => {
    const { rest, grpc } = await front(paths(server));
    expect((await predict(rest)).status).toBe(200);
    expect((await grpcStatus({ port: grpc, path: RPC, credentials: ssl() })).code).toBe(0);
    await expect(http({ port: rest, path: PREDICT, body: '{}' })).rejects.toThrow();
    expect((await grpcStatus({ port: grpc, path: RPC })).code).toBe(14);
  });

  it("comes from TensorFlow Serving's SSLConfig, for both protocols", async () => {
    const file = join(temporary(), 'ssl.config');
    const line = (name: string, pem: string): string => `${name}: ${JSON.stringify(pem)}\n`;
    writeFileSync(
      file,
      line('server_key', server.key) +
        line('server_cert', server.cert) +
        line('custom_ca', authority.pair.cert) +
        'client_verify: true\n',
      { mode: 0o600 },
    );
    const { rest, grpc, warnings } = await front({ sslConfigFile: file });
    expect(warnings).toEqual([]);
    expect((await predict(rest, { cert: trainer.cert, key: trainer.key })).status).toBe(200);
    await expect(predict(rest)).rejects.toThrow();
    const rpc = (client?: Pair) => grpcStatus({ port: grpc, path: RPC, credentials: ssl(client) });
    expect((await rpc(trainer)).code).toBe(0);
    expect((await rpc()).code).toBe(14);
  });

  it('is for the ports that --ssl_listeners names', async () => {
    const { rest, grpc } = await front({ ...paths(server), sslListeners: ['grpc'] });
    expect((await http({ port: rest, path: PREDICT, body: '{}' })).status).toBe(200);
    expect((await grpcStatus({ port: grpc, path: RPC, credentials: ssl() })).code).toBe(0);
  });

  it('is 1.2 or newer, or what --ssl_min_version says, and gRPC needs HTTP/2', async () => {
    const { rest, grpc } = await front(paths(server));
    const old = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const;
    expect(await handshake(rest, old)).toMatch(/ALERT_PROTOCOL_VERSION|closed|RESET/);
    expect(await handshake(rest, { maxVersion: 'TLSv1.2' })).toBe('TLSv1.2 false');
    expect(await handshake(rest, { ALPNProtocols: ['h2', 'http/1.1'] })).toBe('TLSv1.3 http/1.1');
    expect(await handshake(grpc, { ALPNProtocols: ['h2'] })).toBe('TLSv1.3 h2');
    expect(await handshake(grpc, { ALPNProtocols: ['http/1.1'] })).toMatch(
      /APPLICATION_PROTOCOL|closed/,
    );
    expect(await handshake(grpc, {})).toMatch(/closed|RESET/);
    const strict = await front({ ...paths(server), sslMinVersion: 'TLSv1.3' });
    expect(await handshake(strict.rest, { maxVersion: 'TLSv1.2' })).toMatch(
      /PROTOCOL_VERSION|closed/,
    );
  });

  it('garbage on the ports, and HTTP/1 on that of gRPC, disturb nobody', async () => {
    const { rest, grpc } = await front(paths(server));
    const plain = await front({});
    const garbage = ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\xff\xff\x01', '\0'.repeat(4096), 'x'];
    const send = (port: number, bytes: string): Promise<void> =>
      new Promise((resolve) => {
        const socket = connectNet(port, '127.0.0.1', () =>
          socket.end(Buffer.from(bytes, 'latin1')),
        );
        socket.on('error', () => socket.destroy());
        socket.on('close', () => resolve());
        socket.resume();
      });
    const sent = [rest, grpc, plain.grpc].flatMap((port) =>
      garbage.map((each) => send(port, each)),
    );
    for (let i = 0; i < 5; i += 1) {
      expect((await predict(rest)).status).toBe(200);
      expect((await grpcStatus({ port: grpc, path: RPC, credentials: ssl() })).code).toBe(0);
    }
    await Promise.all(sent);
    expect((await grpcStatus({ port: plain.grpc, path: RPC })).code).toBe(0);
  });
});

describe('client certificates', () => {
  it('are refused when they are missing or from another authority', async () => {
    const { rest, grpc } = await front(paths(server, 'required'));
    const rpc = (client?: Pair) => grpcStatus({ port: grpc, path: RPC, credentials: ssl(client) });
    await expect(predict(rest)).rejects.toThrow();
    await expect(predict(rest, { cert: foreign.cert, key: foreign.key })).rejects.toThrow();
    expect((await rpc()).code).toBe(14);
    expect((await rpc(foreign)).code).toBe(14);
    expect((await predict(rest, { cert: trainer.cert, key: trainer.key })).status).toBe(200);
    expect((await rpc(trainer)).code).toBe(0);
  });

  it('identify a client, whose scopes hold, beside tokens', async () => {
    const file = join(temporary(), 'tokens.json');
    const entry = { name: 'trainer', scopes: ['predict:half_*'], expires: null };
    addCertificate(file, entry, 'URI:spiffe://a/*');
    const token = addToken(file, { ...entry, name: 'other', scopes: ['metadata'] }, null);
    const { rest, grpc } = await front({ ...paths(server, 'optional'), authTokensFile: file });
    const client = { cert: trainer.cert, key: trainer.key };
    expect((await predict(rest, client)).status).toBe(200);
    expect((await predict(rest)).status).toBe(401);
    expect((await predict(rest, { cert: foreign.cert, key: foreign.key })).status).toBe(401);
    expect((await predict(rest, { cert: server.cert, key: server.key })).status).toBe(401);
    // A token that is sent decides.
    expect((await predict(rest, client, token)).status).toBe(403);
    expect((await predict(rest, client, 'unknown')).status).toBe(401);
    const call = { port: grpc, path: RPC };
    const body = Buffer.from([0x0a, 6, 0x0a, 4, ...Buffer.from('half')]);
    const named = Buffer.from([0x0a, 7, 0x0a, 5, ...Buffer.from('half_')]);
    expect((await grpcStatus({ ...call, body: named, credentials: ssl(trainer) })).code).toBe(0);
    expect((await grpcStatus({ ...call, body, credentials: ssl(trainer) })).code).toBe(7);
    expect((await grpcStatus({ ...call, body: named, credentials: ssl() })).code).toBe(16);
    expect((await grpcStatus({ ...call, body: named, credentials: ssl(foreign) })).code).toBe(16);
  });

  it('give the names that Node prints in quotes as they are', () => {
    expect(alternativeNames('DNS:a.example, URI:spiffe://a/b, IP Address:10.0.0.1')).toEqual([
      'DNS:a.example',
      'URI:spiffe://a/b',
      'IP Address:10.0.0.1',
    ]);
    expect(alternativeNames('DNS:"a, DNS:admin", email:x@y')).toEqual([
      'DNS:a, DNS:admin',
      'email:x@y',
    ]);
    expect(alternativeNames('')).toEqual([]);
  });
});

describe('certificates that are renewed', () => {
  async function rotating(): Promise<Front & { cert: string; key: string }> {
    const folder = temporary();
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    copyFileSync(server.certPath, cert);
    copyFileSync(server.keyPath, key);
    chmodSync(key, 0o600);
    return { ...(await front({ sslCertPath: cert, sslKeyPath: key })), cert, key };
  }

  it('count for new connections, and those that are open stay', async () => {
    const { rest, log, cert, key } = await rotating();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const first = await predict(rest, { agent });
    copyFileSync(renewed.keyPath, key);
    copyFileSync(renewed.certPath, cert);
    await log.count('certificates read again');
    const second = await predict(rest);
    const kept = await predict(rest, { agent });
    agent.destroy();
    expect([first.status, second.status, kept.status]).toEqual([200, 200, 200]);
    expect(second.serial).not.toBe(first.serial);
    expect(kept.serial).toBe(first.serial);
  });

  it('are not taken while they are wrong: the last good ones stay', async () => {
    const { rest, log, cert } = await rotating();
    const before = await predict(rest);
    for (const [at, text] of ['', 'nonsense', expired.cert, renewed.cert].entries()) {
      writeFileSync(cert, text);
      await log.count('certificates not taken', at + 1);
      expect(await predict(rest)).toEqual(before);
    }
  });
});

describe('what start-up says of keys and certificates', () => {
  const none: TlsFiles = {
    configFile: '',
    certPath: '',
    keyPath: '',
    clientCaPath: '',
    clientVerify: 'auto',
    minVersion: 'TLSv1.2',
  };
  const read = (files: Partial<TlsFiles>) => readTlsMaterial({ ...none, ...files }, Date.now());

  it('names the file and what is wrong with it', async () => {
    const folder = temporary();
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const { certPath, keyPath } = server;
    const locked = join(folder, 'locked.key');
    openssl(['ec', '-in', keyPath, '-aes256', '-passout', 'pass:x', '-out', locked]);
    for (const [files, message] of [
      [{ certPath }, '--ssl_cert_path needs --ssl_key_path'],
      [{ keyPath }, '--ssl_key_path needs --ssl_cert_path'],
      [{ certPath: '/nowhere.pem', keyPath }, '--ssl_cert_path /nowhere.pem: ENOENT'],
      [{ certPath, keyPath: '/nowhere.key' }, '--ssl_key_path /nowhere.key: ENOENT'],
      [{ certPath: file('a', 'x'), keyPath }, `${join(folder, 'a')}: no PEM, wanted a certificate`],
      [{ certPath: file('b', ''), keyPath }, 'is empty, wanted a certificate in PEM'],
      [{ certPath: keyPath, keyPath }, 'a private key, wanted a certificate'],
      [{ certPath, keyPath: certPath }, 'a certificate, wanted a private key'],
      [{ certPath, keyPath: file('c', 'x') }, 'no PEM, wanted a private key'],
      [{ certPath, keyPath: locked }, 'the key has a passphrase, wanted one without'],
      [{ certPath, keyPath: renewed.keyPath }, `${renewed.keyPath}: the key does not belong to`],
      [{ certPath: expired.certPath, keyPath: expired.keyPath }, 'the certificate has expired on'],
      [{ certPath, keyPath, clientCaPath: '/no.pem' }, '--ssl_client_ca_path /no.pem: ENOENT'],
      [{ certPath, keyPath, clientCaPath: file('d', 'x') }, 'no PEM, wanted a certificate'],
      [{ certPath, keyPath, clientVerify: 'required' }, 'needs --ssl_client_ca_path'],
      [{ certPath, keyPath, clientCaPath: certPath, clientVerify: 'off' }, 'has no effect'],
      [{ configFile: '/nowhere', certPath }, '--ssl_config_file says everything'],
      [{ configFile: '/nowhere' }, "Invalid protobuf file: '/nowhere'"],
      [{ configFile: file('e', 'server_key: 1') }, `Invalid protobuf file: '${join(folder, 'e')}'`],
      [{ configFile: file('f', 'server_key: "x"') }, 'server_cert: is empty'],
    ] as const) {
      await expect(read(files)).rejects.toThrow(message);
    }
  });

  it('warns of keys that everybody can read, of certificates that end soon, of clients that all pass', async () => {
    const folder = temporary();
    const { certPath, keyPath } = server;
    const open = join(folder, 'open.key');
    copyFileSync(keyPath, open);
    chmodSync(open, 0o644);
    expect((await read({ certPath, keyPath: open })).warnings[0]).toContain(`${open}: every user`);
    expect((await read({ certPath, keyPath })).warnings).toEqual([]);
    const soon = Date.parse('2048-12-25');
    const files = { ...none, certPath, keyPath };
    expect((await readTlsMaterial(files, soon)).warnings[0]).toContain(
      'the certificate expires on',
    );
    const config = join(folder, 'ssl.config');
    const pem = `server_key: ${JSON.stringify(server.key)} server_cert: ${JSON.stringify(server.cert)}`;
    writeFileSync(config, `${pem} client_verify: true`, { mode: 0o600 });
    expect((await read({ configFile: config })).warnings[0]).toContain('without custom_ca');
    expect(existsSync(config)).toBe(true);
  });
});
