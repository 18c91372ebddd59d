import { ServingError, toServingError } from '../../errors.js';
import type { Identity } from '../../security/identity.js';
import type { Action } from '../../security/scopes.js';
import { certificateNames } from '../../security/tls-door.js';
import type { Caller, Door } from '../door.js';
import { bytesOf, type RequestBody } from '../infer.js';
import { modelNames, type SpecDepth } from './model-names.js';
import { toStatus } from './rpc.js';
import type { Call } from './transport/call.js';
import type { Guard } from './transport/method.js';
import type { Status } from './transport/status.js';

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

function ruleOf(path: string): Rule | null {
  return RULES.get(path) ?? (path.startsWith('/tensorflow.') ? UNLISTED : null);
}

/** Who makes a call that was let in. */
interface Entered {
  readonly caller: Caller;
  readonly identity: Identity | null;
  readonly rule: Rule | null;
  messages: number;
}

/**
 * The door as RPCs meet it: who calls is decided by the metadata, before the message has come; what for by the model's name in it, which
 * only is looked for where the credentials are not for all models.
 */
export class DoorGuard implements Guard {
  readonly #door: Door;

  constructor(door: Door) {
    this.#door = door;
  }

  enter(call: Call): void | Promise<void> {
    const rule = ruleOf(call.method.path);
    const caller = callerOf(call, rule !== null);
    const found = this.#door.identify(caller);
    if (!(found instanceof Promise)) this.#allow(call, caller, rule, found);
    else return found.then((identity) => this.#allow(call, caller, rule, identity));
  }

  message(call: Call, message: RequestBody): void {
    const entered = call.entered as Entered;
    const { caller, identity, rule } = entered;
    if (rule === null) return;
    // Every message of a stream is a request of its own.
    entered.messages += 1;
    if (entered.messages > 1) this.#door.count(caller, identity);
    if (rule.depth === null) return;
    authorizeModels(this.#door, { identity, caller, action: rule.action }, message, rule.depth);
  }

  status(error: unknown): Status {
    return toStatus(toServingError(error));
  }

  #allow(call: Call, caller: Caller, rule: Rule | null, identity: Identity | null): void {
    if (rule !== null && rule.depth === null) {
      this.#door.authorize(identity, rule.action, null, caller);
    }
    const entered: Entered = { caller, identity, rule, messages: 0 };
    call.entered = entered;
  }
}

/** Refuses a message that names a model which the credentials are not for. */
function authorizeModels(
  door: Door,
  who: { readonly identity: Identity | null; readonly caller: Caller; readonly action: Action },
  message: RequestBody,
  depth: SpecDepth,
): void {
  const { identity, caller, action } = who;
  if (identity === null || identity.scopes.allowsEverywhere(action)) return;
  const names = modelNames(bytesOf(message), depth);
  if (names === null) {
    throw new ServingError('INVALID_ARGUMENT', 'the message is not valid protobuf');
  }
  for (const name of names.length === 0 ? [''] : names) {
    door.authorize(identity, action, name, caller);
  }
}

function callerOf(call: Call, counts: boolean): Caller {
  const { socket } = call.connection;
  return {
    path: call.method.path,
    authorization: call.header('authorization'),
    certificate: () => certificateNames(socket),
    peer: socket.remoteAddress,
    forwarded: call.header('x-forwarded-for'),
    counts,
  };
}
