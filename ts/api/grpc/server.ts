import type { Socket } from 'node:net';
import {
  type ConnectionInjector,
  Server,
  ServerCredentials,
  type ServerOptions,
} from '@grpc/grpc-js';
import type { Observer } from '../../observe/observer.js';
import type { Door } from '../door.js';
import type { Inference } from '../infer.js';
import type { CatalogReader } from '../model-status.js';
import { doorInterceptor } from './door.js';
import { healthService } from './health.js';
import { modelService, type ReloadConfig } from './model-service.js';
import { observedService } from './observe.js';
import { predictionService } from './prediction-service.js';
import { reflectionServices } from './reflection.js';
import { type Service, serviceDefinition, serviceHandlers } from './rpc.js';
import { sessionService } from './session-service.js';

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
  readonly #server: Server;
  readonly #injector: ConnectionInjector;

  constructor(dependencies: GrpcDependencies) {
    this.#server = new Server(serverOptions(dependencies));
    const { observer } = dependencies;
    for (const plain of services(dependencies)) {
      const service = observer === null ? plain : observedService(plain, observer);
      this.#server.addService(serviceDefinition(service), serviceHandlers(service));
    }
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  /** Serves one accepted connection. */
  accept(socket: Socket): void {
    this.#injector.injectConnection(socket);
  }

  /** Tells clients to go elsewhere and waits for running calls; after `deadlineMs` they are cut off. */
  async stop(deadlineMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, deadlineMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#injector.destroy();
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

function serverOptions({ settings, door }: GrpcDependencies): ServerOptions {
  const options: Record<string, string | number> = {
    'grpc.max_receive_message_length': settings.maxMessageBytes,
    'grpc.max_send_message_length': settings.maxMessageBytes,
    // Statistics of every call that nothing reads.
    'grpc.enable_channelz': 0,
    // Each open stream costs 8 kB, and without a limit one connection may open as many as it likes; clients queue above it.
    'grpc.max_concurrent_streams': settings.maxConcurrentStreams,
    // Node stops to read after a connection error of HTTP/2 and never closes the socket; a ping without an answer does. It also
    // finds clients whose machine is gone.
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    ...(settings.idleTimeoutMs > 0
      ? { 'grpc.max_connection_idle_ms': settings.idleTimeoutMs }
      : {}),
  };
  for (const argument of settings.channelArguments) {
    const [key = '', ...rest] = argument.split('=');
    const value = rest.join('=');
    options[key.trim()] = /^-?\d+$/.test(value) ? Number(value) : value;
  }
  return door === null ? options : { ...options, interceptors: [doorInterceptor(door)] };
}
