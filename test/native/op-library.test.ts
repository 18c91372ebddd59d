import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { buildOpLibrary, CUSTOM_OP, writeCustomOpModel } from '../support/custom-op.js';
import { predictFloats } from '../support/grpc.js';
import { CLI } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { runtimeLibrary } from '../support/runtime.js';
import { startServer } from '../support/server.js';

const folder = mkdtempSync(join(tmpdir(), 'servable-ops-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const base = join(folder, 'model');
writeCustomOpModel(join(base, '1'));

/** What a server that cannot start prints. */
async function refused(...flags: string[]): Promise<string> {
  const ports = [`--port=${await freePort()}`, `--rest_api_port=${await freePort()}`];
  const args = [CLI, 'serve', '--model_name=m', `--model_base_path=${base}`, ...ports, ...flags];
  const env = { ...process.env, SERVABLE_TENSORFLOW_LIBRARY: runtimeLibrary() };
  const ended = await promisify(execFile)(process.execPath, args, { env }).then(
    () => null,
    (error: { stderr: string }) => error.stderr,
  );
  expect(ended, 'the server started').not.toBeNull();
  return ended ?? '';
}

it('a model with an op that TensorFlow does not know names the op', async () => {
  expect(await refused()).toContain(`Op type not registered '${CUSTOM_OP}'`);
});

it('a library of ops that is missing, or is none, keeps the server from starting and is named', async () => {
  const garbage = join(folder, 'garbage.so');
  writeFileSync(garbage, 'no library');
  expect(await refused('--op_library=/nowhere/ops.so')).toMatch(
    /\/nowhere\/ops\.so: cannot open shared object file/,
  );
  expect(await refused(`--op_library=${garbage}`)).toMatch(
    /garbage\.so: (file too short|invalid ELF)/,
  );
});

it.runIf(process.platform === 'linux')(
  'an op of --op_library runs over REST and gRPC (Linux)',
  async () => {
    const library = buildOpLibrary(folder);
    const server = await startServer({
      args: ['--model_name=m', `--model_base_path=${base}`, `--op_library=${library}`],
      models: ['m'],
    });
    try {
      const answer = await fetch(`${server.rest}/v1/models/m:predict`, {
        method: 'POST',
        body: '{"instances": [1.0, 2.5]}',
      });
      expect(await answer.json()).toEqual({ predictions: [3, 7.5] });
      const outputs = await predictFloats({
        address: server.grpc,
        model: 'm',
        inputs: { x: { shape: [2], values: [10, -1] } },
      });
      expect(outputs.y).toEqual({ shape: [2], values: [30, -3] });
    } finally {
      await server.stop();
    }
  },
);
