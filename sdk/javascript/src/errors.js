// Errors: one class for each kind of problem (RFC 9457).

/** Base class of all errors of a client. */
export class TickerQError extends Error {
  constructor(message, options = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    /** The HTTP status; 0 without a response. */
    this.status = options.status ?? 0;
    /** The problem of the response. */
    this.problem = options.problem ?? null;
    /** The `Retry-After` of the response, in milliseconds. */
    this.retryAfter = options.retryAfter ?? null;
  }

  /** The last part of the problem's type, such as `validation`. */
  get code() {
    return typeof this.problem?.type === 'string' ? this.problem.type.split(':').pop() : null;
  }

  /** The invalid parts of the request. */
  get errors() {
    return this.problem?.errors ?? [];
  }
}

/** No response: connection refused, interrupted or timed out. */
export class ConnectionError extends TickerQError {}
/** Invalid request (400, 415); `errors` names the fields. */
export class ValidationError extends TickerQError {}
/** Missing or invalid credentials (401). */
export class AuthenticationError extends TickerQError {}
/** Insufficient scope (403). */
export class ForbiddenError extends TickerQError {}
/** Not found (404). */
export class NotFoundError extends TickerQError {}
/** Conflict with the state of the job or worker (409). */
export class ConflictError extends TickerQError {}
/** The revision does not match (412). */
export class PreconditionFailedError extends TickerQError {}
/** The body is too large (413). */
export class TooLargeError extends TickerQError {}
/** The idempotency key was used for another request (422). */
export class IdempotencyMismatchError extends TickerQError {}
/** Too many requests (429). */
export class RateLimitedError extends TickerQError {}
/** The server is busy, or its storage is unavailable (503). */
export class UnavailableError extends TickerQError {}
/** Internal server error (500 and others). */
export class ServerError extends TickerQError {}

const BY_STATUS = new Map([
  [400, ValidationError],
  [401, AuthenticationError],
  [403, ForbiddenError],
  [404, NotFoundError],
  [409, ConflictError],
  [412, PreconditionFailedError],
  [413, TooLargeError],
  [415, ValidationError],
  [422, IdempotencyMismatchError],
  [429, RateLimitedError],
  [503, UnavailableError],
]);

/** A longer `Retry-After` is cut, in seconds. */
const RETRY_AFTER_MAX = 86_400;

function textIn(problem, name) {
  return typeof problem?.[name] === 'string' ? problem[name] : undefined;
}

/** The error of a response. */
export function errorOf(status, text, headers) {
  let problem = null;
  try {
    const body = JSON.parse(text);
    if (body !== null && typeof body === 'object') problem = body;
  } catch {
    // A proxy's response has no problem.
  }
  const seconds = Number(headers.get('retry-after') ?? NaN);
  const Kind = BY_STATUS.get(status) ?? (status >= 500 ? ServerError : TickerQError);
  return new Kind(textIn(problem, 'detail') ?? textIn(problem, 'title') ?? `the server answered ${status}`, {
    status,
    problem,
    retryAfter: Number.isNaN(seconds) ? null : Math.min(Math.max(seconds, 0), RETRY_AFTER_MAX) * 1000,
  });
}
