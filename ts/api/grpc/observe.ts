import { Metadata, type ServerUnaryCall } from '@grpc/grpc-js';
import { Code } from '../../errors.js';
import type { Observation, Observer } from '../../observe/observer.js';
import { requestId } from '../../request-id.js';
import { type MaybeObserved, OBSERVED } from '../observed.js';
import type { BidiStream, Rpc, ServerStream, Service, Unary } from './rpc.js';

const REQUEST_ID = 'x-request-id';

/** A service whose calls are watched. */
export function observedService(service: Service, observer: Observer): Service {
  const rpcs = service.rpcs.map((rpc): Rpc => {
    const method = `${service.name}/${rpc.name}`;
    if (rpc.kind === 'unary') return { ...rpc, handler: unary(method, rpc.handler, observer) };
    if (rpc.kind === 'serverStream') {
      return { ...rpc, handler: stream(method, rpc.handler, observer) };
    }
    return { ...rpc, handler: stream(method, rpc.handler, observer) };
  });
  return { name: service.name, rpcs };
}

type Call = Pick<
  ServerUnaryCall<Buffer, Buffer>,
  'metadata' | 'getPeer' | 'sendMetadata' | 'getDeadline'
>;

function begin(method: string, call: Call, observer: Observer): Observation {
  const first = (name: string): string | undefined => {
    const value = call.metadata.get(name)[0];
    return value === undefined ? undefined : String(value);
  };
  const given = first(REQUEST_ID);
  const observation = observer.begin({
    protocol: 'grpc',
    id: requestId(given),
    method,
    path: '',
    client: call.getPeer(),
    header: first,
  });
  (call as MaybeObserved)[OBSERVED] = observation;
  if (observation.span !== null || given !== undefined) {
    const metadata = new Metadata();
    metadata.set(REQUEST_ID, observation.arrival.id);
    observation.span?.inject((name, value) => metadata.set(name, value));
    call.sendMetadata(metadata);
  }
  return observation;
}

/** The code of a call that its client ended, or whose time was up. */
function cancelledCode(call: Call): number {
  const isLate = Number(call.getDeadline()) <= Date.now();
  return isLate ? Code.DEADLINE_EXCEEDED : Code.CANCELLED;
}

function unary(method: string, handler: Unary, observer: Observer): Unary {
  return (call, callback) => {
    const observation = begin(method, call, observer);
    observation.bytesIn = call.request.length;
    let isOpen = true;
    const end = (code: number, bytes: number): void => {
      if (!isOpen) return;
      isOpen = false;
      observation.code = code;
      observation.bytesOut = bytes;
      observer.end(observation);
    };
    call.once('cancelled', () => end(cancelledCode(call), 0));
    handler(call, (error, value, trailer, flags) => {
      callback(error, value, trailer, flags);
      const code = error === null ? Code.OK : (error.code ?? Code.UNKNOWN);
      end(code, value?.length ?? 0);
    });
  };
}

/** One line and one span for a whole stream. */
function stream<H extends ServerStream | BidiStream>(
  method: string,
  handler: H,
  observer: Observer,
): H {
  const watched = (call: Parameters<BidiStream>[0]): void => {
    const observation = begin(method, call, observer);
    let isOpen = true;
    const end = (code: number): void => {
      if (!isOpen) return;
      isOpen = false;
      observation.code = code;
      observer.end(observation);
    };
    call.once('cancelled', () => end(cancelledCode(call)));
    call.once('error', (error: { code?: number }) => end(error.code ?? Code.UNKNOWN));
    call.once('finish', () => end(Code.OK));
    (handler as BidiStream)(call);
  };
  return watched as H;
}
