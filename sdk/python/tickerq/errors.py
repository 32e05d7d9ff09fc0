"""Errors: one class for each kind of problem (RFC 9457)."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional


class TickerQError(Exception):
    """Base class of all errors of a client."""

    def __init__(
        self,
        message: str,
        status: int = 0,
        problem: Optional[Dict[str, Any]] = None,
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(message)
        #: The HTTP status; 0 without a response.
        self.status = status
        #: The problem of the response.
        self.problem = problem
        #: The ``Retry-After`` of the response, in seconds.
        self.retry_after = retry_after

    @property
    def code(self) -> Optional[str]:
        """The last part of the problem's type, such as ``validation``."""
        kind = (self.problem or {}).get("type")
        return kind.rsplit(":", 1)[-1] if isinstance(kind, str) else None

    @property
    def errors(self) -> List[Dict[str, str]]:
        """The invalid parts of the request."""
        return list((self.problem or {}).get("errors", []))


class ConnectionFailed(TickerQError):
    """No response: connection refused, interrupted or timed out."""


class ValidationError(TickerQError):
    """Invalid request (400, 415); ``errors`` names the fields."""


class AuthenticationError(TickerQError):
    """Missing or invalid credentials (401)."""


class ForbiddenError(TickerQError):
    """Insufficient scope (403)."""


class NotFoundError(TickerQError):
    """Not found (404)."""


class ConflictError(TickerQError):
    """Conflict with the state of the job or worker (409)."""


class PreconditionFailedError(TickerQError):
    """The revision does not match (412)."""


class TooLargeError(TickerQError):
    """The body is too large (413)."""


class IdempotencyMismatchError(TickerQError):
    """The idempotency key was used for another request (422)."""


class RateLimitedError(TickerQError):
    """Too many requests (429)."""


class UnavailableError(TickerQError):
    """The server is busy, or its storage is unavailable (503)."""


class ServerError(TickerQError):
    """Internal server error (500 and others)."""


#: A longer ``Retry-After`` is cut, in seconds.
_RETRY_AFTER_MAX = 86_400.0

_BY_STATUS = {
    400: ValidationError,
    401: AuthenticationError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: PreconditionFailedError,
    413: TooLargeError,
    415: ValidationError,
    422: IdempotencyMismatchError,
    429: RateLimitedError,
    503: UnavailableError,
}


def error_of(status: int, text: bytes, retry_after: Optional[str]) -> TickerQError:
    """The error of a response."""
    problem = None
    try:
        body = json.loads(text)
        if isinstance(body, dict):
            problem = body
    except ValueError:
        pass  # A proxy's response has no problem.
    detail = (problem or {}).get("detail") or (problem or {}).get("title") or f"the server answered {status}"
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else TickerQError)
    # Dates and invalid delays are ignored.
    is_delay = retry_after is not None and retry_after.strip().isdecimal()
    seconds = min(float(retry_after or 0), _RETRY_AFTER_MAX) if is_delay else None
    return kind(str(detail), status, problem, seconds)
