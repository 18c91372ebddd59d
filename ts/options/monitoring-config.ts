import { ServingError } from '../errors.js';

/** TensorFlow Serving's path of the metrics page. */
const DEFAULT_PATH = '/monitoring/prometheus/metrics';

/**
 * Where the metrics page is answered: at TensorFlow Serving's path, and at the one that the monitoring config file names. A file
 * that does not say `enable: true` turns the page off, as it does there.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming what is wrong in the file
 */
export async function metricsPaths(file: string): Promise<readonly string[]> {
  if (file === '') return [DEFAULT_PATH];
  const [{ messageType }, { readTextFile }] = await Promise.all([
    import('../codec/messages.js'),
    import('../codec/text-format.js'),
  ]);
  const type = messageType('tensorflow.serving.MonitoringConfig');
  const { prometheusConfig } = await readTextFile(type, file);
  if (prometheusConfig?.enable !== true) return [];
  const path = prometheusConfig.path === '' ? DEFAULT_PATH : prometheusConfig.path;
  if (!/^\/[^?#*:]*$/.test(path)) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `${file}: path: got "${path}", wanted one that begins with / and has none of ?, #, * and :`,
    );
  }
  if (/^\/(?:v1|healthz|docs|openapi\.json)(?:\/|$)/i.test(path)) {
    throw new ServingError('INVALID_ARGUMENT', `${file}: path: "${path}" is a page of the API`);
  }
  return [...new Set([DEFAULT_PATH, path])];
}
