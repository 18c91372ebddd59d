import { ServingError } from '../../errors.js';
import type { Method } from '../../native/infer-queue.js';
import type { LargeBody } from '../../native/large-body.js';
import type { Admission, ModelGate } from '../../security/admission.js';
import { bytesOf, deadlineIn, type Inference, type RequestBody } from '../infer.js';
import type { CatalogReader } from '../model-status.js';
import { modelNames, type SpecDepth } from './model-names.js';
import { missingModelSpec, type Rpc, type Service, toStatus, unary } from './rpc.js';
import type { Call } from './transport/call.js';
import type { Handler, StreamReader } from './transport/method.js';

const EMPTY = Buffer.alloc(0);
/** How long GetModelMetadata waits for a model that is loaded on demand. */
const LOAD_WAIT_MS = 30_000;
const SIGNATURE_DEF = 'signature_def';
const SIGNATURE_DEF_MAP_URL = 'type.googleapis.com/tensorflow.serving.SignatureDefMap';

/** `tensorflow.serving.PredictionService`. */
export function predictionService(inference: Inference, catalog: CatalogReader): Service {
  return {
    name: 'tensorflow.serving.PredictionService',
    rpcs: [
      inferRpc('Predict', inference, 'grpc.predict'),
      inferRpc('Classify', inference, 'grpc.classify'),
      inferRpc('Regress', inference, 'grpc.regress'),
      inferRpc('MultiInference', inference, 'grpc.multiInference'),
      {
        name: 'GetModelMetadata',
        kind: 'unary',
        handler: unary((request) => getModelMetadata(inference, catalog, request)),
      },
      { name: 'PredictStreamed', kind: 'bidiStream', open: predictStreamed(inference) },
    ],
  };
}

/** An RPC that runs the request's bytes. The ModelSpec in them decides the model. */
export function inferRpc(name: string, inference: Inference, method: Method): Rpc {
  const openBody = (bytes: number): LargeBody => inference.openBody(bytes);
  return { name, kind: 'unary', handler: infer(inference, method), openBody };
}

function infer(inference: Inference, method: Method): Handler {
  const target = inference.target({ method, name: '', version: null, label: null });
  const { admission } = inference;
  const depth = method === 'grpc.multiInference' ? 2 : 1;
  return (call) => {
    const gate = admission.isPerModel ? gateOf(admission, call.body, depth) : null;
    const refusal = admission.enter(gate);
    if (refusal !== null) {
      call.fail(toStatus(refusal));
      return;
    }
    let waiting = true;
    const ticket = inference.run(
      target,
      call.body,
      call.deadlineMs,
      (failure, reply, version, stages) => {
        // After a cancellation nobody listens.
        if (!waiting) return;
        waiting = false;
        admission.leave(gate);
        call.observation?.answered(failure, version, stages);
        if (failure === null) call.reply(reply ?? EMPTY);
        else call.fail(toStatus(failure));
      },
    );
    call.onCancel(() => {
      if (!waiting) return;
      waiting = false;
      admission.leave(gate);
      inference.cancel(ticket);
    });
  };
}

/** The counter of the model that a request names first. */
function gateOf(admission: Admission, request: RequestBody, depth: SpecDepth): ModelGate {
  return admission.gate(modelNames(bytesOf(request), depth)?.[0] ?? '');
}

/** Answers every request of the stream as Predict would, one after the other; the first failure ends the stream. */
function predictStreamed(inference: Inference): (call: Call) => StreamReader {
  const { admission } = inference;
  const target = inference.target({
    method: 'grpc.predict',
    name: '',
    version: null,
    label: null,
  });
  return (call) => {
    /** Takes back the request that runs. */
    let abandon: (() => void) | null = null;
    call.onCancel(() => abandon?.());
    return {
      message: (request) => {
        const gate = admission.isPerModel ? gateOf(admission, request, 1) : null;
        const refusal = admission.enter(gate);
        if (refusal !== null) {
          call.fail(toStatus(refusal));
          return;
        }
        const ticket = inference.run(target, request, call.deadlineMs, (failure, reply) => {
          if (abandon === null) return;
          abandon = null;
          admission.leave(gate);
          if (failure !== null) call.fail(toStatus(failure));
          else call.write(reply ?? EMPTY, () => call.next());
        });
        abandon = () => {
          abandon = null;
          admission.leave(gate);
          inference.cancel(ticket);
        };
      },
      end: () => call.end(),
    };
  };
}

async function getModelMetadata(
  inference: Inference,
  catalog: CatalogReader,
  bytes: Buffer,
): Promise<Buffer> {
  const { messageType } = await import('../../codec/messages.js');
  const request = messageType('tensorflow.serving.GetModelMetadataRequest').decode(bytes);
  const spec = request.modelSpec;
  if (spec === null) throw missingModelSpec();
  if (request.metadataField.length === 0) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      'GetModelMetadataRequest must specify at least one metadata_field',
    );
  }
  const unknown = request.metadataField.find((field) => field !== SIGNATURE_DEF);
  if (unknown !== undefined) {
    throw new ServingError('INVALID_ARGUMENT', `Metadata field ${unknown} is not supported`);
  }
  if (spec.name === '') {
    throw new ServingError('INVALID_ARGUMENT', 'ModelSpec has no name specified.');
  }
  const { name, versionLabel: label } = spec;
  const choice = { name, version: spec.version?.value ?? null, label };
  const { version, signatureDefMap } = await inference.read(
    () => catalog.metadata(choice),
    deadlineIn(LOAD_WAIT_MS),
  );
  return messageType('tensorflow.serving.GetModelMetadataResponse').encode({
    modelSpec: { name: spec.name, version: { value: version } },
    metadata: { [SIGNATURE_DEF]: { type_url: SIGNATURE_DEF_MAP_URL, value: signatureDefMap } },
  });
}
