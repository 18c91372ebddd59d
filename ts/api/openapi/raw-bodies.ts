import type { SignatureDescription, TensorDescription } from '../../codec/signature-description.js';
import type { Schema } from './schema.js';

const NUMBERS = /^(float|double|half|bfloat16|u?int(8|16|32|64)|bool)$/;

const file = (description: string): Schema => ({ schema: { description } });

/** The only input of a signature; bodies that are no JSON cannot name several. */
function onlyInput({ inputs }: SignatureDescription): TensorDescription | null {
  return inputs.length === 1 ? (inputs[0] ?? null) : null;
}

/** Rows of fields fill one dimension or two. */
function isFlat({ dtype, shape }: TensorDescription): boolean {
  const rank = shape?.length ?? 1;
  return (dtype === 'string' || NUMBERS.test(dtype)) && (rank === 1 || rank === 2);
}

/** `[batch, height, width, channels]`, the same without the batch, or strings that the model decodes itself. */
function isImage({ dtype, shape }: TensorDescription): boolean {
  if (dtype === 'string') return (shape?.length ?? 1) <= 1;
  if (!NUMBERS.test(dtype) || dtype === 'bool' || shape === null) return false;
  const channels = shape.at(-1) ?? 0;
  return (
    (shape.length === 3 || shape.length === 4) && (channels < 0 || [1, 3, 4].includes(channels))
  );
}

/** What `:predict` takes beside JSON, by content type; files only where a signature has one input that they can fill. */
export function rawRequestContent(signatures: readonly SignatureDescription[]): Schema {
  const inputs = signatures.map(onlyInput).filter((input) => input !== null);
  const image = inputs.some(isImage)
    ? file(
        'a picture, resized to what the input wants, 0 to 1 for floats; with `;scale=255` 0 to 255',
      )
    : null;
  return {
    'application/x-protobuf': file('a serialized tensorflow.serving.PredictRequest'),
    ...(inputs.some(({ dtype }) => NUMBERS.test(dtype))
      ? { 'application/x-npy': file('an array of NumPy, for the only input') }
      : {}),
    ...(inputs.some(isFlat)
      ? { 'text/csv': file('rows of the only input; with `;header=present` the first is names') }
      : {}),
    ...(image === null ? {} : { 'image/jpeg': image, 'image/png': image }),
  };
}

/** What `:predict` answers beside JSON. */
export const RAW_ANSWER_CONTENT: Schema = {
  'application/x-protobuf': file('a tensorflow.serving.PredictResponse, to a PredictRequest'),
  'application/x-npy': file('the only output, where the Accept header asks for it'),
};

/** The query parameter that names the signature for bodies that cannot. */
export const SIGNATURE_PARAMETER: Schema = {
  name: 'signature_name',
  in: 'query',
  description: 'the signature, for bodies that are neither JSON nor protobuf',
  schema: { type: 'string' },
};
