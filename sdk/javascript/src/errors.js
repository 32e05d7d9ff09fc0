// What can go wrong, a class for each kind of problem that the server tells (RFC 9457).

/** Anything that went wrong. */
export class TickerQError extends Error {
  constructor(message, options = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    /** The HTTP status; 0 when there was no answer. */
    this.status = options.status ?? 0;
    /** The problem as the server told it. */
    this.problem = options.problem ?? null;
    /** When to come back, in milliseconds, if the server said so. */
    this.retryAfter = options.retryAfter ?? null;
  }

  /** The last part of the problem's type, such as `validation`. */
  get code() {
    return this.problem?.type?.split(':').pop() ?? null;
  }

  /** The parts of the request that are wrong. */
  get errors() {
    return this.problem?.errors ?? [];
  }
}

/** There was no answer: no connection, or it ended before the answer was whole, or the time was over. */
export class ConnectionError extends TickerQError {}
/** The request has something that is not accepted (400, 415); `errors` names it. */
export class ValidationError extends TickerQError {}
/** It is not known who calls (401). */
export class AuthenticationError extends TickerQError {}
/** The caller may not do this (403). */
export class ForbiddenError extends TickerQError {}
/** There is no such thing (404). */
export class NotFoundError extends TickerQError {}
/** The state of the job, or of the worker, does not allow it (409). */
export class ConflictError extends TickerQError {}
/** The job is not as the caller believed (412). */
export class PreconditionFailedError extends TickerQError {}
/** The body is too large (413). */
export class TooLargeError extends TickerQError {}
/** The idempotency key was used for another request (422). */
export class IdempotencyMismatchError extends TickerQError {}
/** There were too many requests (429). */
export class RateLimitedError extends TickerQError {}
/** The server has too much to do, or can't reach its storage (503). */
export class UnavailableError extends TickerQError {}
/** The server has failed (500 and others). */
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

/** The error that an answer stands for. */
export function errorOf(status, text, headers) {
  let problem = null;
  try {
    const body = JSON.parse(text);
    if (body !== null && typeof body === 'object') problem = body;
  } catch {
    // A proxy may answer something else.
  }
  const seconds = Number(headers.get('retry-after') ?? NaN);
  const Kind = BY_STATUS.get(status) ?? (status >= 500 ? ServerError : TickerQError);
  return new Kind(problem?.detail ?? problem?.title ?? `the server answered ${status}`, {
    status,
    problem,
    retryAfter: Number.isFinite(seconds) ? seconds * 1000 : null,
  });
}
