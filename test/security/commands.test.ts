import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Admin } from '../../ts/api/admin/admin.js';
import { AdminListeners } from '../../ts/listeners/admin-listeners.js';
import { bindListener } from '../../ts/native/listener.js';
import { resolveOptions } from '../../ts/options/options.js';
import { Security, shareSecurity } from '../../ts/security/security.js';
import { addToken } from '../../ts/security/token-store.js';
import { Bench } from '../manager/support.js';
import { CLI } from '../support/paths.js';
import { Authority } from './certificates.js';
import { atEnd, Log, temporary } from './support.js';

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs `servable` to its end. */
function servable(
  args: readonly string[],
  env: Record<string, string> = {},
  input = '',
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [CLI, ...args],
      { env: { ...process.env, ...env } },
      (failure, out, error) =>
        resolve({ code: failure === null ? 0 : Number(failure.code), out, error }),
    );
    child.stdin?.end(input);
  });
}

describe('servable token', () => {
  it('creates, lists and revokes, and shows a token once', async () => {
    const file = join(temporary(), 'tokens.json');
    const env = { SERVABLE_AUTH_TOKENS_FILE: file };
    const scopes = ['--scopes', 'predict:half_*, metadata', '--expires', '90d'];
    const made = await servable(['token', 'create', '--name', 'ci', ...scopes], env);
    expect(made.out).toMatch(/^svb_\w{8}_[\w-]{43}\n$/);
    const token = made.out.trim();
    expect(readFileSync(file, 'utf8')).not.toContain(token.slice(13));
    const given = 'made-by-the-platform-0123456789';
    const taken = await servable(
      ['token', 'create', '--name', 'eas', '--stdin'],
      env,
      `${given}\n`,
    );
    expect([taken.code, taken.out]).toEqual([0, '']);
    const listed = await servable(['token', 'list', '--file', file]);
    expect(listed.out).toMatch(/^ID +NAME +SCOPES +EXPIRES +BY\n/);
    expect(listed.out).toMatch(/ci +predict:half_\*,metadata +\d{4}-/);
    expect(listed.out + listed.error).not.toContain(token.slice(13));
    const revoked = await servable(['token', 'revoke', token.slice(4, 12)], env);
    expect(revoked.out).toBe(`revoked ${token.slice(4, 12)}\n`);
    const left = await servable(['token', 'list'], env);
    const names = left.out
      .trim()
      .split('\n')
      .map((line) => line.split(/ +/)[1]);
    expect(names).toEqual(['NAME', 'eas']);
  });

  it('says what is wrong with what it is given', async () => {
    const file = join(temporary(), 'tokens.json');
    const create = ['token', 'create', '--name', 'x', '--file', file];
    const [none, scope, expiry, weak, unknown] = await Promise.all([
      servable(['token', 'list'], { SERVABLE_AUTH_TOKENS_FILE: '' }),
      servable([...create, '--scopes', 'everything']),
      servable([...create, '--expires', 'soon']),
      servable([...create, '--stdin'], {}, 'short'),
      servable(['token', 'revoke', 'abc', '--file', `${file}2`]),
    ]);
    expect(none.error).toContain('name the tokens file: --file FILE');
    expect(scope.error).toContain('scope "everything": wanted predict');
    expect(expiry.error).toContain('--expires: got "soon"');
    expect(weak.error).toContain('at least 20 characters');
    expect(unknown.error).toContain('has no token with id "abc"');
    for (const ended of [none, scope, expiry, weak, unknown]) expect(ended.code).toBe(1);
  });
});

describe('the admin API behind TLS and tokens', () => {
  it('answers servable models with SERVABLE_TOKEN, and nobody without the scope admin', async () => {
    const authority = new Authority();
    atEnd(() => authority.remove());
    const server = authority.issue({ name: 'localhost' });
    const file = join(temporary(), 'tokens.json');
    const [admin = '', other = ''] = ['admin', 'predict'].map((scope) =>
      addToken(file, { name: scope, scopes: [scope], expires: null }, null),
    );
    const { options } = resolveOptions({
      authTokensFile: file,
      sslCertPath: server.certPath,
      sslKeyPath: server.keyPath,
    });
    const log = new Log();
    const { logger } = log;
    const security = await Security.open({ options, logger, shared: shareSecurity(1) });
    const bench = new Bench({ fileSystemPollWaitSeconds: 0 });
    bench.folder.add('a', 1);
    await bench.start(bench.config('a'));
    const { fd, port } = bindListener({ host: '127.0.0.1', port: 0 });
    const listeners = await AdminListeners.start(
      new Admin({ manager: () => bench.manager, reread: null, logLevels: null }),
      { sockets: [{ fd, path: null }], isLocal: true },
      logger,
      security,
    );
    atEnd(async () => {
      await listeners.stop();
      security.close();
    });
    const list = (token: string, scheme = 'https') =>
      servable(['models', 'list', '--server', `${scheme}://localhost:${port}`], {
        SERVABLE_TOKEN: token,
        NODE_EXTRA_CA_CERTS: authority.pair.certPath,
      });
    const [good, wrong, none, clear] = await Promise.all([
      list(admin),
      list(other),
      list(''),
      list(admin, 'http'),
    ]);
    expect(good.out).toMatch(/^MODEL +VERSION .*\na +1 +AVAILABLE/);
    expect(wrong.error).toContain('the credentials do not allow admin');
    expect(none.error).toContain('credentials are needed');
    expect(clear.error).toContain('no admin API at');
    expect(log.lines.join('')).not.toContain(admin);
  });
});
