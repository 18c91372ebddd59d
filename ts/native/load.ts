import { createRequire } from 'node:module';
import { Code, type CodeName, codeName, ServingError } from '../errors.js';

/** The addon's exports, generated from `crates/addon`. */
export type Addon = typeof import('./binding.js');

const require = createRequire(import.meta.url);

/** The platforms with a prebuilt addon package. */
const SUPPORTED = ['linux-x64-gnu', 'linux-arm64-gnu', 'darwin-arm64'] as const;

let loaded: Addon | null = null;

/**
 * The addon of this platform, loaded on first use.
 *
 * Looked for at `SERVABLE_ADDON`, then as built in a checkout, then in the platform package.
 *
 * @throws {ServingError} `FAILED_PRECONDITION` with every place tried and what to do
 */
export function addon(): Addon {
  loaded ??= find();
  return loaded;
}

/**
 * Runs one call into the addon and turns what it throws into a `ServingError`.
 *
 * The addon's errors carry the canonical code's name as `code`.
 */
export function call<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fromNative(error);
  }
}

let lost = false;

/** Runs a call that counts something: where it fails, that is a figure lost and told once, but no request. */
export function tally(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!lost) process.emitWarning(`metrics are incomplete: ${(error as Error).message}`);
    lost = true;
  }
}

/** The `ServingError` of a code number and text the addon handed over. */
export function nativeError(code: number, message: string): ServingError {
  return new ServingError(codeName(code), message);
}

function fromNative(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ServingError) return error;
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || !Object.hasOwn(Code, code)) return error;
  return new ServingError(code as CodeName, error.message);
}

function find(): Addon {
  const override = process.env.SERVABLE_ADDON;
  if (override) {
    const failures: string[] = [];
    const found = attempt(override, failures);
    if (found !== null) return found;
    throw new ServingError('FAILED_PRECONDITION', `SERVABLE_ADDON: ${failures.join('; ')}`);
  }
  const platform = platformName();
  const failures: string[] = [];
  const local = [
    `../../target/napi/servable.${platform}.node`,
    '../../build/Release/servable.node',
  ];
  for (const path of local) {
    const found = attempt(path, failures);
    if (found !== null) return found;
  }
  const packaged = fromPackage(platform, failures);
  if (packaged !== null) return packaged;
  throw new ServingError('FAILED_PRECONDITION', explain(platform, failures));
}

/** Loads the platform's package; every name is literal, so that bundlers see it. */
function fromPackage(platform: string, failures: string[]): Addon | null {
  try {
    switch (platform) {
      case 'linux-x64-gnu':
        return require('@servable/addon-linux-x64-gnu') as Addon;
      case 'linux-arm64-gnu':
        return require('@servable/addon-linux-arm64-gnu') as Addon;
      case 'darwin-arm64':
        return require('@servable/addon-darwin-arm64') as Addon;
      default:
        return null;
    }
  } catch (error) {
    failures.push(reason(`@servable/addon-${platform}`, error));
    return null;
  }
}

function attempt(path: string, failures: string[]): Addon | null {
  try {
    return require(path) as Addon;
  } catch (error) {
    failures.push(reason(path, error));
    return null;
  }
}

function reason(what: string, error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'MODULE_NOT_FOUND') return `${what}: not there`;
  return `${what}: ${String(message).split('\n')[0]}`;
}

/** Node's platform and architecture with the C library, as the packages are named. */
function platformName(): string {
  if (process.platform !== 'linux') return `${process.platform}-${process.arch}`;
  return `linux-${process.arch}-${isMusl() ? 'musl' : 'gnu'}`;
}

function isMusl(): boolean {
  const report = process.report?.getReport() as
    | { header?: { glibcVersionRuntime?: string } }
    | undefined;
  return report?.header !== undefined && report.header.glibcVersionRuntime === undefined;
}

/** What to do, chosen by what went wrong; last the places tried. */
function explain(platform: string, failures: readonly string[]): string {
  const tried = `Tried: ${failures.join('; ')}.`;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    return `Servable needs Node 20.19 or newer, this is ${process.versions.node}. ${tried}`;
  }
  if (platform.endsWith('-musl')) {
    return `TensorFlow has no build for musl: use a glibc image such as node:22-slim instead of Alpine. ${tried}`;
  }
  if (!(SUPPORTED as readonly string[]).includes(platform)) {
    return `No prebuilt addon for ${platform} (there is one for ${SUPPORTED.join(', ')}); build it from a checkout with "npm run build:native". ${tried}`;
  }
  if (failures.every((failure) => failure.endsWith(': not there'))) {
    return (
      `The addon for ${platform} is not installed. npm leaves it out with --omit=optional or --no-optional, and sometimes because of ` +
      `a lock file made on another platform: run "npm i --force @servable/addon-${platform}". In a checkout run "npm run build:native". ${tried}`
    );
  }
  return `The addon for ${platform} does not load. ${tried}`;
}
