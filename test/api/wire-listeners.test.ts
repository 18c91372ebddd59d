import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { http } from '../support/http.js';
import { CLI } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { RpcClient } from '../support/rpc.js';
import { runtimeLibrary } from '../support/runtime.js';
import { wireModel } from '../support/wire-models.js';

const BODY = '{"instances": [1.0, 2.0, 5.0]}';

describe('one listener alone', () => {
  async function alone(args: string[], ready: RegExp, use: () => Promise<void>): Promise<void> {
    const child = spawn(
      process.execPath,
      [CLI, 'serve', '--model_name=m', `--model_base_path=${wireModel('half_plus_two')}`, ...args],
      {
        env: { ...process.env, SERVABLE_TENSORFLOW_LIBRARY: runtimeLibrary() },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    try {
      await expect.poll(() => text, { timeout: 30_000 }).toMatch(ready);
      await use();
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    expect(child.exitCode).toBe(0);
  }

  const folder = mkdtempSync(join(tmpdir(), 'servable-wire-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const expectRest = async (where: { port?: number; socketPath?: string }): Promise<void> => {
    const answer = await http({ ...where, path: '/v1/models/m:predict', body: BODY });
    expect(JSON.parse(answer.text)).toEqual({ predictions: [2.5, 3, 4.5] });
  };
  const expectGrpc = async (address: string): Promise<void> => {
    const client = new RpcClient(address);
    const { outputs } = await client.predict('m', { x: [1, 2, 5] });
    expect([...(outputs.y?.floatVal ?? [])]).toEqual([2.5, 3, 4.5]);
    client.close();
  };

  it('REST, on a port', async () => {
    const port = await freePort();
    await alone(['--port=0', `--rest_api_port=${port}`], /Exporting HTTP/, () =>
      expectRest({ port }),
    );
  });

  it('gRPC, on a port', async () => {
    const port = await freePort();
    await alone([`--port=${port}`, '--rest_api_port=0'], /Running gRPC/, () =>
      expectGrpc(`127.0.0.1:${port}`),
    );
  });

  it('both, on Unix sockets and on no port', async () => {
    const rest = join(folder, 'rest');
    const grpc = join(folder, 'grpc');
    const sockets = [`--rest_api_socket_path=${rest}`, `--grpc_socket_path=${grpc}`];
    await alone(
      ['--port=0', '--rest_api_port=0', ...sockets],
      /(?=[\s\S]*available)(?=[\s\S]*listening)/,
      async () => {
        await expectRest({ socketPath: rest });
        await expectGrpc(`unix:${grpc}`);
      },
    );
  });
});
