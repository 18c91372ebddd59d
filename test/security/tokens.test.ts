import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expiryOf } from '../../ts/cli/token.js';
import type { Logger } from '../../ts/logger.js';
import { silentLogger } from '../../ts/logger.js';
import { bearerToken, UnauthenticatedError } from '../../ts/security/identity.js';
import { readTokenFile, TokenFile } from '../../ts/security/token-file.js';
import {
  addCertificate,
  addToken,
  listTokens,
  removeToken,
} from '../../ts/security/token-store.js';
import { makeToken, TokenTable, tokenDigest } from '../../ts/security/token-table.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'servable-tokens-'));
  file = join(folder, 'tokens.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const ENTRY = { name: 'ci', scopes: ['predict'], expires: null };
const NOW = Date.parse('2030-01-01T00:00:00Z');

describe('a token', () => {
  it('is 256 random bits and is kept as a hash alone', () => {
    const token = addToken(file, ENTRY, null);
    expect(Buffer.from(token.slice('svb_12345678_'.length), 'base64url').length).toBe(32);
    expect(readFileSync(file, 'utf8')).not.toContain(token.slice(13));
    expect(readTokenFile(file).table.find(token, NOW)?.name).toBe('ci');
  });

  it('is found among many, also one that was made elsewhere, and nothing else is', () => {
    const ours = Array.from({ length: 20 }, () => addToken(file, ENTRY, null));
    const theirs = randomBytes(24).toString('hex');
    addToken(file, { ...ENTRY, name: 'eas' }, theirs);
    const { table } = readTokenFile(file);
    for (const token of ours) expect(table.find(token, NOW)?.name).toBe('ci');
    expect(table.find(theirs, NOW)?.name).toBe('eas');
    for (const wrong of ['', 'x', `${ours[0]}x`, theirs.slice(1), makeToken().token]) {
      expect(table.find(wrong, NOW)).toBeNull();
    }
    // The id of one token with the secret of another.
    const [first = '', second = ''] = ours;
    expect(table.find(first.slice(0, 13) + second.slice(13), NOW)).toBeNull();
  });

  it('ends when it expires, and says so', () => {
    const token = addToken(file, { ...ENTRY, expires: '2030-01-01T00:00:00Z' }, null);
    const { table } = readTokenFile(file);
    expect(table.find(token, NOW - 1)?.name).toBe('ci');
    expect(() => table.find(token, NOW)).toThrow(UnauthenticatedError);
    expect(() => table.find(token, NOW)).toThrow('the token has expired');
  });

  it('that can be guessed, or is there already, is not taken', () => {
    expect(() => addToken(file, ENTRY, 'secret')).toThrow(/at least 20 characters/);
    expect(() => addToken(file, ENTRY, 'one with blanks in between')).toThrow(/no blanks/);
    const token = addToken(file, ENTRY, null);
    expect(() => addToken(file, ENTRY, token)).toThrow(/has this token already/);
  });

  it.each([
    ['Bearer abc', 'abc'],
    ['bearer   abc ', 'abc'],
    ['abc', 'abc'],
    ['  abc', 'abc'],
    ['', null],
    ['Bearer', null],
    [undefined, null],
  ])('comes from the header "%s"', (header, token) => {
    expect(bearerToken(header)).toBe(token);
  });

  it('of another scheme is refused', () => {
    expect(() => bearerToken('Basic dXNlcjpwYXNz')).toThrow(/scheme is not known/);
  });
});

describe('a tokens file', () => {
  it('is readable by its owner alone, and a warning says when it is not', () => {
    addToken(file, ENTRY, null);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readTokenFile(file).warnings).toEqual([]);
    chmodSync(file, 0o644);
    expect(readTokenFile(file).warnings[0]).toMatch(/every user of this machine can read it/);
  });

  it('loses a token that is revoked', () => {
    const token = addToken(file, ENTRY, null);
    const kept = addToken(file, ENTRY, null);
    const [entry] = listTokens(file);
    removeToken(file, entry?.id ?? '');
    const { table } = readTokenFile(file);
    expect(table.find(token, NOW)).toBeNull();
    expect(table.find(kept, NOW)).not.toBeNull();
    expect(() => removeToken(file, 'none')).toThrow(/has no token with id "none"/);
  });

  it('is not changed twice at once', () => {
    writeFileSync(`${file}.new`, '');
    expect(() => addToken(file, ENTRY, null)).toThrow(/another change is under way/);
  });

  it('knows clients by the names in their certificates', () => {
    addCertificate(file, { ...ENTRY, name: 'trainer' }, 'CN=trainer-*');
    addCertificate(
      file,
      { ...ENTRY, name: 'old', expires: '2029-01-01T00:00:00Z' },
      'DNS:old.example',
    );
    const { table } = readTokenFile(file);
    expect(table.hasCertificates).toBe(true);
    expect(table.findCertificate(['DNS:x', 'CN=trainer-7'], NOW)?.name).toBe('trainer');
    expect(table.findCertificate(['DNS:trainer-7'], NOW)).toBeNull();
    expect(table.findCertificate(['DNS:old.example'], NOW)).toBeNull();
    // A certificate's name is no token.
    expect(table.find('CN=trainer-7', NOW)).toBeNull();
  });

  const good = {
    id: 'a',
    name: 'n',
    sha256: tokenDigest('t').toString('hex'),
    scopes: ['predict'],
  };
  it.each([
    [[], 'wanted {"tokens": […]}'],
    [{ tokens: ['x'] }, 'tokens[0]: wanted an object'],
    [{ tokens: [{ ...good, scope: 'x' }] }, 'tokens[0]: unknown key "scope"'],
    [{ tokens: [good, good] }, 'id "a" is there twice'],
    [{ tokens: [{ ...good, id: '' }] }, 'tokens[0].id: wanted text'],
    [{ tokens: [{ ...good, name: 1 }] }, 'tokens[0].name: wanted text'],
    [{ tokens: [{ ...good, sha256: 'plain' }] }, 'tokens[0].sha256: wanted 64'],
    [{ tokens: [{ ...good, certificate: 'CN=a' }] }, 'wanted either sha256 or certificate'],
    [{ tokens: [{ id: 'a', name: 'n', scopes: ['predict'], certificate: 'trainer' }] }, 'CN=NAME'],
    [{ tokens: [{ ...good, scopes: [] }] }, 'tokens[0].scopes: wanted a list'],
    [{ tokens: [{ ...good, scopes: ['all'] }] }, 'tokens[0]: scope "all"'],
    [{ tokens: [{ ...good, expires: 'soon' }] }, 'tokens[0].expires: wanted a time'],
  ])('that says %j is refused', (document, message) => {
    expect(() => new TokenTable(document, 'f')).toThrow(message);
  });

  it('that is missing or no JSON is refused by name', () => {
    expect(() => readTokenFile(file)).toThrow(`tokens file ${file}: ENOENT`);
    writeFileSync(file, '{');
    expect(() => readTokenFile(file)).toThrow(`tokens file ${file}: `);
  });

  it('is read again when it changes; a bad one leaves the last good one in force', async () => {
    const token = addToken(file, ENTRY, null);
    const lines = new Lines();
    const tokens = new TokenFile(file, 60_000, lines.logger);
    try {
      const later = addToken(file, ENTRY, null);
      await lines.next('tokens file read again');
      expect(tokens.table.find(later, NOW)).not.toBeNull();
      writeFileSync(file, '{"tokens": 1}');
      await lines.next('tokens file not taken: the last good one stays');
      expect(tokens.table.find(token, NOW)).not.toBeNull();
      rmSync(file);
      await lines.next('tokens file not taken: the last good one stays');
      expect(tokens.table.find(token, NOW)).not.toBeNull();
    } finally {
      tokens.close();
    }
  });

  it('is found changed where the system tells nothing', async () => {
    addToken(file, ENTRY, null);
    const link = join(folder, 'other', 'link.json');
    const { mkdirSync, symlinkSync } = await import('node:fs');
    mkdirSync(join(folder, 'other'));
    symlinkSync(file, link);
    const lines = new Lines();
    const tokens = new TokenFile(link, 20, lines.logger);
    try {
      const later = addToken(file, ENTRY, null);
      await lines.next('tokens file read again');
      expect(tokens.table.find(later, NOW)).not.toBeNull();
    } finally {
      tokens.close();
    }
  });
});

describe('an expiry', () => {
  it('is a span from now or a time', () => {
    expect(expiryOf('90d', NOW)).toBe('2030-04-01T00:00:00.000Z');
    expect(expiryOf('12h', NOW)).toBe('2030-01-01T12:00:00.000Z');
    expect(expiryOf('2030-02-01', NOW)).toBe('2030-02-01T00:00:00.000Z');
    for (const wrong of ['soon', '-1d', '2029-01-01', '']) {
      expect(() => expiryOf(wrong, NOW)).toThrow(/--expires: got/);
    }
  });
});

/** Log lines that a test waits for. */
class Lines {
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #seen: string[] = [];
  readonly logger: Logger = {
    ...silentLogger,
    info: (_fields, message) => this.#add(message),
    error: (_fields, message) => this.#add(message),
  };

  /** Resolves with the next line of this message that was not awaited yet. */
  async next(message: string): Promise<void> {
    const at = this.#seen.indexOf(message);
    if (at >= 0) {
      this.#seen.splice(at, 1);
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.set(message, [...(this.#waiting.get(message) ?? []), resolve]);
    });
  }

  #add(message: string): void {
    const resolve = this.#waiting.get(message)?.shift();
    if (resolve === undefined) this.#seen.push(message);
    else resolve();
  }
}
