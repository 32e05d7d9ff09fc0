"""The client: an operation of the REST API a method."""

from __future__ import annotations

import ssl
import time
import uuid
from datetime import timedelta
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union
from urllib.parse import quote

from ._http import Http, time_span
from .subscription import Subscription

JsonObject = Dict[str, Any]
Duration = Union[str, timedelta]

_FINISHED = ("completed", "failed", "cancelled")


def _at(part: str) -> str:
    return "/" + quote(part, safe="")


def _if_match(revision: Optional[int]) -> Dict[str, str]:
    return {} if revision is None else {"If-Match": f'"{revision}"'}


def _camel(fields: Mapping[str, Any]) -> JsonObject:
    """``retry_delay=…`` as the wire calls it; what is ``None`` is left out."""
    named = {}
    for name, value in fields.items():
        head, *rest = name.split("_")
        if value is not None:
            named[head + "".join(part.capitalize() for part in rest)] = value
    return named


def _filter(filter: Mapping[str, Any]) -> JsonObject:
    return _camel({name.rstrip("_"): value for name, value in filter.items()})


class TickerQClient:
    """A client of one server. It may be used by several threads at the same time."""

    def __init__(
        self,
        base_url: str,
        api_key: Optional[str] = None,
        *,
        base_path: str = "/api/tickerq",
        retries: int = 3,
        timeout: float = 30.0,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        self._http = Http(base_url, api_key, base_path, retries, timeout, ssl_context)

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Any request, for what has no method here: ``query``, ``body``, ``headers``, ``safe``, ``timeout``."""
        return self._http.request(method, path, **options)

    def close(self) -> None:
        """Closes the connection of this thread."""
        self._http.close()

    def _create(self, path: str, body: Any, key: Optional[str]) -> JsonObject:
        headers = {"Idempotency-Key": f'"{key or uuid.uuid4()}"'}
        return self.request("POST", path, body=body, headers=headers)

    # Jobs

    def get_jobs(self, **filter: Any) -> JsonObject:
        """A page: ``jobs``, ``totalCount``, ``hasMore``. Filters: ``status``, ``type``, ``queue``, ``priority``,
        ``search``, ``from_``, ``to``, ``recurring_job_id``, ``limit``, ``offset``, ``after``."""
        return self.request("GET", "/jobs", query=_filter(filter))

    def jobs(self, **filter: Any) -> Iterator[JsonObject]:
        """All jobs of a filter, page after page, the newest first."""
        after: Optional[str] = None
        while True:
            page = self.get_jobs(**{"limit": 200, **filter, "after": after})
            yield from page["jobs"]
            if not page["hasMore"] or not page["jobs"]:
                return
            after = page["jobs"][-1]["id"]

    def schedule_job(
        self, job_type: str, parameters: Any = None, *, idempotency_key: Optional[str] = None, **options: Any
    ) -> JsonObject:
        """Stores a job to be run. Options: ``name``, ``queue``, ``priority``, ``delay``, ``run_at``, ``max_retries``,
        ``timeout``, ``retry_delay``, ``retry_intervals``, ``unique_key``, ``cron_expression``."""
        body = {"type": job_type, "parameters": parameters, **_camel(options)}
        return self._create("/jobs", body, idempotency_key)

    def schedule_jobs(self, jobs: Sequence[Mapping[str, Any]], *, idempotency_key: Optional[str] = None) -> JsonObject:
        """Stores several jobs, all or none: ``[{"type": …, "parameters": …}]``."""
        return self._create("/jobs/batch", {"jobs": [_camel(job) for job in jobs]}, idempotency_key)

    def get_job(self, job_id: str) -> JsonObject:
        """A job with all its attempts."""
        return self.request("GET", f"/jobs{_at(job_id)}")

    def wait_for_job(self, job_id: str, *, timeout: float = 300.0, interval: float = 0.25) -> JsonObject:
        """Waits until a job has ended, and gives it."""
        end = time.monotonic() + timeout
        while True:
            job = self.get_job(job_id)
            if job["status"] in _FINISHED:
                return job
            if time.monotonic() + interval > end:
                raise TimeoutError(f"job {job_id} is still {job['status']} after {timeout} s")
            time.sleep(interval)

    def update_job(self, job_id: str, *, revision: Optional[int] = None, **changes: Any) -> JsonObject:
        """Changes a pending job."""
        return self.request("PATCH", f"/jobs{_at(job_id)}", body=_camel(changes), headers=_if_match(revision))

    def delete_job(self, job_id: str, *, revision: Optional[int] = None) -> None:
        """Deletes a finished job and its history."""
        self.request("DELETE", f"/jobs{_at(job_id)}", headers=_if_match(revision))

    def execute_job(
        self,
        job_id: str,
        *,
        priority: Optional[str] = None,
        delay: Optional[Duration] = None,
        revision: Optional[int] = None,
    ) -> JsonObject:
        """Makes a pending job due, or queues a finished one again."""
        body = _camel({"priority": priority, "delay": delay})
        return self.request("POST", f"/jobs{_at(job_id)}/execute", body=body, headers=_if_match(revision))

    def cancel_job(self, job_id: str, *, revision: Optional[int] = None) -> JsonObject:
        """Cancels a pending job, or tells a running one to stop: then ``cancelRequested`` is true."""
        return self.request("POST", f"/jobs{_at(job_id)}/cancel", headers=_if_match(revision))

    def retry_job(
        self, job_id: str, *, reset_retry_count: bool = False, revision: Optional[int] = None
    ) -> JsonObject:
        """Makes a failed or cancelled job pending again."""
        body = {"resetRetryCount": reset_retry_count}
        return self.request("POST", f"/jobs{_at(job_id)}/retry", body=body, headers=_if_match(revision))

    # Recurring jobs

    def get_recurring_jobs(self, *, limit: Optional[int] = None, offset: Optional[int] = None) -> JsonObject:
        """A page: ``recurringJobs``, ``totalCount``, ``hasMore``."""
        return self.request("GET", "/jobs/recurring", query={"limit": limit, "offset": offset})

    def schedule_recurring_job(
        self, job_type: str, cron_expression: str, *, idempotency_key: Optional[str] = None, **options: Any
    ) -> JsonObject:
        """Stores a recurring job. Options: ``name``, ``parameters``, ``time_zone``, ``enabled``, ``misfire_policy`` …"""
        body = {"type": job_type, "cronExpression": cron_expression, **_camel(options)}
        return self._create("/jobs/recurring", body, idempotency_key)

    def get_recurring_job(self, recurring_id: str) -> JsonObject:
        """A recurring job."""
        return self.request("GET", f"/jobs/recurring{_at(recurring_id)}")

    def replace_recurring_job(
        self, recurring_id: str, job_type: str, cron_expression: str, *, revision: Optional[int] = None, **options: Any
    ) -> JsonObject:
        """Replaces a recurring job."""
        body = {"type": job_type, "cronExpression": cron_expression, **_camel(options)}
        return self.request("PUT", f"/jobs/recurring{_at(recurring_id)}", body=body, headers=_if_match(revision))

    def update_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None, **changes: Any) -> JsonObject:
        """Changes a recurring job."""
        path = f"/jobs/recurring{_at(recurring_id)}"
        return self.request("PATCH", path, body=_camel(changes), headers=_if_match(revision))

    def delete_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> None:
        """Deletes a recurring job; its occurrences stay."""
        self.request("DELETE", f"/jobs/recurring{_at(recurring_id)}", headers=_if_match(revision))

    def enable_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> JsonObject:
        """Has a recurring job create occurrences."""
        path = f"/jobs/recurring{_at(recurring_id)}/enable"
        return self.request("POST", path, headers=_if_match(revision), safe=True)

    def disable_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> JsonObject:
        """Has a recurring job create no more occurrences."""
        path = f"/jobs/recurring{_at(recurring_id)}/disable"
        return self.request("POST", path, headers=_if_match(revision), safe=True)

    def trigger_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> JsonObject:
        """Gives a recurring job one occurrence now: the job that it has become."""
        return self.request("POST", f"/jobs/recurring{_at(recurring_id)}/trigger", headers=_if_match(revision))

    # Queues

    def get_queues(self) -> List[JsonObject]:
        """All queues."""
        queues: List[JsonObject] = self.request("GET", "/queues")["queues"]
        return queues

    def get_queue(self, name: str) -> JsonObject:
        """A queue."""
        return self.request("GET", f"/queues{_at(name)}")

    def pause_queue(self, name: str) -> JsonObject:
        """Has a queue start no more jobs."""
        return self.request("POST", f"/queues{_at(name)}/pause", safe=True)

    def resume_queue(self, name: str) -> JsonObject:
        """Has a queue start jobs again."""
        return self.request("POST", f"/queues{_at(name)}/resume", safe=True)

    def clear_queue(
        self, name: str, *, clear_pending: Optional[bool] = None, clear_failed: Optional[bool] = None
    ) -> JsonObject:
        """Removes the pending jobs of a queue, the failed ones, or both; the pending ones if nothing is said."""
        body = _camel({"clear_pending": clear_pending, "clear_failed": clear_failed})
        return self.request("POST", f"/queues{_at(name)}/clear", body=body)

    # Metrics

    def get_system_metrics(self) -> JsonObject:
        """The server in numbers."""
        return self.request("GET", "/metrics/system")

    def get_performance_metrics(self, **period: Any) -> JsonObject:
        """What has become of jobs: ``from_``, ``to``, ``time_zone``, ``granularity``, ``queue``, ``type``."""
        return self.request("GET", "/metrics/performance", query=_filter(period))

    def get_job_type_metrics(self, **period: Any) -> List[JsonObject]:
        """The same by job type: ``from_``, ``to``, ``time_zone``, ``queue``, ``type``."""
        types: List[JsonObject] = self.request("GET", "/metrics/job-types", query=_filter(period))["jobTypes"]
        return types

    # The server

    def get_nodes(self) -> List[JsonObject]:
        """The servers that share the storage."""
        nodes: List[JsonObject] = self.request("GET", "/nodes")["nodes"]
        return nodes

    def get_log_level(self) -> str:
        """How much the server that answers says in its log."""
        level: str = self.request("GET", "/log-level")["level"]
        return level

    def set_log_level(self, level: str) -> str:
        """Has the server that answers say so much in its log until it restarts."""
        new: str = self.request("PUT", "/log-level", body={"level": level})["level"]
        return new

    def get_workers(self) -> List[JsonObject]:
        """The remote workers."""
        workers: List[JsonObject] = self.request("GET", "/workers")["workers"]
        return workers

    def get_worker(self, worker_id: str) -> JsonObject:
        """A remote worker."""
        return self.request("GET", f"/workers{_at(worker_id)}")

    def get_audit(self, **filter: Any) -> JsonObject:
        """Who has changed what: ``actor``, ``action``, ``job_id``, ``from_``, ``to``, ``limit``, ``after``."""
        return self.request("GET", "/audit", query=_filter(filter))

    # What `Worker` is made of

    def register_worker(
        self, name: str, types: Sequence[str], queues: Sequence[str] = (), concurrency: int = 10
    ) -> JsonObject:
        """Makes a remote worker known."""
        body = {"name": name, "types": list(types), "queues": list(queues), "concurrency": concurrency}
        return self.request("POST", "/workers", body=body)

    def lease_jobs(self, worker_id: str, *, max: int, wait: float = 0.0) -> List[JsonObject]:
        """Due jobs for a worker; when there are none, waits for so many seconds, 30 at the most."""
        body = {"max": max, "wait": time_span(timedelta(seconds=wait))}
        path = f"/workers{_at(worker_id)}/lease"
        jobs: List[JsonObject] = self.request("POST", path, body=body, timeout=wait + 30, retries=0)["jobs"]
        return jobs

    def heartbeat(self, worker_id: str, jobs: Sequence[Mapping[str, Any]] = ()) -> JsonObject:
        """Renews a worker's lease, and reports."""
        return self.request("POST", f"/workers{_at(worker_id)}/heartbeat", body={"jobs": list(jobs)}, safe=True)

    def complete_jobs(self, worker_id: str, jobs: Sequence[Mapping[str, Any]]) -> JsonObject:
        """Says that jobs have succeeded."""
        return self.request("POST", f"/workers{_at(worker_id)}/complete", body={"jobs": list(jobs)}, safe=True)

    def fail_jobs(self, worker_id: str, jobs: Sequence[Mapping[str, Any]]) -> JsonObject:
        """Says that jobs have not succeeded."""
        return self.request("POST", f"/workers{_at(worker_id)}/fail", body={"jobs": list(jobs)}, safe=True)

    def remove_worker(self, worker_id: str) -> None:
        """Hands back what a worker runs, and ends its lease."""
        self.request("DELETE", f"/workers{_at(worker_id)}")

    # Live updates

    def subscribe(
        self, topics: Union[str, Sequence[str]], *, filter: Optional[Mapping[str, Any]] = None
    ) -> Subscription:
        """Listens to what happens: an endless iterator of messages, connected again whenever the connection ends."""
        http = self._http
        return Subscription(http.url, http.root, http.api_key, topics, filter, http.ssl_context)
