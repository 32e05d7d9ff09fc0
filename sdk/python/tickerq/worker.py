"""A worker: leases jobs, runs them with functions of this program, and reports their results."""

from __future__ import annotations

import asyncio
import inspect
import logging
import queue
import signal as signals
import threading
import traceback
import uuid
from datetime import datetime, timedelta, timezone
from types import FrameType
from typing import Any, Callable, Coroutine, Dict, List, Optional, Sequence, Tuple, TypeVar, Union, cast

from ._http import backoff, parse_time_span, time_span
from .aio import AsyncTickerQClient
from .client import JsonObject, TickerQClient
from .errors import ConflictError, ConnectionFailed, NotFoundError, RateLimitedError, TickerQError
from .types import CompletedJob, FailedJob, HeldJob, LeasedJob

_LEASE_WAIT = 30.0
_REPORTS_MAX = 1000
_REPORT_TRIES = 20
_LOG_LINES_MAX = 200
#: The time after which a stopped handler is abandoned, in seconds.
_STOP_GRACE = 1.0

_logger = logging.getLogger("tickerq.worker")

F = TypeVar("F", bound=Callable[..., Any])
_Result = Tuple[str, JsonObject]


class PermanentError(Exception):
    """Raise it in a handler when another attempt can't help: the job fails permanently."""


class RetryLaterError(Exception):
    """Raise it in a handler to set the wait before the next attempt: ``RetryLaterError("rate limited", 1.5)`` or
    ``RetryLaterError(1.5)``, in seconds or as a ``timedelta``."""

    def __init__(
        self, message: Union[str, float, timedelta], after: Union[None, str, float, timedelta] = None
    ) -> None:
        if not isinstance(message, str):
            message, after = (after if isinstance(after, str) else f"retry after {message}"), message
        if not isinstance(after, (int, float, timedelta)):
            raise TypeError("after must be a timedelta or a number of seconds")
        super().__init__(message)
        #: The wait before the next attempt.
        self.after = max(after if isinstance(after, timedelta) else timedelta(seconds=after), timedelta(0))


#: The same under its former name.
RetryLater = RetryLaterError


class Stopped(Exception):
    """The job should stop; ``reason`` is ``cancelled``, ``timeout``, ``lost`` or ``stopping``."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the job should stop: {reason}")
        self.reason = reason


class JobContext:
    """What a handler receives beside the parameters."""

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
        self._timer: Optional[threading.Timer] = None

    def progress(self, percent: float, message: Optional[str] = None) -> None:
        """Reports progress, from 0 to 100."""
        with self._lock:
            self._progress = {"percent": percent, **({} if message is None else {"message": message})}

    def log(self, message: object, level: str = "info") -> None:
        """Logs a line: ``debug``, ``info``, ``warning`` or ``error``."""
        at = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        with self._lock:
            self._log = [*self._log[1 - _LOG_LINES_MAX :], {"at": at, "level": level, "message": str(message)}]

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


class Worker:
    """Runs jobs with decorated functions::

        worker = Worker(client, name="greeter")

        @worker.handler("GreetJob")
        def greet(parameters, context):
            return {"greeting": f"hello {parameters['name']}"}

        worker.run()

    Each job runs in a thread of its own; a handler may also be a coroutine function. Failed requests and errors of
    handlers are logged by the logger ``tickerq.worker``. ``heartbeat_every`` is in seconds.
    """

    def __init__(
        self,
        client: Union[TickerQClient, AsyncTickerQClient],
        *,
        name: Optional[str] = None,
        queues: Sequence[str] = (),
        concurrency: int = 10,
        on_error: Callable[[Exception], None] = lambda error: None,
        heartbeat_every: Optional[float] = None,
        keep_subscriptions: bool = False,
    ) -> None:
        self._client = client if isinstance(client, TickerQClient) else client.sync
        self._name = name or f"worker-{uuid.uuid4().hex[:8]}"
        self._queues = list(queues)
        self._concurrency = concurrency
        self._on_error = on_error
        self._heartbeat_every = heartbeat_every
        self._keep_subscriptions = keep_subscriptions
        self._handlers: Dict[str, Callable[..., Any]] = {}
        self._running: Dict[str, JobContext] = {}
        self._changed = threading.Condition()
        self._results: "queue.Queue[Tuple[Optional[JobContext], str, JsonObject]]" = queue.Queue()
        self._stopping = threading.Event()
        self._threads: List[threading.Thread] = []
        self._trouble: Optional[str] = None
        self._refused: List[str] = []
        self._beat_every = 5.0
        # Held during a heartbeat, which carries progress and log: they must arrive before the result of their job.
        self._beating = threading.RLock()
        #: The id of this run of the worker; empty before it is registered.
        self.id: str = ""

    def handler(self, job_type: str) -> Callable[[F], F]:
        """Registers a function for a job type. It receives the parameters and a :class:`JobContext`; its return value
        is the result."""

        def register(function: F) -> F:
            self._handlers[job_type] = function
            return function

        return register

    def start(self) -> "Worker":
        """Registers and starts to work, in threads of its own. Waits for a server that is not reachable yet;
        :meth:`stop` ends the wait."""
        if self._threads or not self._register_when_reachable():
            return self
        for work in (self._lease_loop, self._beat_loop, self._report_loop):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def run(self) -> None:
        """Works until SIGINT or SIGTERM, and stops then."""

        def stop(number: int, frame: Optional[FrameType]) -> None:
            self._stopping.set()

        for number in (signals.SIGINT, signals.SIGTERM):
            signals.signal(number, stop)
        self.start()
        self._stopping.wait()
        self.stop()

    def __enter__(self) -> "Worker":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> "Worker":
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def stop(self, grace: float = 30.0) -> None:
        """Leases no more jobs, waits ``grace`` seconds for those that run, releases the others, unregisters, and closes
        the subscriptions of the client, unless ``keep_subscriptions`` is set."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._threads:
            self._stop_work(grace)
        if not self._keep_subscriptions:
            self._client.close_subscriptions()

    def _stop_work(self, grace: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._running, grace)
            rest = list(self._running.values())
        for context in rest:
            context._stop("stopping")
            self._abandon_later(context)
        with self._changed:
            self._changed.wait_for(lambda: not self._running, 5 * _STOP_GRACE)
        self._results.put((None, "", {}))
        # The lease thread is not waited for: unregistering ends its request.
        self._threads[2].join(10)
        self._threads = []
        try:
            self._client.remove_worker(self.id)
        except TickerQError as error:
            self._failed("could not unregister", error)

    def _failed(self, what: str, error: Exception) -> None:
        """Logs a failed request; one that repeats is logged once."""
        text = f"{what}: {error}"
        if self._trouble != text:
            _logger.warning("worker %s: %s", self._name, text)
        self._trouble = text
        self._on_error(error)

    def _recovered(self) -> None:
        if self._trouble is not None:
            _logger.info("worker %s: connected", self._name)
        self._trouble = None

    def _register_when_reachable(self) -> bool:
        tries = 0
        while not self._stopping.is_set():
            try:
                self._register(retries=0)
                self._recovered()
                return True
            except TickerQError as error:
                if not (isinstance(error, (ConnectionFailed, RateLimitedError)) or error.status >= 500):
                    raise
                self._failed("could not register", error)
                self._stopping.wait(max(backoff(tries), error.retry_after or 0))
                tries += 1
        return False

    def _register(self, retries: Optional[int] = None) -> None:
        worker = self._client.register_worker(
            self._name, list(self._handlers), self._queues, self._concurrency, retries=retries
        )
        self.id = worker["id"]
        self._beat_every = self._heartbeat_every or parse_time_span(worker["heartbeatInterval"]).total_seconds()

    def _lease_loop(self) -> None:
        tries = 0
        while not self._stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._stopping.is_set() or len(self._running) < self._concurrency)
                free = min(self._concurrency - len(self._running), 1000)
            if self._stopping.is_set():
                return
            try:
                for job in self._client.lease_jobs(self.id, max=free, wait=_LEASE_WAIT):
                    self._begin(job)
                self._recovered()
                tries = 0
            except TickerQError as error:
                if self._stopping.is_set():
                    return
                self._failed("could not lease jobs", error)
                if isinstance(error, (NotFoundError, ConflictError)):
                    self._beat()
                self._stopping.wait(max(backoff(tries), error.retry_after or 0))
                tries += 1

    def _beat_loop(self) -> None:
        while True:
            if self._stopping.wait(self._beat_every):
                with self._changed:
                    if self._changed.wait_for(lambda: not self._running, min(self._beat_every, 0.2)):
                        return
            self._beat()

    def _contexts(self) -> List[JobContext]:
        with self._changed:
            return list(self._running.values())

    def _beat(self) -> None:
        with self._beating:
            self._beat_alone()

    def _beat_alone(self) -> None:
        contexts = self._contexts()
        try:
            answer = self._client.heartbeat(self.id, [context._report() for context in contexts])
            for reason, ids in (("cancelled", answer["cancelled"]), ("lost", answer["lost"])):
                for context in contexts:
                    if context.job["jobId"] in ids:
                        self._stop_job(context, reason)
            refused = list(answer.get("refusedTypes") or [])
            if refused and refused != self._refused:
                _logger.warning("worker %s: servers run jobs of %s and lease none of them", self._name, ", ".join(refused))
            self._refused = refused
        except NotFoundError as error:
            self._failed("heartbeat failed", error)
            if self._stopping.is_set():
                return
            # The server does not know this worker any more, nor its leases.
            for context in contexts:
                self._stop_job(context, "lost")
            try:
                self._register()
            except TickerQError as failure:
                self._failed("could not register", failure)
        except TickerQError as error:
            self._failed("heartbeat failed", error)

    def _stop_job(self, context: JobContext, reason: str) -> None:
        if reason == "lost":
            _logger.warning("worker %s: lost the lease of job %s", self._name, context.job["jobId"])
        context._stop(reason)
        self._abandon_later(context)

    def _begin(self, job: LeasedJob) -> None:
        context = JobContext(job)
        with self._changed:
            self._running[job["jobId"]] = context
        limit = min(parse_time_span(job["timeout"]).total_seconds(), threading.TIMEOUT_MAX)
        context._timer = threading.Timer(limit, self._stop_job, (context, "timeout"))
        context._timer.daemon = True
        context._timer.start()
        threading.Thread(target=self._attempt, args=(context,), daemon=True).start()

    def _abandon_later(self, context: JobContext) -> None:
        timer = threading.Timer(_STOP_GRACE, lambda: self._end(context, *_result_of_stopped(context)))
        timer.daemon = True
        timer.start()

    def _attempt(self, context: JobContext) -> None:
        try:
            handler = self._handlers[context.job["type"]]
            if inspect.iscoroutinefunction(handler):
                result = asyncio.run(_run_async(handler, context))
            else:
                result = handler(context.job["parameters"], context)
            end: _Result = ("completed", {} if result is None else {"result": result})
        except BaseException as error:  # Any exception of a handler is the result of its attempt.
            if context.reason is not None:
                end = _result_of_stopped(context)
            else:
                end = ("failed", self._failure(context.job, error))
        self._end(context, *end)

    def _failure(self, job: LeasedJob, error: BaseException) -> JsonObject:
        what = (self._name, job["attempt"], job["jobId"], job["type"])
        failure: JsonObject = {"error": str(error) or type(error).__name__, "errorDetail": traceback.format_exc()}
        if isinstance(error, PermanentError):
            failure["retry"] = False
        if isinstance(error, RetryLaterError):
            failure["retryAfter"] = time_span(error.after)
            _logger.info("worker %s: attempt %d of job %s (%s) retries in %s: %s", *what, error.after, error)
        else:
            _logger.error("worker %s: attempt %d of job %s (%s) failed", *what, exc_info=error)
        return failure

    def _end(self, context: JobContext, kind: str, result: JsonObject) -> None:
        if not context._end_once():
            return
        if context._timer is not None:
            context._timer.cancel()
        if context.reason == "lost":
            self._forget(context)
            return
        if context.reason == "timeout":
            _logger.error("worker %s: job %s timed out", self._name, context.job["jobId"])
        with self._beating:
            if context._has_news():
                reports = [other._report() if other is context else other._held() for other in self._contexts()]
                try:
                    self._client.heartbeat(self.id, reports)
                except TickerQError as error:
                    self._failed("heartbeat failed", error)
        self._results.put((context, kind, {**context._held(), **result}))

    def _forget(self, context: JobContext) -> None:
        with self._changed:
            self._running.pop(context.job["jobId"], None)
            self._changed.notify_all()

    def _report_loop(self) -> None:
        while True:
            batch = [self._results.get()]
            while len(batch) < _REPORTS_MAX and not self._results.empty():
                batch.append(self._results.get())
            self._report(True, [result for _, kind, result in batch if kind == "completed"])
            self._report(False, [result for _, kind, result in batch if kind == "failed"])
            for context, _, _ in batch:
                if context is not None:
                    self._forget(context)
            if any(context is None for context, _, _ in batch):
                return

    def _report(self, is_success: bool, jobs: List[JsonObject]) -> None:
        for attempt in range(_REPORT_TRIES if jobs else 0):
            try:
                if is_success:
                    self._client.complete_jobs(self.id, cast(List[CompletedJob], jobs))
                else:
                    self._client.fail_jobs(self.id, cast(List[FailedJob], jobs))
                return
            except ConflictError:
                # Too late, or a repeated request whose first response was lost.
                return
            except (TickerQError, TypeError, ValueError) as error:
                self._failed("could not report results", error)
                is_refused = not isinstance(error, TickerQError) or (400 <= error.status < 500 and error.status != 429)
                if is_refused and len(jobs) == 1:
                    if is_success:
                        held = {"jobId": jobs[0]["jobId"], "leaseToken": jobs[0]["leaseToken"]}
                        reason = f"the result was not accepted: {error}"
                        self._report(False, [{**held, "error": reason, "retry": False}])
                    return
                if is_refused:
                    # One result of the batch is invalid; the others are sent one by one.
                    for job in jobs:
                        self._report(is_success, [job])
                    return
                threading.Event().wait(max(backoff(attempt), getattr(error, "retry_after", None) or 0))
        if jobs:
            ids = ", ".join(job["jobId"] for job in jobs)
            _logger.error("worker %s: gave up reporting results of %s", self._name, ids)


async def _run_async(handler: Callable[..., Coroutine[Any, Any, Any]], context: JobContext) -> Any:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(handler(context.job["parameters"], context))

    def stop() -> None:
        try:
            loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:
            pass  # The loop has just ended.

    context._on_stop = stop
    if context.stopped.is_set():
        task.cancel()
    return await task


def _result_of_stopped(context: JobContext) -> _Result:
    if context.reason == "cancelled":
        return "failed", {"outcome": "cancelled"}
    if context.reason == "timeout":
        return "failed", {"error": f"timed out after {context.job['timeout']}"}
    return "failed", {"outcome": "released"}
