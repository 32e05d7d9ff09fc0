"""The client that openapi-python-client generates, used against a real server: its URL, the client's folder."""

import sys
import time

url, folder = sys.argv[1:]
sys.path.insert(0, folder)

from tickerq_client import Client  # noqa: E402
from tickerq_client.api.jobs import create_job, create_jobs, delete_job, get_job, list_jobs  # noqa: E402
from tickerq_client.api.metrics import get_performance_metrics, get_system_metrics  # noqa: E402
from tickerq_client.api.queues import get_queue, list_queues  # noqa: E402
from tickerq_client.api.recurring_jobs import trigger_recurring_job  # noqa: E402
from tickerq_client.models import (  # noqa: E402
    BatchRequest,
    Granularity,
    Job,
    JobRequest,
    JobStatus,
    OverlapPolicy,
    Priority,
    Problem,
    RecurringJob,
)

client = Client(base_url=url, raise_on_unexpected_status=True)


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


# A job needs nothing but its type.
job = create_job.sync(client=client, body=JobRequest(type_="Noop"), idempotency_key="generated")
assert isinstance(job, Job), job
equal(job.priority, Priority.NORMAL)
replay = create_job.sync(client=client, body=JobRequest(type_="Noop"), idempotency_key="generated")
equal(replay.id, job.id)

urgent = create_job.sync(client=client, body=JobRequest(type_="Noop", name="urgent", priority=Priority.HIGH))
equal((urgent.name, urgent.priority), ("urgent", Priority.HIGH))
batch = create_jobs.sync(client=client, body=BatchRequest(jobs=[JobRequest(type_="Noop"), JobRequest(type_="Noop")]))
equal(batch.created, 2)

until = time.monotonic() + 30
while (job := get_job.sync(job.id, client=client)).status != JobStatus.COMPLETED:
    assert time.monotonic() < until, job
    time.sleep(0.02)
equal([attempt.status.value for attempt in job.execution_history], ["completed"])
assert list_jobs.sync(client=client, type_="Noop").total_count >= 4

# With a cron expression the response is a recurring job.
recurring = create_job.sync(
    client=client,
    body=JobRequest(type_="Noop", cron_expression="0 2 * * *", overlap_policy=OverlapPolicy.SKIP),
)
assert isinstance(recurring, RecurringJob), recurring
equal((recurring.cron_expression, recurring.overlap_policy), ("0 2 * * *", OverlapPolicy.SKIP))
occurrence = trigger_recurring_job.sync(recurring.id, client=client)
assert isinstance(occurrence, Job), occurrence

# Errors are problems, with the parts that are wrong.
problem = create_job.sync(client=client, body=JobRequest(type_="Noop", max_retries=2000))
assert isinstance(problem, Problem), problem
equal((problem.status, problem.type_), (400, "urn:tickerq:problem:validation"))
equal([part.pointer for part in problem.errors], ["#/maxRetries"])
problem = get_job.sync("01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55", client=client)
equal(problem.status, 404)
equal(delete_job.sync_detailed(job.id, client=client).status_code, 204)
problem = create_job.sync(client=client, body=JobRequest(type_="Noop"), idempotency_key="generated")
equal((problem.status, str(problem.job_id)), (410, str(job.id)))

equal(get_queue.sync("default", client=client).status.value, "running")
assert "default" in [queue.name for queue in list_queues.sync(client=client).queues]
equal(get_system_metrics.sync(client=client).system_health.value, "healthy")
hours = get_performance_metrics.sync(client=client, granularity=Granularity.HOUR)
assert "T" in hours.trends[0].date, hours.trends[0]
print("ok")
