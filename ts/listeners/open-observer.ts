import type { Logger } from '../logger.js';
import { realStderr } from '../native/native-log.js';
import type { LinePlace } from '../observe/line-file.js';
import type { Observer } from '../observe/observer.js';
import { Tracing } from '../observe/tracing.js';
import type { Options } from '../options/options.js';

const STDOUT = 1;

/**
 * What watches the requests of a thread: its access log, and traces where an OpenTelemetry SDK is registered in it.
 *
 * @returns null where there is neither
 */
export async function openObserver(
  options: Options,
  logger: Logger,
  worker: number,
): Promise<Observer | null> {
  const tracing = await Tracing.find();
  if (tracing !== null) logger.info({}, 'requests are traced: an OpenTelemetry SDK is registered');
  const { accessLog: mode, accessLogSampleRate: sampleRate } = options;
  if (mode === 'off' && tracing === null) return null;
  const { Observer } = await import('../observe/observer.js');
  if (mode === 'off') return new Observer(null, tracing);
  const [{ AccessLog }, { LineFile }] = await Promise.all([
    import('../observe/access-log.js'),
    import('../observe/line-file.js'),
  ]);
  const file = new LineFile(place(options.accessLogFile), logger);
  return new Observer(new AccessLog(file, { mode, sampleRate, worker }), tracing);
}

function place(file: string): LinePlace {
  if (file === '') return { fd: realStderr() };
  return file === '-' ? { fd: STDOUT } : { file };
}
