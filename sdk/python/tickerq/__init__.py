"""Client and worker of a TickerQ job server."""

from ._http import parse_time_span, time_span
from .aio import AsyncSubscription, AsyncTickerQClient
from .client import TickerQClient
from .errors import (
    AuthenticationError,
    ConflictError,
    ConnectionFailed,
    ForbiddenError,
    IdempotencyMismatchError,
    NotFoundError,
    PreconditionFailedError,
    RateLimitedError,
    ServerError,
    TickerQError,
    TooLargeError,
    UnavailableError,
    ValidationError,
)
from .subscription import Message, Subscription
from .webhooks import verify_standard_webhook, verify_webhook
from .worker import JobContext, PermanentError, RetryLater, RetryLaterError, Stopped, Worker

__all__ = [
    "AsyncSubscription",
    "AsyncTickerQClient",
    "AuthenticationError",
    "ConflictError",
    "ConnectionFailed",
    "ForbiddenError",
    "IdempotencyMismatchError",
    "JobContext",
    "Message",
    "NotFoundError",
    "PermanentError",
    "PreconditionFailedError",
    "RateLimitedError",
    "RetryLater",
    "RetryLaterError",
    "ServerError",
    "Stopped",
    "Subscription",
    "TickerQClient",
    "TickerQError",
    "TooLargeError",
    "UnavailableError",
    "ValidationError",
    "Worker",
    "parse_time_span",
    "time_span",
    "verify_standard_webhook",
    "verify_webhook",
]
