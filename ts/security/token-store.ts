import {
  chownSync,
  closeSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { ServingError } from '../errors.js';
import { readTokenDocument } from './token-file.js';
import {
  makeToken,
  type TokenDocument,
  type TokenEntry,
  TokenTable,
  tokenDigest,
} from './token-table.js';

/** What a new entry is for. */
export interface NewEntry {
  readonly name: string;
  readonly scopes: readonly string[];
  /** ISO 8601 time; null is never. */
  readonly expires: string | null;
}

/** Fewer characters can be guessed, whatever they are kept as. */
const MIN_LENGTH = 20;

/** The entries of a tokens file; none where it does not exist. */
export function listTokens(path: string): readonly TokenEntry[] {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return [];
  const document = readTokenDocument(path);
  // For its checks.
  new TokenTable(document, path);
  return (document as TokenDocument).tokens;
}

/**
 * Adds a token and returns it; only its hash is kept.
 *
 * @param given a token made elsewhere; null makes a random one
 */
export function addToken(path: string, entry: NewEntry, given: string | null): string {
  const made = makeToken();
  const token = given ?? made.token;
  if (/\s/.test(token) || token.length < MIN_LENGTH) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `the token must have at least ${MIN_LENGTH} characters and no blanks`,
    );
  }
  const sha256 = tokenDigest(token).toString('hex');
  change(path, (entries) => {
    if (entries.some((known) => known.sha256 === sha256)) {
      throw new ServingError('ALREADY_EXISTS', `${path}: has this token already`);
    }
    return [...entries, { id: made.id, ...common(entry), sha256 }];
  });
  return token;
}

/** Adds a name that identifies clients by their certificate, such as `CN=trainer`; returns the entry's id. */
export function addCertificate(path: string, entry: NewEntry, certificate: string): string {
  const { id } = makeToken();
  change(path, (entries) => [...entries, { id, ...common(entry), certificate }]);
  return id;
}

/** Removes the entry with this id; the server forgets it as soon as it has seen the change. */
export function removeToken(path: string, id: string): void {
  change(path, (entries) => {
    const left = entries.filter((entry) => entry.id !== id);
    if (left.length === entries.length) {
      throw new ServingError('NOT_FOUND', `${path}: has no token with id "${id}"`);
    }
    return left;
  });
}

function common({ name, scopes, expires }: NewEntry): Omit<TokenEntry, 'id'> {
  return { name, scopes, created: new Date().toISOString(), expires };
}

/** Replaces the file as a whole, so that a server never reads half of it. Only its owner may read a new one. */
function change(path: string, edit: (entries: readonly TokenEntry[]) => TokenEntry[]): void {
  const temporary = `${path}.new`;
  let file: number;
  try {
    // Made exclusively: two changes at once would lose one.
    file = openSync(temporary, 'wx', 0o600);
  } catch (cause) {
    const isTaken = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const message = isTaken
      ? `${temporary} exists: another change is under way, or was cut short; then remove it`
      : (cause as Error).message;
    throw new ServingError(isTaken ? 'ABORTED' : 'INVALID_ARGUMENT', message, { cause });
  }
  try {
    const before = statSync(path, { throwIfNoEntry: false });
    const document: TokenDocument = { tokens: edit(before === undefined ? [] : listTokens(path)) };
    new TokenTable(document, path);
    writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
    closeSync(file);
    if (before !== undefined) keepOwner(temporary, before);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A server of another user must still be able to read the file; who may not give it away is told. */
function keepOwner(path: string, { uid, gid }: { uid: number; gid: number }): void {
  const now = statSync(path);
  if (now.uid === uid && now.gid === gid) return;
  try {
    chownSync(path, uid, gid);
  } catch (cause) {
    throw new ServingError(
      'PERMISSION_DENIED',
      'the tokens file belongs to another user: run this as that user',
      { cause },
    );
  }
}
