//! `/workers`: remote programs that lease jobs, run them, and report the outcomes.

pub(crate) mod access;
pub(crate) mod many_types;
pub(crate) mod registrations;

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};
use crate::harness::socket::Socket;

const CONFIG: &str = r#"
[jobs]
cancel_grace = "00:00:01"

[cluster]
lease_ttl = "00:00:03"

[job_types.MailJob]
max_retries = 2
retry_delay = "00:00:00.1"
handler = "remote"

[job_types.BriefJob]
timeout = "00:00:01"
max_retries = 0
handler = "remote"
"#;

/// A worker that does nothing by itself.
struct Worker {
    client: Client,
    id: String,
}

impl Worker {
    async fn register(client: &Client, declaration: Value) -> Self {
        let answer = client.post("/workers", declaration).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let id = answer.json()["id"].as_str().expect("an id").to_owned();
        assert_eq!(answer.header("location"), Some(&*format!("/api/tickerq/workers/{id}")));
        Self {
            client: client.clone(),
            id,
        }
    }

    async fn mailer(client: &Client) -> Self {
        Self::register(client, json!({ "name": "mailer-3", "types": ["MailJob", "BriefJob"] })).await
    }

    fn path(&self, what: &str) -> String {
        format!("/workers/{}/{what}", self.id)
    }

    async fn lease(&self, max: u32, wait: &str) -> Vec<Value> {
        let body = json!({ "max": max, "wait": wait });
        let answer = self.client.post(&self.path("lease"), body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()["jobs"].as_array().cloned().expect("jobs")
    }

    async fn lease_one(&self) -> Value {
        let mut jobs = self.lease(1, "00:00:30").await;
        assert_eq!(jobs.len(), 1);
        jobs.remove(0)
    }

    async fn beat(&self, jobs: &[Value]) -> Value {
        let answer = self.client.post(&self.path("heartbeat"), json!({ "jobs": jobs })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }
}

/// A worker's report of a job, with additional fields.
fn of(job: &Value, more: Value) -> Value {
    let mut said = json!({ "jobId": job["jobId"], "leaseToken": job["leaseToken"] });
    for (name, value) in more.as_object().expect("fields") {
        said[name] = value.clone();
    }
    said
}

fn id_of(job: &Value) -> &str {
    job["jobId"].as_str().expect("an id")
}

async fn life_of(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let job = client
            .create(json!({ "type": "MailJob", "parameters": { "number": number } }))
            .await;
        ids.push(job["id"].as_str().expect("an id").to_owned());
    }
    client.create_of_type("OtherJob").await;
    let leased = worker.lease(10, "00:00:00").await;
    let numbers: Vec<&Value> = leased.iter().map(|job| &job["parameters"]["number"]).collect();
    assert_eq!(
        numbers,
        [&json!(0), &json!(1), &json!(2)],
        "of its types, in their order"
    );
    assert_eq!(client.job(&ids[0]).await["status"], "running");
    let list = client.get("/workers").await.json();
    let shown = &list["workers"][0];
    assert_eq!(
        (&shown["name"], &shown["status"], &shown["types"], &shown["runningJobs"]),
        (
            &json!("mailer-3"),
            &json!("live"),
            &json!(["MailJob", "BriefJob"]),
            &json!(3)
        ),
        "{list}"
    );
    let completed = json!({ "jobs": [
        of(&leased[0], json!({ "result": { "messageId": "msg-456" } })),
        of(&leased[1], json!({})),
    ]});
    let answer = client.post(&worker.path("complete"), completed.clone()).await;
    assert_eq!(answer.json(), json!({ "stored": 2, "lost": [] }), "{}", answer.text);
    let job = client.job(&ids[0]).await;
    assert_eq!(
        (&job["status"], &job["result"], &job["executionHistory"][0]["worker"]),
        (
            &json!("completed"),
            &json!({ "messageId": "msg-456" }),
            &json!("mailer-3")
        ),
        "{job}"
    );
    // Once more is too late, and changes nothing.
    let problem = client.post(&worker.path("complete"), completed).await.problem(409);
    assert_eq!(problem["errors"][1]["pointer"], "#/jobs/1/leaseToken", "{problem}");
    assert_eq!(client.job(&ids[0]).await, job);
    // A failure is retried, and the next attempt has a token of its own.
    let failed = json!({ "jobs": [of(&leased[2], json!({ "error": "SMTP timeout", "errorDetail": "at line 3" }))] });
    let answer = client.post(&worker.path("fail"), failed.clone()).await;
    assert_eq!(answer.json()["stored"], 1, "{}", answer.text);
    let again = worker.lease_one().await;
    assert_eq!((&again["jobId"], &again["attempt"]), (&leased[2]["jobId"], &json!(2)));
    client.post(&worker.path("fail"), failed).await.problem(409);
    let for_good = json!({ "jobs": [of(&again, json!({ "error": "no such address", "retry": false }))] });
    client.post(&worker.path("fail"), for_good).await;
    let job = client.job(&ids[2]).await;
    assert_eq!(
        (&job["status"], &job["attempt"], &job["error"]),
        (&json!("failed"), &json!(2), &json!("no such address"))
    );
    assert_eq!(job["executionHistory"][0]["errorDetail"], "at line 3");
    let queue = client.queue("default").await;
    assert_eq!(
        (
            &queue["pendingJobs"],
            &queue["runningJobs"],
            &queue["completedJobs"],
            &queue["failedJobs"]
        ),
        (&json!(1), &json!(0), &json!(2), &json!(1)),
        "the counts are exact: {queue}"
    );
}

#[tokio::test]
async fn a_worker_leases_jobs_of_its_types_and_ends_them() {
    life_of(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_worker_leases_jobs_of_its_types_and_ends_them_on_postgresql() {
    life_of(Storage::Postgres).await;
}

#[tokio::test]
async fn a_waiting_lease_call_returns_when_a_job_arrives() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let begun = Instant::now();
    assert!(worker.lease(5, "00:00:00.2").await.is_empty());
    assert!(
        begun.elapsed() >= Duration::from_millis(200),
        "it waits as long as requested"
    );
    let creating = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        (client.create_of_type("MailJob").await, Instant::now())
    };
    let (leased, (id, created)) = tokio::join!(worker.lease_one(), creating);
    assert_eq!(id_of(&leased), id);
    assert!(
        created.elapsed() < Duration::from_secs(1),
        "and no longer than there is nothing"
    );
    // Nor does it wait for a queue that it can't have.
    client.post_empty("/queues/default/pause").await;
    let id = client.create_of_type("MailJob").await;
    assert!(worker.lease(5, "00:00:00.1").await.is_empty());
    let resuming = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.post_empty("/queues/default/resume").await;
    };
    let (leased, ()) = tokio::join!(worker.lease_one(), resuming);
    assert_eq!(id_of(&leased), id);
    // A job that becomes due later is found when it is due.
    client.create(json!({ "type": "MailJob", "delay": "00:00:01" })).await;
    worker.lease_one().await;
}

#[tokio::test]
async fn a_waiting_lease_call_renews_the_lease_of_its_worker() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    // Longer than the lease of three seconds, and no heartbeat.
    for _ in 0..2 {
        assert!(worker.lease(1, "5s").await.is_empty());
    }
    let shown = client.get(&format!("/workers/{}", worker.id)).await.json();
    assert_eq!(shown["status"], "live", "{shown}");
    let id = client.create_of_type("MailJob").await;
    assert_eq!(id_of(&worker.lease_one().await), id);
}

#[tokio::test]
async fn a_worker_whose_lease_is_over_gets_no_jobs_until_it_has_sent_a_heartbeat() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let shown = || async { client.get(&format!("/workers/{}", worker.id)).await.json()["status"].clone() };
    eventually("the lease is over", || async {
        (shown().await == "lost").then_some(())
    })
    .await;
    client
        .post(&worker.path("lease"), json!({ "max": 1 }))
        .await
        .problem(409);
    worker.beat(&[]).await;
    assert!(worker.lease(1, "00:00:00").await.is_empty());
}

#[tokio::test]
async fn retry_after_is_the_exact_wait_before_the_next_attempt() {
    let config =
        format!("{CONFIG}\n[job_types.SlowRetry]\nmax_retries = 3\nretry_delay = \"1h\"\nhandler = \"remote\"\n");
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    let worker = Worker::register(&client, json!({ "name": "w", "types": ["MailJob", "SlowRetry"] })).await;
    for (job_type, retry_after, micros) in [
        ("SlowRetry", "1500ms", 1_500_000),
        ("SlowRetry", "PT1.5S", 1_500_000),
        // Longer than the policy's.
        ("MailJob", "00:20:00.0000010", 1_200_000_001),
        ("MailJob", "3653.00:00:00", 3_653 * 86_400 * 1_000_000),
    ] {
        let id = client.create_of_type(job_type).await;
        let leased = worker.lease_one().await;
        let failed = json!({ "jobs": [of(&leased, json!({ "error": "busy", "retryAfter": retry_after }))] });
        client.post(&worker.path("fail"), failed).await;
        let job = client.job(&id).await;
        let time = |text: &Value| {
            let text = text.as_str().expect("a time");
            chrono::DateTime::parse_from_rfc3339(text).expect("a time")
        };
        let waits = time(&job["runAt"]) - time(&job["executionHistory"][0]["completedAt"]);
        assert_eq!(waits.num_microseconds(), Some(micros), "{job}");
        client.post_empty(&format!("/jobs/{id}/cancel")).await;
    }
}

#[tokio::test]
async fn a_worker_leases_jobs_from_the_requested_queues() {
    let config = format!("{CONFIG}\n[[queues]]\nname = \"slow\"\nconcurrency = 1\nrate_limit = \"2/h\"\n");
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    let declaration = json!({ "name": "picky", "types": ["MailJob"], "queues": ["a", "slow"], "concurrency": 4 });
    let worker = Worker::register(&client, declaration).await;
    for queue in ["b", "a", "slow", "slow", "slow", "a"] {
        client.create(json!({ "type": "MailJob", "queue": queue })).await;
    }
    let mut queues: Vec<String> = Vec::new();
    for job in worker.lease(10, "00:00:00").await {
        queues.push(job["queue"].as_str().expect("a queue").to_owned());
    }
    queues.sort();
    assert_eq!(
        queues,
        ["a", "a", "slow", "slow"],
        "and no faster than the queue's rate"
    );
}

async fn loss(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    let leased = worker.lease_one().await;
    // It sends no heartbeats: its lease expires, and another worker gets the job.
    let other = Worker::mailer(&client).await;
    let again = eventually("the job is pending again", || async {
        other.beat(&[]).await;
        other.lease(1, "00:00:00.2").await.pop()
    })
    .await;
    assert_eq!((id_of(&again), &again["attempt"]), (&*id, &json!(2)));
    let late = json!({ "jobs": [of(&leased, json!({ "result": 1 }))] });
    client.post(&worker.path("complete"), late).await.problem(409);
    // Nor does the other one's token help it.
    let stolen = json!({ "jobs": [of(&again, json!({ "result": 1 }))] });
    client.post(&worker.path("complete"), stolen).await.problem(409);
    let problem = client.post(&worker.path("lease"), json!({})).await.problem(409);
    assert!(
        problem["detail"].as_str().is_some_and(|text| text.contains("run out")),
        "{problem}"
    );
    let beat = worker.beat(&[of(&leased, json!({}))]).await;
    assert_eq!(
        beat["lost"],
        json!([id]),
        "it receives the loss, and lives again: {beat}"
    );
    assert!(worker.lease(1, "00:00:00").await.is_empty());
    let done = json!({ "jobs": [of(&again, json!({ "result": 2 }))] });
    let answer = client.post(&other.path("complete"), done).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let job = client.job(&id).await;
    assert_eq!(
        (&job["result"], &job["executionHistory"][0]["status"]),
        (&json!(2), &json!("lost"))
    );
}

#[tokio::test]
async fn jobs_of_a_silent_worker_are_leased_to_another() {
    loss(Storage::Sqlite).await;
}

#[tokio::test]
async fn jobs_of_a_silent_worker_are_leased_to_another_on_postgresql() {
    loss(Storage::Postgres).await;
}

#[tokio::test]
async fn a_worker_keeps_its_jobs_while_the_server_restarts() {
    let site = Site::new(Storage::Sqlite, &CONFIG.replace("00:00:03", "00:01:00"));
    let server = site.start();
    let worker = Worker::mailer(&server.client()).await;
    let id = server.client().create_of_type("MailJob").await;
    let leased = worker.lease_one().await;
    let address = server.url.trim_start_matches("http://").to_owned();
    server.kill();
    let server = site.start_at(&address);
    let client = server.client();
    let worker = Worker {
        client: client.clone(),
        id: worker.id,
    };
    worker.beat(&[of(&leased, json!({}))]).await;
    let done = json!({ "jobs": [of(&leased, json!({}))] });
    let answer = client.post(&worker.path("complete"), done).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let job = client.job(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn progress_and_log_are_part_of_the_job_and_published_at_once() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    let leased = worker.lease_one().await;
    let mut socket = Socket::open(&server.url, "/ws").await;
    socket
        .send_json(json!({ "action": "subscribe", "topics": ["job-status"] }))
        .await;
    socket.next_of("subscribed").await;
    let report = json!({
        "progress": { "percent": 62.5, "message": "page 5 of 8" },
        "log": [
            { "message": "sent to\u{0} 10", "at": "2026-01-31T12:00:00Z" },
            { "message": "slow", "level": "warning", "at": "2026-01-31T12:00:01Z" },
        ],
    });
    worker.beat(&[of(&leased, report)]).await;
    let told = socket.next_of("job-progress").await;
    assert_eq!(
        (
            &told["data"]["jobId"],
            &told["data"]["progress"]["percent"],
            &told["data"]["log"][1]["level"]
        ),
        (&json!(id), &json!(62.5), &json!("warning")),
        "{told}"
    );
    let job = client.job(&id).await;
    let progress = json!({ "attempt": 1, "percent": 62.5, "message": "page 5 of 8" });
    assert_eq!(job["progress"], progress, "{job}");
    assert_eq!(
        job["log"][0],
        json!({ "attempt": 1, "at": "2026-01-31T12:00:00Z", "level": "info", "message": "sent to\u{fffd} 10" })
    );
    // The last 200 lines are kept.
    let many: Vec<Value> = (0..250)
        .map(|number| json!({ "message": number.to_string() }))
        .collect();
    for lines in many.chunks(50) {
        worker.beat(&[of(&leased, json!({ "log": lines }))]).await;
    }
    let log = client.job(&id).await["log"].as_array().cloned().expect("a log");
    assert_eq!(
        (log.len(), &log[0]["message"], &log[199]["message"]),
        (200, &json!("50"), &json!("249"))
    );
    let refused = of(&leased, json!({ "progress": { "percent": 101 } }));
    let problem = client
        .post(&worker.path("heartbeat"), json!({ "jobs": [refused] }))
        .await
        .problem(400);
    assert_eq!(
        problem["errors"][0]["pointer"], "#/jobs/0/progress/percent",
        "{problem}"
    );
    client
        .post(&worker.path("complete"), json!({ "jobs": [of(&leased, json!({}))] }))
        .await;
    let job = client.job(&id).await;
    assert_eq!(
        (&job["status"], &job["progress"]),
        (&json!("completed"), &progress),
        "it is kept"
    );
    let deleted = client
        .send(client.request(Method::DELETE, &format!("/jobs/{id}")))
        .await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_cancellation_is_returned_by_the_heartbeat() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let (obeying, deaf) = (
        client.create_of_type("MailJob").await,
        client.create_of_type("MailJob").await,
    );
    let leased = worker.lease(2, "00:00:00").await;
    assert_eq!(worker.beat(&leased_of(&leased)).await["cancelled"], json!([]));
    for id in [&obeying, &deaf] {
        let answer = client.post_empty(&format!("/jobs/{id}/cancel")).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    }
    let beat = worker.beat(&leased_of(&leased)).await;
    let mut cancelled = beat["cancelled"].as_array().cloned().expect("ids");
    cancelled.sort_by_key(Value::to_string);
    let mut both = vec![json!(obeying), json!(deaf)];
    both.sort_by_key(Value::to_string);
    assert_eq!(cancelled, both);
    let stopped = json!({ "jobs": [of(&leased[0], json!({ "outcome": "cancelled" }))] });
    client.post(&worker.path("fail"), stopped).await;
    assert_eq!(client.job(&obeying).await["status"], "cancelled");
    // The one that does not stop is ended when its grace is over.
    eventually("the job is taken from the worker", || async {
        let beat = worker.beat(&leased_of(&leased[1..])).await;
        (beat["lost"] == json!([deaf])).then_some(())
    })
    .await;
    assert_eq!(client.job(&deaf).await["status"], "cancelled");
    client
        .post(&worker.path("complete"), json!({ "jobs": [of(&leased[1], json!({}))] }))
        .await
        .problem(409);
}

fn leased_of(jobs: &[Value]) -> Vec<Value> {
    jobs.iter().map(|job| of(job, json!({}))).collect()
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_times_out() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("BriefJob").await;
    let leased = worker.lease_one().await;
    assert_eq!(leased["timeout"], "00:00:01");
    eventually("its time is up", || async {
        let beat = worker.beat(&[of(&leased, json!({}))]).await;
        (beat["lost"] == json!([id])).then_some(())
    })
    .await;
    let job = client.job(&id).await;
    assert_eq!(
        (&job["status"], &job["error"]),
        (&json!("failed"), &json!("timed out after 00:00:01"))
    );
}

#[tokio::test]
async fn a_job_whose_lease_response_was_lost_is_requeued() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    worker.lease_one().await;
    // The worker goes on, and names no job: the answer has not reached it.
    let again = eventually("the job can be leased again", || async {
        worker.beat(&[]).await;
        worker.lease(1, "00:00:00.2").await.pop()
    })
    .await;
    assert_eq!((id_of(&again), &again["attempt"]), (&*id, &json!(2)));
}

#[tokio::test]
async fn jobs_of_a_leaving_worker_are_requeued() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    let other = client.create_of_type("MailJob").await;
    let leased = worker.lease(2, "00:00:00").await;
    let released = json!({ "jobs": [of(&leased[1], json!({ "outcome": "released" }))] });
    client.post(&worker.path("fail"), released).await;
    assert_eq!(client.job(&other).await["status"], "pending");
    let path = format!("/workers/{}", worker.id);
    let left = client.send(client.request(Method::DELETE, &path)).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT, "{}", left.text);
    let job = client.job(&id).await;
    assert_eq!(
        (
            &job["status"],
            &job["retryCount"],
            &job["executionHistory"][0]["status"]
        ),
        (&json!("pending"), &json!(0), &json!("interrupted"))
    );
    assert_eq!(client.get("/workers").await.json()["workers"], json!([]));
    assert_eq!(client.get(&path).await.json()["status"], "left");
    client.post(&worker.path("heartbeat"), json!({})).await.problem(404);
    client.post(&worker.path("lease"), json!({})).await.problem(404);
    let unknown = format!("/workers/{id}");
    client.get(&unknown).await.problem(404);
    client
        .post(&format!("{unknown}/heartbeat"), json!({}))
        .await
        .problem(404);
}

#[tokio::test]
async fn reports_of_workers_are_validated() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    for (body, pointer) in [
        (json!({ "types": ["A"] }), "#/name"),
        (json!({ "name": "", "types": ["A"] }), "#/name"),
        (json!({ "name": " ", "types": ["A"] }), "#/name"),
        (json!({ "name": "w" }), "#/types"),
        (json!({ "name": "w", "types": [] }), "#/types"),
        (json!({ "name": "w", "types": ["A\nB"] }), "#/types/0"),
        (json!({ "name": "w", "types": ["A"], "queues": ["a b"] }), "#/queues/0"),
        (
            json!({ "name": "w", "types": ["A"], "concurrency": 0 }),
            "#/concurrency",
        ),
        (
            json!({ "name": "w", "types": ["A"], "concurrency": 1001 }),
            "#/concurrency",
        ),
    ] {
        let problem = client.post("/workers", body).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    let token = format!("1.{}", worker.id.replace('-', ""));
    let end = json!({ "jobId": id, "leaseToken": token });
    for (path, body, pointer) in [
        ("lease", json!({ "max": 0 }), "#/max"),
        ("lease", json!({ "wait": "00:00:31" }), "#/wait"),
        ("lease", json!({ "wait": "-00:00:01" }), "#/wait"),
        ("heartbeat", json!({ "jobs": vec![end.clone(); 10_001] }), "#/jobs"),
        (
            "complete",
            json!({ "jobs": [{ "jobId": id, "leaseToken": format!("+{token}") }] }),
            "#/jobs/0/leaseToken",
        ),
        (
            "fail",
            json!({ "jobs": [{ "jobId": id, "leaseToken": token, "retryAfter": "-00:00:01" }] }),
            "#/jobs/0/retryAfter",
        ),
        (
            "fail",
            json!({ "jobs": [{ "jobId": id, "leaseToken": token, "retryAfter": "9999999.00:00:00" }] }),
            "#/jobs/0/retryAfter",
        ),
        (
            "heartbeat",
            json!({ "jobs": [{ "jobId": id, "leaseToken": token, "log": [{ "at": "9999-12-31T23:59:59-01:00", "message": "" }] }] }),
            "#/jobs/0/log/0/at",
        ),
        ("complete", json!({ "jobs": [] }), "#/jobs"),
        ("complete", json!({ "jobs": [end, end] }), "#/jobs/1/jobId"),
        (
            "complete",
            json!({ "jobs": [{ "jobId": id, "leaseToken": "x" }] }),
            "#/jobs/0/leaseToken",
        ),
        (
            "fail",
            json!({ "jobs": [{ "jobId": id, "leaseToken": token, "outcome": "x" }] }),
            "#/jobs/0/outcome",
        ),
    ] {
        let problem = client.post(&worker.path(path), body).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    // A job that is not leased can't be completed.
    client
        .post(&worker.path("complete"), json!({ "jobs": [end] }))
        .await
        .problem(409);
    assert_eq!(client.job(&id).await["status"], "pending");
}

#[tokio::test]
async fn results_of_a_batch_that_arrive_in_time_are_stored() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    let leased = worker.lease_one().await;
    let unknown = worker.id.clone();
    let other = json!({ "jobId": unknown, "leaseToken": leased["leaseToken"] });
    let answer = client
        .post(
            &worker.path("complete"),
            json!({ "jobs": [other, of(&leased, json!({}))] }),
        )
        .await;
    assert_eq!(
        answer.json(),
        json!({ "stored": 1, "lost": [unknown] }),
        "{}",
        answer.text
    );
    assert_eq!(client.job(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_worker_needs_the_scope_for_changing_and_is_recorded() {
    let config = format!(
        "{CONFIG}\n[api]\nrequire_authentication = true\n\
         [[api.keys]]\nname = \"reader\"\nkey = \"reader-reader-reader\"\nscopes = [\"tickerq:read\"]\n\
         [[api.keys]]\nname = \"worker\"\nkey = \"worker-worker-worker\"\nscopes = [\"tickerq:write\"]\n\
         [[api.keys]]\nname = \"admin\"\nkey = \"admin-admin-admin\"\nscopes = [\"tickerq:admin\"]\n"
    );
    let (_site, server) = Server::with_config(&config);
    let reader = server.client().with_token("reader-reader-reader");
    let client = server.client().with_token("worker-worker-worker");
    let admin = server.client().with_token("admin-admin-admin");
    let declaration = json!({ "name": "w", "types": ["MailJob"] });
    server.client().post("/workers", declaration.clone()).await.problem(401);
    reader.post("/workers", declaration.clone()).await.problem(403);
    admin.post("/workers", declaration.clone()).await.problem(403);
    let worker = Worker::register(&client, declaration).await;
    reader.post(&worker.path("lease"), json!({})).await.problem(403);
    assert_eq!(reader.get("/workers").await.json()["workers"][0]["id"], worker.id);
    client.get("/workers").await.problem(403);
    client.create_of_type("MailJob").await;
    let leased = worker.lease_one().await;
    client
        .post(&worker.path("complete"), json!({ "jobs": [of(&leased, json!({}))] }))
        .await;
    let records = admin.get("/audit?action=worker.register").await.json();
    let record = &records["records"][0];
    assert_eq!(
        (&record["actor"]["name"], &record["outcome"], &record["jobs"]),
        (&json!("worker"), &json!("registered"), &json!(0)),
        "{records}"
    );
}

#[tokio::test]
async fn a_worker_may_speak_with_any_node() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let (first, second) = (site.start(), site.start());
    let worker = Worker::mailer(&first.client()).await;
    let there = Worker {
        client: second.client(),
        id: worker.id.clone(),
    };
    // It waits at the one while the job is given to the other.
    let creating = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        first.client().create_of_type("MailJob").await
    };
    let (leased, id) = tokio::join!(there.lease_one(), creating);
    assert_eq!(id_of(&leased), id);
    let nodes = first.client().get("/nodes").await.json();
    assert_eq!(
        nodes["nodes"].as_array().map(Vec::len),
        Some(2),
        "a worker is no node: {nodes}"
    );
    worker
        .beat(&[of(&leased, json!({ "progress": { "percent": 10 } }))])
        .await;
    second.client().post_empty(&format!("/jobs/{id}/cancel")).await;
    assert_eq!(
        worker.beat(&leased_of(std::slice::from_ref(&leased))).await["cancelled"],
        json!([id])
    );
    first.kill();
    there.beat(&leased_of(std::slice::from_ref(&leased))).await;
    let done = json!({ "jobs": [of(&leased, json!({ "result": true }))] });
    let answer = there.client.post(&there.path("complete"), done).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let job = second.client().job(&id).await;
    assert_eq!(
        (&job["status"], &job["attempt"], &job["progress"]["percent"]),
        (&json!("completed"), &json!(1), &json!(10.0)),
        "{job}"
    );
}

#[tokio::test]
async fn a_worker_that_waits_does_not_keep_the_server_from_stopping() {
    let (_site, server) = Server::with_config(CONFIG);
    let worker = Worker::mailer(&server.client()).await;
    let waiting = tokio::spawn(async move { worker.lease(1, "00:00:30").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    let stopped = tokio::task::spawn_blocking(move || server.stop())
        .await
        .expect("it stops");
    assert!(stopped.success());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(waiting.await.expect("an answer").is_empty());
}
