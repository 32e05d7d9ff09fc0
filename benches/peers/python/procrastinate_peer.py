"""The four measurements of procrastinate. Arguments: the measurement, "default" or "tuned"."""

import asyncio
import json
import os
import sys
import time

import procrastinate

JOBS = int(os.environ["PEERS_JOBS"])
CLIENTS = int(os.environ["PEERS_CLIENTS"])
SECONDS = float(os.environ["PEERS_SECONDS"])
SAMPLES = int(os.environ["PEERS_SAMPLES"])
BATCH_SIZE = 500
BATCH_CLIENTS = 4
PAYLOAD = {"recipient_email": "newuser@example.com", "template_id": "welcome-email"}

connector = procrastinate.PsycopgConnector(conninfo=os.environ["PEERS_POSTGRES"], min_size=4, max_size=min(CLIENTS, 20))
app = procrastinate.App(connector=connector)
on_start = None


@app.task(name="noop")
async def noop(recipient_email: str, template_id: str) -> None:
    on_start()


async def enqueue() -> None:
    await noop.defer_async(**PAYLOAD)


async def enqueue_many() -> None:
    await noop.batch_defer_async(*[PAYLOAD] * BATCH_SIZE)


async def load(clients: int, total: int, jobs_per_call: int, call) -> dict:
    """Clients that call at once, until `total` jobs are stored or the time has passed."""
    start = time.perf_counter()
    sent = stored = 0

    async def client() -> None:
        nonlocal sent, stored
        while sent < total and time.perf_counter() - start < SECONDS:
            sent += jobs_per_call
            await call()
            stored += jobs_per_call

    await asyncio.gather(*[client() for _ in range(clients)])
    return {"perSecond": stored / (time.perf_counter() - start), "jobs": stored}


async def one(_: bool) -> dict:
    await load(CLIENTS, 20 * CLIENTS, 1, enqueue)
    return await load(CLIENTS, JOBS, 1, enqueue)


async def many(_: bool) -> dict:
    await load(BATCH_CLIENTS, 8 * BATCH_SIZE, BATCH_SIZE, enqueue_many)
    return await load(BATCH_CLIENTS, 5 * JOBS, BATCH_SIZE, enqueue_many)


def work(is_tuned: bool) -> asyncio.Future:
    # A worker fetches one job at a time, whatever its concurrency.
    workers, options = (8, {"concurrency": 4}) if is_tuned else (1, {})
    return asyncio.gather(*[app.run_worker_async(install_signal_handlers=False, **options) for _ in range(workers)])


async def unfinished() -> int:
    row = await connector.execute_query_one_async(
        "SELECT count(*) AS jobs FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
    )
    return row["jobs"]


async def run(is_tuned: bool) -> dict:
    """From the start of the first handler until the last end is stored."""
    global on_start
    for _ in range(0, JOBS, BATCH_SIZE):
        await enqueue_many()
    start, ran = None, 0

    def count() -> None:
        nonlocal start, ran
        start = start or time.perf_counter()
        ran += 1

    on_start = count
    ready = time.perf_counter()
    worker = work(is_tuned)
    while ran < JOBS and time.perf_counter() - ready < SECONDS and not worker.done():
        await asyncio.sleep(0.001)
    while ran >= JOBS and await unfinished() > 0:
        await asyncio.sleep(0.001)
    return {"perSecond": ran / (time.perf_counter() - (start or ready)), "jobs": ran}


async def latency(is_tuned: bool) -> dict:
    """From the call that creates a job until its handler starts, one job at a time."""
    global on_start
    started = asyncio.Queue()
    on_start = lambda: started.put_nowait(time.perf_counter())  # noqa: E731
    worker = work(is_tuned)
    await asyncio.sleep(0.5)
    taken, begin = [], time.perf_counter()
    warm = 20
    while len(taken) < SAMPLES and time.perf_counter() - begin < SECONDS and not worker.done():
        created = time.perf_counter()
        await enqueue()
        milliseconds = (await started.get() - created) * 1000
        if warm > 0 and time.perf_counter() - begin < SECONDS / 5:
            warm -= 1
        else:
            taken.append(milliseconds)
        await asyncio.sleep(0.01)
    taken.sort()
    at = lambda share: taken[min(len(taken) - 1, int(len(taken) * share))]  # noqa: E731
    return {"p50": at(0.5), "p99": at(0.99), "samples": len(taken)}


async def main() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        measurement = {"one": one, "many": many, "run": run, "latency": latency}[sys.argv[1]]
        print(json.dumps(await measurement(sys.argv[2] == "tuned")), flush=True)
        # Workers are not stopped: the database is dropped.
        os._exit(0)


asyncio.run(main())
