"""The types as a program uses them; checked with ``mypy --strict``, never run."""

from __future__ import annotations

from datetime import timedelta
from typing import Optional

from tickerq import AsyncTickerQClient, JobContext, RetryLaterError, TickerQClient, Worker


def calls(client: TickerQClient) -> Optional[str]:
    job = client.schedule_job("GreetJob", {"name": "Ann"}, priority="high", delay=timedelta(seconds=1))
    attempts = [attempt["startedAt"] for attempt in job["executionHistory"]]
    client.schedule_job("GreetJob", priority="urgent")  # type: ignore[arg-type]
    client.schedule_job("GreetJob", priorty="high")  # type: ignore[call-arg]
    endpoint = client.create_webhook_endpoint("https://example.com/", events=["job.*"])
    for item in client.jobs(status=["failed", "cancelled"], limit=10):
        attempts.append(item["createdAt"])
    return endpoint.get("secret")


async def calls_of_asyncio() -> None:
    async with AsyncTickerQClient("http://localhost:5000") as client:
        number: int = (await client.get_jobs(type="GreetJob"))["totalCount"]
        async with client.subscribe("job-status") as messages:
            async for message in messages:
                print(number, message.type)


def work(client: TickerQClient) -> None:
    worker = Worker(client, name="greeter")

    @worker.handler("GreetJob")
    def greet(parameters: str, context: JobContext) -> str:
        if context.job["attempt"] == 1:
            raise RetryLaterError("not yet", 1.5)
        return parameters

    with worker:
        greet("Ann", JobContext({}))  # type: ignore[typeddict-item]
