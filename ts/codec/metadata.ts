import { protoJson } from './json.js';
import { messageType } from './messages.js';
import { quote } from './quote.js';

/**
 * The body of `GET /v1/models/NAME/metadata`, laid out as TensorFlow Serving does; signatures are sorted by name.
 *
 * @param signatureDefMap a serialized `tensorflow.serving.SignatureDefMap`
 * @throws {ServingError} `INVALID_ARGUMENT` when `signatureDefMap` is not one
 */
export function metadataDocument(name: string, version: bigint, signatureDefMap: Buffer): string {
  const type = messageType('tensorflow.serving.SignatureDefMap');
  const signatures = protoJson(type.reflection, { ...type.decode(signatureDefMap) });
  return `{
"model_spec":{
 "name": ${quote(name)},
 "version": "${version}",
 "signature_name": ""
}
,
"metadata": {"signature_def": ${signatures}
}
}
`;
}
