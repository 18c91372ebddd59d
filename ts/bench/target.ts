import { ServingError } from '../errors.js';

/** How requests are sent. */
export type Protocol = 'rest' | 'grpc';

/** What a URL asks to be measured. */
export interface Target {
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly model: string;
  readonly version: bigint | null;
  readonly label: string | null;
  /** `predict`, `classify` or `regress`. */
  readonly verb: string;
}

const SCHEMES: Readonly<Record<string, readonly [Protocol, boolean, number]>> = {
  'http:': ['rest', false, 8501],
  'https:': ['rest', true, 8501],
  'grpc:': ['grpc', false, 8500],
  'grpcs:': ['grpc', true, 8500],
};
const PATH =
  /^\/v1\/models\/([^/:]+)(?:\/versions\/(\d{1,18})|\/labels\/([^/:]+))?(?::(predict|classify|regress))?\/?$/;
const WANTED =
  'http://HOST:8501/v1/models/MODEL, also with /versions/N, /labels/L, :classify or :regress, or grpc://HOST:8500/MODEL';

/** Whether a text is a URL and not a folder. */
export function isUrl(text: string): boolean {
  return /^(https?|grpcs?):\/\//i.test(text);
}

/**
 * Reads the URL of a model: a REST one as requests go to, or one of gRPC, whose path may be just the model's name.
 *
 * @param model the model where the URL names none
 * @throws {ServingError} `INVALID_ARGUMENT` with what a URL looks like
 */
export function parseTarget(text: string, model: string | null): Target {
  const fail = (why: string): never => {
    throw new ServingError('INVALID_ARGUMENT', `${text}: ${why}, wanted ${WANTED}`);
  };
  if (!URL.canParse(text)) fail('is no URL');
  const url = new URL(text);
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined) return fail(`got scheme "${url.protocol}"`);
  const [protocol, tls, port] = scheme;
  const shortName = /^\/([^/:]+)$/.exec(url.pathname)?.[1];
  const named =
    protocol === 'grpc' && shortName !== undefined
      ? [shortName]
      : PATH.exec(url.pathname)?.slice(1);
  if (named === undefined && url.pathname !== '/' && url.pathname !== '') fail('names no model');
  const name = named?.[0] ?? model;
  if (name === null || name === undefined) return fail('names no model (see --model)');
  const [, version, label, verb] = named ?? [];
  return {
    protocol,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? port : Number(url.port),
    tls,
    model: decode(name),
    version: version === undefined ? null : BigInt(version),
    label: label === undefined ? null : decode(label),
    verb: verb ?? 'predict',
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The path of a model's REST call; no `verb` is its status. */
export function restPath({ model, version, label }: Target, verb: string): string {
  const which =
    version !== null
      ? `/versions/${version}`
      : label !== null
        ? `/labels/${encodeURIComponent(label)}`
        : '';
  return `/v1/models/${encodeURIComponent(model)}${which}${verb}`;
}

/** As people read it. */
export function shownTarget(target: Target): string {
  const { protocol, host, port, tls, model, verb } = target;
  const name = host.includes(':') ? `[${host}]` : host;
  if (protocol === 'grpc') return `grpc${tls ? 's' : ''}://${name}:${port}/${model}`;
  return `http${tls ? 's' : ''}://${name}:${port}${restPath(target, `:${verb}`)}`;
}
