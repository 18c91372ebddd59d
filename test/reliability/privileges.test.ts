import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create } from 'tar';
import { afterAll, expect, it } from 'vitest';
import { CLI, modelDir } from '../support/paths.js';
import { runtimeLibrary } from '../support/runtime.js';
import { startServer } from '../support/server.js';
import { servingPid } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'servable-privileges-'));
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * Runs what follows as nobody, without a home, in `/`, with every file system read-only but one folder: what a container with
 * `readOnlyRootFilesystem` and `runAsNonRoot` has. `/dev/shm` stays, as it does there.
 */
const CONFINED = `
set -e
mount -t tmpfs none /mnt
mkdir /mnt/runtime /mnt/cache
mount --bind "$1" /mnt/runtime
chown 65534:65534 /mnt/cache
shift
awk '$5 == "/" || $5 ~ "^/(tmp|var|home|root|work)(/|$)" { print $5 }' /proc/self/mountinfo | while read -r at; do
  mount -o remount,ro,bind "$at" || true
done
if touch /tmp/x 2>/dev/null || touch /x 2>/dev/null; then echo "still writable" >&2; exit 9; fi
cd /
exec env -u HOME -u XDG_CACHE_HOME SERVABLE_TENSORFLOW_LIBRARY=/mnt/runtime/libtensorflow_cc.so.2 \\
  setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps=-all "$@"
`;

const canConfine = spawnSync('unshare', ['-m', 'setpriv', '--version']).status === 0;
if (!canConfine) console.log('skipped: this user cannot make a mount namespace (unshare -m)');

it.skipIf(!canConfine)(
  'serves as nobody on a read-only root file system, with one folder for its cache',
  async () => {
    mkdirSync(join(folder, 'models'));
    const archive = join(folder, 'models', '1.tar.gz');
    await create({ gzip: true, file: archive, cwd: modelDir('half_plus_two') }, ['1']);
    const script = join(folder, 'confined.sh');
    writeFileSync(script, CONFINED);
    spawnSync('chmod', ['-R', 'a+rX', folder]);
    const server = await startServer({
      command: ['unshare', '-m', 'sh', script, dirname(runtimeLibrary()), process.execPath, CLI],
      args: [
        '--supervise',
        '--isolated_load=always',
        '--model_name=half_plus_two',
        `--model_base_path=${join(folder, 'models')}`,
        '--model_cache_dir=/mnt/cache/models',
        '--log_format=json',
      ],
      models: ['half_plus_two'],
    });
    const predict = async (): Promise<string> => {
      const response = await fetch(`${server.rest}/v1/models/half_plus_two:predict`, {
        method: 'POST',
        body: '{"instances": [1.0]}',
      });
      return response.text();
    };
    expect(await predict()).toContain('2.5');
    process.kill(servingPid(server), 'SIGKILL');
    await server.printed(/is started again/);
    expect(await predict()).toContain('2.5');
    expect(await server.stop()).toBe(0);
    expect(server.output()).not.toMatch(/EROFS|EACCES|cannot be recorded/);
  },
);
