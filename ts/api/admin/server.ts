import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { ServingError, toServingError } from '../../errors.js';
import type { Logger } from '../../logger.js';
import { challenge } from '../../security/identity.js';
import type { Door } from '../door.js';
import { callerOf } from '../rest/door.js';
import type { Admin, Document } from './admin.js';

/** What the admin server is made of. */
export interface AdminServerDependencies {
  readonly admin: Admin;
  readonly logger: Logger;
  /** Only this machine can reach it: requests that name another host come from a web page that was rebound to here. */
  readonly isLocal: boolean;
  /** Asks for credentials with the scope `admin`; null where none are needed. */
  readonly door: Door | null;
}

const MAX_BODY_BYTES = 16 * 1024 * 1024;
const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
const INT64 = /^-?\d{1,19}$/;

/** Makes the admin server without a port: it changes what is served, so it never shares a port with the public API. */
export async function createAdminServer({
  admin,
  logger,
  isLocal,
  door,
}: AdminServerDependencies): Promise<FastifyInstance> {
  const app = fastify({ logger: false, bodyLimit: MAX_BODY_BYTES, forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    try {
      const text = String(body);
      done(null, text.trim() === '' ? null : JSON.parse(text));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      done(new ServingError('INVALID_ARGUMENT', `the body is no JSON: ${reason}`, { cause }));
    }
  });
  app.addHook('onRequest', async (request) => refuseWebPages(request, isLocal));
  if (door !== null) app.addHook('onRequest', (request, reply) => askAdmin(door, request, reply));
  app.setErrorHandler((thrown, request, reply) => sendFailure(thrown, request, reply, logger));
  app.setNotFoundHandler((request) => {
    throw new ServingError('NOT_FOUND', `no such page: ${request.method} ${request.url}`);
  });

  const answer =
    (what: string, work: (request: FastifyRequest) => Document | Promise<Document>) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      const document = await work(request);
      if (request.method !== 'GET') logger.info({ ...(request.params as object) }, what);
      reply.header('content-type', 'application/json');
      await reply.send(`${JSON.stringify(document, null, 1)}\n`);
    };
  app.get(
    '/admin/models',
    answer('list', () => admin.list()),
  );
  app.get(
    '/admin/models/:model',
    answer('model', (it) => admin.model(param(it, 'model'))),
  );
  app.post(
    '/admin/models/:model/load',
    answer('model loaded by admin', (it) => admin.load(param(it, 'model'), it.body ?? null)),
  );
  app.post(
    '/admin/models/:model/unload',
    answer('model unloaded by admin', (it) => admin.unload(param(it, 'model'))),
  );
  app.put(
    '/admin/models/:model/labels/:label',
    answer('label set by admin', (it) =>
      admin.setLabel(param(it, 'model'), param(it, 'label'), versionIn(it.body)),
    ),
  );
  app.delete(
    '/admin/models/:model/labels/:label',
    answer('label removed by admin', (it) =>
      admin.setLabel(param(it, 'model'), param(it, 'label'), null),
    ),
  );
  app.get(
    '/admin/config',
    answer('config', () => admin.config()),
  );
  app.post(
    '/admin/reload',
    answer('config reloaded by admin', (it) => admin.reload(it.body ?? null)),
  );
  app.get(
    '/admin/log_level',
    answer('log level', () => admin.logLevels()),
  );
  app.put(
    '/admin/log_level',
    answer('log level set by admin', (it) => admin.setLogLevel(it.body ?? null)),
  );
  await app.ready();
  return app;
}

function param(request: FastifyRequest, name: string): string {
  return (request.params as Readonly<Record<string, string>>)[name] ?? '';
}

function versionIn(body: unknown): bigint {
  const version = (body as { version?: unknown } | null)?.version;
  const isInteger = typeof version === 'number' ? Number.isSafeInteger(version) : false;
  if (isInteger || (typeof version === 'string' && INT64.test(version))) {
    return BigInt(version as number | string);
  }
  throw new ServingError(
    'INVALID_ARGUMENT',
    `version: got ${JSON.stringify(version) ?? 'nothing'}, wanted {"version": "2"}`,
  );
}

/** A page in a browser on this machine can send requests here, but not without telling where it is from. */
function refuseWebPages(request: FastifyRequest, isLocal: boolean): void {
  const { origin, host } = request.headers;
  if (origin !== undefined) {
    throw new ServingError('PERMISSION_DENIED', `origin ${origin}: web pages may not ask here`);
  }
  if (isLocal && host !== undefined && host !== '' && !LOCAL_HOST.test(host)) {
    throw new ServingError('PERMISSION_DENIED', `host ${host}: wanted localhost`);
  }
}

async function askAdmin(door: Door, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const caller = callerOf(request.raw, false);
  try {
    door.authorize(await door.identify(caller), 'admin', null, caller);
  } catch (error) {
    if (error instanceof ServingError) reply.header('www-authenticate', challenge(error));
    throw error;
  }
}

function sendFailure(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
): void {
  const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
  const error = toServingError(thrown);
  const isRefused = typeof status === 'number' && status < 500;
  if (error.code === 'INTERNAL' && !isRefused) {
    logger.error({ err: thrown, url: request.url }, 'admin request failed');
  } else if (request.method !== 'GET') {
    logger.warn({ url: request.url, code: error.code, error: error.message }, 'admin refused');
  }
  reply.statusCode = isRefused ? status : error.httpStatus;
  reply.header('content-type', 'application/json');
  void reply.send(`${JSON.stringify({ error: error.message, code: error.code }, null, 1)}\n`);
}
