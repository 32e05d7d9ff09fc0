"""Reports the results of attempts until the server has stored them."""

from __future__ import annotations

import math
import threading
import time
from typing import Callable, List, NamedTuple, Optional, Sequence

from ._attempt import JobContext, Report, text_of
from ._http import backoff
from .errors import ConflictError, TickerQError

_REPORTS_MAX = 1000
#: Statuses that concern the reported results; other failures are transient.
_VERDICTS = frozenset((400, 413, 415, 422))
#: Failures of every request: smaller batches do not help.
_COMMON = frozenset((0, 401, 429, 503))


def is_verdict(error: Exception) -> bool:
    """`True` if an error concerns the content of the request: a rejection, or an error of its serialization."""
    return not isinstance(error, TickerQError) or error.status in _VERDICTS


class _Waiting(NamedTuple):
    context: JobContext
    report: Report


class _Batch:
    """Reports of one kind that are sent in one request, and its time."""

    def __init__(self, waiting: Sequence[_Waiting], due: float = -math.inf, tries: int = 0) -> None:
        self.waiting = list(waiting)
        self.due = due
        self.tries = tries


class Reports:
    """Sends reports, one request at a time, in a separate thread (``run``)."""

    def __init__(
        self,
        post: Callable[[str, List[str]], object],
        failed: Callable[[str, Exception], None],
        done: Callable[[JobContext], None],
        gave_up: Callable[[str], None],
    ) -> None:
        self._post = post
        self._failed = failed
        self._done = done
        self._gave_up = gave_up
        self._changed = threading.Condition()
        self._new: List[_Waiting] = []
        self._batches: List[_Batch] = []
        self._is_closed = False

    def send(self, context: JobContext, report: Report) -> None:
        """Queues a report; concurrent reports share a request."""
        with self._changed:
            self._new.append(_Waiting(context, report))
            self._changed.notify_all()

    def close(self) -> None:
        """Ends ``run`` after the current request; remaining reports are dropped."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def run(self) -> None:
        """Sends reports until the end."""
        while True:
            batch = self._next()
            if batch is None:
                break
            try:
                self._send(batch)
            except Exception as error:  # The thread must continue for the other results.
                self._drop(batch.waiting, error)
        left = [waiting for batch in self._batches for waiting in batch.waiting] + self._new
        self._drop(left, TickerQError("the worker has stopped"))

    def _next(self) -> Optional[_Batch]:
        with self._changed:
            while not self._is_closed:
                if self._new:
                    new, self._new = self._new[:_REPORTS_MAX], self._new[_REPORTS_MAX:]
                    for is_success in (True, False):
                        waiting = [one for one in new if one.report.is_success == is_success]
                        if waiting:
                            self._batches.append(_Batch(waiting))
                first = min(self._batches, key=lambda batch: batch.due, default=None)
                now = time.monotonic()
                if first is not None and first.due <= now:
                    self._batches.remove(first)
                    return first
                # Its lease may be lost while it waits.
                self._changed.wait(None if first is None else min(first.due - now, 0.5))
                self._batches = [batch for batch in self._batches if self._wanted(batch.waiting)]
        return None

    def _wanted(self, waiting: List[_Waiting]) -> List[_Waiting]:
        """The reports whose leases are valid; the others are finished."""
        for one in waiting:
            if one.context._is_lost:
                self._done(one.context)
        return [one for one in waiting if not one.context._is_lost]

    def _send(self, batch: _Batch) -> None:
        waiting = self._wanted(batch.waiting)
        if not waiting:
            return
        try:
            self._post("complete" if waiting[0].report.is_success else "fail", [one.report.text for one in waiting])
        except ConflictError:
            pass  # Too late, or a repeated request whose first response was lost.
        except Exception as error:
            self._failed("could not report results", error)
            self._again(waiting, error, batch.tries)
            return
        for one in waiting:
            self._done(one.context)

    def _again(self, waiting: List[_Waiting], error: Exception, tries: int) -> None:
        is_refused = is_verdict(error)
        if is_refused and len(waiting) == 1:
            self._refused(waiting[0], error)
            return
        due = -math.inf
        if not is_refused:
            due = time.monotonic() + max(backoff(min(tries, 20)), getattr(error, "retry_after", None) or 0)
        is_common = not is_refused and getattr(error, "status", 0) in _COMMON
        half = len(waiting) if is_common else (len(waiting) + 1) // 2
        with self._changed:
            self._batches += [_Batch(part, due, tries + 1) for part in (waiting[:half], waiting[half:]) if part]

    def _refused(self, one: _Waiting, error: Exception) -> None:
        """A result that the server does not accept fails its job permanently; a failure is reported by its reason alone."""
        if one.report.is_plain or one.report.outcome is not None:
            self._drop([one], error)
            return
        with self._changed:
            self._batches.append(_Batch([_Waiting(one.context, one.context._refused(one.report, error))]))

    def _drop(self, waiting: List[_Waiting], error: Exception) -> None:
        ids = [one.context.job["jobId"] for one in waiting if not one.context._is_lost]
        if ids:
            self._gave_up(f"gave up reporting results of {', '.join(ids)}: {text_of(error)}")
        for one in waiting:
            self._done(one.context)
