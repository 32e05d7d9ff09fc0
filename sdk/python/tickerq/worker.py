"""A worker: asks for jobs, runs them with functions of this program, and says what came of them."""

from __future__ import annotations

import asyncio
import inspect
import queue
import signal as signals
import threading
import traceback
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, TypeVar, Union

from ._http import backoff, parse_time_span, time_span
from .client import JsonObject, TickerQClient
from .errors import ConflictError, NotFoundError, TickerQError

_LEASE_WAIT = 30.0
_ENDS_MAX = 1000
_SETTLE_TRIES = 20
#: How long a handler that was told to stop is waited for, in seconds.
_STOP_GRACE = 1.0

F = TypeVar("F", bound=Callable[..., Any])


class PermanentError(Exception):
    """Raise it in a handler when another attempt can't help: the job has failed for good."""


class RetryLater(Exception):
    """Raise it in a handler when the next attempt should wait for exactly so long."""

    def __init__(self, message: str, after: Union[timedelta, float]) -> None:
        super().__init__(message)
        #: A number is one of seconds.
        self.after = after if isinstance(after, timedelta) else timedelta(seconds=after)


class Stopped(Exception):
    """The job should stop; ``reason`` is ``cancelled``, ``timeout``, ``lost`` or ``stopping``."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the job should stop: {reason}")
        self.reason = reason


class JobContext:
    """What a handler is given beside the parameters."""

    def __init__(self, job: JsonObject) -> None:
        #: The job as it was leased: ``jobId``, ``type``, ``attempt``, ``parameters`` …
        self.job = job
        #: Set when the job should stop; ``reason`` says why.
        self.stopped = threading.Event()
        self.reason: Optional[str] = None
        self._lock = threading.Lock()
        self._progress: Optional[JsonObject] = None
        self._log: List[JsonObject] = []
        self._on_stop: Optional[Callable[[], None]] = None
        self._is_ended = False
        self._timer: Optional[threading.Timer] = None

    def progress(self, percent: float, message: Optional[str] = None) -> None:
        """Says how far the job is, from 0 to 100."""
        with self._lock:
            self._progress = {"percent": percent, **({} if message is None else {"message": message})}

    def log(self, message: object, level: str = "info") -> None:
        """Logs a line: ``debug``, ``info``, ``warning`` or ``error``."""
        at = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
        with self._lock:
            self._log = [*self._log[-199:], {"at": at, "level": level, "message": str(message)}]

    def raise_if_stopped(self) -> None:
        """Raises :class:`Stopped` when the job should stop."""
        if self.stopped.is_set():
            raise Stopped(self.reason or "stopping")

    def _said(self) -> JsonObject:
        return {"jobId": self.job["jobId"], "leaseToken": self.job["leaseToken"]}

    def _report(self) -> JsonObject:
        with self._lock:
            said = self._said()
            if self._progress is not None:
                said["progress"] = self._progress
            if self._log:
                said["log"] = self._log
            self._progress, self._log = None, []
            return said

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

    Each job runs in a thread of its own; a handler may also be a coroutine function.
    """

    def __init__(
        self,
        client: TickerQClient,
        *,
        name: Optional[str] = None,
        queues: Sequence[str] = (),
        concurrency: int = 10,
        on_error: Callable[[Exception], None] = lambda error: None,
        heartbeat_every: Optional[float] = None,
    ) -> None:
        self._client = client
        self._name = name or f"worker-{uuid.uuid4().hex[:8]}"
        self._queues = list(queues)
        self._concurrency = concurrency
        self._on_error = on_error
        self._heartbeat_every = heartbeat_every
        self._handlers: Dict[str, Callable[..., Any]] = {}
        self._running: Dict[str, JobContext] = {}
        self._changed = threading.Condition()
        self._ends: "queue.Queue[Tuple[Optional[JobContext], str, JsonObject]]" = queue.Queue()
        self._stopping = threading.Event()
        self._threads: List[threading.Thread] = []
        #: This run of the worker, as the server knows it.
        self.id: str = ""

    def handler(self, job_type: str) -> Callable[[F], F]:
        """Has a function run the jobs of a type. It is given the parameters and a :class:`JobContext`; what it returns
        is the result."""

        def register(function: F) -> F:
            self._handlers[job_type] = function
            return function

        return register

    def start(self) -> "Worker":
        """Registers, and works from now on, in threads of its own."""
        self._register()
        for work in (self._lease_loop, self._beat_loop, self._settle_loop):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def run(self) -> None:
        """Works until the program is told to stop (SIGINT, SIGTERM), and stops then."""
        told = threading.Event()
        for number in (signals.SIGINT, signals.SIGTERM):
            signals.signal(number, lambda *_: told.set())
        self.start()
        told.wait()
        self.stop()

    def __enter__(self) -> "Worker":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, grace: float = 30.0) -> None:
        """Takes no more jobs, lets those that run end within ``grace`` seconds, hands back the rest, and leaves."""
        if not self._threads:
            return
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running, grace)
            rest = list(self._running.values())
        for context in rest:
            context._stop("stopping")
            self._abandon_later(context)
        with self._changed:
            self._changed.wait_for(lambda: not self._running, 5 * _STOP_GRACE)
        self._ends.put((None, "", {}))
        # The one that waits for jobs is not waited for: its lease ends here.
        self._threads[2].join(10)
        self._threads = []
        try:
            self._client.remove_worker(self.id)
        except TickerQError as error:
            self._on_error(error)

    def _register(self) -> None:
        worker = self._client.register_worker(self._name, list(self._handlers), self._queues, self._concurrency)
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
                tries = 0
            except TickerQError as error:
                if self._stopping.is_set():
                    return
                self._on_error(error)
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
        contexts = self._contexts()
        try:
            told = self._client.heartbeat(self.id, [context._report() for context in contexts])
            for reason in ("cancelled", "lost"):
                for context in contexts:
                    if context.job["jobId"] in told[reason]:
                        context._stop(reason)
                        self._abandon_later(context)
        except NotFoundError as error:
            self._on_error(error)
            if self._stopping.is_set():
                return
            # The server knows this worker no more, nor that it runs anything.
            for context in contexts:
                context._stop("lost")
                self._abandon_later(context)
            try:
                self._register()
            except TickerQError as failure:
                self._on_error(failure)
        except TickerQError as error:
            self._on_error(error)

    def _begin(self, job: JsonObject) -> None:
        context = JobContext(job)
        with self._changed:
            self._running[job["jobId"]] = context
        limit = min(parse_time_span(job["timeout"]).total_seconds(), threading.TIMEOUT_MAX)
        context._timer = threading.Timer(limit, self._time_is_up, (context,))
        context._timer.daemon = True
        context._timer.start()
        threading.Thread(target=self._attempt, args=(context,), daemon=True).start()

    def _time_is_up(self, context: JobContext) -> None:
        context._stop("timeout")
        self._abandon_later(context)

    def _abandon_later(self, context: JobContext) -> None:
        timer = threading.Timer(_STOP_GRACE, lambda: self._end(context, *_end_of_stopped(context)))
        timer.daemon = True
        timer.start()

    def _attempt(self, context: JobContext) -> None:
        try:
            handler = self._handlers[context.job["type"]]
            if inspect.iscoroutinefunction(handler):
                result = asyncio.run(_run_async(handler, context))
            else:
                result = handler(context.job["parameters"], context)
            end = ("completed", {} if result is None else {"result": result})
        except BaseException as error:  # Whatever a handler raises is how its attempt ended.
            if context.reason is not None:
                end = _end_of_stopped(context)
            else:
                failure: JsonObject = {"error": str(error) or type(error).__name__, "errorDetail": traceback.format_exc()}
                if isinstance(error, PermanentError):
                    failure["retry"] = False
                if isinstance(error, RetryLater):
                    failure["retryAfter"] = time_span(max(error.after, timedelta(0)))
                end = ("failed", failure)
        self._end(context, *end)

    def _end(self, context: JobContext, kind: str, end: JsonObject) -> None:
        if not context._end_once():
            return
        if context._timer is not None:
            context._timer.cancel()
        if context.reason == "lost":
            self._forget(context)
            return
        if context._has_news():
            said = [other._report() if other is context else other._said() for other in self._contexts()]
            try:
                self._client.heartbeat(self.id, said)
            except TickerQError as error:
                self._on_error(error)
        self._ends.put((context, kind, {**context._said(), **end}))

    def _forget(self, context: JobContext) -> None:
        with self._changed:
            self._running.pop(context.job["jobId"], None)
            self._changed.notify_all()

    def _settle_loop(self) -> None:
        while True:
            batch = [self._ends.get()]
            while len(batch) < _ENDS_MAX and not self._ends.empty():
                batch.append(self._ends.get())
            completed = [end for context, kind, end in batch if kind == "completed"]
            failed = [end for context, kind, end in batch if kind == "failed"]
            self._say(self._client.complete_jobs, completed)
            self._say(self._client.fail_jobs, failed)
            for context, _, _ in batch:
                if context is not None:
                    self._forget(context)
            if any(context is None for context, _, _ in batch):
                return

    def _say(self, send: Callable[[str, List[JsonObject]], Any], jobs: List[JsonObject]) -> None:
        for attempt in range(_SETTLE_TRIES if jobs else 0):
            try:
                send(self.id, jobs)
                return
            except ConflictError:
                # Too late, or said before and the answer was lost: nothing more can be done.
                return
            except (TickerQError, TypeError, ValueError) as error:
                self._on_error(error)
                is_refused = not isinstance(error, TickerQError) or (400 <= error.status < 500 and error.status != 429)
                if is_refused and len(jobs) == 1:
                    said = {"jobId": jobs[0]["jobId"], "leaseToken": jobs[0]["leaseToken"]}
                    reason = f"the result was not accepted: {error}"
                    self._say(self._client.fail_jobs, [{**said, "error": reason, "retry": False}])
                    return
                if is_refused:
                    # One of them is not accepted; the others are.
                    for job in jobs:
                        self._say(send, [job])
                    return
                threading.Event().wait(max(backoff(attempt), getattr(error, "retry_after", None) or 0))


async def _run_async(handler: Callable[..., Any], context: JobContext) -> Any:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(handler(context.job["parameters"], context))

    def stop() -> None:
        try:
            loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:
            pass  # It has just ended by itself.

    context._on_stop = stop
    if context.stopped.is_set():
        task.cancel()
    return await task


def _end_of_stopped(context: JobContext) -> Tuple[str, JsonObject]:
    if context.reason == "cancelled":
        return "failed", {"outcome": "cancelled"}
    if context.reason == "timeout":
        return "failed", {"error": f"timed out after {context.job['timeout']}"}
    return "failed", {"outcome": "released"}
