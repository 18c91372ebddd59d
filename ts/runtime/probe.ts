import { execFile } from 'node:child_process';

/** What came of opening a library. */
export interface ProbeResult {
  /** Null when the library was opened without the addon, which alone can ask it. */
  readonly version: string | null;
  /** Null: it opens. Otherwise what the loader said. */
  readonly problem: string | null;
}

const PROBE_MS = 60_000;

/** RTLD_NODELETE: Node closes what is no addon, and TensorFlow crashes when it is unloaded. */
const NO_DELETE = process.platform === 'darwin' ? 0x80 : 0x1000;

/**
 * Runs in the child. With the addon it opens the library as the server does; without it, `process.dlopen` at least says whether the
 * loader takes it: a library that opens but is no addon gives "did not self-register".
 */
const CHILD = `
const [addon, library, noDelete] = process.argv.slice(1);
let result;
try {
  if (addon !== '') {
    result = { version: require(addon).openRuntime(library).version, problem: null };
  } else {
    const { dlopen } = require('node:os').constants;
    process.dlopen({ exports: {} }, library, dlopen.RTLD_NOW | Number(noDelete));
    result = { version: null, problem: null };
  }
} catch (error) {
  const registers = /did not self-register/.test(error.message);
  result = { version: null, problem: registers && addon === '' ? null : error.message.split('\\n')[0] };
}
require('node:fs').writeSync(1, '\\n' + JSON.stringify(result) + '\\n');
process.exit(0);
`;

/**
 * Opens a library in a child process, so that one that crashes takes only the child with it.
 *
 * `addon` is the path of Servable's addon; null when it does not load. Takes about half a second for TensorFlow.
 */
export function probeLibrary(library: string, addon: string | null): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
    const options = { timeout: PROBE_MS, env, maxBuffer: 16 * 1024 * 1024 };
    const args = ['-e', CHILD, '--', addon ?? '', library, String(NO_DELETE)];
    execFile(process.execPath, args, options, (error, stdout) => {
      const last = stdout.trimEnd().split('\n').at(-1) ?? '';
      if (last.startsWith('{')) {
        resolve(JSON.parse(last) as ProbeResult);
        return;
      }
      const how =
        error?.killed === true
          ? `did not open within ${PROBE_MS / 1000} seconds`
          : `opening it ends the process (${error?.signal ?? `exit code ${error?.code}`})`;
      resolve({ version: null, problem: how });
    });
  });
}
