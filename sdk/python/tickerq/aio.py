"""The same client for asyncio: each method is a coroutine that waits for the other one's in a thread."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, List, Mapping, Optional, Sequence, Union

from .client import Duration, JsonObject, TickerQClient
from .subscription import Message, Subscription


class AsyncTickerQClient:
    """A client of one server, for asyncio. Takes what :class:`TickerQClient` takes."""

    def __init__(self, base_url: str, api_key: Optional[str] = None, **options: Any) -> None:
        #: The client that makes the requests, in threads.
        self.sync = TickerQClient(base_url, api_key, **options)

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """Any request, for what has no method here: ``query``, ``body``, ``headers``, ``safe``, ``timeout``."""
        return await asyncio.to_thread(self.sync.request, method, path, **options)

    async def get_jobs(self, **filter: Any) -> JsonObject:
        """A page: ``jobs``, ``totalCount``, ``hasMore``. Filters: ``status``, ``type``, ``queue``, ``priority``,
        ``search``, ``from_``, ``to``, ``recurring_job_id``, ``limit``, ``offset``, ``after``."""
        return await asyncio.to_thread(self.sync.get_jobs, **filter)

    async def schedule_job(self, job_type: str, parameters: Any=None, *, idempotency_key: Optional[str]=None, **options: Any) -> JsonObject:
        """Stores a job to be run. Options: ``name``, ``queue``, ``priority``, ``delay``, ``run_at``, ``max_retries``,
        ``timeout``, ``retry_delay``, ``retry_intervals``, ``unique_key``, ``cron_expression``."""
        return await asyncio.to_thread(self.sync.schedule_job, job_type, parameters, idempotency_key=idempotency_key, **options)

    async def schedule_jobs(self, jobs: Sequence[Mapping[str, Any]], *, idempotency_key: Optional[str]=None) -> JsonObject:
        """Stores several jobs, all or none: ``[{"type": …, "parameters": …}]``."""
        return await asyncio.to_thread(self.sync.schedule_jobs, jobs, idempotency_key=idempotency_key)

    async def get_job(self, job_id: str) -> JsonObject:
        """A job with all its attempts."""
        return await asyncio.to_thread(self.sync.get_job, job_id)

    async def wait_for_job(self, job_id: str, *, timeout: float=300.0, interval: float=0.25) -> JsonObject:
        """Waits until a job has ended, and gives it."""
        return await asyncio.to_thread(self.sync.wait_for_job, job_id, timeout=timeout, interval=interval)

    async def update_job(self, job_id: str, *, revision: Optional[int]=None, **changes: Any) -> JsonObject:
        """Changes a pending job."""
        return await asyncio.to_thread(self.sync.update_job, job_id, revision=revision, **changes)

    async def delete_job(self, job_id: str, *, revision: Optional[int]=None) -> None:
        """Deletes a finished job and its history."""
        return await asyncio.to_thread(self.sync.delete_job, job_id, revision=revision)

    async def execute_job(self, job_id: str, *, priority: Optional[str]=None, delay: Optional[Duration]=None, revision: Optional[int]=None) -> JsonObject:
        """Makes a pending job due, or queues a finished one again."""
        return await asyncio.to_thread(self.sync.execute_job, job_id, priority=priority, delay=delay, revision=revision)

    async def cancel_job(self, job_id: str, *, revision: Optional[int]=None) -> JsonObject:
        """Cancels a pending job, or tells a running one to stop: then ``cancelRequested`` is true."""
        return await asyncio.to_thread(self.sync.cancel_job, job_id, revision=revision)

    async def retry_job(self, job_id: str, *, reset_retry_count: bool=False, revision: Optional[int]=None) -> JsonObject:
        """Makes a failed or cancelled job pending again."""
        return await asyncio.to_thread(self.sync.retry_job, job_id, reset_retry_count=reset_retry_count, revision=revision)

    async def get_recurring_jobs(self, *, limit: Optional[int]=None, offset: Optional[int]=None) -> JsonObject:
        """A page: ``recurringJobs``, ``totalCount``, ``hasMore``."""
        return await asyncio.to_thread(self.sync.get_recurring_jobs, limit=limit, offset=offset)

    async def schedule_recurring_job(self, job_type: str, cron_expression: str, *, idempotency_key: Optional[str]=None, **options: Any) -> JsonObject:
        """Stores a recurring job. Options: ``name``, ``parameters``, ``time_zone``, ``enabled``, ``misfire_policy`` …"""
        return await asyncio.to_thread(self.sync.schedule_recurring_job, job_type, cron_expression, idempotency_key=idempotency_key, **options)

    async def get_recurring_job(self, recurring_id: str) -> JsonObject:
        """A recurring job."""
        return await asyncio.to_thread(self.sync.get_recurring_job, recurring_id)

    async def replace_recurring_job(self, recurring_id: str, job_type: str, cron_expression: str, *, revision: Optional[int]=None, **options: Any) -> JsonObject:
        """Replaces a recurring job."""
        return await asyncio.to_thread(self.sync.replace_recurring_job, recurring_id, job_type, cron_expression, revision=revision, **options)

    async def update_recurring_job(self, recurring_id: str, *, revision: Optional[int]=None, **changes: Any) -> JsonObject:
        """Changes a recurring job."""
        return await asyncio.to_thread(self.sync.update_recurring_job, recurring_id, revision=revision, **changes)

    async def delete_recurring_job(self, recurring_id: str, *, revision: Optional[int]=None) -> None:
        """Deletes a recurring job; its occurrences stay."""
        return await asyncio.to_thread(self.sync.delete_recurring_job, recurring_id, revision=revision)

    async def enable_recurring_job(self, recurring_id: str, *, revision: Optional[int]=None) -> JsonObject:
        """Has a recurring job create occurrences."""
        return await asyncio.to_thread(self.sync.enable_recurring_job, recurring_id, revision=revision)

    async def disable_recurring_job(self, recurring_id: str, *, revision: Optional[int]=None) -> JsonObject:
        """Has a recurring job create no more occurrences."""
        return await asyncio.to_thread(self.sync.disable_recurring_job, recurring_id, revision=revision)

    async def trigger_recurring_job(self, recurring_id: str, *, revision: Optional[int]=None) -> JsonObject:
        """Gives a recurring job one occurrence now: the job that it has become."""
        return await asyncio.to_thread(self.sync.trigger_recurring_job, recurring_id, revision=revision)

    async def get_queues(self) -> List[JsonObject]:
        """All queues."""
        return await asyncio.to_thread(self.sync.get_queues)

    async def get_queue(self, name: str) -> JsonObject:
        """A queue."""
        return await asyncio.to_thread(self.sync.get_queue, name)

    async def pause_queue(self, name: str) -> JsonObject:
        """Has a queue start no more jobs."""
        return await asyncio.to_thread(self.sync.pause_queue, name)

    async def resume_queue(self, name: str) -> JsonObject:
        """Has a queue start jobs again."""
        return await asyncio.to_thread(self.sync.resume_queue, name)

    async def clear_queue(self, name: str, *, clear_pending: Optional[bool]=None, clear_failed: Optional[bool]=None) -> JsonObject:
        """Removes the pending jobs of a queue, the failed ones, or both; the pending ones if nothing is said."""
        return await asyncio.to_thread(self.sync.clear_queue, name, clear_pending=clear_pending, clear_failed=clear_failed)

    async def get_system_metrics(self) -> JsonObject:
        """The server in numbers."""
        return await asyncio.to_thread(self.sync.get_system_metrics)

    async def get_performance_metrics(self, **period: Any) -> JsonObject:
        """What has become of jobs: ``from_``, ``to``, ``time_zone``, ``granularity``, ``queue``, ``type``."""
        return await asyncio.to_thread(self.sync.get_performance_metrics, **period)

    async def get_job_type_metrics(self, **period: Any) -> List[JsonObject]:
        """The same by job type: ``from_``, ``to``, ``time_zone``, ``queue``, ``type``."""
        return await asyncio.to_thread(self.sync.get_job_type_metrics, **period)

    async def get_nodes(self) -> List[JsonObject]:
        """The servers that share the storage."""
        return await asyncio.to_thread(self.sync.get_nodes)

    async def get_log_level(self) -> str:
        """How much the server that answers says in its log."""
        return await asyncio.to_thread(self.sync.get_log_level)

    async def set_log_level(self, level: str) -> str:
        """Has the server that answers say so much in its log until it restarts."""
        return await asyncio.to_thread(self.sync.set_log_level, level)

    async def get_workers(self) -> List[JsonObject]:
        """The remote workers."""
        return await asyncio.to_thread(self.sync.get_workers)

    async def get_worker(self, worker_id: str) -> JsonObject:
        """A remote worker."""
        return await asyncio.to_thread(self.sync.get_worker, worker_id)

    async def get_audit(self, **filter: Any) -> JsonObject:
        """Who has changed what: ``actor``, ``action``, ``job_id``, ``from_``, ``to``, ``limit``, ``after``."""
        return await asyncio.to_thread(self.sync.get_audit, **filter)

    async def register_worker(self, name: str, types: Sequence[str], queues: Sequence[str]=(), concurrency: int=10) -> JsonObject:
        """Makes a remote worker known."""
        return await asyncio.to_thread(self.sync.register_worker, name, types, queues, concurrency)

    async def lease_jobs(self, worker_id: str, *, max: int, wait: float=0.0) -> List[JsonObject]:
        """Due jobs for a worker; when there are none, waits for so many seconds, 30 at the most."""
        return await asyncio.to_thread(self.sync.lease_jobs, worker_id, max=max, wait=wait)

    async def heartbeat(self, worker_id: str, jobs: Sequence[Mapping[str, Any]]=()) -> JsonObject:
        """Renews a worker's lease, and reports."""
        return await asyncio.to_thread(self.sync.heartbeat, worker_id, jobs)

    async def complete_jobs(self, worker_id: str, jobs: Sequence[Mapping[str, Any]]) -> JsonObject:
        """Says that jobs have succeeded."""
        return await asyncio.to_thread(self.sync.complete_jobs, worker_id, jobs)

    async def fail_jobs(self, worker_id: str, jobs: Sequence[Mapping[str, Any]]) -> JsonObject:
        """Says that jobs have not succeeded."""
        return await asyncio.to_thread(self.sync.fail_jobs, worker_id, jobs)

    async def remove_worker(self, worker_id: str) -> None:
        """Hands back what a worker runs, and ends its lease."""
        return await asyncio.to_thread(self.sync.remove_worker, worker_id)

    async def jobs(self, **filter: Any) -> AsyncIterator[JsonObject]:
        """All jobs of a filter, page after page, the newest first."""
        after: Optional[str] = None
        while True:
            page = await self.get_jobs(**{"limit": 200, **filter, "after": after})
            for job in page["jobs"]:
                yield job
            if not page["hasMore"] or not page["jobs"]:
                return
            after = page["jobs"][-1]["id"]

    async def subscribe(
        self, topics: Union[str, Sequence[str]], *, filter: Optional[Mapping[str, Any]] = None
    ) -> AsyncIterator[Message]:
        """Listens to what happens: ``async for message in client.subscribe("job-status")``."""
        subscription: Subscription = self.sync.subscribe(topics, filter=filter)
        try:
            while True:
                yield await asyncio.to_thread(next, subscription)
        finally:
            subscription.close()
