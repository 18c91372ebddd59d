/**
 * The one set of status codes, from the TensorFlow C API to the client.
 *
 * TF_Code, absl and gRPC share this numbering; HTTP statuses follow TensorFlow Serving's `ToHTTPStatusCode`.
 */
export const Code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** The name of a status code, as TensorFlow prints it. */
export type CodeName = keyof typeof Code;

/** The number of a status code, as TF_Code and gRPC send it. */
export type CodeNumber = (typeof Code)[CodeName];

const NAMES = Object.keys(Code) as CodeName[];

const HTTP_STATUS: Readonly<Record<CodeName, number>> = {
  OK: 200,
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** Every error Servable raises on purpose: a canonical code and one sentence that says what to do. */
export class ServingError extends Error {
  /** The canonical code's name. */
  readonly code: CodeName;

  constructor(code: CodeName, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ServingError';
    this.code = code;
  }

  /** The code as gRPC and TF_Code number it. */
  get number(): CodeNumber {
    return Code[this.code];
  }

  /** The HTTP status TensorFlow Serving answers this code with. */
  get httpStatus(): number {
    return HTTP_STATUS[this.code];
  }
}

/** Names a code number; anything unknown is `UNKNOWN`. */
export function codeName(number: number): CodeName {
  return NAMES[number] ?? 'UNKNOWN';
}

/** The HTTP status TensorFlow Serving answers `code` with. */
export function httpStatus(code: CodeName): number {
  return HTTP_STATUS[code];
}

/**
 * Makes a `ServingError` of whatever was thrown.
 *
 * An error that carries one of our codes keeps it; everything else is `INTERNAL` with the original as `cause`.
 */
export function toServingError(error: unknown): ServingError {
  if (error instanceof ServingError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && Object.hasOwn(Code, code)) {
    return new ServingError(code as CodeName, message, { cause: error });
  }
  return new ServingError('INTERNAL', message, { cause: error });
}
