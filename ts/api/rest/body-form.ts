import type { BodyForm } from '../../native/infer-queue.js';

/** What the headers and the query of a predict say about its body and its reply. */
export interface PredictForm {
  readonly body: BodyForm;
  /** From the query `?signature_name=`, for bodies that cannot name one. */
  readonly signatureName: string;
  /** The client asked for `.npy` with its Accept header. */
  readonly npyReply: boolean;
}

/** What every other content type means, as in TensorFlow Serving. */
export const JSON_FORM: PredictForm = { body: 'json', signatureName: '', npyReply: false };

const FORMS: Readonly<Record<string, BodyForm>> = {
  'application/x-protobuf': 'protobuf',
  'application/protobuf': 'protobuf',
  'application/vnd.google.protobuf': 'protobuf',
  'application/x-npy': 'npy',
  'application/npy': 'npy',
  'text/csv': 'csv',
  'image/jpeg': 'image',
  'image/png': 'image',
};

/**
 * The part of a content type that makes the body something else than JSON; `''` for all that are read as JSON.
 *
 * Cheap for the usual types, which it sees on every request.
 */
export function bodyType(contentType: string | undefined): string {
  if (contentType === undefined || contentType === 'application/json') return '';
  const end = contentType.indexOf(';');
  const type = (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
  return Object.hasOwn(FORMS, type) ? contentType : '';
}

/** Reads what {@link bodyType} kept, the Accept header and the query of a predict's URL. */
export function predictForm(contentType: string, accept: string, url: string): PredictForm {
  if (contentType === '') return JSON_FORM;
  const [type = '', ...parameters] = contentType
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const has = (parameter: string): boolean => parameters.includes(parameter);
  let body = FORMS[type] ?? 'json';
  if (body === 'csv' && has('header=present')) body = 'csv+header';
  if (body === 'image' && has('scale=255')) body = 'image+scale';
  const npyReply = body !== 'protobuf' && /\bapplication\/(?:x-)?npy\b/i.test(accept);
  return { body, signatureName: signatureOf(url), npyReply };
}

function signatureOf(url: string): string {
  const query = url.indexOf('?');
  if (query < 0) return '';
  return new URLSearchParams(url.slice(query + 1)).get('signature_name') ?? '';
}

/** The content type of the reply to such a predict. */
export function replyType(form: PredictForm): string {
  if (form.body === 'protobuf') return 'application/x-protobuf';
  return form.npyReply ? 'application/x-npy' : 'application/json';
}
