import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Command } from 'commander';
import { codeName, ServingError } from '../errors.js';
import { textTable } from '../text-table.js';
import { tokenHeader } from './client-token.js';

/** The port that examples use for `--admin_port`, and that is asked where none is named. */
const DEFAULT_PORT = 8502;
/** What `--server` means, for every command that asks an admin API. */
export const ADMIN_HELP = `
The server must be started with --admin_port or --admin_socket_path. ADDRESS is a URL, HOST:PORT, a port, or the path of a Unix socket;
without it SERVABLE_ADMIN_SOCKET_PATH and SERVABLE_ADMIN_PORT are asked for, then http://127.0.0.1:${DEFAULT_PORT}. A token that the server asks for
is taken from SERVABLE_TOKEN; for https:// addresses NODE_EXTRA_CA_CERTS names the authority of the server's certificate.`;

/** Where an admin API answers. */
export type AdminAddress =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly secure?: true };

/** Adds `servable models`. */
export function registerModels(program: Command): void {
  const models = program
    .command('models')
    .description('see and change what a running server serves');
  const add = (name: string, doc: string): Command =>
    models
      .command(name)
      .description(doc)
      .option('--server <address>', 'where the admin API answers')
      .addHelpText('after', ADMIN_HELP);

  add('list', 'list the models, their versions and states')
    .option('--json', 'as JSON')
    .action(async ({ server, json }: { server?: string; json?: true }) => {
      const document = await ask(server, 'GET', '/admin/models');
      process.stdout.write(json ? print(document) : table(document as unknown as ListDocument));
    });
  add('load', 'load a model: one that is configured or was unloaded, or with --base_path a new one')
    .argument('<name>', 'the model')
    .option('--base_path <folder>', 'absolute path or URI of its versions')
    .option('--model_config <file>', 'a ModelConfig in JSON')
    .action(async (name: string, options: LoadOptions) => {
      process.stdout.write(
        print(await ask(options.server, 'POST', `${path(name)}/load`, loadBody(options))),
      );
    });
  add('unload', 'unload a model after its last request')
    .argument('<name>', 'the model')
    .action(async (name: string, { server }: { server?: string }) => {
      process.stdout.write(print(await ask(server, 'POST', `${path(name)}/unload`)));
    });
  add('reload', 'read the model config file again, or take another config')
    .argument('[file]', 'a ModelServerConfig in JSON')
    .action(async (file: string | undefined, { server }: { server?: string }) => {
      const body = file === undefined ? undefined : json(file);
      process.stdout.write(print(await ask(server, 'POST', '/admin/reload', body)));
    });
  add('config', 'print the config in force, as JSON for reload').action(
    async ({ server }: { server?: string }) => {
      process.stdout.write(print(await ask(server, 'GET', '/admin/config')));
    },
  );
  add('label', 'point a label at a version, or take it away with --delete')
    .argument('<name>', 'the model')
    .argument('<label>', 'the label')
    .argument('[version]', 'the version')
    .option('--delete', 'take the label away')
    .action(async (name: string, label: string, version: string | undefined, options) => {
      const { server, delete: isDelete } = options as { server?: string; delete?: true };
      if ((version === undefined) !== (isDelete === true)) {
        throw new ServingError('INVALID_ARGUMENT', 'name either a version or --delete');
      }
      const where = `${path(name)}/labels/${encodeURIComponent(label)}`;
      const [method, body] = isDelete
        ? (['DELETE', undefined] as const)
        : (['PUT', { version }] as const);
      process.stdout.write(print(await ask(server, method, where, body)));
    });
}

interface LoadOptions {
  readonly server?: string;
  readonly base_path?: string;
  readonly model_config?: string;
}

function loadBody({ base_path, model_config }: LoadOptions): unknown {
  const config = model_config === undefined ? undefined : json(model_config);
  if (base_path === undefined) return config;
  return { ...(config as object | undefined), base_path };
}

const path = (name: string): string => `/admin/models/${encodeURIComponent(name)}`;

function json(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new ServingError('INVALID_ARGUMENT', `${file}: ${(cause as Error).message}`, { cause });
  }
}

const print = (document: unknown): string => `${JSON.stringify(document, null, 2)}\n`;

/** The admin API that a text names, else the one the environment does, else the usual port of this machine. */
export function adminAddress(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): AdminAddress {
  const named = given ?? env.SERVABLE_ADMIN_SOCKET_PATH ?? env.SERVABLE_ADMIN_PORT ?? '';
  if (named === '') return { host: '127.0.0.1', port: DEFAULT_PORT };
  if (/^\d+$/.test(named)) return { host: '127.0.0.1', port: Number(named) };
  if (named.startsWith('unix:')) return { socketPath: named.slice('unix:'.length) };
  if (/^[./]/.test(named)) return { socketPath: named };
  let url: URL;
  try {
    url = new URL(named.includes('://') ? named : `http://${named}`);
  } catch (cause) {
    const message = `--server: got "${named}", wanted a URL, HOST:PORT, a port or a path`;
    throw new ServingError('INVALID_ARGUMENT', message, { cause });
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    ...(url.protocol === 'https:' ? { secure: true } : {}),
  };
}

/**
 * Asks the admin API.
 *
 * @throws {ServingError} what the server answers; `UNAVAILABLE` when none does
 */
export async function ask(
  server: string | undefined,
  method: string,
  url: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const to = adminAddress(server);
  const where = 'socketPath' in to ? to.socketPath : `${to.host}:${to.port}`;
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...tokenHeader(process.env),
  };
  const request = 'secure' in to ? httpsRequest : httpRequest;
  const [status, answer] = await new Promise<[number, string]>((resolve, reject) => {
    const out = request({ ...to, method, path: url, headers }, (response) => {
      let received = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        received += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve([response.statusCode ?? 0, received]));
    });
    out.on('error', reject);
    out.end(text);
  }).catch((cause: Error) => {
    throw new ServingError(
      'UNAVAILABLE',
      `no admin API at ${where}: ${cause.message}; start the server with --admin_port or --admin_socket_path`,
      { cause },
    );
  });
  const document = parse(answer, where);
  if (status === 200) return document;
  const { error, code } = document as { error?: string; code?: string };
  const known = Array.from({ length: 17 }, (_, number) => codeName(number));
  const name = known.find((it) => it === code) ?? 'UNKNOWN';
  throw new ServingError(name, error ?? `${where} answered ${status}`);
}

function parse(text: string, where: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new ServingError('UNAVAILABLE', `${where} is no admin API: ${text.slice(0, 80)}`, {
      cause,
    });
  }
}

interface ListDocument {
  readonly models: readonly {
    readonly name: string;
    readonly error: string | null;
    readonly version_labels: Readonly<Record<string, string>>;
    readonly versions: readonly {
      readonly version: string;
      readonly state: string;
      readonly status: { readonly error_message: string };
      readonly memory_bytes: number;
    }[];
  }[];
}

/** One version a line. */
function table({ models }: ListDocument): string {
  const rows = [['MODEL', 'VERSION', 'STATE', 'LABELS', 'MEMORY', 'MESSAGE']];
  for (const { name, error, version_labels, versions } of models) {
    if (versions.length === 0) rows.push([name, '-', '-', '', '', error ?? '']);
    for (const { version, state, status, memory_bytes } of versions) {
      const labels = Object.keys(version_labels).filter((it) => version_labels[it] === version);
      const memory = memory_bytes === 0 ? '' : `${(memory_bytes / 1e6).toFixed(1)} MB`;
      const message = status.error_message.split('\n')[0] ?? '';
      rows.push([name, version, state, labels.join(','), memory, message]);
    }
  }
  return textTable(rows);
}
