"""The scenarios of sdk/README.md."""

import asyncio
import logging
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import tickerq
from tickerq import AsyncTickerQClient, PermanentError, RetryLaterError, TickerQClient, TickerQError, Worker

KEY = "all-all-all-all-all"
mode, url, *rest = sys.argv[1:]
client = TickerQClient(url, KEY)


def say(text):
    print(text, flush=True)


def fails(kind, status, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except tickerq.TickerQError as error:
        assert type(error) is kind, f"{kind.__name__} expected, not {error!r}"
        assert error.status == status, error.status
        assert status == 0 or error.problem["status"] == status, error.problem
        return error
    raise AssertionError(f"{kind.__name__} expected")


def eventually(check):
    """Polls until the result is true, for at most a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        result = check()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError("not within a minute")


def schedule_read_wait():
    job = client.schedule_job("NoopJob", {"to": "ann", "list": [1, 2.5, None]}, name="Welcome", delay=timedelta(milliseconds=50))
    assert job["parameters"] == {"to": "ann", "list": [1, 2.5, None]}
    done = client.wait_for_job(job["jobId"])
    assert done["status"] == "completed" and len(done["executionHistory"]) == 1
    assert client.wait_for_job(client.schedule_job("FailingJob")["id"])["status"] == "failed"


def lists_and_pages():
    made = client.schedule_jobs([{"type": "PageJob", "queue": "pages"}] * 5)
    assert made["created"] == 5
    page = client.get_jobs(queue="pages", status=["pending", "running"], limit=2)
    assert (len(page["jobs"]), page["totalCount"], page["hasMore"]) == (2, 5, True)
    found = [job["id"] for job in client.jobs(queue="pages", limit=2)]
    assert found == [job["id"] for job in reversed(made["jobs"])]
    first = made["jobs"][0]
    assert "PageJob" in "".join(first["warnings"]), first
    assert client.get_job(first["id"])["warnings"] == first["warnings"]


def idempotency():
    first = client.schedule_job("OtherJob", {"n": 1}, idempotency_key="once")
    assert client.schedule_job("OtherJob", {"n": 1}, idempotency_key="once")["id"] == first["id"]
    fails(tickerq.IdempotencyMismatchError, 422, client.schedule_job, "OtherJob", {"n": 2}, idempotency_key="once")
    batch = [{"type": "OtherJob"}] * 2
    removed, kept = client.schedule_jobs(batch, idempotency_key="batch")["jobs"]
    client.cancel_job(removed["id"])
    client.delete_job(removed["id"])
    again = client.schedule_jobs(batch, idempotency_key="batch")
    assert (again["missing"], [job["id"] for job in again["jobs"]]) == ([removed["id"]], [kept["id"]]), again


def changes_of_jobs():
    job = client.schedule_job("OtherJob", delay=timedelta(hours=1))
    changed = client.update_job(job["id"], name="Renamed", priority="low", revision=job["revision"])
    assert changed["name"] == "Renamed"
    fails(tickerq.PreconditionFailedError, 412, client.update_job, job["id"], name="x", revision=job["revision"])
    assert client.explain_job(job["id"])["reasons"][-1]["code"] == "scheduled"
    assert client.execute_job(job["id"], priority="critical")["priority"] == "critical"
    assert client.cancel_job(job["id"])["status"] == "cancelled"
    assert client.retry_job(job["id"], reset_retry_count=True)["status"] == "pending"
    fails(tickerq.ConflictError, 409, client.delete_job, job["id"])
    client.cancel_job(job["id"])
    client.delete_job(job["id"])
    fails(tickerq.NotFoundError, 404, client.get_job, job["id"])
    running = client.schedule_job("SleepJob")
    while client.get_job(running["id"])["status"] != "running":
        time.sleep(0.01)
    assert client.cancel_job(running["id"])["cancelRequested"] is True
    assert client.wait_for_job(running["id"])["status"] == "cancelled"


def recurring_jobs():
    made = client.schedule_recurring_job("NoopJob", "0 2 * * *", name="Nightly", time_zone="Europe/Berlin", parameters={"a": 1})
    identity = made["id"]
    assert client.get_recurring_job(identity)["timeZone"] == "Europe/Berlin"
    assert client.get_recurring_jobs()["totalCount"] >= 1
    assert len(client.preview_schedule("0 2 * * *", time_zone="Europe/Berlin", count=3)["times"]) == 3
    assert client.get_upcoming(time_zone="Europe/Berlin")["totalCount"] >= 1
    assert client.disable_recurring_job(identity)["enabled"] is False
    assert client.enable_recurring_job(identity)["enabled"] is True
    assert client.update_recurring_job(identity, name="Renamed")["name"] == "Renamed"
    assert client.replace_recurring_job(identity, "NoopJob", "0 * * * *", name="Hourly")["cronExpression"] == "0 * * * *"
    assert client.trigger_recurring_job(identity)["recurringJobId"] == identity
    client.delete_recurring_job(identity)
    fails(tickerq.NotFoundError, 404, client.get_recurring_job, identity)
    kept = client.put_recurring_job_by_key("nightly/report", "NoopJob", "0 2 * * *")
    assert kept["key"] == "nightly/report"
    assert client.put_recurring_job_by_key("nightly/report", "NoopJob", "0 2 * * *")["id"] == kept["id"]
    assert client.get_recurring_job_by_key("nightly/report")["id"] == kept["id"]
    client.delete_recurring_job_by_key("nightly/report")
    fails(tickerq.NotFoundError, 404, client.get_recurring_job_by_key, "nightly/report")


def queues():
    client.schedule_job("OtherJob", queue="managed")
    assert any(queue["name"] == "managed" for queue in client.get_queues())
    assert client.pause_queue("managed")["status"] == "paused"
    overview = client.get_queue("managed", overview=True)["overview"]
    assert overview["dueJobs"] == 1 and overview["pausedAt"] is not None
    [held] = client.explain_queue("managed")["reasons"]
    assert held["jobs"] == 1
    [listed] = client.get_jobs(queue="managed", explain=True)["jobs"]
    assert listed["explanation"]["reasons"][0]["code"] == held["code"]
    assert client.resume_queue("managed")["status"] == "running"
    assert client.clear_queue("managed")["clearedPending"] == 1
    assert client.get_queue("managed")["pendingJobs"] == 0
    client.delete_queue("managed")
    fails(tickerq.NotFoundError, 404, client.get_queue, "managed")


def metrics():
    assert client.get_system_metrics()["systemHealth"] == "healthy"
    assert client.get_performance_metrics(type=["NoopJob", "FailingJob"])["summary"]["totalJobs"] >= 2
    [failing] = client.get_job_type_metrics(type="FailingJob")
    assert (failing["type"], len(failing["failureReasons"])) == ("FailingJob", 1)
    assert client.get_activity()["points"]
    assert isinstance(client.get_durations()["run"], list)
    [failure] = client.get_failures(type="FailingJob")
    assert client.get_failure(failure["fingerprint"])["reason"] == failure["reason"]
    [by_type] = client.count_jobs("type", type="FailingJob")
    assert by_type["values"][0]["value"] == "FailingJob"
    assert client.get_me()["name"] == "all"
    assert client.get_server()["features"]


def nodes_and_records():
    node = client.get_nodes()[0]
    assert node["isSelf"] is True
    assert client.drain_node(node["id"])["status"] == "draining"
    assert client.resume_node(node["id"])["status"] == "live"
    assert client.set_log_level("info") == "info"
    assert client.get_log_level() == "info"
    records = client.get_audit(action="queue.pause", limit=1)["records"]
    assert records[0]["actor"]["name"] == "all"
    assert client.get_health()["status"] == "ok"
    assert client.get_readiness()["systemHealth"] == "healthy"


def bulk_operations():
    jobs = [client.schedule_job("BulkJob"), client.schedule_job("BulkJob")]

    def done(operation):
        return eventually(lambda: next(iter([now for now in [client.get_operation(operation["id"])] if now["status"] == "completed"]), None))

    moving = client.preview_operation("move", "type:BulkJob", queue="moved")
    assert moving["total"] == len(jobs)
    moved = client.start_operation(moving["token"], grace="01:00:00", note="to the slow queue")["id"]
    assert client.pause_operation(moved)["status"] == "paused"
    assert client.resume_operation(moved)["status"] == "pending"
    assert client.cancel_operation(moved)["status"] == "cancelled"
    cancelled = client.start_operation(client.preview_operation("cancel", "type:BulkJob")["token"])
    assert done(cancelled)["done"] == len(jobs)
    undone = client.undo_operation(cancelled["id"])
    assert done(undone)["undoes"] == cancelled["id"]
    assert client.get_operations(limit=1)["operations"][0]["id"] == undone["id"]


def changes():
    cursor = client.get_job_changes(limit=1000)["cursor"]
    job = client.schedule_job("OtherJob")

    def find():
        found = client.get_job_changes(after=cursor)["changes"]
        return [change for change in found if change["id"] == job["id"] and not change["deleted"]]

    eventually(find)


def webhook_endpoints():
    since = datetime.now(timezone.utc) - timedelta(minutes=1)
    # The server's own address accepts no webhooks: each delivery fails.
    made = client.create_webhook_endpoint(
        f"{url}/none",
        name="scenario",
        events=["job.completed"],
        retry_policy={"maxRetries": 0, "retryDelay": timedelta(seconds=1)},
    )
    identity = made["id"]
    assert made["secret"].startswith("whsec_")
    assert made["retryPolicy"]["retryDelay"] == "00:00:01"
    assert any(endpoint["id"] == identity for endpoint in client.get_webhook_endpoints())
    assert client.get_webhook_endpoint(identity)["name"] == "scenario"
    change = client.update_webhook_endpoint
    assert change(identity, name="Renamed", revision=made["revision"])["name"] == "Renamed"
    fails(tickerq.PreconditionFailedError, 412, change, identity, name="x", revision=made["revision"])
    assert client.disable_webhook_endpoint(identity)["enabled"] is False
    assert client.enable_webhook_endpoint(identity)["enabled"] is True
    assert client.rotate_webhook_secret(identity, overlap=timedelta(hours=1))["secret"] != made["secret"]
    webhook_id = client.test_webhook_endpoint(identity)["webhookId"]

    def find():
        page = client.get_webhook_deliveries(identity, status="failed")
        return [delivery for delivery in page["deliveries"] if delivery["webhookId"] == webhook_id]

    [failed] = eventually(find)
    assert client.get_webhook_delivery(failed["id"])["webhookId"] == webhook_id
    assert client.redeliver_webhook(failed["id"])["endpointId"] == identity
    assert client.redeliver_failed_webhooks(identity, since)["redelivered"] >= 0
    client.delete_webhook_endpoint(identity)
    fails(tickerq.NotFoundError, 404, client.get_webhook_endpoint, identity)


def every_error_has_its_class():
    error = fails(tickerq.ValidationError, 400, client.schedule_job, "A", delay="24:00:00")
    assert (error.code, error.errors[0]["pointer"]) == ("validation", "#/delay")
    fails(tickerq.AuthenticationError, 401, TickerQClient(url, "wrong").get_jobs)
    fails(tickerq.ForbiddenError, 403, TickerQClient(url, "reader-reader-reader").pause_queue, "default")
    fails(tickerq.TooLargeError, 413, client.schedule_job, "A", "x" * 200_000)
    slow = TickerQClient(url, "slow-slow-slow-slow", retries=0)
    slow.get_jobs()
    assert fails(tickerq.RateLimitedError, 429, slow.get_jobs).retry_after > 0
    impatient = TickerQClient(url, KEY, retries=0)
    impatient.schedule_job("OtherJob", queue="full")
    assert fails(tickerq.UnavailableError, 503, impatient.schedule_job, "OtherJob", queue="full").code == "busy"
    fails(tickerq.ConnectionFailed, 0, TickerQClient("http://127.0.0.1:1", KEY, retries=0).get_jobs)


def a_lost_response_does_no_harm():
    flaky = TickerQClient(rest[0], KEY, retries=10)
    assert len({flaky.schedule_job("LostJob", {"number": number})["id"] for number in range(5)}) == 5
    assert client.get_jobs(type="LostJob")["totalCount"] == 5, "each was created once"


def live_updates():
    events, job = [], {}
    with client.subscribe("job-status", filter={"type": ["NoopJob"]}) as subscription:
        for message in subscription:
            if message.type == "connected":
                job = client.schedule_job("NoopJob")
            if message.type == "job-status-changed":
                events.append((message.data["jobId"], message.data["status"]))
                if message.data["status"] == "completed":
                    break
    assert events == [(job["id"], status) for status in ("pending", "running", "completed")], events


def webhooks():
    good = "sha256=733ae5122573f3ff45cad4406d879b88326cf5308d1d53c50e6efde0fa6036e1"
    assert tickerq.verify_webhook('{"a":1}', good, "webhook-secret-key")
    assert tickerq.verify_webhook(b'{"a":1}', good, "webhook-secret-key")
    for body, signature, secret in [
        ('{"a":1} ', good, "webhook-secret-key"),
        ('{"a":1}', good, "x"),
        ('{"a":1}', "", "x"),
        ('{"a":1}', None, "x"),
        ('{"a":1}', "ü", "x"),
    ]:
        assert not tickerq.verify_webhook(body, signature, secret)
    # The example of the Standard Webhooks libraries.
    headers = {
        "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret, now = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1_614_265_330
    verify = tickerq.verify_standard_webhook
    assert verify('{"test": 2432232314}', headers, secret, now=now)
    assert not verify('{"test": 2432232314}', headers, secret, now=now + 400)
    assert not verify('{"test": 0}', headers, secret, now=now)
    assert not verify('{"test": 0}', {}, secret, now=now)


def a_worker():
    worker = Worker(client, name="scenario", concurrency=5, queues=["work"], heartbeat_every=0.1)
    contexts, attempts, logged = [], [], []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())
    logging.getLogger("tickerq").addHandler(handler)

    @worker.handler("Greet")
    def greet(parameters, context):
        context.progress(50, "half")
        context.log(f"hello {parameters['name']}")
        return {"greeting": f"hello {parameters['name']}"}

    @worker.handler("Flaky")
    async def flaky(parameters, context):
        attempts.append(context)
        await asyncio.sleep(0)
        if len(attempts) < 2:
            raise RuntimeError("not yet")

    @worker.handler("Broken")
    def broken(parameters, context):
        raise PermanentError("never")

    @worker.handler("Later")
    def later(parameters, context):
        if context.job["attempt"] == 1:
            raise RetryLaterError("not yet", 1.5)

    @worker.handler("Patient")
    def patient(parameters, context):
        contexts.append(context)
        context.stopped.wait()
        context.raise_if_stopped()

    @worker.handler("Awaiting")
    async def awaiting(parameters, context):
        contexts.append(context)
        await asyncio.sleep(600)

    @worker.handler("Traced")
    def traced(parameters, context):
        return [context.job["traceParent"][:35], context.job["traceState"], context.job["baggage"]]

    worker.start()
    [known] = [known for known in client.get_workers() if known["id"] == worker.id]
    assert (known["name"], known["types"]) == ("scenario", ["Greet", "Flaky", "Broken", "Later", "Patient", "Awaiting", "Traced"])
    assert client.get_worker(worker.id)["name"] == "scenario"

    def run(job_type, parameters=None, **options):
        return client.schedule_job(job_type, parameters, queue="work", **options)["id"]

    def next_context():
        while not contexts:
            time.sleep(0.01)
        return contexts.pop()

    greeted = client.wait_for_job(run("Greet", {"name": "Ann"}))
    assert greeted["result"] == {"greeting": "hello Ann"}
    assert greeted["progress"] == {"attempt": 1, "percent": 50.0, "message": "half"}
    assert greeted["log"][0]["message"] == "hello Ann"
    assert greeted["executionHistory"][0]["worker"] == "scenario"
    headers = {
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "rojo=00f067aa0ba902b7",
        "baggage": "userId=alice",
    }
    made = client.request("POST", "/jobs", body={"type": "Traced", "queue": "work"}, headers=headers)
    place = [headers["traceparent"][:35], headers["tracestate"], headers["baggage"]]
    assert client.wait_for_job(made["id"])["result"] == place
    tried = client.wait_for_job(run("Flaky", {}, retry_delay=timedelta(milliseconds=50), max_retries=1))
    assert (tried["status"], tried["attempt"], tried["executionHistory"][0]["error"]) == ("completed", 2, "not yet"), tried
    failed = client.wait_for_job(run("Broken", max_retries=5))
    assert (failed["status"], failed["attempt"], failed["error"]) == ("failed", 1, "never")
    assert f"worker scenario: attempt 1 of job {failed['jobId']} (Broken) failed" in logged, logged
    identity = run("Later", retry_delay=timedelta(minutes=1), max_retries=1)
    waiting = eventually(lambda: (lambda job: job["status"] == "pending" and job["attempt"] == 1 and job)(client.get_job(identity)))
    moment = lambda text: datetime.fromisoformat(text.replace("Z", "+00:00"))
    wait = moment(waiting["runAt"]) - moment(waiting["executionHistory"][0]["completedAt"])
    assert abs(wait - timedelta(seconds=1.5)) <= timedelta(milliseconds=5), wait
    for kind in ("Patient", "Awaiting"):
        identity = run(kind)
        context = next_context()
        client.cancel_job(identity)
        assert client.wait_for_job(identity)["status"] == "cancelled"
        assert context.reason == "cancelled"
    timed = client.wait_for_job(run("Patient", timeout=timedelta(milliseconds=300), max_retries=0))
    assert timed["error"].startswith("timed out after"), timed
    contexts.clear()
    many = client.schedule_jobs([{"type": "Greet", "queue": "work", "parameters": {"name": str(n)}} for n in range(50)])
    for job in many["jobs"]:
        assert client.wait_for_job(job["id"], interval=0.02)["status"] == "completed"
    closed = threading.Event()
    subscribed = threading.Event()

    def watch():
        for message in client.subscribe("job-status"):
            subscribed.set()
        closed.set()

    threading.Thread(target=watch, daemon=True).start()
    assert subscribed.wait(20)
    # A job that runs when the worker stops is released.
    back = run("Patient")
    next_context()
    worker.stop(grace=0.05)
    pending = client.get_job(back)
    assert (pending["status"], pending["retryCount"]) == ("pending", 0), pending
    assert all(known["id"] != worker.id for known in client.get_workers())
    assert closed.wait(20), "its client's subscriptions are closed"


def the_same_with_asyncio():
    async def scenario():
        async with AsyncTickerQClient(url, KEY) as other:
            await calls(other)

    async def calls(other):
        jobs = await asyncio.gather(*(other.schedule_job("NoopJob", {"n": n}) for n in range(5)))
        done = await asyncio.gather(*(other.wait_for_job(job["id"]) for job in jobs))
        assert [job["parameters"]["n"] for job in done] == list(range(5))
        assert [job["id"] async for job in other.jobs(queue="pages", limit=2)]
        try:
            await other.get_job("00000000-0000-7000-8000-000000000000")
        except tickerq.NotFoundError:
            pass
        else:
            raise AssertionError("there is no such job")
        async with other.subscribe("job-status") as messages:
            async for message in messages:
                if message.type == "connected":
                    job = await other.schedule_job("NoopJob")
                elif message.type == "job-status-changed" and message.data["status"] == "completed":
                    assert message.data["jobId"] == job["id"]
                    break
        worker = Worker(other, name="asyncio", queues=["work"])
        worker.handler("Asyncio")(lambda parameters, context: None)
        async with worker:
            assert (await other.get_worker(worker.id))["name"] == "asyncio"

    asyncio.run(asyncio.wait_for(scenario(), 30))


def stopping_while_it_starts():
    other = TickerQClient(url, KEY)
    register, registered, goes_on = other.register_worker, threading.Event(), threading.Event()

    def registering(*arguments, **options):
        result = register(*arguments, **options)
        registered.set()
        assert goes_on.wait(20)
        return result

    other.register_worker = registering
    worker = Worker(other, name="hasty")
    worker.handler("Hasty")(lambda parameters, context: None)
    before = set(threading.enumerate())
    starting, stopping = threading.Thread(target=worker.start), threading.Thread(target=worker.stop)
    starting.start()
    assert registered.wait(20)
    stopping.start()
    assert worker._stopping.wait(20)
    goes_on.set()
    starting.join(20)
    stopping.join(20)
    assert set(threading.enumerate()) <= before, threading.enumerate()
    assert all(known["name"] != "hasty" for known in client.get_workers())


if mode == "all":
    for scenario in (
        schedule_read_wait,
        lists_and_pages,
        idempotency,
        changes_of_jobs,
        recurring_jobs,
        queues,
        metrics,
        nodes_and_records,
        bulk_operations,
        changes,
        webhook_endpoints,
        every_error_has_its_class,
        a_lost_response_does_no_harm,
        live_updates,
        webhooks,
        a_worker,
        the_same_with_asyncio,
        stopping_while_it_starts,
    ):
        scenario()
        say(f"ok {scenario.__name__}")
    say("all scenarios passed")
elif mode == "watch":
    key, topic, seconds = rest + [KEY, "job-status", "30"][len(rest) :]
    try:
        for message in TickerQClient(url, key).subscribe(topic, ping_interval=float(seconds)):
            if message.type in ("connected", "disconnected"):
                say(message.type)
            elif message.type == "job-status-changed":
                say(f"event {message.data['jobId']} {message.data['status']}")
    except TickerQError as error:
        say(f"refused {error.status}")
elif mode == "work":
    worker = Worker(client, name=rest[0])
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    unwritable = [{"n": float("nan")}, {"deep": deep}, {"n": object()}]

    @worker.handler("RemoteJob")
    def remote(parameters, context):
        say(f"running {context.job['jobId']} {context.job['attempt']}")
        time.sleep(600 if parameters["hang"] and context.job["attempt"] == 1 else 0.5)
        return {"by": rest[0]}

    @worker.handler("UnwritableJob")
    def write(parameters, context):
        return unwritable[parameters["n"]]

    @worker.handler("ProgressJob")
    def report(parameters, context):
        context.progress(-3)
        for n in range(300):
            context.log(f"line {n}", level="loud")
        for _ in range(45):
            context.progress(float("nan"))
            context.progress(150, "half a pair: \ud83d")
            time.sleep(0.1)

    @worker.handler("AgainJob")
    def again(parameters, context):
        if context.job["attempt"] == 1:
            raise ValueError("not yet")
        time.sleep(6)

    @worker.handler("FarJob")
    def far(parameters, context):
        raise RetryLaterError(float("inf"))

    worker.run()
    say("stopped")
