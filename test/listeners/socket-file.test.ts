import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bindSocketFile } from '../../ts/listeners/socket-file.js';
import { closeFd } from '../../ts/native/listener.js';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'servable-socket-file-'));
  path = join(folder, 'socket');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('goes with whoever bound it', async () => {
  const file = await bindSocketFile(path, 0o600);
  expect(lstatSync(path).mode & 0o777).toBe(0o600);
  closeFd(file.fd);
  file.remove();
  expect(existsSync(path)).toBe(false);
  file.remove();
});

it('takes the place of one that a dead server left, and that one does not remove it', async () => {
  const dead = await bindSocketFile(path);
  closeFd(dead.fd);
  const next = await bindSocketFile(path);
  dead.remove();
  expect(existsSync(path)).toBe(true);
  closeFd(next.fd);
  next.remove();
  expect(existsSync(path)).toBe(false);
});

it('leaves a server alone that answers on it', async () => {
  const server = createServer().listen(path);
  await once(server, 'listening');
  await expect(bindSocketFile(path)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: `${path}: another server answers on it`,
  });
  expect(existsSync(path)).toBe(true);
  server.close();
});

it('leaves alone what is no socket', async () => {
  writeFileSync(path, 'mine');
  await expect(bindSocketFile(path)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: `${path}: exists and is no socket`,
  });
  expect(existsSync(path)).toBe(true);
});
