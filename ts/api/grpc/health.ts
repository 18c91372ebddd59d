import { ServingError, toServingError } from '../../errors.js';
import { type CatalogReader, welcomes } from '../model-status.js';
import { type Service, toStatus, unary } from './rpc.js';
import type { Handler } from './transport/method.js';

/** Time between looks at the state while somebody watches, in milliseconds. */
const WATCH_INTERVAL_MS = 250;

/** The names the reference registers, and their full forms. */
const SERVICES = new Set([
  '',
  'ModelService',
  'PredictionService',
  'tensorflow.serving.ModelService',
  'tensorflow.serving.PredictionService',
]);

/**
 * `grpc.health.v1.Health`. A service is one of the server's, or the name of a model: that is serving when one of its versions is
 * available, or waits for its first request.
 */
export function healthService(catalog: CatalogReader): Service {
  return {
    name: 'grpc.health.v1.Health',
    rpcs: [
      { name: 'Check', kind: 'unary', handler: unary((request) => check(catalog, request)) },
      { name: 'Watch', kind: 'serverStream', handler: watch(catalog) },
    ],
  };
}

type Messages = typeof import('../../codec/messages.js');

function messages(): Promise<Messages> {
  return import('../../codec/messages.js');
}

function serviceName({ messageType }: Messages, request: Buffer): string {
  return messageType('grpc.health.v1.HealthCheckRequest').decode(request).service;
}

function state({ ServingStatus }: Messages, catalog: CatalogReader, service: string): number {
  if (SERVICES.has(service)) {
    return catalog.ready() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }
  const model = catalog.status(service);
  if (model === null) return ServingStatus.SERVICE_UNKNOWN;
  return welcomes(catalog, service, model.versions)
    ? ServingStatus.SERVING
    : ServingStatus.NOT_SERVING;
}

function reply({ messageType }: Messages, status: number): Buffer {
  return messageType('grpc.health.v1.HealthCheckResponse').encode({ status });
}

async function check(catalog: CatalogReader, request: Buffer): Promise<Buffer> {
  const loaded = await messages();
  const service = serviceName(loaded, request);
  const status = state(loaded, catalog, service);
  if (status === loaded.ServingStatus.SERVICE_UNKNOWN) {
    throw new ServingError('NOT_FOUND', `unknown service ${service}`);
  }
  return reply(loaded, status);
}

function watch(catalog: CatalogReader): Handler {
  return (call) => {
    let ended = false;
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      ended = true;
      clearInterval(timer);
    };
    call.onCancel(end);
    messages()
      .then((loaded) => {
        const service = serviceName(loaded, call.request);
        let last = -1;
        const look = (): void => {
          const now = state(loaded, catalog, service);
          if (now === last || ended) return;
          last = now;
          call.write(reply(loaded, now));
        };
        look();
        if (!ended) timer = setInterval(look, WATCH_INTERVAL_MS).unref();
      })
      .catch((error: unknown) => call.fail(toStatus(toServingError(error))));
  };
}
