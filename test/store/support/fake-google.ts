import { createHash, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Backend } from './backend.js';

const BUCKET = 'test-bucket';
const EMAIL = 'reader@project.test';
const PAGE = 3;

/** Google Cloud Storage's JSON API in memory with its token endpoint, which checks the signature of a service account. */
export class FakeGoogle {
  readonly objects = new Map<string, Buffer>();
  /** Tokens given out, in order. */
  readonly tokens: string[] = [];
  /** Seconds a token lives. */
  tokenSeconds = 3600;
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  static async start(): Promise<FakeGoogle> {
    const google = new FakeGoogle();
    await new Promise<void>((resolve) => google.#server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => google.stop());
    return google;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  backend(): Backend {
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return {
      env: this.env(this.#keys.privateKey),
      strangerEnv: this.env(stranger.privateKey),
      uri: (path) => `gs://${BUCKET}/${path}`,
      missingUri: (path) => `gs://no-such-bucket/${path}`,
      put: async (path, content) => void this.objects.set(path, Buffer.from(content)),
      remove: async (path) => void this.objects.delete(path),
      outage: () => this.stop(),
    };
  }

  /** The environment of a service account with this key. */
  env(key: KeyObject): Record<string, string> {
    const folder = mkdtempSync(join(tmpdir(), 'servable-google-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'account.json');
    const account = {
      type: 'service_account',
      client_email: EMAIL,
      private_key_id: 'key-1',
      private_key: key.export({ type: 'pkcs8', format: 'pem' }),
      token_uri: `${this.url}/token`,
    };
    writeFileSync(path, JSON.stringify(account));
    return { GOOGLE_APPLICATION_CREDENTIALS: path, STORAGE_EMULATOR_HOST: this.url };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://host');
    if (url.pathname === '/token') return await this.#token(request, response);
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined || !this.tokens.includes(token)) {
      return sendError(response, 401, 'Invalid Credentials');
    }
    const parts = /^\/storage\/v1\/b\/([^/]+)\/o(?:\/(.+))?$/.exec(url.pathname);
    if (parts?.[1] !== BUCKET) {
      return sendError(response, 404, 'The specified bucket does not exist.');
    }
    if (parts[2] === undefined) return this.#list(url.searchParams, response);
    const object = this.objects.get(decodeURIComponent(parts[2]));
    if (object === undefined) return sendError(response, 404, 'No such object');
    if (url.searchParams.get('alt') !== 'media') {
      return sendJson(response, 200, describe(decodeURIComponent(parts[2]), object));
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const part = range === null ? object : object.subarray(Number(range[1]), Number(range[2]) + 1);
    response.writeHead(range === null ? 200 : 206, { 'content-length': part.length });
    response.end(part);
  }

  async #token(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
    const { iss, aud, scope, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as {
      iss: string;
      aud: string;
      scope: string;
      exp: number;
    };
    const signed = verify(
      'RSA-SHA256',
      Buffer.from(`${header}.${claims}`),
      this.#keys.publicKey,
      Buffer.from(signature, 'base64url'),
    );
    const right =
      signed &&
      iss === EMAIL &&
      aud === `${this.url}/token` &&
      scope.includes('devstorage') &&
      exp * 1000 > Date.now();
    if (!right) return sendJson(response, 400, { error: 'invalid_grant' });
    const token = `token-${this.tokens.length + 1}`;
    this.tokens.push(token);
    sendJson(response, 200, { access_token: token, expires_in: this.tokenSeconds });
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const after = query.get('pageToken') ?? '';
    const found = new Map<string, object | null>();
    for (const [key, object] of [...this.objects].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!key.startsWith(prefix)) continue;
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const name = cut < 0 ? key : key.slice(0, cut + 1);
      if (name > after && !found.has(name)) found.set(name, cut < 0 ? describe(key, object) : null);
    }
    const page = [...found].slice(0, PAGE);
    sendJson(response, 200, {
      items: page.flatMap(([, item]) => (item === null ? [] : [item])),
      prefixes: page.flatMap(([name, item]) => (item === null ? [name] : [])),
      ...(found.size > page.length ? { nextPageToken: page.at(-1)?.[0] } : {}),
    });
  }
}

function describe(name: string, object: Buffer): object {
  const md5 = createHash('md5').update(object).digest('base64');
  return {
    name,
    bucket: BUCKET,
    size: `${object.length}`,
    etag: `tag-${md5}`,
    md5Hash: md5,
    updated: '2026-01-01T00:00:00.000Z',
    contentType: 'application/octet-stream',
  };
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function sendError(response: ServerResponse, code: number, message: string): void {
  sendJson(response, code, { error: { code, message, errors: [] } });
}
