import { packageVersion } from '../version.js';

/** `--version`: our version and that of the TensorFlow library a server would open, in the reference's form. */
export async function printVersions(): Promise<void> {
  process.stdout.write(
    `Servable: ${packageVersion()}\nTensorFlow Library: ${await tensorflow()}\n`,
  );
}

async function tensorflow(): Promise<string> {
  const { findRuntime, INSTALL_COMMAND, RuntimeMissingError } = await import('../runtime/find.js');
  try {
    const { path, version } = await findRuntime();
    if (version !== null) return version;
    const { openRuntime } = await import('../native/runtime.js');
    return openRuntime(path).version;
  } catch (error) {
    if (error instanceof RuntimeMissingError) return `none (run: ${INSTALL_COMMAND})`;
    throw error;
  }
}
