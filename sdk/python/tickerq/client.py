"""The client: one method for each operation of the REST API."""

from __future__ import annotations

import ssl
import sys
import time
import uuid
import weakref
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union
from urllib.parse import quote

from ._http import Http, time_span
from .errors import UnavailableError
from .subscription import Subscription
from .types import (
    ActivityFilter,
    ActivitySeries,
    AuditFilter,
    AuditList,
    Batch,
    ClearedQueue,
    CompletedJob,
    DeliveryFilter,
    DurationDistribution,
    EndedJobs,
    Explanation,
    FailedJob,
    Failure,
    FailureDetail,
    FailureFilter,
    FailuresFilter,
    HealthView,
    Heartbeat,
    HeldJob,
    Job,
    JobChanges,
    JobFacet,
    JobFilter,
    JobItem,
    JobList,
    JobOptions,
    JobTypeMetrics,
    JobUpdate,
    LeasedJob,
    Me,
    NewJob,
    Node,
    Operation,
    OperationFilter,
    OperationList,
    OperationPreview,
    PerformanceFilter,
    PerformanceMetrics,
    PeriodFilter,
    PreviewOptions,
    Queue,
    QueueExplanation,
    RecurringFilter,
    RecurringJob,
    RecurringListView,
    RecurringOptions,
    RecurringUpdate,
    RedeliveredView,
    SchedulePreview,
    ServerInfo,
    SystemOverview,
    Upcoming,
    UpcomingFilter,
    WebhookDelivery,
    WebhookDeliveryList,
    WebhookEndpoint,
    WebhookEndpointOptions,
    WebhookEndpointUpdate,
    WebhookTest,
    Worker,
)

if sys.version_info >= (3, 11):
    from typing import Unpack
elif TYPE_CHECKING:
    from typing_extensions import Unpack

JsonObject = Dict[str, Any]
Duration = Union[str, timedelta]

_FINISHED = ("completed", "failed", "cancelled")


def _at(part: str) -> str:
    return "/" + quote(part, safe="")


def _if_match(revision: Optional[int]) -> Dict[str, str]:
    return {} if revision is None else {"If-Match": f'"{revision}"'}


def _camel(fields: Mapping[str, Any]) -> JsonObject:
    """``retry_delay=…`` under its wire name; ``None`` is omitted."""
    named = {}
    for name, value in fields.items():
        head, *rest = name.split("_")
        if value is not None:
            named[head + "".join(part.capitalize() for part in rest)] = value
    return named


def _filter(filter: Mapping[str, Any]) -> JsonObject:
    return _camel({name.rstrip("_"): value for name, value in filter.items()})


class TickerQClient:
    """A client of one server. It is thread-safe.

    ``with TickerQClient(…) as client`` closes its connections and subscriptions at the end. ``timeout`` and all other
    numbers of time are seconds.
    """

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
        self._subscriptions: "weakref.WeakSet[Subscription]" = weakref.WeakSet()

    def __enter__(self) -> "TickerQClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Optional[Mapping[str, Any]] = None,
        body: Any = None,
        headers: Optional[Mapping[str, str]] = None,
        safe: Optional[bool] = None,
        timeout: Optional[float] = None,
        retries: Optional[int] = None,
        at_base: bool = False,
    ) -> Any:
        """Sends any request, for operations without a method, and returns the JSON of the response."""
        return self._http.request(
            method,
            path,
            query=query,
            body=body,
            headers=headers,
            safe=safe,
            timeout=timeout,
            retries=retries,
            at_base=at_base,
        )

    def close(self) -> None:
        """Closes the connections and subscriptions of this client."""
        self.close_subscriptions()
        self._http.close()

    def close_subscriptions(self) -> None:
        """Closes the subscriptions of this client."""
        for subscription in list(self._subscriptions):
            subscription.close()

    def _create(self, path: str, body: Any, key: Optional[str]) -> Any:
        headers = {"Idempotency-Key": f'"{key or uuid.uuid4()}"'}
        return self.request("POST", path, body=body, headers=headers)

    # Jobs

    def get_jobs(self, **filter: Unpack[JobFilter]) -> JobList:
        """A page: ``jobs``, ``totalCount``, ``hasMore``. Filters: ``status``, ``type``, ``queue``, ``priority``,
        ``search``, ``filter``, ``from_``, ``to``, ``recurring_job_id``, ``limit``, ``offset``, ``after``."""
        page: JobList = self.request("GET", "/jobs", query=_filter(filter))
        return page

    def jobs(self, **filter: Unpack[JobFilter]) -> Iterator[JobItem]:
        """All jobs that match a filter, newest first; pages are fetched as needed."""
        filter.setdefault("limit", 200)
        after: Optional[str] = None
        while True:
            filter["after"] = after
            page = self.get_jobs(**filter)
            yield from page["jobs"]
            if not page["hasMore"] or not page["jobs"]:
                return
            after = page["jobs"][-1]["id"]

    def schedule_job(
        self,
        job_type: str,
        parameters: Any = None,
        *,
        idempotency_key: Optional[str] = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Creates a job. Options: ``name``, ``queue``, ``priority``, ``delay``, ``run_at``, ``max_retries``,
        ``timeout``, ``retry_delay``, ``retry_intervals``, ``unique_key``."""
        body = {"type": job_type, "parameters": parameters, **_camel(options)}
        job: Job = self._create("/jobs", body, idempotency_key)
        return job

    def schedule_jobs(self, jobs: Sequence[NewJob], *, idempotency_key: Optional[str] = None) -> Batch:
        """Creates several jobs, all or none: ``[{"type": …, "parameters": …}]``. ``missing`` in the response: with a
        repeated ``idempotency_key``, the jobs that have been deleted since."""
        batch: Batch = self._create("/jobs/batch", {"jobs": [_camel(job) for job in jobs]}, idempotency_key)
        return batch

    def get_job(self, job_id: str) -> Job:
        """A job with all its attempts."""
        job: Job = self.request("GET", f"/jobs{_at(job_id)}")
        return job

    def count_jobs(self, by: Union[str, Sequence[str]], **filters: Unpack[JobFilter]) -> List[JobFacet]:
        """Numbers of the matching jobs by the values of fields: ``status``, ``type``, ``queue``, ``priority``, ``tag``."""
        fields = by if isinstance(by, str) else ",".join(by)
        facets: List[JobFacet] = self.request("GET", "/jobs/facets", query={**_filter(filters), "by": fields})["facets"]
        return facets

    def explain_job(self, job_id: str) -> Explanation:
        """The reasons why a job does not run, or its state."""
        explanation: Explanation = self.request("GET", f"/jobs{_at(job_id)}/explain")
        return explanation

    def get_job_changes(self, *, after: Optional[str] = None, limit: Optional[int] = None) -> JobChanges:
        """Jobs that have changed since a cursor, if the server keeps a change feed."""
        changes: JobChanges = self.request("GET", "/jobs/changes", query={"after": after, "limit": limit})
        return changes

    def wait_for_job(self, job_id: str, *, timeout: float = 300.0, interval: float = 0.25) -> Job:
        """Waits until a job has finished, and returns it."""
        end = time.monotonic() + timeout
        while True:
            job = self.get_job(job_id)
            if job["status"] in _FINISHED:
                return job
            if time.monotonic() + interval > end:
                raise TimeoutError(f"job {job_id} is still {job['status']} after {timeout} s")
            time.sleep(interval)

    def update_job(self, job_id: str, *, revision: Optional[int] = None, **changes: Unpack[JobUpdate]) -> Job:
        """Changes a pending job."""
        response: Job = self.request("PATCH", f"/jobs{_at(job_id)}", body=_camel(changes), headers=_if_match(revision))
        return response

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
    ) -> Job:
        """Makes a pending job due, or queues a finished one again."""
        body = _camel({"priority": priority, "delay": delay})
        response: Job = self.request("POST", f"/jobs{_at(job_id)}/execute", body=body, headers=_if_match(revision))
        return response

    def cancel_job(self, job_id: str, *, revision: Optional[int] = None) -> Job:
        """Cancels a pending job, or requests that a running one stops: then ``cancelRequested`` is true."""
        response: Job = self.request("POST", f"/jobs{_at(job_id)}/cancel", headers=_if_match(revision))
        return response

    def retry_job(
        self, job_id: str, *, reset_retry_count: bool = False, revision: Optional[int] = None
    ) -> Job:
        """Makes a failed or cancelled job pending again."""
        body = {"resetRetryCount": reset_retry_count}
        response: Job = self.request("POST", f"/jobs{_at(job_id)}/retry", body=body, headers=_if_match(revision))
        return response

    # Recurring jobs

    def get_recurring_jobs(self, **filters: Unpack[RecurringFilter]) -> RecurringListView:
        """A page: ``recurringJobs``, ``totalCount``, ``hasMore``, ``endCursor``.

        Filters: ``search``, ``enabled``, ``type``, ``queue``, ``order``, ``after``, ``limit``, ``offset``, ``outcomes``."""
        response: RecurringListView = self.request("GET", "/jobs/recurring", query=_filter(filters))
        return response

    def preview_schedule(self, cron_expression: str, **options: Unpack[PreviewOptions]) -> SchedulePreview:
        """The next times of a cron expression: ``time_zone``, ``after``, ``count``."""
        query = {"cronExpression": cron_expression, **_filter(options)}
        response: SchedulePreview = self.request("GET", "/jobs/recurring/preview", query=query)
        return response

    def get_upcoming(self, **range: Unpack[UpcomingFilter]) -> Upcoming:
        """The future due times of all recurring jobs, by hour and queue: ``from_``, ``to``, ``time_zone``."""
        response: Upcoming = self.request("GET", "/jobs/recurring/upcoming", query=_filter(range))
        return response

    def schedule_recurring_job(
        self, job_type: str, cron_expression: str, *, idempotency_key: Optional[str] = None, **options: Unpack[RecurringOptions]
    ) -> RecurringJob:
        """Creates a recurring job. Options: ``name``, ``parameters``, ``time_zone``, ``enabled``, ``misfire_policy`` …"""
        body = {"type": job_type, "cronExpression": cron_expression, **_camel(options)}
        response: RecurringJob = self._create("/jobs/recurring", body, idempotency_key)
        return response

    def get_recurring_job(self, recurring_id: str) -> RecurringJob:
        """A recurring job."""
        response: RecurringJob = self.request("GET", f"/jobs/recurring{_at(recurring_id)}")
        return response

    def replace_recurring_job(
        self,
        recurring_id: str,
        job_type: str,
        cron_expression: str,
        *,
        revision: Optional[int] = None,
        **options: Unpack[RecurringOptions],
    ) -> RecurringJob:
        """Replaces a recurring job."""
        body = {"type": job_type, "cronExpression": cron_expression, **_camel(options)}
        response: RecurringJob = self.request("PUT", f"/jobs/recurring{_at(recurring_id)}", body=body, headers=_if_match(revision))
        return response

    def update_recurring_job(
        self, recurring_id: str, *, revision: Optional[int] = None, **changes: Unpack[RecurringUpdate]
    ) -> RecurringJob:
        """Changes a recurring job."""
        path = f"/jobs/recurring{_at(recurring_id)}"
        response: RecurringJob = self.request("PATCH", path, body=_camel(changes), headers=_if_match(revision))
        return response

    def delete_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> None:
        """Deletes a recurring job; its occurrences stay."""
        self.request("DELETE", f"/jobs/recurring{_at(recurring_id)}", headers=_if_match(revision))

    def get_recurring_job_by_key(self, key: str) -> RecurringJob:
        """The recurring job with this key."""
        response: RecurringJob = self.request("GET", f"/jobs/recurring/by-key{_at(key)}")
        return response

    def put_recurring_job_by_key(
        self,
        recurring_key: str,
        job_type: str,
        cron_expression: str,
        *,
        revision: Optional[int] = None,
        **options: Unpack[RecurringOptions],
    ) -> RecurringJob:
        """Creates the recurring job with this key, or replaces it: a repeated deployment creates no second one."""
        body = {"type": job_type, "cronExpression": cron_expression, **_camel(options)}
        path = f"/jobs/recurring/by-key{_at(recurring_key)}"
        response: RecurringJob = self.request("PUT", path, body=body, headers=_if_match(revision))
        return response

    def delete_recurring_job_by_key(self, key: str, *, revision: Optional[int] = None) -> None:
        """Deletes the recurring job with this key; its occurrences stay."""
        self.request("DELETE", f"/jobs/recurring/by-key{_at(key)}", headers=_if_match(revision))

    def enable_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> RecurringJob:
        """Resumes the occurrences of a recurring job."""
        path = f"/jobs/recurring{_at(recurring_id)}/enable"
        response: RecurringJob = self.request("POST", path, headers=_if_match(revision), safe=True)
        return response

    def disable_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> RecurringJob:
        """Suspends the occurrences of a recurring job."""
        path = f"/jobs/recurring{_at(recurring_id)}/disable"
        response: RecurringJob = self.request("POST", path, headers=_if_match(revision), safe=True)
        return response

    def trigger_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> Job:
        """Creates one occurrence of a recurring job now, and returns it."""
        response: Job = self.request("POST", f"/jobs/recurring{_at(recurring_id)}/trigger", headers=_if_match(revision))
        return response

    # Queues

    def get_queues(self, overview: bool = False) -> List[Queue]:
        """All queues; with ``overview``, each with its state for operators."""
        query = {"overview": "true"} if overview else None
        queues: List[Queue] = self.request("GET", "/queues", query=query)["queues"]
        return queues

    def get_queue(self, name: str, overview: bool = False) -> Queue:
        """A queue; with ``overview``, with its state for operators."""
        query = {"overview": "true"} if overview else None
        response: Queue = self.request("GET", f"/queues{_at(name)}", query=query)
        return response

    def explain_queue(self, name: str) -> QueueExplanation:
        """The reasons why the pending jobs of a queue do not run, with their numbers of jobs."""
        explanation: QueueExplanation = self.request("GET", f"/queues{_at(name)}/explain")
        return explanation

    def pause_queue(self, name: str) -> Queue:
        """Pauses a queue: no further job starts."""
        response: Queue = self.request("POST", f"/queues{_at(name)}/pause", safe=True)
        return response

    def resume_queue(self, name: str) -> Queue:
        """Resumes a queue."""
        response: Queue = self.request("POST", f"/queues{_at(name)}/resume", safe=True)
        return response

    def clear_queue(
        self, name: str, *, clear_pending: Optional[bool] = None, clear_failed: Optional[bool] = None
    ) -> ClearedQueue:
        """Deletes the pending jobs of a queue, the failed ones, or both; the pending ones by default."""
        body = _camel({"clear_pending": clear_pending, "clear_failed": clear_failed})
        response: ClearedQueue = self.request("POST", f"/queues{_at(name)}/clear", body=body)
        return response

    def delete_queue(self, name: str) -> None:
        """Deletes a queue that has no unfinished jobs and is not configured."""
        self.request("DELETE", f"/queues{_at(name)}")

    # Metrics

    def get_system_metrics(self) -> SystemOverview:
        """Health, load and memory of the server."""
        response: SystemOverview = self.request("GET", "/metrics/system")
        return response

    def get_performance_metrics(self, **period: Unpack[PerformanceFilter]) -> PerformanceMetrics:
        """Outcomes and durations of jobs: ``from_``, ``to``, ``time_zone``, ``granularity``, ``queue``, ``type``."""
        response: PerformanceMetrics = self.request("GET", "/metrics/performance", query=_filter(period))
        return response

    def get_job_type_metrics(self, **period: Unpack[PeriodFilter]) -> List[JobTypeMetrics]:
        """The same by job type: ``from_``, ``to``, ``time_zone``, ``queue``, ``type``."""
        types: List[JobTypeMetrics] = self.request("GET", "/metrics/job-types", query=_filter(period))["jobTypes"]
        return types

    def get_activity(self, **series: Unpack[ActivityFilter]) -> ActivitySeries:
        """A time series: ``from_``, ``to``, ``step``, ``time_zone``, ``queue``, ``type``."""
        answer: ActivitySeries = self.request("GET", "/metrics/activity", query=_filter(series))
        return answer

    def get_durations(self, **period: Unpack[PeriodFilter]) -> DurationDistribution:
        """Histograms of run and wait times: ``from_``, ``to``, ``time_zone``, ``queue``, ``type``."""
        answer: DurationDistribution = self.request("GET", "/metrics/durations", query=_filter(period))
        return answer

    def get_failures(self, **filters: Unpack[FailuresFilter]) -> List[Failure]:
        """Kinds of failures: ``from_``, ``to``, ``time_zone``, ``queue``, ``type``, ``limit``."""
        failures: List[Failure] = self.request("GET", "/metrics/failures", query=_filter(filters))["failures"]
        return failures

    def get_failure(self, fingerprint: str, **period: Unpack[FailureFilter]) -> FailureDetail:
        """A kind of failures in detail: ``from_``, ``to``, ``time_zone``, ``granularity``."""
        answer: FailureDetail = self.request(
            "GET", f"/metrics/failures{_at(fingerprint)}", query=_filter(period)
        )
        return answer

    # The server

    def get_me(self) -> Me:
        """The caller: its name, scopes, rate limit and expiry."""
        answer: Me = self.request("GET", "/me")
        return answer

    def get_server(self) -> ServerInfo:
        """The server that responds: its version, features, paths and limits."""
        answer: ServerInfo = self.request("GET", "/server")
        return answer

    def get_nodes(self) -> List[Node]:
        """The servers that share the storage."""
        nodes: List[Node] = self.request("GET", "/nodes")["nodes"]
        return nodes

    def drain_node(self, node_id: str) -> Node:
        """Drains a node: it starts no new jobs until it is resumed or restarted; its running jobs continue."""
        response: Node = self.request("POST", f"/nodes{_at(node_id)}/drain", safe=True)
        return response

    def resume_node(self, node_id: str) -> Node:
        """Resumes a node that drains."""
        response: Node = self.request("POST", f"/nodes{_at(node_id)}/resume", safe=True)
        return response

    # Bulk operations

    def preview_operation(self, kind: str, filter: str, *, all: Optional[bool] = None, **spec: Any) -> OperationPreview:
        """Counts the jobs that an operation would change, and returns a token that starts it: ``queue``, ``priority``,
        ``reset_retry_count``."""
        body = {"kind": kind, "filter": filter, "all": all, "spec": _camel(spec)}
        preview: OperationPreview = self.request("POST", "/operations/preview", body=body, safe=True)
        return preview

    def start_operation(
        self, token: str, *, grace: Optional[Duration] = None, note: Optional[str] = None
    ) -> Operation:
        """Starts a previewed operation."""
        body = _camel({"token": token, "grace": grace, "note": note})
        operation: Operation = self.request("POST", "/operations", body=body, safe=True)
        return operation

    def get_operations(self, **page: Unpack[OperationFilter]) -> OperationList:
        """The bulk operations, the newest first: ``limit``, ``after``."""
        operations: OperationList = self.request("GET", "/operations", query=_filter(page))
        return operations

    def get_operation(self, operation_id: str) -> Operation:
        """A bulk operation with its progress."""
        operation: Operation = self.request("GET", f"/operations{_at(operation_id)}")
        return operation

    def pause_operation(self, operation_id: str) -> Operation:
        """Stops an operation until it is resumed."""
        operation: Operation = self.request("POST", f"/operations{_at(operation_id)}/pause", safe=True)
        return operation

    def resume_operation(self, operation_id: str) -> Operation:
        """Continues a paused operation."""
        operation: Operation = self.request("POST", f"/operations{_at(operation_id)}/resume", safe=True)
        return operation

    def cancel_operation(self, operation_id: str) -> Operation:
        """Ends an operation; changed jobs stay as they are."""
        operation: Operation = self.request("POST", f"/operations{_at(operation_id)}/cancel", safe=True)
        return operation

    def undo_operation(self, operation_id: str) -> Operation:
        """Starts the operation that restores what another one has replaced."""
        operation: Operation = self.request("POST", f"/operations{_at(operation_id)}/undo")
        return operation

    def get_log_level(self) -> str:
        """The log level of this server."""
        level: str = self.request("GET", "/log-level")["level"]
        return level

    def set_log_level(self, level: str) -> str:
        """Sets the log level of this server until it restarts."""
        new: str = self.request("PUT", "/log-level", body={"level": level})["level"]
        return new

    def get_workers(self) -> List[Worker]:
        """The remote workers."""
        workers: List[Worker] = self.request("GET", "/workers")["workers"]
        return workers

    def get_worker(self, worker_id: str) -> Worker:
        """A remote worker."""
        response: Worker = self.request("GET", f"/workers{_at(worker_id)}")
        return response

    def get_audit(self, **filter: Unpack[AuditFilter]) -> AuditList:
        """The audit log: ``actor``, ``action``, ``job_id``, ``from_``, ``to``, ``limit``, ``after``."""
        response: AuditList = self.request("GET", "/audit", query=_filter(filter))
        return response

    def get_health(self) -> HealthView:
        """Liveness: ``status``."""
        health: HealthView = self.request("GET", "/healthz", at_base=True)
        return health

    def get_readiness(self) -> HealthView:
        """Readiness and the reasons against it; also succeeds while the server is unhealthy."""
        try:
            health: HealthView = self.request("GET", "/readyz", at_base=True, retries=0)
            return health
        except UnavailableError as error:
            if error.problem is None or "systemHealth" not in error.problem:
                raise
            return {
                "status": error.problem["status"],
                "systemHealth": error.problem["systemHealth"],
                "reasons": error.problem.get("reasons", []),
            }

    # Webhooks

    def get_webhook_endpoints(self) -> List[WebhookEndpoint]:
        """All endpoints."""
        endpoints: List[WebhookEndpoint] = self.request("GET", "/webhooks/endpoints")["endpoints"]
        return endpoints

    def create_webhook_endpoint(self, url: str, **options: Unpack[WebhookEndpointOptions]) -> WebhookEndpoint:
        """Creates an endpoint. Options: ``name``, ``events``, ``secret``, ``retry_policy``. Only this response contains its
        ``secret``."""
        endpoint: WebhookEndpoint = self.request("POST", "/webhooks/endpoints", body={"url": url, **_camel(options)})
        return endpoint

    def get_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        """An endpoint."""
        endpoint: WebhookEndpoint = self.request("GET", f"/webhooks/endpoints{_at(endpoint_id)}")
        return endpoint

    def update_webhook_endpoint(
        self, endpoint_id: str, *, revision: Optional[int] = None, **changes: Unpack[WebhookEndpointUpdate]
    ) -> WebhookEndpoint:
        """Changes an endpoint."""
        path = f"/webhooks/endpoints{_at(endpoint_id)}"
        response: WebhookEndpoint = self.request("PATCH", path, body=_camel(changes), headers=_if_match(revision))
        return response

    def delete_webhook_endpoint(self, endpoint_id: str, *, revision: Optional[int] = None) -> None:
        """Deletes an endpoint and its deliveries."""
        self.request("DELETE", f"/webhooks/endpoints{_at(endpoint_id)}", headers=_if_match(revision))

    def enable_webhook_endpoint(self, endpoint_id: str, *, revision: Optional[int] = None) -> WebhookEndpoint:
        """Enables an endpoint; its pending deliveries are sent."""
        path = f"/webhooks/endpoints{_at(endpoint_id)}/enable"
        response: WebhookEndpoint = self.request("POST", path, headers=_if_match(revision), safe=True)
        return response

    def disable_webhook_endpoint(self, endpoint_id: str, *, revision: Optional[int] = None) -> WebhookEndpoint:
        """Disables an endpoint."""
        path = f"/webhooks/endpoints{_at(endpoint_id)}/disable"
        response: WebhookEndpoint = self.request("POST", path, headers=_if_match(revision), safe=True)
        return response

    def rotate_webhook_secret(
        self,
        endpoint_id: str,
        *,
        secret: Optional[str] = None,
        overlap: Optional[Duration] = None,
        revision: Optional[int] = None,
    ) -> WebhookEndpoint:
        """Replaces an endpoint's secret; the old one remains valid for ``overlap``. The response contains the new ``secret``."""
        path = f"/webhooks/endpoints{_at(endpoint_id)}/rotate-secret"
        body = _camel({"secret": secret, "overlap": overlap})
        response: WebhookEndpoint = self.request("POST", path, body=body, headers=_if_match(revision))
        return response

    def test_webhook_endpoint(self, endpoint_id: str) -> WebhookTest:
        """Sends a test message to an endpoint."""
        response: WebhookTest = self.request("POST", f"/webhooks/endpoints{_at(endpoint_id)}/test")
        return response

    def get_webhook_deliveries(self, endpoint_id: str, **filter: Unpack[DeliveryFilter]) -> WebhookDeliveryList:
        """Deliveries of an endpoint, newest first: ``status``, ``limit``, ``after``."""
        path = f"/webhooks/endpoints{_at(endpoint_id)}/deliveries"
        page: WebhookDeliveryList = self.request("GET", path, query=_filter(filter))
        return page

    def get_webhook_delivery(self, delivery_id: str) -> WebhookDelivery:
        """A delivery."""
        delivery: WebhookDelivery = self.request("GET", f"/webhooks/deliveries{_at(delivery_id)}")
        return delivery

    def redeliver_webhook(self, delivery_id: str) -> WebhookDelivery:
        """Sends one delivery again."""
        delivery: WebhookDelivery = self.request("POST", f"/webhooks/deliveries{_at(delivery_id)}/redeliver")
        return delivery

    def redeliver_failed_webhooks(self, endpoint_id: str, since: Union[str, datetime]) -> RedeliveredView:
        """Sends all failed deliveries of an endpoint since a time again."""
        path = f"/webhooks/endpoints{_at(endpoint_id)}/redeliver"
        response: RedeliveredView = self.request("POST", path, body={"since": since})
        return response

    # The worker protocol, used by `Worker`

    def register_worker(
        self,
        name: str,
        types: Sequence[str],
        queues: Sequence[str] = (),
        concurrency: int = 10,
        *,
        retries: Optional[int] = None,
    ) -> Worker:
        """Registers a remote worker."""
        body = {"name": name, "types": list(types), "queues": list(queues), "concurrency": concurrency}
        response: Worker = self.request("POST", "/workers", body=body, retries=retries)
        return response

    def lease_jobs(self, worker_id: str, *, max: int, wait: float = 0.0) -> List[LeasedJob]:
        """Leases due jobs to a worker; waits up to ``wait`` seconds, at most 30, for the first."""
        body = {"max": max, "wait": time_span(timedelta(seconds=wait))}
        path = f"/workers{_at(worker_id)}/lease"
        jobs: List[LeasedJob] = self.request("POST", path, body=body, timeout=wait + 30, retries=0)["jobs"]
        return jobs

    def heartbeat(self, worker_id: str, jobs: Sequence[HeldJob] = ()) -> Heartbeat:
        """Renews a worker's lease, and reports progress."""
        response: Heartbeat = self.request("POST", f"/workers{_at(worker_id)}/heartbeat", body={"jobs": list(jobs)}, safe=True)
        return response

    def complete_jobs(self, worker_id: str, jobs: Sequence[CompletedJob]) -> EndedJobs:
        """Reports completed jobs."""
        response: EndedJobs = self.request("POST", f"/workers{_at(worker_id)}/complete", body={"jobs": list(jobs)}, safe=True)
        return response

    def fail_jobs(self, worker_id: str, jobs: Sequence[FailedJob]) -> EndedJobs:
        """Reports failed, cancelled or released jobs."""
        response: EndedJobs = self.request("POST", f"/workers{_at(worker_id)}/fail", body={"jobs": list(jobs)}, safe=True)
        return response

    def remove_worker(self, worker_id: str) -> None:
        """Unregisters a worker; its running jobs are requeued."""
        self.request("DELETE", f"/workers{_at(worker_id)}")

    # Live updates

    def subscribe(
        self,
        topics: Union[str, Sequence[str]],
        *,
        filter: Optional[Mapping[str, Any]] = None,
        ping_interval: float = 30.0,
    ) -> Subscription:
        """Subscribes to live updates: an iterator of messages that reconnects automatically and ends with ``close``. A
        rejected handshake or topic raises its error. After ``ping_interval`` seconds of silence the connection is checked."""
        http = self._http
        subscription = Subscription(
            http.url, http.root, http.api_key, topics, filter, http.ssl_context, ping_interval=ping_interval
        )
        self._subscriptions.add(subscription)
        return subscription
