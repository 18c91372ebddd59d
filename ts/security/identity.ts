import { ServingError } from '../errors.js';
import type { Action, Scopes } from './scopes.js';

/** Somebody who has shown who they are. */
export interface Identity {
  /** For logs: the name of the token, the subject of a JWT or of a certificate. Never the secret. */
  readonly name: string;
  readonly scopes: Scopes;
}

/** What is wrong with a request's credentials. */
export type CredentialProblem = 'missing' | 'invalid';

/** A request without valid credentials. */
export class UnauthenticatedError extends ServingError {
  readonly problem: CredentialProblem;

  constructor(problem: CredentialProblem, message: string, options?: { cause?: unknown }) {
    super('UNAUTHENTICATED', message, options);
    this.problem = problem;
  }
}

/** Refuses what an identity may not do on a model; `null` is every model, or what is no model's. */
export function authorize(identity: Identity, action: Action, model: string | null): void {
  const { scopes } = identity;
  const allowed = model === null ? scopes.allowsEverywhere(action) : scopes.allows(action, model);
  if (allowed) return;
  // Whether there is such a model is not told.
  const what = model === null ? action : `${action} on model "${model}"`;
  throw new ServingError('PERMISSION_DENIED', `the credentials do not allow ${what}`);
}

/** The challenge of a 401 or 403 (RFC 6750). */
export function challenge(error: ServingError): string {
  const realm = 'Bearer realm="servable"';
  if (error.code === 'PERMISSION_DENIED') return `${realm}, error="insufficient_scope"`;
  const isInvalid = error instanceof UnauthenticatedError && error.problem === 'invalid';
  return isInvalid ? `${realm}, error="invalid_token"` : realm;
}

/** The token of an `Authorization` header: bare, as PAI EAS sends it, or after `Bearer`. */
export function bearerToken(authorization: string | undefined): string | null {
  const given = authorization?.trim() ?? '';
  if (given === '') return null;
  const match = /^(\S+)(?:\s+(\S.*))?$/.exec(given);
  const [, first = '', rest] = match ?? [];
  if (rest === undefined) return first.toLowerCase() === 'bearer' ? null : first;
  if (first.toLowerCase() !== 'bearer') {
    throw new UnauthenticatedError(
      'invalid',
      'Authorization: the scheme is not known, wanted "Bearer TOKEN" or the token alone',
    );
  }
  return rest;
}
