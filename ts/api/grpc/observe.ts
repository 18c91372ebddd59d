import type { Observation, Observer } from '../../observe/observer.js';
import { requestId } from '../../request-id.js';
import type { Rpc, Service } from './rpc.js';
import type { Call } from './transport/call.js';
import type { CallWatcher } from './transport/method.js';

const REQUEST_ID = 'x-request-id';

/** A service whose calls are watched: one line and one span for each, also for a whole stream. */
export function observedService(service: Service, observer: Observer): Service {
  const rpcs = service.rpcs.map((rpc): Rpc => {
    const method = `${service.name}/${rpc.name}`;
    if (rpc.kind === 'bidiStream') {
      const open = (call: Call) => {
        begin(method, call, observer);
        return rpc.open(call);
      };
      return { ...rpc, open };
    }
    const handler = (call: Call): void => {
      const observation = begin(method, call, observer);
      if (rpc.kind === 'unary') observation.bytesIn = call.bodyBytes;
      rpc.handler(call);
    };
    return { ...rpc, handler };
  });
  return { name: service.name, rpcs };
}

class Watcher implements CallWatcher {
  readonly #observation: Observation;
  readonly #observer: Observer;

  constructor(observation: Observation, observer: Observer) {
    this.#observation = observation;
    this.#observer = observer;
  }

  ended(code: number, bytesOut: number): void {
    this.#observation.code = code;
    this.#observation.bytesOut = bytesOut;
    this.#observer.end(this.#observation);
  }
}

function begin(method: string, call: Call, observer: Observer): Observation {
  const header = (name: string): string | undefined => call.header(name);
  const given = header(REQUEST_ID);
  const observation = observer.begin({
    protocol: 'grpc',
    id: requestId(given),
    method,
    path: '',
    client: call.connection.peer,
    header,
  });
  call.observation = observation;
  call.watcher = new Watcher(observation, observer);
  if (observation.span !== null || given !== undefined) {
    const metadata: Record<string, string> = { [REQUEST_ID]: observation.arrival.id };
    observation.span?.inject((name, value) => {
      metadata[name] = value;
    });
    call.sendHeaders(metadata);
  }
  return observation;
}
