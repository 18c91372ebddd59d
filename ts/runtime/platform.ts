import { ServingError } from '../errors.js';

/** Which build of TensorFlow: `cpu`, or `cuda12` (CUDA 12 kernels; it also runs on machines without a GPU). */
export type Variant = 'cpu' | 'cuda12';

/** The machine a runtime is for, in Node's words (`linux`, `x64`). */
export interface Host {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
}

/** This process's machine. */
export const THIS_HOST: Host = { platform: process.platform, arch: process.arch };

/** The TensorFlow release `servable runtime install` takes when none is named. */
export const DEFAULT_VERSION = '2.21.0';

/** File names of the two libraries in TensorFlow's wheels. */
export interface LibraryNames {
  readonly main: string;
  readonly framework: string;
}

/** The two libraries' names on `platform`. */
export function libraryNames(platform: NodeJS.Platform): LibraryNames {
  return platform === 'darwin'
    ? { main: 'libtensorflow_cc.2.dylib', framework: 'libtensorflow_framework.2.dylib' }
    : { main: 'libtensorflow_cc.so.2', framework: 'libtensorflow_framework.so.2' };
}

/**
 * Names a file may have to be taken for a TensorFlow library, best first.
 *
 * `libtensorflow.*` is the C API package, `libtensorflow_cc.*` what the Python wheels hold; both export the C API.
 */
export function acceptedNames(platform: NodeJS.Platform): readonly string[] {
  return platform === 'darwin'
    ? ['libtensorflow_cc.2.dylib', 'libtensorflow.2.dylib', 'libtensorflow.dylib']
    : ['libtensorflow_cc.so.2', 'libtensorflow.so.2', 'libtensorflow.so'];
}

/** Says why a TensorFlow version cannot be used, or null when it can: 2.14 up to, not including, 3. */
export function versionProblem(version: string): string | null {
  const [major, minor] = version.split('.').map(Number);
  if (major === undefined || minor === undefined || Number.isNaN(major) || Number.isNaN(minor)) {
    return `"${version}" is not a TensorFlow version`;
  }
  if (major < 2 || (major === 2 && minor < 14)) {
    return `${version} is too old, need 2.14 or newer`;
  }
  return major > 2 ? `${version} is too new, need 2.x` : null;
}

/** Orders versions by number, newest first: for `Array.sort`. */
export function newestFirst(a: string, b: string): number {
  return b.localeCompare(a, 'en', { numeric: true });
}

/** The wheel's project on the package index. */
export function projectOf(variant: Variant, host: Host): string {
  return variant === 'cpu' && host.platform === 'linux' && host.arch === 'x64'
    ? 'tensorflow-cpu'
    : 'tensorflow';
}

/** The end of a wheel's file name for `host`, as a pattern. */
export function wheelPlatform(host: Host): RegExp {
  const machine = host.arch === 'x64' ? 'x86_64' : host.platform === 'darwin' ? 'arm64' : 'aarch64';
  return host.platform === 'darwin'
    ? new RegExp(`-macosx_\\d+_\\d+_${machine}\\.whl$`)
    : new RegExp(`-manylinux[^-]*_${machine}\\.whl$`);
}

/**
 * Refuses machines TensorFlow has no build for.
 *
 * @throws {ServingError} `UNIMPLEMENTED` with what to do instead.
 */
export function requireSupportedHost(host: Host, variant: Variant): void {
  const name = `${host.platform} ${host.arch}`;
  if (host.platform === 'win32') {
    throw new ServingError(
      'UNIMPLEMENTED',
      `${name}: TensorFlow has no C library for Windows; run Servable in WSL2`,
    );
  }
  const known = ['linux x64', 'linux arm64', 'darwin arm64'];
  if (!known.includes(name)) {
    throw new ServingError(
      'UNIMPLEMENTED',
      `${name}: TensorFlow publishes no build for this machine (it has ${known.join(', ')})`,
    );
  }
  if (variant === 'cuda12' && name !== 'linux x64') {
    throw new ServingError('UNIMPLEMENTED', `${name}: TensorFlow's CUDA build is for linux x64`);
  }
}
