import { sign } from 'node:crypto';
import { join } from 'node:path';
import { ServingError } from '../../errors.js';
import { type ProxyRules, proxyRules } from '../../proxy.js';
import { proxiedFetch } from './proxied-fetch.js';
import { given, type SettingsSource, settingsText, variable } from './settings-file.js';

const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_only';
/** A token is replaced so long before it expires, milliseconds. */
const EARLY_MS = 300_000;

interface GoogleCredentials {
  readonly type?: string;
  readonly client_email?: string;
  readonly private_key?: string;
  readonly private_key_id?: string;
  readonly token_uri?: string;
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly refresh_token?: string;
}

/** opendal's options, and until when they hold. */
export interface GcsOptions {
  readonly options: Record<string, string>;
  /** Milliseconds since 1970, or `null` for ever. */
  readonly expiresAt: number | null;
}

/**
 * opendal's options for a bucket of Google Cloud Storage, from `GOOGLE_APPLICATION_CREDENTIALS` or the file of
 * `gcloud auth application-default login`.
 *
 * Keys of service accounts and of users are exchanged for a token here, at the `token_uri` they name; workload identity and the machine's own
 * account are left to opendal. `STORAGE_EMULATOR_HOST` leads to an emulator.
 *
 * @throws {ServingError} `FAILED_PRECONDITION` for a file that holds no credentials, `PERMISSION_DENIED` when the token is refused
 */
export async function gcsOptions(
  bucket: string,
  source: SettingsSource,
  timeoutMs: number,
): Promise<GcsOptions> {
  const emulator = variable(source, 'STORAGE_EMULATOR_HOST');
  const base = {
    bucket,
    root: '/',
    endpoint: emulator === null || emulator.includes('://') ? emulator : `http://${emulator}`,
    allow_anonymous: 'true',
  };
  const ready = variable(source, 'GOOGLE_OAUTH_ACCESS_TOKEN', 'CLOUDSDK_AUTH_ACCESS_TOKEN');
  if (ready !== null) return { options: given({ ...base, token: ready }), expiresAt: null };
  const named = variable(source, 'GOOGLE_APPLICATION_CREDENTIALS');
  const path =
    named ?? join(source.home, '.config', 'gcloud', 'application_default_credentials.json');
  const text = settingsText(path);
  if (text === null) {
    if (named !== null) throw fault(path, 'cannot be read');
    // Beside an emulator there is no machine account to ask, and asking takes seconds.
    const options = given({ ...base, disable_vm_metadata: emulator === null ? null : 'true' });
    return { options, expiresAt: null };
  }
  const credentials = parse(path, text);
  if (credentials.type !== 'service_account' && credentials.type !== 'authorized_user') {
    return { options: given({ ...base, credential_path: path }), expiresAt: null };
  }
  const { token, expiresAt } = await exchange(path, credentials, timeoutMs, proxyRules(source.env));
  return { options: given({ ...base, token }), expiresAt: expiresAt - EARLY_MS };
}

async function exchange(
  path: string,
  credentials: GoogleCredentials,
  timeoutMs: number,
  proxies: ProxyRules,
) {
  const uri = credentials.token_uri ?? 'https://oauth2.googleapis.com/token';
  const body =
    credentials.type === 'service_account'
      ? {
          grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
          assertion: assertion(path, credentials, uri),
        }
      : {
          grant_type: 'refresh_token',
          client_id: credentials.client_id ?? '',
          client_secret: credentials.client_secret ?? '',
          refresh_token: credentials.refresh_token ?? '',
        };
  let reply: Response;
  let answer: { access_token?: string; expires_in?: number; error?: string };
  try {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(body).toString(),
      signal: AbortSignal.timeout(timeoutMs),
    };
    reply = await proxiedFetch(uri, init, proxies);
    answer = (await reply.json()) as typeof answer;
  } catch (cause) {
    throw new ServingError('UNAVAILABLE', `${uri}: gives no token: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (answer.access_token === undefined) {
    const why = answer.error ?? `HTTP ${reply.status}`;
    const code = reply.status >= 500 ? 'UNAVAILABLE' : 'PERMISSION_DENIED';
    throw new ServingError(code, `${uri}: refuses the credentials of ${path}: ${why}`);
  }
  return {
    token: answer.access_token,
    expiresAt: Date.now() + (answer.expires_in ?? 3600) * 1000,
  };
}

/** The signed statement (RFC 7523) that a service account exchanges for a token. */
function assertion(path: string, credentials: GoogleCredentials, audience: string): string {
  const { client_email: email, private_key: key, private_key_id: keyId } = credentials;
  if (email === undefined || key === undefined) {
    throw fault(path, 'has no client_email or no private_key');
  }
  const now = Math.floor(Date.now() / 1000);
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = encode({
    alg: 'RS256',
    typ: 'JWT',
    ...(keyId === undefined ? {} : { kid: keyId }),
  });
  const claims = encode({ iss: email, scope: SCOPE, aud: audience, iat: now, exp: now + 3600 });
  const text = `${header}.${claims}`;
  try {
    return `${text}.${sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`;
  } catch (cause) {
    throw new ServingError('FAILED_PRECONDITION', `${path}: private_key cannot be used`, { cause });
  }
}

function parse(path: string, text: string): GoogleCredentials {
  try {
    return JSON.parse(text) as GoogleCredentials;
  } catch (cause) {
    throw new ServingError('FAILED_PRECONDITION', `${path}: is not JSON`, { cause });
  }
}

function fault(path: string, why: string): ServingError {
  return new ServingError('FAILED_PRECONDITION', `GOOGLE_APPLICATION_CREDENTIALS: ${path} ${why}`);
}
