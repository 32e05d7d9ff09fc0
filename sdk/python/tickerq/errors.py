"""What can go wrong, a class for each kind of problem that the server tells (RFC 9457)."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional


class TickerQError(Exception):
    """Anything that went wrong."""

    def __init__(
        self,
        message: str,
        status: int = 0,
        problem: Optional[Dict[str, Any]] = None,
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(message)
        #: The HTTP status; 0 when there was no answer.
        self.status = status
        #: The problem as the server told it.
        self.problem = problem
        #: When to come back, in seconds, if the server said so.
        self.retry_after = retry_after

    @property
    def code(self) -> Optional[str]:
        """The last part of the problem's type, such as ``validation``."""
        return self.problem["type"].rsplit(":", 1)[-1] if self.problem and "type" in self.problem else None

    @property
    def errors(self) -> List[Dict[str, str]]:
        """The parts of the request that are wrong."""
        return list((self.problem or {}).get("errors", []))


class ConnectionFailed(TickerQError):
    """There was no answer: no connection, or it ended too early, or the time was over."""


class ValidationError(TickerQError):
    """The request has something that is not accepted (400, 415); ``errors`` names it."""


class AuthenticationError(TickerQError):
    """It is not known who calls (401)."""


class ForbiddenError(TickerQError):
    """The caller may not do this (403)."""


class NotFoundError(TickerQError):
    """There is no such thing (404)."""


class ConflictError(TickerQError):
    """The state of the job, or of the worker, does not allow it (409)."""


class PreconditionFailedError(TickerQError):
    """The job is not as the caller believed (412)."""


class TooLargeError(TickerQError):
    """The body is too large (413)."""


class IdempotencyMismatchError(TickerQError):
    """The idempotency key was used for another request (422)."""


class RateLimitedError(TickerQError):
    """There were too many requests (429)."""


class UnavailableError(TickerQError):
    """The server has too much to do, or can't reach its storage (503)."""


class ServerError(TickerQError):
    """The server has failed (500 and others)."""


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
    """The error that an answer stands for."""
    problem = None
    try:
        body = json.loads(text)
        if isinstance(body, dict):
            problem = body
    except ValueError:
        pass  # A proxy may answer something else.
    detail = (problem or {}).get("detail") or (problem or {}).get("title") or f"the server answered {status}"
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else TickerQError)
    try:
        seconds = float(retry_after) if retry_after is not None else None
    except ValueError:
        seconds = None
    return kind(str(detail), status, problem, seconds)
