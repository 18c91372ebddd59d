import type { Logger } from './logger.js';
import type { Options } from './options/options.js';

/** Where a running server answers. */
export interface Addresses {
  /** Such as `http://localhost:8501`; null when REST has no port. */
  readonly rest: string | null;
  /** Such as `localhost:8500`; null when gRPC has no port. */
  readonly grpc: string | null;
}

/** Logs the lines that TensorFlow Serving does, which scripts wait for; returns the addresses for whoever asks. */
export function announce(
  { host, port, restApiPort }: Pick<Options, 'host' | 'port' | 'restApiPort'>,
  logger: Logger,
): Addresses {
  const shown = host === '::' ? '0.0.0.0' : host;
  if (port !== 0) logger.info({}, `Running gRPC ModelServer at ${shown}:${port} ...`);
  if (restApiPort !== 0) {
    logger.info({}, `Exporting HTTP/REST API at:localhost:${restApiPort} ...`);
  }
  const name = host === '::' || host === '0.0.0.0' ? 'localhost' : host;
  const url = name.includes(':') ? `[${name}]` : name;
  return {
    rest: restApiPort === 0 ? null : `http://${url}:${restApiPort}`,
    grpc: port === 0 ? null : `${url}:${port}`,
  };
}
