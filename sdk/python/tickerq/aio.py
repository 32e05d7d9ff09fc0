"""The same client for asyncio: each method awaits the synchronous one in a thread.

Generated from client.py by sdk/generate/aio.py; do not edit.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, AsyncIterator, List, Mapping, Optional, Sequence, Union

from .client import Duration, TickerQClient
from .subscription import Message, Subscription
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


class AsyncSubscription:
    """A subscription to live updates: ``async for message in subscription``; ``async with`` closes it at the end."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        # StopIteration can't pass through a future.
        message = await asyncio.to_thread(next, self._subscription, None)
        if message is None:
            raise StopAsyncIteration
        return message

    async def __aenter__(self) -> "AsyncSubscription":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the subscription."""
        self._subscription.close()


class AsyncTickerQClient:
    """A client of one server, for asyncio. ``async with AsyncTickerQClient(…) as client`` closes its connections and
    subscriptions at the end. Takes the arguments of :class:`TickerQClient`."""

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
        #: The synchronous client, which makes the requests in threads.
        self.sync = TickerQClient(
            base_url, api_key, base_path=base_path, retries=retries, timeout=timeout, ssl_context=ssl_context
        )

    async def __aenter__(self) -> "AsyncTickerQClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def jobs(self, **filter: Unpack[JobFilter]) -> AsyncIterator[JobItem]:
        """All jobs that match a filter, newest first; pages are fetched as needed."""
        filter.setdefault("limit", 200)
        after: Optional[str] = None
        while True:
            filter["after"] = after
            page = await self.get_jobs(**filter)
            for job in page["jobs"]:
                yield job
            if not page["hasMore"] or not page["jobs"]:
                return
            after = page["jobs"][-1]["id"]

    def subscribe(
        self,
        topics: Union[str, Sequence[str]],
        *,
        filter: Optional[Mapping[str, Any]] = None,
        ping_interval: float = 30.0,
    ) -> AsyncSubscription:
        """Subscribes to live updates: ``async for message in client.subscribe("job-status")``."""
        return AsyncSubscription(self.sync.subscribe(topics, filter=filter, ping_interval=ping_interval))

    async def request(
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
        return await asyncio.to_thread(self.sync.request, method, path, query=query, body=body, headers=headers, safe=safe, timeout=timeout, retries=retries, at_base=at_base)

    async def close(self) -> None:
        """Closes the connections and subscriptions of this client."""
        await asyncio.to_thread(self.sync.close)

    async def close_subscriptions(self) -> None:
        """Closes the subscriptions of this client."""
        await asyncio.to_thread(self.sync.close_subscriptions)

    async def get_jobs(self, **filter: Unpack[JobFilter]) -> JobList:
        """A page: ``jobs``, ``totalCount``, ``hasMore``. Filters: ``status``, ``type``, ``queue``, ``priority``,
        ``search``, ``filter``, ``from_``, ``to``, ``recurring_job_id``, ``limit``, ``offset``, ``after``."""
        return await asyncio.to_thread(self.sync.get_jobs, **filter)

    async def schedule_job(
        self,
        job_type: str,
        parameters: Any = None,
        *,
        idempotency_key: Optional[str] = None,
        **options: Unpack[JobOptions]
    ) -> Job:
        """Creates a job. Options: ``name``, ``queue``, ``priority``, ``delay``, ``run_at``, ``max_retries``,
        ``timeout``, ``retry_delay``, ``retry_intervals``, ``unique_key``."""
        return await asyncio.to_thread(self.sync.schedule_job, job_type, parameters, idempotency_key=idempotency_key, **options)

    async def schedule_jobs(self, jobs: Sequence[NewJob], *, idempotency_key: Optional[str] = None) -> Batch:
        """Creates several jobs, all or none: ``[{"type": …, "parameters": …}]``. ``missing`` in the response: with a
        repeated ``idempotency_key``, the jobs that have been deleted since."""
        return await asyncio.to_thread(self.sync.schedule_jobs, jobs, idempotency_key=idempotency_key)

    async def get_job(self, job_id: str) -> Job:
        """A job with all its attempts."""
        return await asyncio.to_thread(self.sync.get_job, job_id)

    async def count_jobs(self, by: Union[str, Sequence[str]], **filters: Unpack[JobFilter]) -> List[JobFacet]:
        """Numbers of the matching jobs by the values of fields: ``status``, ``type``, ``queue``, ``priority``, ``tag``."""
        return await asyncio.to_thread(self.sync.count_jobs, by, **filters)

    async def explain_job(self, job_id: str) -> Explanation:
        """The reasons why a job does not run, or its state."""
        return await asyncio.to_thread(self.sync.explain_job, job_id)

    async def get_job_changes(self, *, after: Optional[str] = None, limit: Optional[int] = None) -> JobChanges:
        """Jobs that have changed since a cursor, if the server keeps a change feed."""
        return await asyncio.to_thread(self.sync.get_job_changes, after=after, limit=limit)

    async def wait_for_job(self, job_id: str, *, timeout: float = 300.0, interval: float = 0.25) -> Job:
        """Waits until a job has finished, and returns it."""
        return await asyncio.to_thread(self.sync.wait_for_job, job_id, timeout=timeout, interval=interval)

    async def update_job(self, job_id: str, *, revision: Optional[int] = None, **changes: Unpack[JobUpdate]) -> Job:
        """Changes a pending job."""
        return await asyncio.to_thread(self.sync.update_job, job_id, revision=revision, **changes)

    async def delete_job(self, job_id: str, *, revision: Optional[int] = None) -> None:
        """Deletes a finished job and its history."""
        await asyncio.to_thread(self.sync.delete_job, job_id, revision=revision)

    async def execute_job(
        self,
        job_id: str,
        *,
        priority: Optional[str] = None,
        delay: Optional[Duration] = None,
        revision: Optional[int] = None,
    ) -> Job:
        """Makes a pending job due, or queues a finished one again."""
        return await asyncio.to_thread(self.sync.execute_job, job_id, priority=priority, delay=delay, revision=revision)

    async def cancel_job(self, job_id: str, *, revision: Optional[int] = None) -> Job:
        """Cancels a pending job, or requests that a running one stops: then ``cancelRequested`` is true."""
        return await asyncio.to_thread(self.sync.cancel_job, job_id, revision=revision)

    async def retry_job(self, job_id: str, *, reset_retry_count: bool = False, revision: Optional[int] = None) -> Job:
        """Makes a failed or cancelled job pending again."""
        return await asyncio.to_thread(self.sync.retry_job, job_id, reset_retry_count=reset_retry_count, revision=revision)

    async def get_recurring_jobs(self, **filters: Unpack[RecurringFilter]) -> RecurringListView:
        """A page: ``recurringJobs``, ``totalCount``, ``hasMore``, ``endCursor``.
        
        Filters: ``search``, ``enabled``, ``type``, ``queue``, ``order``, ``after``, ``limit``, ``offset``, ``outcomes``."""
        return await asyncio.to_thread(self.sync.get_recurring_jobs, **filters)

    async def preview_schedule(self, cron_expression: str, **options: Unpack[PreviewOptions]) -> SchedulePreview:
        """The next times of a cron expression: ``time_zone``, ``after``, ``count``."""
        return await asyncio.to_thread(self.sync.preview_schedule, cron_expression, **options)

    async def get_upcoming(self, **range: Unpack[UpcomingFilter]) -> Upcoming:
        """The future due times of all recurring jobs, by hour and queue: ``from_``, ``to``, ``time_zone``."""
        return await asyncio.to_thread(self.sync.get_upcoming, **range)

    async def schedule_recurring_job(
        self,
        job_type: str,
        cron_expression: str,
        *,
        idempotency_key: Optional[str] = None,
        **options: Unpack[RecurringOptions]
    ) -> RecurringJob:
        """Creates a recurring job. Options: ``name``, ``parameters``, ``time_zone``, ``enabled``, ``misfire_policy`` …"""
        return await asyncio.to_thread(self.sync.schedule_recurring_job, job_type, cron_expression, idempotency_key=idempotency_key, **options)

    async def get_recurring_job(self, recurring_id: str) -> RecurringJob:
        """A recurring job."""
        return await asyncio.to_thread(self.sync.get_recurring_job, recurring_id)

    async def replace_recurring_job(
        self,
        recurring_id: str,
        job_type: str,
        cron_expression: str,
        *,
        revision: Optional[int] = None,
        **options: Unpack[RecurringOptions]
    ) -> RecurringJob:
        """Replaces a recurring job."""
        return await asyncio.to_thread(self.sync.replace_recurring_job, recurring_id, job_type, cron_expression, revision=revision, **options)

    async def update_recurring_job(
        self,
        recurring_id: str,
        *,
        revision: Optional[int] = None,
        **changes: Unpack[RecurringUpdate]
    ) -> RecurringJob:
        """Changes a recurring job."""
        return await asyncio.to_thread(self.sync.update_recurring_job, recurring_id, revision=revision, **changes)

    async def delete_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> None:
        """Deletes a recurring job; its occurrences stay."""
        await asyncio.to_thread(self.sync.delete_recurring_job, recurring_id, revision=revision)

    async def get_recurring_job_by_key(self, key: str) -> RecurringJob:
        """The recurring job with this key."""
        return await asyncio.to_thread(self.sync.get_recurring_job_by_key, key)

    async def put_recurring_job_by_key(
        self,
        recurring_key: str,
        job_type: str,
        cron_expression: str,
        *,
        revision: Optional[int] = None,
        **options: Unpack[RecurringOptions]
    ) -> RecurringJob:
        """Creates the recurring job with this key, or replaces it: a repeated deployment creates no second one."""
        return await asyncio.to_thread(self.sync.put_recurring_job_by_key, recurring_key, job_type, cron_expression, revision=revision, **options)

    async def delete_recurring_job_by_key(self, key: str, *, revision: Optional[int] = None) -> None:
        """Deletes the recurring job with this key; its occurrences stay."""
        await asyncio.to_thread(self.sync.delete_recurring_job_by_key, key, revision=revision)

    async def enable_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> RecurringJob:
        """Resumes the occurrences of a recurring job."""
        return await asyncio.to_thread(self.sync.enable_recurring_job, recurring_id, revision=revision)

    async def disable_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> RecurringJob:
        """Suspends the occurrences of a recurring job."""
        return await asyncio.to_thread(self.sync.disable_recurring_job, recurring_id, revision=revision)

    async def trigger_recurring_job(self, recurring_id: str, *, revision: Optional[int] = None) -> Job:
        """Creates one occurrence of a recurring job now, and returns it."""
        return await asyncio.to_thread(self.sync.trigger_recurring_job, recurring_id, revision=revision)

    async def get_queues(self, overview: bool = False) -> List[Queue]:
        """All queues; with ``overview``, each with its state for operators."""
        return await asyncio.to_thread(self.sync.get_queues, overview)

    async def get_queue(self, name: str, overview: bool = False) -> Queue:
        """A queue; with ``overview``, with its state for operators."""
        return await asyncio.to_thread(self.sync.get_queue, name, overview)

    async def explain_queue(self, name: str) -> QueueExplanation:
        """The reasons why the pending jobs of a queue do not run, with their numbers of jobs."""
        return await asyncio.to_thread(self.sync.explain_queue, name)

    async def pause_queue(self, name: str) -> Queue:
        """Pauses a queue: no further job starts."""
        return await asyncio.to_thread(self.sync.pause_queue, name)

    async def resume_queue(self, name: str) -> Queue:
        """Resumes a queue."""
        return await asyncio.to_thread(self.sync.resume_queue, name)

    async def clear_queue(
        self,
        name: str,
        *,
        clear_pending: Optional[bool] = None,
        clear_failed: Optional[bool] = None,
    ) -> ClearedQueue:
        """Deletes the pending jobs of a queue, the failed ones, or both; the pending ones by default."""
        return await asyncio.to_thread(self.sync.clear_queue, name, clear_pending=clear_pending, clear_failed=clear_failed)

    async def delete_queue(self, name: str) -> None:
        """Deletes a queue that has no unfinished jobs and is not configured."""
        await asyncio.to_thread(self.sync.delete_queue, name)

    async def get_system_metrics(self) -> SystemOverview:
        """Health, load and memory of the server."""
        return await asyncio.to_thread(self.sync.get_system_metrics)

    async def get_performance_metrics(self, **period: Unpack[PerformanceFilter]) -> PerformanceMetrics:
        """Outcomes and durations of jobs: ``from_``, ``to``, ``time_zone``, ``granularity``, ``queue``, ``type``."""
        return await asyncio.to_thread(self.sync.get_performance_metrics, **period)

    async def get_job_type_metrics(self, **period: Unpack[PeriodFilter]) -> List[JobTypeMetrics]:
        """The same by job type: ``from_``, ``to``, ``time_zone``, ``queue``, ``type``."""
        return await asyncio.to_thread(self.sync.get_job_type_metrics, **period)

    async def get_activity(self, **series: Unpack[ActivityFilter]) -> ActivitySeries:
        """A time series: ``from_``, ``to``, ``step``, ``time_zone``, ``queue``, ``type``."""
        return await asyncio.to_thread(self.sync.get_activity, **series)

    async def get_durations(self, **period: Unpack[PeriodFilter]) -> DurationDistribution:
        """Histograms of run and wait times: ``from_``, ``to``, ``time_zone``, ``queue``, ``type``."""
        return await asyncio.to_thread(self.sync.get_durations, **period)

    async def get_failures(self, **filters: Unpack[FailuresFilter]) -> List[Failure]:
        """Kinds of failures: ``from_``, ``to``, ``time_zone``, ``queue``, ``type``, ``limit``."""
        return await asyncio.to_thread(self.sync.get_failures, **filters)

    async def get_failure(self, fingerprint: str, **period: Unpack[FailureFilter]) -> FailureDetail:
        """A kind of failures in detail: ``from_``, ``to``, ``time_zone``, ``granularity``."""
        return await asyncio.to_thread(self.sync.get_failure, fingerprint, **period)

    async def get_me(self) -> Me:
        """The caller: its name, scopes, rate limit and expiry."""
        return await asyncio.to_thread(self.sync.get_me)

    async def get_server(self) -> ServerInfo:
        """The server that responds: its version, features, paths and limits."""
        return await asyncio.to_thread(self.sync.get_server)

    async def get_nodes(self) -> List[Node]:
        """The servers that share the storage."""
        return await asyncio.to_thread(self.sync.get_nodes)

    async def drain_node(self, node_id: str) -> Node:
        """Drains a node: it starts no new jobs until it is resumed or restarted; its running jobs continue."""
        return await asyncio.to_thread(self.sync.drain_node, node_id)

    async def resume_node(self, node_id: str) -> Node:
        """Resumes a node that drains."""
        return await asyncio.to_thread(self.sync.resume_node, node_id)

    async def preview_operation(
        self,
        kind: str,
        filter: str,
        *,
        all: Optional[bool] = None,
        **spec: Any
    ) -> OperationPreview:
        """Counts the jobs that an operation would change, and returns a token that starts it: ``queue``, ``priority``,
        ``reset_retry_count``."""
        return await asyncio.to_thread(self.sync.preview_operation, kind, filter, all=all, **spec)

    async def start_operation(
        self,
        token: str,
        *,
        grace: Optional[Duration] = None,
        note: Optional[str] = None,
    ) -> Operation:
        """Starts a previewed operation."""
        return await asyncio.to_thread(self.sync.start_operation, token, grace=grace, note=note)

    async def get_operations(self, **page: Unpack[OperationFilter]) -> OperationList:
        """The bulk operations, the newest first: ``limit``, ``after``."""
        return await asyncio.to_thread(self.sync.get_operations, **page)

    async def get_operation(self, operation_id: str) -> Operation:
        """A bulk operation with its progress."""
        return await asyncio.to_thread(self.sync.get_operation, operation_id)

    async def pause_operation(self, operation_id: str) -> Operation:
        """Stops an operation until it is resumed."""
        return await asyncio.to_thread(self.sync.pause_operation, operation_id)

    async def resume_operation(self, operation_id: str) -> Operation:
        """Continues a paused operation."""
        return await asyncio.to_thread(self.sync.resume_operation, operation_id)

    async def cancel_operation(self, operation_id: str) -> Operation:
        """Ends an operation; changed jobs stay as they are."""
        return await asyncio.to_thread(self.sync.cancel_operation, operation_id)

    async def undo_operation(self, operation_id: str) -> Operation:
        """Starts the operation that restores what another one has replaced."""
        return await asyncio.to_thread(self.sync.undo_operation, operation_id)

    async def get_log_level(self) -> str:
        """The log level of this server."""
        return await asyncio.to_thread(self.sync.get_log_level)

    async def set_log_level(self, level: str) -> str:
        """Sets the log level of this server until it restarts."""
        return await asyncio.to_thread(self.sync.set_log_level, level)

    async def get_workers(self) -> List[Worker]:
        """The remote workers."""
        return await asyncio.to_thread(self.sync.get_workers)

    async def get_worker(self, worker_id: str) -> Worker:
        """A remote worker."""
        return await asyncio.to_thread(self.sync.get_worker, worker_id)

    async def get_audit(self, **filter: Unpack[AuditFilter]) -> AuditList:
        """The audit log: ``actor``, ``action``, ``job_id``, ``from_``, ``to``, ``limit``, ``after``."""
        return await asyncio.to_thread(self.sync.get_audit, **filter)

    async def get_health(self) -> HealthView:
        """Liveness: ``status``."""
        return await asyncio.to_thread(self.sync.get_health)

    async def get_readiness(self) -> HealthView:
        """Readiness and the reasons against it; also succeeds while the server is unhealthy."""
        return await asyncio.to_thread(self.sync.get_readiness)

    async def get_webhook_endpoints(self) -> List[WebhookEndpoint]:
        """All endpoints."""
        return await asyncio.to_thread(self.sync.get_webhook_endpoints)

    async def create_webhook_endpoint(self, url: str, **options: Unpack[WebhookEndpointOptions]) -> WebhookEndpoint:
        """Creates an endpoint. Options: ``name``, ``events``, ``secret``, ``retry_policy``. Only this response contains its
        ``secret``."""
        return await asyncio.to_thread(self.sync.create_webhook_endpoint, url, **options)

    async def get_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        """An endpoint."""
        return await asyncio.to_thread(self.sync.get_webhook_endpoint, endpoint_id)

    async def update_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        revision: Optional[int] = None,
        **changes: Unpack[WebhookEndpointUpdate]
    ) -> WebhookEndpoint:
        """Changes an endpoint."""
        return await asyncio.to_thread(self.sync.update_webhook_endpoint, endpoint_id, revision=revision, **changes)

    async def delete_webhook_endpoint(self, endpoint_id: str, *, revision: Optional[int] = None) -> None:
        """Deletes an endpoint and its deliveries."""
        await asyncio.to_thread(self.sync.delete_webhook_endpoint, endpoint_id, revision=revision)

    async def enable_webhook_endpoint(self, endpoint_id: str, *, revision: Optional[int] = None) -> WebhookEndpoint:
        """Enables an endpoint; its pending deliveries are sent."""
        return await asyncio.to_thread(self.sync.enable_webhook_endpoint, endpoint_id, revision=revision)

    async def disable_webhook_endpoint(self, endpoint_id: str, *, revision: Optional[int] = None) -> WebhookEndpoint:
        """Disables an endpoint."""
        return await asyncio.to_thread(self.sync.disable_webhook_endpoint, endpoint_id, revision=revision)

    async def rotate_webhook_secret(
        self,
        endpoint_id: str,
        *,
        secret: Optional[str] = None,
        overlap: Optional[Duration] = None,
        revision: Optional[int] = None,
    ) -> WebhookEndpoint:
        """Replaces an endpoint's secret; the old one remains valid for ``overlap``. The response contains the new ``secret``."""
        return await asyncio.to_thread(self.sync.rotate_webhook_secret, endpoint_id, secret=secret, overlap=overlap, revision=revision)

    async def test_webhook_endpoint(self, endpoint_id: str) -> WebhookTest:
        """Sends a test message to an endpoint."""
        return await asyncio.to_thread(self.sync.test_webhook_endpoint, endpoint_id)

    async def get_webhook_deliveries(self, endpoint_id: str, **filter: Unpack[DeliveryFilter]) -> WebhookDeliveryList:
        """Deliveries of an endpoint, newest first: ``status``, ``limit``, ``after``."""
        return await asyncio.to_thread(self.sync.get_webhook_deliveries, endpoint_id, **filter)

    async def get_webhook_delivery(self, delivery_id: str) -> WebhookDelivery:
        """A delivery."""
        return await asyncio.to_thread(self.sync.get_webhook_delivery, delivery_id)

    async def redeliver_webhook(self, delivery_id: str) -> WebhookDelivery:
        """Sends one delivery again."""
        return await asyncio.to_thread(self.sync.redeliver_webhook, delivery_id)

    async def redeliver_failed_webhooks(self, endpoint_id: str, since: Union[str, datetime]) -> RedeliveredView:
        """Sends all failed deliveries of an endpoint since a time again."""
        return await asyncio.to_thread(self.sync.redeliver_failed_webhooks, endpoint_id, since)

    async def register_worker(
        self,
        name: str,
        types: Sequence[str],
        queues: Sequence[str] = (),
        concurrency: int = 10,
        *,
        retries: Optional[int] = None,
    ) -> Worker:
        """Registers a remote worker."""
        return await asyncio.to_thread(self.sync.register_worker, name, types, queues, concurrency, retries=retries)

    async def lease_jobs(self, worker_id: str, *, max: int, wait: float = 0.0) -> List[LeasedJob]:
        """Leases due jobs to a worker; waits up to ``wait`` seconds, at most 30, for the first."""
        return await asyncio.to_thread(self.sync.lease_jobs, worker_id, max=max, wait=wait)

    async def heartbeat(self, worker_id: str, jobs: Sequence[HeldJob] = ()) -> Heartbeat:
        """Renews a worker's lease, and reports progress."""
        return await asyncio.to_thread(self.sync.heartbeat, worker_id, jobs)

    async def complete_jobs(self, worker_id: str, jobs: Sequence[CompletedJob]) -> EndedJobs:
        """Reports completed jobs."""
        return await asyncio.to_thread(self.sync.complete_jobs, worker_id, jobs)

    async def fail_jobs(self, worker_id: str, jobs: Sequence[FailedJob]) -> EndedJobs:
        """Reports failed, cancelled or released jobs."""
        return await asyncio.to_thread(self.sync.fail_jobs, worker_id, jobs)

    async def remove_worker(self, worker_id: str) -> None:
        """Unregisters a worker; its running jobs are requeued."""
        await asyncio.to_thread(self.sync.remove_worker, worker_id)
