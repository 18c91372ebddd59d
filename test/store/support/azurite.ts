import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Operator } from 'opendal';
import type { Backend } from './backend.js';
import { Gate } from './gate.js';
import { freePort } from './minio.js';

const ACCOUNT = 'testaccount';
const KEY = Buffer.from('a key of the tests').toString('base64');

/** Azurite, Microsoft's emulator of Azure Blob Storage, on a loopback port. */
export class Azurite {
  readonly #process: ChildProcess;
  readonly #port: number;
  #containers = 0;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.#port = port;
  }

  /** Starts the emulator with its data in memory. */
  static async start(folder: string): Promise<Azurite> {
    const port = await freePort();
    const root = dirname(createRequire(import.meta.url).resolve('azurite/package.json'));
    const script = join(root, 'dist', 'src', 'blob', 'main.js');
    const child = spawn(
      process.execPath,
      [
        script,
        '--blobHost',
        '127.0.0.1',
        '--blobPort',
        `${port}`,
        '--location',
        folder,
        '--silent',
        '--skipApiVersionCheck',
        '--disableTelemetry',
      ],
      { stdio: 'ignore', env: { ...process.env, AZURITE_ACCOUNTS: `${ACCOUNT}:${KEY}` } },
    );
    const azurite = new Azurite(child, port);
    for (let attempt = 0; attempt < 900; attempt += 1) {
      const reply = await fetch(`http://127.0.0.1:${port}/${ACCOUNT}`).catch(() => null);
      if (reply !== null) return azurite;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    child.kill();
    throw new Error('Azurite is not ready after 90 seconds');
  }

  /** Ends it and waits until it no longer writes. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill();
    await gone;
  }

  /** A new container, reached through a gate. */
  async container(): Promise<Backend> {
    this.#containers += 1;
    const container = `container-${this.#containers}`;
    await this.#create(container);
    const gate = await Gate.before(this.#port);
    const operator = new Operator('azblob', {
      container,
      root: '/',
      endpoint: `http://127.0.0.1:${this.#port}/${ACCOUNT}`,
      account_name: ACCOUNT,
      account_key: KEY,
    });
    const endpoint = `http://127.0.0.1:${gate.port}/${ACCOUNT}`;
    const wrong = Buffer.from('wrong-secret').toString('base64');
    return {
      env: {
        AZURE_STORAGE_CONNECTION_STRING: `AccountName=${ACCOUNT};AccountKey=${KEY};BlobEndpoint=${endpoint};`,
      },
      strangerEnv: {
        AZURE_STORAGE_ENDPOINT: endpoint,
        AZURE_STORAGE_ACCOUNT: ACCOUNT,
        AZURE_STORAGE_KEY: wrong,
      },
      uri: (path) => `az://${container}/${path}`,
      missingUri: (path) => `az://no-such-container/${path}`,
      put: async (path, content) => void (await operator.write(path, Buffer.from(content))),
      remove: async (path) => await operator.delete(path),
      outage: () => gate.close(),
    };
  }

  /** Creates a container with a request signed by the shared key. */
  async #create(container: string): Promise<void> {
    const date = new Date().toUTCString();
    const version = '2022-11-02';
    const own = `x-ms-date:${date}\nx-ms-version:${version}`;
    // The emulator's paths begin with the account, and so the account stands twice in what is signed.
    const resource = `/${ACCOUNT}/${ACCOUNT}/${container}\nrestype:container`;
    const text = `PUT${'\n'.repeat(12)}${own}\n${resource}`;
    const signature = createHmac('sha256', Buffer.from(KEY, 'base64'))
      .update(text)
      .digest('base64');
    const reply = await fetch(
      `http://127.0.0.1:${this.#port}/${ACCOUNT}/${container}?restype=container`,
      {
        method: 'PUT',
        headers: {
          'x-ms-date': date,
          'x-ms-version': version,
          authorization: `SharedKey ${ACCOUNT}:${signature}`,
        },
      },
    );
    if (!reply.ok) throw new Error(`container ${container}: ${reply.status} ${await reply.text()}`);
  }
}
