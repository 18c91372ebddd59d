import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { ServingError, toServingError } from '../../errors.js';
import type { Identity } from '../../security/identity.js';
import type { Action } from '../../security/scopes.js';
import { namesIn } from '../../security/tls-door.js';
import type { Caller, Door } from '../door.js';
import { modelNames, type SpecDepth } from './model-names.js';
import { toStatus } from './rpc.js';

/** What an RPC needs to be allowed, and where its request names models; null where it names none. */
interface Rule {
  readonly action: Action;
  readonly depth: SpecDepth | null;
}

const PREDICT: Rule = { action: 'predict', depth: 1 };
const METADATA: Rule = { action: 'metadata', depth: 1 };

/** What an RPC of TensorFlow's that nobody thought of here needs. */
const UNLISTED: Rule = { action: 'admin', depth: null };

/** What TensorFlow's RPCs need. Others (health, reflection) tell nothing of a request or a tensor: any credentials will do. */
const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['/tensorflow.serving.PredictionService/Predict', PREDICT],
  ['/tensorflow.serving.PredictionService/Classify', PREDICT],
  ['/tensorflow.serving.PredictionService/Regress', PREDICT],
  ['/tensorflow.serving.PredictionService/PredictStreamed', PREDICT],
  ['/tensorflow.serving.PredictionService/MultiInference', { action: 'predict', depth: 2 }],
  ['/tensorflow.serving.PredictionService/GetModelMetadata', METADATA],
  ['/tensorflow.serving.SessionService/SessionRun', PREDICT],
  ['/tensorflow.serving.ModelService/GetModelStatus', METADATA],
  ['/tensorflow.serving.ModelService/HandleReloadConfigRequest', { action: 'admin', depth: null }],
]);

/**
 * The door as RPCs meet it: who calls is decided by the metadata, before the message has come; what for by the model's name in it, which
 * only is looked for where the credentials are not for all models.
 */
export function doorInterceptor(door: Door): ServerInterceptor {
  return ({ path, requestStream }, call) => {
    const rule = RULES.get(path) ?? (path.startsWith('/tensorflow.') ? UNLISTED : null);
    let caller: Caller | null = null;
    let identity: Identity | null = null;
    let messages = 0;
    const refuse = (error: unknown): void => call.sendStatus(toStatus(toServingError(error)));
    return new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, proceed) {
            const text = (name: string): string | undefined => {
              const values = metadata.get(name);
              return values.length === 0 ? undefined : values.join(',');
            };
            const asks = callerOf(path, call, text, rule !== null);
            const allowed = (found: Identity | null): void => {
              caller = asks;
              identity = found;
              if (rule !== null && rule.depth === null) {
                door.authorize(identity, rule.action, null, caller);
              }
              proceed(metadata);
            };
            try {
              const found = door.identify(asks);
              if (found instanceof Promise) found.then(allowed).catch(refuse);
              else allowed(found);
            } catch (error) {
              refuse(error);
            }
          },
          onReceiveMessage(message: Buffer, proceed) {
            if (caller === null) return;
            try {
              // Every message of a stream is a request of its own.
              messages += 1;
              if (requestStream && rule !== null && messages > 1) door.count(caller, identity);
              if (rule !== null && rule.depth !== null) {
                authorizeModels(
                  door,
                  { identity, caller, action: rule.action },
                  message,
                  rule.depth,
                );
              }
              proceed(message);
            } catch (error) {
              refuse(error);
            }
          },
        });
      },
    });
  };
}

/** Refuses a message that names a model which the credentials are not for. */
function authorizeModels(
  door: Door,
  who: { readonly identity: Identity | null; readonly caller: Caller; readonly action: Action },
  message: Buffer,
  depth: SpecDepth,
): void {
  const { identity, caller, action } = who;
  if (identity === null || identity.scopes.allowsEverywhere(action)) return;
  const names = modelNames(message, depth);
  if (names === null) {
    throw new ServingError('INVALID_ARGUMENT', 'the message is not valid protobuf');
  }
  for (const name of names.length === 0 ? [''] : names) {
    door.authorize(identity, action, name, caller);
  }
}

function callerOf(
  path: string,
  call: ServerInterceptingCallInterface,
  text: (name: string) => string | undefined,
  counts: boolean,
): Caller {
  return {
    path,
    authorization: text('authorization'),
    certificate: () => {
      const certificate = call.getAuthContext().sslPeerCertificate;
      return certificate === undefined ? null : namesIn(certificate);
    },
    peer: call.getConnectionInfo().remoteAddress,
    forwarded: text('x-forwarded-for'),
    counts,
  };
}
