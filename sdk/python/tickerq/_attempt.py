"""An attempt of a job: the handler's context, its errors and its result in the form that the server accepts."""

from __future__ import annotations

import json
import math
import re
import threading
import traceback
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, List, NamedTuple, Optional, Union, cast

from ._http import plain, time_span
from .client import JsonObject
from .types import HeldJob, LeasedJob

_LOG_LINES_MAX = 200
#: Maximum length of a stored log line.
_LINE_LENGTH_MAX = 1024
#: The longest wait that the server accepts: ten years.
_WAIT_MAX = timedelta(days=3653)
_LEVELS = ("debug", "info", "warning", "error")
_SURROGATES = re.compile("[\ud800-\udfff]")


class PermanentError(Exception):
    """Raised in a handler, it fails the job permanently, without retries."""


class RetryLaterError(Exception):
    """Raised in a handler, it sets the delay of the next attempt: ``RetryLaterError("rate limited", 1.5)`` or
    ``RetryLaterError(1.5)``, in seconds or as a ``timedelta``; at most ten years."""

    def __init__(
        self, message: Union[str, float, timedelta], after: Union[None, str, float, timedelta] = None
    ) -> None:
        if not isinstance(message, str):
            message, after = (after if isinstance(after, str) else f"retry after {message}"), message
        if not isinstance(after, (int, float, timedelta)) or after != after:
            raise TypeError("after must be a timedelta or a number of seconds")
        super().__init__(message)
        if not isinstance(after, timedelta):
            after = timedelta(seconds=min(max(after, 0.0), _WAIT_MAX.total_seconds()))
        #: The wait before the next attempt.
        self.after = min(max(after, timedelta(0)), _WAIT_MAX)


class Stopped(Exception):
    """The job should stop; ``reason`` is ``cancelled``, ``timeout``, ``lost`` or ``stopping``."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the job should stop: {reason}")
        self.reason = reason


class Report(NamedTuple):
    """The result of an attempt, as JSON."""

    is_success: bool
    text: str
    outcome: Optional[str] = None
    retry: Optional[bool] = None
    #: A failure without what the server may not accept.
    is_plain: bool = False


def well_formed(text: str, length: Optional[int] = None) -> str:
    """Text that the server can store: unpaired surrogates are replaced."""
    return _SURROGATES.sub("\ufffd", text[:length])


def text_of(error: BaseException) -> str:
    """The text of any exception."""
    try:
        return well_formed(str(error)) or type(error).__name__
    except Exception:
        return type(error).__name__


class JobContext:
    """The context of a handler, in addition to the parameters."""

    def __init__(self, job: LeasedJob) -> None:
        #: The leased job: ``jobId``, ``type``, ``attempt``, ``parameters`` …
        self.job = job
        #: Set when the job should stop; ``reason`` has the reason.
        self.stopped = threading.Event()
        self.reason: Optional[str] = None
        self._lock = threading.Lock()
        self._progress: Optional[JsonObject] = None
        self._log: List[JsonObject] = []
        self._on_stop: Optional[Callable[[], None]] = None
        self._is_ended = False
        # The lease has expired, or the server has started another attempt: this one reports nothing further.
        self._is_lost = False
        self._timer: Optional[threading.Timer] = None

    def progress(self, percent: float, message: Optional[str] = None) -> None:
        """Reports progress, from 0 to 100. Other numbers are clamped; NaN and infinity are ignored."""
        try:
            value = float(percent)
        except OverflowError:
            value = 100.0 if percent > 0 else 0.0
        except (TypeError, ValueError):
            return
        if not math.isfinite(value):
            return
        progress: JsonObject = {"percent": min(max(value, 0.0), 100.0)}
        if message is not None:
            progress["message"] = well_formed(str(message), _LINE_LENGTH_MAX)
        with self._lock:
            self._progress = progress

    def log(self, message: object, level: str = "info") -> None:
        """Logs a line: ``debug``, ``info``, ``warning`` or ``error``."""
        at = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        if level not in _LEVELS:
            level = "warning" if level == "warn" else "info"
        line = {"at": at, "level": level, "message": well_formed(str(message), _LINE_LENGTH_MAX)}
        with self._lock:
            self._log = [*self._log[1 - _LOG_LINES_MAX :], line]

    def raise_if_stopped(self) -> None:
        """Raises :class:`Stopped` when the job should stop."""
        if self.stopped.is_set():
            raise Stopped(self.reason or "stopping")

    def _held(self) -> HeldJob:
        return {"jobId": self.job["jobId"], "leaseToken": self.job["leaseToken"]}

    def _report(self) -> HeldJob:
        with self._lock:
            report: JsonObject = {**self._held()}
            if self._progress is not None:
                report["progress"] = self._progress
            if self._log:
                report["log"] = self._log
            self._progress, self._log = None, []
            return cast(HeldJob, report)

    def _has_news(self) -> bool:
        with self._lock:
            return self._progress is not None or bool(self._log)

    def _stop(self, reason: str) -> None:
        with self._lock:
            if self.reason is None:
                self.reason = reason
            on_stop = self._on_stop
        self.stopped.set()
        if on_stop is not None:
            on_stop()

    def _end_once(self) -> bool:
        with self._lock:
            is_first = not self._is_ended
            self._is_ended = True
            return is_first

    def _completed(self, result: Any) -> Report:
        """The report of a success. Raises an error for values that JSON can't represent: NaN, cycles, other types."""
        held = json.dumps(self._held())
        if result is None:
            return Report(True, held)
        text = json.dumps(result, default=plain, allow_nan=False)
        return Report(True, f'{held[:-1]}, "result": {text}}}')

    def _failed(self, fields: JsonObject) -> Report:
        text = json.dumps({**self._held(), **fields})
        return Report(False, text, fields.get("outcome"), fields.get("retry"))

    def _raised(self, error: BaseException) -> Report:
        fields: JsonObject = {"error": text_of(error)}
        try:
            lines = traceback.format_exception(type(error), error, error.__traceback__)
            fields["errorDetail"] = well_formed("".join(lines))
        except Exception:
            pass  # The error alone is reported.
        if isinstance(error, PermanentError):
            fields["retry"] = False
        if isinstance(error, RetryLaterError):
            fields["retryAfter"] = time_span(error.after)
        return self._failed(fields)

    def _was_stopped(self) -> Report:
        if self.reason == "cancelled":
            return self._failed({"outcome": "cancelled"})
        if self.reason == "timeout":
            return self._failed({"error": f"timed out after {self.job['timeout']}"})
        return self._failed({"outcome": "released"})

    def _unwritable(self, error: BaseException) -> Report:
        """The report of a result that can't be serialized as JSON: only this job fails, permanently."""
        return self._failed({"error": f"the result can't be written as JSON: {text_of(error)}", "retry": False})

    def _refused(self, report: Report, error: BaseException) -> Report:
        """The report that replaces one that the server has rejected."""
        what = "result" if report.is_success else "error"
        fields: JsonObject = {"error": f"the {what} was not accepted: {text_of(error)}"}
        if report.is_success or report.retry is False:
            fields["retry"] = False
        return self._failed(fields)._replace(is_plain=True)
