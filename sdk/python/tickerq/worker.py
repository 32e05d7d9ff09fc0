"""A worker: leases jobs, runs them with handlers of this program, and reports their results."""

from __future__ import annotations

import asyncio
import inspect
import logging
import signal as signals
import threading
import uuid
from types import FrameType
from typing import Any, Callable, Coroutine, Dict, List, Optional, Sequence, TypeVar, Union
from urllib.parse import quote

from ._attempt import JobContext, PermanentError, Report, RetryLaterError, Stopped, text_of
from ._http import backoff, parse_time_span
from ._reports import Reports, is_verdict
from .aio import AsyncTickerQClient
from .client import TickerQClient
from .errors import ConflictError, ConnectionFailed, NotFoundError, ServerError, TickerQError
from .types import Heartbeat, HeldJob, LeasedJob

__all__ = ["JobContext", "PermanentError", "RetryLater", "RetryLaterError", "Stopped", "Worker"]

_LEASE_WAIT = 30.0
#: The time after which a stopped handler is abandoned, in seconds.
_STOP_GRACE = 1.0
#: The heartbeats that a proxy responds with 404 before the worker registers again: as long as a lease.
_UNKNOWN_MAX = 3

_logger = logging.getLogger("tickerq.worker")

F = TypeVar("F", bound=Callable[..., Any])

#: The same under its former name.
RetryLater = RetryLaterError


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
        # Running attempts and those with an unreported result. A job may briefly have two.
        self._running: List[JobContext] = []
        self._changed = threading.Condition()
        self._reports = Reports(self._post_reports, self._failed, self._forget, self._gave_up)
        self._stopping = threading.Event()
        # Held while the worker starts or stops; a signal handler may stop it during its start.
        self._lifecycle = threading.RLock()
        self._is_started = False
        self._threads: List[threading.Thread] = []
        self._trouble: Optional[str] = None
        self._unknown = 0
        self._refused: List[str] = []
        self._beat_every = 5.0
        # Held during a heartbeat: its progress and log lines must precede the result of their job.
        self._beating = threading.RLock()
        #: The id of this run of the worker; empty before it is registered.
        self.id: str = ""

    def handler(self, job_type: str) -> Callable[[F], F]:
        """Registers a handler of a job type. It receives the parameters and a :class:`JobContext`; its return value
        is the result."""

        def register(function: F) -> F:
            self._handlers[job_type] = function
            return function

        return register

    def start(self) -> "Worker":
        """Registers and starts, in separate threads. Waits for an unreachable server;
        :meth:`stop` ends the wait."""
        with self._lifecycle:
            if self._is_started or not self._register_when_reachable():
                return self
            self._is_started = True
            if self._stopping.is_set():
                # It was stopped during its registration.
                self._unregister()
                return self
            for work in (self._lease_loop, self._beat_loop, self._reports.run):
                thread = threading.Thread(target=work, daemon=True)
                thread.start()
                self._threads.append(thread)
        return self

    def run(self) -> None:
        """Runs until SIGINT or SIGTERM, then stops."""

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
        """Leases no more jobs, waits ``grace`` seconds for running ones, releases the others, unregisters, and closes
        the subscriptions of the client, unless ``keep_subscriptions`` is set."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        with self._lifecycle:
            if self._threads:
                self._stop_work(grace)
        if not self._keep_subscriptions:
            self._client.close_subscriptions()

    def _stop_work(self, grace: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._running, min(grace, threading.TIMEOUT_MAX))
            rest = list(self._running)
        for context in rest:
            context._stop("stopping")
            self._abandon_later(context)
        with self._changed:
            self._changed.wait_for(lambda: not self._running, 5 * _STOP_GRACE)
        self._reports.close()
        # The lease thread is not joined: unregistration ends its request.
        self._threads[2].join(10)
        self._threads = []
        self._unregister()

    def _unregister(self) -> None:
        # A concurrent heartbeat may register the worker again.
        is_quiet = self._beating.acquire(timeout=10)
        try:
            self._client.remove_worker(self.id)
        except Exception as error:
            self._failed("could not unregister", error)
        finally:
            if is_quiet:
                self._beating.release()

    def _failed(self, what: str, error: Exception) -> None:
        """Logs a failed request; repetitions are logged once."""
        text = f"{what}: {text_of(error)}"
        if self._trouble != text:
            _logger.warning("worker %s: %s", self._name, text)
        self._trouble = text
        try:
            self._on_error(error)
        except Exception:  # An error of the program's logger must not end a loop.
            _logger.exception("worker %s: on_error failed", self._name)

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
                if not _is_temporary(error):
                    raise
                self._failed("could not register", error)
                self._stopping.wait(max(backoff(min(tries, 20)), error.retry_after or 0))
                tries += 1
        return False

    def _register(self, retries: Optional[int] = None) -> None:
        worker = self._client.register_worker(
            self._name, list(self._handlers), self._queues, self._concurrency, retries=retries
        )
        if not isinstance(worker, dict) or not {"id", "heartbeatInterval"} <= worker.keys():
            raise ServerError("the response to the registration does not have the expected form")
        self._beat_every = self._heartbeat_every or parse_time_span(worker["heartbeatInterval"]).total_seconds()
        self.id = worker["id"]
        self._unknown = 0

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
            except Exception as error:  # The loop continues after any response of a proxy.
                if self._stopping.is_set():
                    return
                self._failed("could not lease jobs", error)
                if isinstance(error, (NotFoundError, ConflictError)):
                    self._beat()
                self._stopping.wait(max(backoff(min(tries, 20)), getattr(error, "retry_after", None) or 0))
                tries += 1

    def _beat_loop(self) -> None:
        while True:
            if self._stopping.wait(self._beat_every):
                with self._changed:
                    if self._changed.wait_for(lambda: not self._running, min(self._beat_every, 0.2)):
                        return
            self._beat()

    def _contexts(self) -> List[JobContext]:
        """The attempts with valid leases. An attempt that another one of its job has replaced is omitted from
        heartbeats, whose responses name jobs only."""
        with self._changed:
            return [context for context in self._running if not context._is_lost]

    def _beat(self) -> None:
        with self._beating:
            self._beat_alone()

    def _beat_alone(self) -> None:
        contexts = self._contexts()
        try:
            response = self._heartbeat(contexts, [context._report() for context in contexts])
            self._unknown = 0
            for context in contexts:
                if context.job["jobId"] in response["lost"]:
                    self._lose(context)
                elif context.job["jobId"] in response["cancelled"]:
                    self._stop_job(context, "cancelled")
            refused = list(response.get("refusedTypes") or [])
            if refused and refused != self._refused:
                _logger.warning("worker %s: servers run jobs of %s and lease none of them", self._name, ", ".join(refused))
            self._refused = refused
        except Exception as error:  # The loop continues after any response of a proxy.
            self._failed("heartbeat failed", error)
            if not self._is_unknown(error) or self._stopping.is_set():
                return
            # The server no longer knows this worker and its leases.
            for context in contexts:
                self._lose(context)
            try:
                self._register()
            except Exception as failure:
                self._failed("could not register", failure)

    def _heartbeat(self, contexts: Sequence[JobContext], reports: Sequence[HeldJob]) -> Heartbeat:
        """Renews the lease. Rejected progress and log lines are dropped: they must not cost the lease."""
        try:
            return self._client.heartbeat(self.id, reports)
        except Exception as error:
            if not is_verdict(error):
                raise
            self._failed("progress and log lines were not accepted", error)
            return self._client.heartbeat(self.id, [context._held() for context in contexts])

    def _is_unknown(self, error: Exception) -> bool:
        """``True`` if the server does not know the worker. A 404 without a problem comes from a proxy, unless it persists."""
        if not isinstance(error, NotFoundError):
            return False
        self._unknown += 1
        return error.code is not None or self._unknown >= _UNKNOWN_MAX

    def _lose(self, context: JobContext) -> None:
        if context._is_lost:
            return
        context._is_lost = True
        if not context._is_ended:
            _logger.warning("worker %s: lost the lease of job %s", self._name, context.job["jobId"])
            self._stop_job(context, "lost")

    def _stop_job(self, context: JobContext, reason: str) -> None:
        context._stop(reason)
        self._abandon_later(context)

    def _begin(self, job: LeasedJob) -> None:
        with self._changed:
            others = [other for other in self._running if other.job["jobId"] == job["jobId"]]
            if any(other.job["leaseToken"] == job["leaseToken"] for other in others):
                return
            context = JobContext(job)
            self._running.append(context)
        # The server has started another attempt: earlier ones are abandoned.
        for other in others:
            self._lose(other)
        threading.Thread(target=self._attempt, args=(context,), daemon=True).start()

    def _abandon_later(self, context: JobContext) -> None:
        timer = threading.Timer(_STOP_GRACE, lambda: self._end(context, context._was_stopped))
        timer.daemon = True
        timer.start()

    def _attempt(self, context: JobContext) -> None:
        try:
            limit = min(parse_time_span(context.job["timeout"]).total_seconds(), threading.TIMEOUT_MAX)
            context._timer = threading.Timer(limit, self._stop_job, (context, "timeout"))
            context._timer.daemon = True
            context._timer.start()
            handler = self._handlers[context.job["type"]]
            if inspect.iscoroutinefunction(handler):
                result = asyncio.run(_run_async(handler, context))
            else:
                result = handler(context.job["parameters"], context)
        except BaseException as error:  # Any exception of a handler is the result of its attempt.
            raised = error
            self._end(context, lambda: self._raised(context, raised))
        else:
            self._end(context, lambda: self._returned(context, result))

    def _returned(self, context: JobContext, result: Any) -> Report:
        try:
            return context._completed(result)
        except Exception as error:  # Among them RecursionError, and those of the result's own methods.
            self._log_failure(context.job, error)
            return context._unwritable(error)

    def _raised(self, context: JobContext, error: BaseException) -> Report:
        if context.reason is not None:
            return context._was_stopped()
        self._log_failure(context.job, error)
        return context._raised(error)

    def _log_failure(self, job: LeasedJob, error: BaseException) -> None:
        what = (self._name, job["attempt"], job["jobId"], job["type"])
        if isinstance(error, RetryLaterError):
            _logger.info("worker %s: attempt %d of job %s (%s) retries in %s: %s", *what, error.after, error)
        else:
            _logger.error("worker %s: attempt %d of job %s (%s) failed", *what, exc_info=error)

    def _end(self, context: JobContext, report: Callable[[], Report]) -> None:
        if not context._end_once():
            return
        try:
            self._report(context, report)
        except BaseException as error:  # Otherwise the attempt would occupy its slot permanently.
            self._gave_up(f"could not report attempt of job {context.job['jobId']}: {text_of(error)}")
            self._forget(context)

    def _report(self, context: JobContext, report: Callable[[], Report]) -> None:
        if context._timer is not None:
            context._timer.cancel()
        if context._is_lost:
            self._forget(context)
            return
        if context.reason == "timeout":
            _logger.error("worker %s: job %s timed out", self._name, context.job["jobId"])
        result = report()
        with self._beating:
            if context._has_news():
                contexts = self._contexts()
                reports = [other._report() if other is context else other._held() for other in contexts]
                try:
                    self._heartbeat(contexts, reports)
                except Exception as error:
                    self._failed("heartbeat failed", error)
        self._reports.send(context, result)

    def _forget(self, context: JobContext) -> None:
        with self._changed:
            self._running = [other for other in self._running if other is not context]
            self._changed.notify_all()

    def _gave_up(self, text: str) -> None:
        _logger.error("worker %s: %s", self._name, text)

    def _post_reports(self, how: str, texts: List[str]) -> None:
        path = f"/workers/{quote(self.id, safe='')}/{how}"
        body = f'{{"jobs": [{", ".join(texts)}]}}'
        self._client._http.request("POST", path, text=body, safe=True, retries=0)


def _is_temporary(error: TickerQError) -> bool:
    """``True`` if a later registration may succeed."""
    if isinstance(error, (ConnectionFailed, ServerError)):
        return True
    return error.status in (408, 421, 425, 429) or error.status >= 500


async def _run_async(handler: Callable[..., Coroutine[Any, Any, Any]], context: JobContext) -> Any:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(handler(context.job["parameters"], context))

    def stop() -> None:
        try:
            loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:
            pass  # The loop has ended.

    context._on_stop = stop
    if context.stopped.is_set():
        task.cancel()
    return await task
