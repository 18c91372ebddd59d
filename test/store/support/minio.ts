import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Operator } from 'opendal';
import type { Backend } from './backend.js';
import { Gate } from './gate.js';
import { signatureV4 } from './signatures.js';

const KEY = 'minio-test-key';
const SECRET = 'minio-test-secret';
const REGION = 'us-east-1';

/** A MinIO server of the tests' own on a loopback port. */
export class Minio {
  readonly #process: ChildProcess;
  readonly #port: number;
  #buckets = 0;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.#port = port;
  }

  /** Starts the server with its data in `folder`. */
  static async start(binary: string, folder: string): Promise<Minio> {
    const port = await freePort();
    const child = spawn(binary, ['server', folder, '--address', `127.0.0.1:${port}`, '--quiet'], {
      stdio: 'ignore',
      env: {
        HOME: folder,
        MINIO_ROOT_USER: KEY,
        MINIO_ROOT_PASSWORD: SECRET,
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
      },
    });
    const minio = new Minio(child, port);
    for (let attempt = 0; attempt < 900; attempt += 1) {
      const ready = await fetch(`http://127.0.0.1:${port}/minio/health/ready`).catch(() => null);
      if (ready?.ok === true) return minio;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    child.kill();
    throw new Error(`${binary} is not ready after 90 seconds`);
  }

  /** Ends it and waits until it no longer writes. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill();
    await gone;
  }

  /** A new bucket, reached through a gate. */
  async bucket(): Promise<Backend> {
    this.#buckets += 1;
    const bucket = `bucket-${this.#buckets}`;
    await this.#createBucket(bucket);
    const gate = await Gate.before(this.#port);
    const operator = new Operator('s3', {
      bucket,
      root: '/',
      endpoint: `http://127.0.0.1:${this.#port}`,
      region: REGION,
      access_key_id: KEY,
      secret_access_key: SECRET,
    });
    const env = {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${gate.port}`,
      AWS_ACCESS_KEY_ID: KEY,
      AWS_SECRET_ACCESS_KEY: SECRET,
    };
    return {
      env,
      strangerEnv: { ...env, AWS_SECRET_ACCESS_KEY: 'wrong-secret' },
      uri: (path) => `s3://${bucket}/${path}`,
      missingUri: (path) => `s3://no-such-bucket/${path}`,
      put: async (path, content) => void (await operator.write(path, Buffer.from(content))),
      remove: async (path) => await operator.delete(path),
      outage: () => gate.close(),
    };
  }

  async #createBucket(bucket: string): Promise<void> {
    const host = `127.0.0.1:${this.#port}`;
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const headers = { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'x-amz-date': time };
    const signedHeaders = Object.keys(headers);
    const signature = signatureV4(
      { method: 'PUT', url: `/${bucket}`, headers },
      { secret: SECRET, region: REGION, signedHeaders },
    );
    const scope = `${KEY}/${time.slice(0, 8)}/${REGION}/s3/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
    const reply = await fetch(`http://${host}/${bucket}`, {
      method: 'PUT',
      headers: { ...headers, authorization },
    });
    if (!reply.ok) throw new Error(`bucket ${bucket}: ${reply.status} ${await reply.text()}`);
  }
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
