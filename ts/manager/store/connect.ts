import type { Operator } from 'opendal';
import { ServingError } from '../../errors.js';
import type { RemoteLocation } from './location.js';
import type { ObjectStore, StoreLimits } from './object-store.js';
import type { SettingsSource } from './settings-file.js';

/** The version whose binary runs on glibc 2.16; the ones after it need 2.38. */
const OPENDAL = 'opendal@0.49.2';
/** Credentials in files and variables are read again after this, so that rotated ones are taken. Milliseconds. */
const SETTINGS_TTL_MS = 300_000;

type Opendal = Pick<typeof import('opendal'), 'Operator'>;

/** Loads the object store library; replaced by tests. */
export type LoadOpendal = () => Promise<Opendal>;

/**
 * A connection to the bucket or server of a location. Nothing is asked of it yet.
 *
 * The code of each kind of store is loaded with the first location that needs it.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` for a proxy in the environment that is no URL
 */
export async function connect(
  location: RemoteLocation,
  source: SettingsSource,
  limits: StoreLimits,
  load: LoadOpendal = () => import('opendal'),
): Promise<ObjectStore> {
  const { scheme, bucket } = location;
  if (scheme === 'http' || scheme === 'https') {
    const [{ HttpStore }, { proxyRules }] = await Promise.all([
      import('./http-store.js'),
      import('../../proxy.js'),
    ]);
    return new HttpStore(location, limits, proxyRules(source.env));
  }
  const { OpendalStore } = await import('./opendal-store.js');
  const root = `${scheme}://${bucket}`;
  let current: { operator: Promise<Operator>; until: number } | null = null;
  const open = async (): Promise<Operator> => {
    const { Operator: OpendalOperator } = await library(root, load);
    const service = SERVICES[scheme];
    const options = await service.options(bucket, source, limits.timeoutMs, (until) => {
      if (current !== null) current.until = Math.min(current.until, until);
    });
    return new OpendalOperator(service.name, options);
  };
  return new OpendalStore({
    root,
    limits,
    sendsMd5: scheme === 'gs' || scheme === 'az',
    operator: async () => {
      if (current === null || Date.now() >= current.until) {
        current = { operator: Promise.resolve().then(open), until: Date.now() + SETTINGS_TTL_MS };
      }
      const { operator } = current;
      try {
        return await operator;
      } catch (error) {
        // What is wrong with the settings may be put right at any time.
        if (current?.operator === operator) current = null;
        throw error instanceof ServingError ? error : refused(root, error);
      }
    },
  });
}

interface Service {
  /** opendal's name. */
  readonly name: string;
  readonly options: (
    bucket: string,
    source: SettingsSource,
    timeoutMs: number,
    expires: (at: number) => void,
  ) => Promise<Record<string, string>>;
}

const SERVICES: Readonly<Record<'s3' | 'oss' | 'gs' | 'az', Service>> = {
  s3: {
    name: 's3',
    options: async (bucket, source) => (await import('./s3-settings.js')).s3Options(bucket, source),
  },
  oss: {
    name: 'oss',
    options: async (bucket, source) =>
      (await import('./oss-settings.js')).ossOptions(bucket, source),
  },
  az: {
    name: 'azblob',
    options: async (bucket, source) =>
      (await import('./azure-settings.js')).azureOptions(bucket, source),
  },
  gs: {
    name: 'gcs',
    options: async (bucket, source, timeoutMs, expires) => {
      const { gcsOptions } = await import('./gcs-settings.js');
      const { options, expiresAt } = await gcsOptions(bucket, source, timeoutMs);
      if (expiresAt !== null) expires(expiresAt);
      return options;
    },
  },
};

async function library(root: string, load: LoadOpendal): Promise<Opendal> {
  try {
    return await load();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const missing = /Cannot find (package|module)|ERR_MODULE_NOT_FOUND/.test(text);
    throw new ServingError(
      'FAILED_PRECONDITION',
      missing
        ? `${root}: object stores need the optional package opendal: run "npm install ${OPENDAL}" beside servable`
        : `${root}: the package opendal does not load here (${text.split('\n')[0]}): run "npm install ${OPENDAL}" beside servable`,
      { cause },
    );
  }
}

function refused(root: string, cause: unknown): ServingError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const words = text.includes(' => ') ? text.slice(text.indexOf(' => ') + 4) : text;
  return new ServingError('INVALID_ARGUMENT', `${root}: ${words.slice(0, 300)}`, { cause });
}
