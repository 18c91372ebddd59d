/** The verbs of an inference request. */
export type Verb = 'predict' | 'classify' | 'regress';

/** Which version of a model a path names: neither is the newest available one. */
export interface Choice {
  readonly name: string;
  readonly version: bigint | null;
  readonly label: string | null;
}

/** What a path under `/v1/` asks for. */
export type Route =
  | { readonly kind: 'infer'; readonly verb: Verb; readonly choice: Choice }
  | { readonly kind: 'status'; readonly choice: Choice }
  | { readonly kind: 'metadata'; readonly choice: Choice }
  | { readonly kind: 'models' }
  | { readonly kind: 'badVersion'; readonly version: string }
  | { readonly kind: 'malformed' };

const CHOICE = '(?:(?:/versions/(\\d+))|(?:/labels/([^/:]+)))?';
const POST = new RegExp(`^/v1/models/([^/:]+)${CHOICE}:(classify|regress|predict)$`, 'i');
const GET = new RegExp(`^/v1/models(?:/([^/:]+))?${CHOICE}(?:/(metadata))?$`, 'i');
const INT64_MAX = 2n ** 63n - 1n;
const MALFORMED: Route = { kind: 'malformed' };

/**
 * Reads a path as TensorFlow Serving does: fixed parts in any case, the verb only in lower case, names percent-decoded after
 * matching so that `%2F` and `%3A` may stand in them.
 *
 * @param path the path as it was sent, without query and fragment
 */
export function matchRoute(method: string, path: string): Route {
  if (method === 'POST') return matchInference(path);
  if (method === 'GET' || method === 'HEAD') return matchRead(path);
  return MALFORMED;
}

function matchInference(path: string): Route {
  const match = POST.exec(path);
  if (match === null) return MALFORMED;
  const [, name, version, label, verb] = match;
  if (verb !== 'predict' && verb !== 'classify' && verb !== 'regress') return MALFORMED;
  if (isTooBig(version)) return { kind: 'badVersion', version: version as string };
  return { kind: 'infer', verb, choice: choice(name as string, version, label) };
}

function matchRead(path: string): Route {
  const match = GET.exec(path);
  if (match === null) return MALFORMED;
  const [, name, version, label, metadata] = match;
  if (isTooBig(version)) return { kind: 'badVersion', version: version as string };
  if (name === undefined) {
    // `/v1/models/versions/7` reads as a model called "versions", so nothing but the bare list comes here.
    return version === undefined && label === undefined && metadata === undefined
      ? { kind: 'models' }
      : MALFORMED;
  }
  // The reference compares the word with its case: `/METADATA` asks for the status.
  return {
    kind: metadata === 'metadata' ? 'metadata' : 'status',
    choice: choice(name, version, label),
  };
}

function isTooBig(version: string | undefined): boolean {
  return version !== undefined && version.length >= 19 && BigInt(version) > INT64_MAX;
}

function choice(name: string, version: string | undefined, label: string | undefined): Choice {
  return {
    name: percentDecode(name),
    version: version === undefined ? null : BigInt(version),
    label: label === undefined ? null : percentDecode(label),
  };
}

/** Decodes `%XX`; a `%` that is not followed by two hex digits stays, and `+` is no space. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  const bytes = Buffer.from(text);
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    const pair = byte === 0x25 ? bytes.toString('latin1', i + 1, i + 3) : '';
    if (/^[0-9a-fA-F]{2}$/.test(pair)) {
      bytes[length++] = Number.parseInt(pair, 16);
      i += 2;
    } else {
      bytes[length++] = byte;
    }
  }
  return bytes.toString('utf8', 0, length);
}
