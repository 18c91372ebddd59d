import { surviveLostOutput } from '../lost-output.js';
import { flagsHelp, parseFlags } from '../options/flags.js';
import { type Options, resolveOptions } from '../options/options.js';
import { type SupervisorLink, supervisorLink } from '../supervise/link.js';
import type { Supervised } from '../supervise/supervised.js';
import { printVersions } from './version.js';

const USAGE = `Usage: servable serve --model_name NAME --model_base_path DIR [flags]
       servable serve --model_config_file FILE [flags]
       servable serve --config FILE [flags]

Serves SavedModels over REST and gRPC as TensorFlow Serving does. Flags take "=" or a space, "_" or "-"; the last of a repeated
flag wins. --version prints the versions.
`;

/** How a server is started from the command line. */
export interface ServeRun {
  /** What to say once the server answers; null on anything but a terminal. */
  readonly onReady?: (rest: string | null) => void;
  /** Values that the command line may replace. */
  readonly defaults?: Partial<Options>;
  readonly usage?: string;
}

/** `servable serve`: runs until a signal. Ends the process. */
export async function runServe(argv: readonly string[], run: ServeRun = {}): Promise<void> {
  const { values, config, help, version } = parseFlags(argv);
  if (help) {
    process.stdout.write(`${run.usage ?? USAGE}\n${flagsHelp()}\n`);
    return;
  }
  if (version) {
    await printVersions();
    return;
  }
  const given = await layered(values, config, run.defaults ?? {});
  const link = supervisorLink();
  if (given.supervise === true && link === null) return superviseFrom(given);
  await serve(given, run.onReady ?? (() => undefined), link);
}

/** Keeps this process small: everything that serves is in the one it starts, with the same command line. */
async function superviseFrom(given: Partial<Options>): Promise<void> {
  const { supervise } = await import('../supervise/run.js');
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.exit(await supervise(resolveOptions(given).options, command));
}

/** A flag goes before a variable, a variable before the configuration file. */
async function layered(
  flags: Partial<Options>,
  config: string | null,
  defaults: Partial<Options>,
): Promise<Partial<Options>> {
  const { environmentOptions } = await import('../options/environment.js');
  const { values, warnings } = environmentOptions(process.env);
  surviveLostOutput();
  for (const warning of warnings) process.stderr.write(`servable: ${warning}\n`);
  const file = config ?? process.env.SERVABLE_CONFIG ?? '';
  if (file === '') return { ...defaults, ...values, ...flags };
  // The YAML parser is only loaded where there is YAML.
  const { readConfigFile } = await import('../options/config-file.js');
  return { ...defaults, ...readConfigFile(file), ...values, ...flags };
}

async function serve(
  given: Partial<Options>,
  onReady: (rest: string | null) => void,
  link: SupervisorLink | null,
): Promise<void> {
  const supervised: Supervised | null =
    link === null ? null : { inheritance: await link.inheritance, say: link.say };
  const logFormat = supervised?.inheritance.logFormat ?? given.logFormat;
  // What is wrong with an option is told before anything is opened.
  resolveOptions(given);
  const path = await openRuntime(given, logFormat);
  const { createServer } = await import('../server.js');
  const server = createServer(
    { ...given, tensorflowLibrary: path, ...(logFormat === undefined ? {} : { logFormat }) },
    supervised,
  );
  const ended = stopOnSignals(link, async () => {
    if (process.env.NOTIFY_SOCKET) void tellServiceManager('notifyStopping');
    await server.stop();
  });
  const running = server.start().then(async () => {
    const { rest } = await server.listening();
    if (process.stdout.isTTY) {
      const { banner } = await import('./banner.js');
      process.stdout.write(await banner(server));
    }
    onReady(rest);
    link?.say({ kind: 'ready' });
    if (process.env.NOTIFY_SOCKET) await tellServiceManager('notifyReady');
    await server.broken;
  });
  await Promise.race([ended.done, running.catch((error: unknown) => fail(error, ended))]);
  await ended.done;
}

/**
 * Finds libtensorflow and begins to open it, which takes longer than all the server's code to load: before that code.
 *
 * @returns its path
 * @throws {RuntimeMissingError} `FAILED_PRECONDITION` with the command to run
 */
async function openRuntime(
  given: Partial<Options>,
  logFormat: Options['logFormat'] | undefined,
): Promise<string> {
  const [{ ensureRuntime, isInteractive }, { beginToOpen }] = await Promise.all([
    import('../runtime/ensure.js'),
    import('../runtime-opener.js'),
  ]);
  const library = given.tensorflowLibrary || null;
  const { path } = await ensureRuntime({ library, interactive: isInteractive() });
  if ((given.tensorflowLog ?? 'routed') === 'routed') {
    const { routeLog } = await import('./route-log.js');
    routeLog(logFormat ?? 'auto', given.logLevel ?? 'info');
  }
  void beginToOpen(path);
  return path;
}

/** For systemd units of `Type=notify`. That it cannot be told is no reason to stop serving. */
async function tellServiceManager(what: 'notifyReady' | 'notifyStopping'): Promise<void> {
  const notify = await import('../notify.js');
  try {
    await notify[what]();
  } catch (error) {
    process.stderr.write(`servable: ${(error as Error).message}\n`);
  }
}

/** A failure that only tells that a signal came first is no failure. */
async function fail(error: unknown, ended: Ending): Promise<void> {
  if (ended.isStopping()) return ended.done;
  throw error;
}

interface Ending {
  readonly done: Promise<void>;
  isStopping(): boolean;
}

/**
 * The first SIGTERM or SIGINT stops the server and ends the process with 0; the second ends it at once with 1.
 *
 * Under a supervisor its word counts in place of SIGINT, which a terminal sends to both processes; SIGTERM, which service managers may
 * send to both too, begins a stop here and does not hasten one that the supervisor asked for.
 */
function stopOnSignals(link: SupervisorLink | null, stop: () => Promise<void>): Ending {
  let isStopping = false;
  const done = new Promise<void>((resolve, reject) => {
    const begin = (): void => {
      if (isStopping) return;
      isStopping = true;
      stop().then(resolve, reject);
    };
    let signals = 0;
    const onSignal = (): void => {
      signals += 1;
      if (signals > 1) process.exit(1);
      begin();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', link === null ? onSignal : () => undefined);
    link?.onStop((now) => {
      if (now) process.exit(1);
      begin();
    });
  });
  return { done, isStopping: () => isStopping };
}
