import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { ServingError } from '../errors.js';
import { SCOPE_HELP } from '../security/scopes.js';
import { addCertificate, addToken, listTokens, removeToken } from '../security/token-store.js';
import type { TokenEntry } from '../security/token-table.js';
import { textTable } from '../text-table.js';

const HELP = `
FILE is what servable serve --auth_tokens_file reads; without --file SERVABLE_AUTH_TOKENS_FILE says. A running server takes changes by itself.
Scopes: ${SCOPE_HELP}.`;

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

interface CreateOptions {
  readonly file?: string;
  readonly name: string;
  readonly scopes: string;
  readonly expires?: string;
  readonly stdin?: true;
  readonly certificate?: string;
}

/** Adds `servable token`. */
export function registerToken(program: Command): void {
  const token = program.command('token').description('make and revoke tokens that let clients in');
  const add = (name: string, doc: string): Command =>
    token
      .command(name)
      .description(doc)
      .option('--file <file>', 'the tokens file')
      .addHelpText('after', HELP);

  add('create', 'make a token and print it, this once')
    .requiredOption('--name <name>', 'whom it is for; appears in logs')
    .option('--scopes <scopes>', 'what it allows, comma separated', 'predict,metadata')
    .option(
      '--expires <time>',
      'when it ends: 90d, 12h, 30m, or a time such as 2030-01-31T12:00:00Z',
    )
    .option('--stdin', 'take a token that was made elsewhere, from standard input')
    .option(
      '--certificate <name>',
      'let in by a client certificate instead: CN=NAME, DNS:NAME, URI:…',
    )
    .action((options: CreateOptions) => create(options));
  add('list', 'list the tokens, without the tokens themselves').action(
    ({ file }: { file?: string }) => {
      process.stdout.write(table(listTokens(fileOf(file)), Date.now()));
    },
  );
  add('revoke', 'take a token back')
    .argument('<id>', 'its id, as list shows it')
    .action((id: string, { file }: { file?: string }) => {
      removeToken(fileOf(file), id);
      process.stdout.write(`revoked ${id}\n`);
    });
}

function create(options: CreateOptions): void {
  const path = fileOf(options.file);
  const entry = {
    name: options.name,
    scopes: options.scopes.split(',').map((scope) => scope.trim()),
    expires: options.expires === undefined ? null : expiryOf(options.expires, Date.now()),
  };
  if (options.certificate !== undefined) {
    process.stdout.write(`${addCertificate(path, entry, options.certificate)}\n`);
    return;
  }
  const given = options.stdin ? readFileSync(0, 'utf8').trim() : null;
  const token = addToken(path, entry, given);
  // The token alone on standard output, so that it can be piped; it is nowhere else.
  if (given === null) process.stdout.write(`${token}\n`);
  if (given === null && process.stdout.isTTY) {
    process.stderr.write('Keep it now: only its hash was written.\n');
  }
}

function fileOf(file: string | undefined): string {
  const path = file ?? process.env.SERVABLE_AUTH_TOKENS_FILE ?? '';
  if (path !== '') return path;
  throw new ServingError(
    'INVALID_ARGUMENT',
    'name the tokens file: --file FILE or SERVABLE_AUTH_TOKENS_FILE',
  );
}

/** A span from now, or a time, as ISO 8601. */
export function expiryOf(text: string, now: number): string {
  const [, count, unit = ''] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : now + Number(count) * (UNITS[unit] ?? 0);
  if (Number.isNaN(time) || time <= now || time > 8.64e15) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `--expires: got "${text}", wanted a span such as 90d or a time to come`,
    );
  }
  return new Date(time).toISOString();
}

function table(entries: readonly TokenEntry[], now: number): string {
  const rows = entries.map((entry) => {
    const isOver = entry.expires != null && Date.parse(entry.expires) <= now;
    const ends = entry.expires ?? 'never';
    return [
      entry.id,
      entry.name,
      entry.scopes.join(','),
      isOver ? `${ends} (over)` : ends,
      entry.certificate ?? 'token',
    ];
  });
  return textTable([['ID', 'NAME', 'SCOPES', 'EXPIRES', 'BY'], ...rows]);
}
