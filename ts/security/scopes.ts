import { ServingError } from '../errors.js';

/** What a request does, as far as permissions go. */
export type Action = 'predict' | 'metadata' | 'admin';

/** Every action, for checks and help texts. */
export const ACTIONS: readonly Action[] = ['predict', 'metadata', 'admin'];

/** How a scope is written. */
export const SCOPE_HELP =
  'predict, metadata (status, signatures, metrics) or admin, the first two also for some models: predict:NAME, predict:resnet_*';

/**
 * What somebody may do.
 *
 * A scope is an action, or an action and the models it is for: `predict`, `predict:half_plus_two`, `metadata:resnet_*`. A `*` stands for any
 * text. No action implies another.
 */
export class Scopes {
  /** The scopes as they were given. */
  readonly texts: readonly string[];
  /** Patterns by action; null is every model. */
  readonly #patterns = new Map<Action, readonly string[] | null>();

  /** @throws {ServingError} `INVALID_ARGUMENT` for text that is no scope */
  constructor(texts: readonly string[]) {
    this.texts = texts;
    for (const text of texts) {
      const scope = parseScope(text);
      if (scope === null) {
        throw new ServingError('INVALID_ARGUMENT', `scope "${text}": wanted ${SCOPE_HELP}`);
      }
      this.#add(scope.action, scope.model);
    }
  }

  /** Whether `action` is allowed on a model, also one that does not exist. */
  allows(action: Action, model: string): boolean {
    const patterns = this.#patterns.get(action);
    if (patterns === undefined) return false;
    return patterns === null || patterns.some((pattern) => matches(pattern, model));
  }

  /** Whether `action` is allowed on every model, and on what is no model's. */
  allowsEverywhere(action: Action): boolean {
    return this.#patterns.get(action) === null;
  }

  /** Whether `action` is allowed on some model. */
  allowsSomewhere(action: Action): boolean {
    return this.#patterns.has(action);
  }

  #add(action: Action, model: string | null): void {
    const known = this.#patterns.get(action);
    if (known === null) return;
    if (model === null || model === '*') this.#patterns.set(action, null);
    else this.#patterns.set(action, [...(known ?? []), model]);
  }
}

/** Whether text is a scope; claims of other services may stand beside ours. */
export function isScope(text: string): boolean {
  return parseScope(text) !== null;
}

function parseScope(text: string): { action: Action; model: string | null } | null {
  const match = /^(predict|metadata|admin)(?::([^\s:/]+))?$/.exec(text);
  if (match === null) return null;
  const action = match[1] as Action;
  const model = match[2] ?? null;
  // What the admin API changes is the whole server.
  return action === 'admin' && model !== null ? null : { action, model };
}

/**
 * Whether a text fits a pattern in which `*` is any text.
 *
 * No regular expression: several stars in one would take time that grows with a power of the length, and the text is the client's.
 */
export function matches(pattern: string, text: string): boolean {
  if (!pattern.includes('*')) return pattern === text;
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop() ?? '';
  if (text.length < first.length + last.length) return false;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
