import type { Inference } from '../infer.js';
import { inferRpc } from './prediction-service.js';
import type { Service } from './rpc.js';

/** `tensorflow.serving.SessionService`, which runs any node of a graph: only registered when it is switched on. */
export function sessionService(inference: Inference): Service {
  return {
    name: 'tensorflow.serving.SessionService',
    rpcs: [inferRpc('SessionRun', inference, 'grpc.sessionRun')],
  };
}
