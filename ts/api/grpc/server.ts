import type { Socket } from 'node:net';
import type { Observer } from '../../observe/observer.js';
import type { Door } from '../door.js';
import type { Inference } from '../infer.js';
import type { CatalogReader } from '../model-status.js';
import { DoorGuard } from './door.js';
import { healthService } from './health.js';
import { modelService, type ReloadConfig } from './model-service.js';
import { observedService } from './observe.js';
import { predictionService } from './prediction-service.js';
import { reflectionServices } from './reflection.js';
import { methodsOf, type Service } from './rpc.js';
import { sessionService } from './session-service.js';
import { DEFAULTS, type TransportSettings, withChannelArguments } from './transport/settings.js';
import { Transport } from './transport/transport.js';

/** What the gRPC server is made of; it constructs none of it. */
export interface GrpcDependencies {
  readonly inference: Inference;
  readonly catalog: CatalogReader;
  readonly reload: ReloadConfig;
  /** Null where everybody may call everything. */
  readonly door: Door | null;
  readonly settings: GrpcSettings;
  /** Null where nothing watches the calls. */
  readonly observer: Observer | null;
}

/** Settings of the gRPC server. */
export interface GrpcSettings {
  readonly maxMessageBytes: number;
  /** Calls under way on one connection. */
  readonly maxConcurrentStreams: number;
  /** Time a connection may stay without a call; 0 is no limit. */
  readonly idleTimeoutMs: number;
  /** `key=value`; numbers where the value is one. */
  readonly channelArguments: readonly string[];
  readonly health: boolean;
  readonly reflection: boolean;
  readonly session: boolean;
}

/** A gRPC server without a port: it takes the connections it is given. */
export class GrpcServer {
  readonly #transport: Transport;

  constructor(dependencies: GrpcDependencies) {
    const { observer, door, settings } = dependencies;
    const methods = services(dependencies).flatMap((plain) =>
      methodsOf(observer === null ? plain : observedService(plain, observer)),
    );
    const guard = door === null ? null : new DoorGuard(door);
    this.#transport = new Transport(methods, transportSettings(settings), guard);
  }

  /** Serves one accepted connection. */
  accept(socket: Socket): void {
    this.#transport.accept(socket);
  }

  /** Tells clients to go elsewhere and waits for running calls; after `deadlineMs` they are cut off. */
  stop(deadlineMs: number): Promise<void> {
    return this.#transport.stop(deadlineMs);
  }
}

function services(dependencies: GrpcDependencies): readonly Service[] {
  const { inference, catalog, reload, settings } = dependencies;
  const list = [predictionService(inference, catalog), modelService(catalog, reload)];
  if (settings.session) list.push(sessionService(inference));
  if (settings.health) list.push(healthService(catalog));
  if (settings.reflection) {
    const names = list.map((service) => service.name);
    names.push('grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection');
    list.push(...reflectionServices(names));
  }
  return list;
}

function transportSettings(settings: GrpcSettings): TransportSettings {
  const { maxMessageBytes, maxConcurrentStreams, idleTimeoutMs, channelArguments } = settings;
  const own = {
    ...DEFAULTS,
    maxReceiveBytes: maxMessageBytes,
    maxSendBytes: maxMessageBytes,
    maxConcurrentStreams,
    ...(idleTimeoutMs > 0 ? { maxIdleMs: idleTimeoutMs } : {}),
  };
  return withChannelArguments(own, channelArguments);
}
