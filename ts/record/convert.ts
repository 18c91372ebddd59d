import { decodeExamples } from '../codec/examples.js';
import { messageType } from '../codec/messages.js';
import { recordPredict } from '../native/record.js';
import { DEFAULT_SIGNATURE } from '../signature.js';
import type { Captured } from './captured.js';
import type { PredictionRecord } from './prediction-log.js';
import { type LogKind, specOf } from './request-spec.js';
import { bytesField } from './wire.js';

/** The part of a record that a captured request makes. */
export type Converted = Pick<PredictionRecord, 'kind' | 'request' | 'response'> & {
  readonly signatureName: string;
};

const MODEL_SPEC = 1;

/**
 * A captured request as the messages gRPC carries, whatever it came in as.
 *
 * @throws {ServingError} `NOT_FOUND` a REST request whose version has been unloaded since; what is wrong with its body
 */
export function convert(captured: Captured): Converted {
  const { method, body, reply } = captured;
  switch (method) {
    case 'grpc.predict':
      return asItIs('predict', body, reply);
    case 'grpc.classify':
      return asItIs('classify', body, reply);
    case 'grpc.regress':
      return asItIs('regress', body, reply);
    case 'grpc.multiInference':
      return asItIs('multiInference', body, reply);
    case 'grpc.sessionRun':
      return asItIs('sessionRun', body, reply);
    case 'rest.predict':
      return captured.form === 'protobuf' ? fromProtobuf(captured) : fromBody(captured);
    case 'rest.classify':
      return fromExamples('classify', captured);
    case 'rest.regress':
      return fromExamples('regress', captured);
  }
}

function asItIs(kind: LogKind, request: Buffer, response: Buffer): Converted {
  const { signatureName } = specOf(kind, request);
  return { kind, request, response, signatureName: signatureName || DEFAULT_SIGNATURE };
}

/** The path names the model, so the message need not: messages met twice merge. */
function fromProtobuf({ model, body, reply }: Captured): Converted {
  const spec = messageType('tensorflow.serving.ModelSpec').encode({ name: model });
  return asItIs('predict', Buffer.concat([body, bytesField(MODEL_SPEC, spec)]), reply);
}

function fromBody(captured: Captured): Converted {
  const { method, model, version, form, signatureName, npyReply } = captured;
  const target = { method, name: model, version, label: null, body: form, signatureName, npyReply };
  const record = recordPredict(target, version, captured.body, captured.reply);
  return { kind: 'predict', ...record };
}

function fromExamples(kind: 'classify' | 'regress', captured: Captured): Converted {
  const { signatureName, examples } = decodeExamples(captured.body);
  const modelSpec = {
    name: captured.model,
    version: { value: captured.version },
    signatureName: signatureName || DEFAULT_SIGNATURE,
  };
  const spec = bytesField(
    MODEL_SPEC,
    messageType('tensorflow.serving.ModelSpec').encode(modelSpec),
  );
  // Input { example_list { examples } }
  const list = bytesField(1, ...examples.map((example) => bytesField(1, example)));
  return {
    kind,
    request: Buffer.concat([spec, bytesField(2, list)]),
    response: exampleResponse(kind, modelSpec, captured.reply),
    signatureName: modelSpec.signatureName,
  };
}

type Score = number | 'NaN' | 'Infinity' | '-Infinity' | null;

/** A client may have asked for `null` instead of NaN. */
const scoreOf = (score: Score): number => (score === null ? Number.NaN : Number(score));

function exampleResponse(
  kind: 'classify' | 'regress',
  modelSpec: object,
  reply: Buffer,
): Buffer | null {
  const { results } = parseWithTokens(reply.toString()) as { results: unknown[] };
  if (kind === 'regress') {
    const regressions = (results as Score[]).map((value) => ({ value: scoreOf(value) }));
    return messageType('tensorflow.serving.RegressionResponse').encode({
      result: { regressions },
      modelSpec,
    });
  }
  const classifications = (results as [string, Score][][]).map((classes) => ({
    classes: classes.map(([label, score]) => ({ label, score: scoreOf(score) })),
  }));
  return messageType('tensorflow.serving.ClassificationResponse').encode({
    result: { classifications },
    modelSpec,
  });
}

/** Parses JSON that may have bare NaN and Infinity, as TensorFlow Serving prints them: they become texts. */
export function parseWithTokens(text: string): unknown {
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (match) =>
    match.startsWith('"') ? match : `"${match}"`,
  );
  return JSON.parse(quoted);
}
