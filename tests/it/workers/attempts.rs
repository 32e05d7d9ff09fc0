//! Attempts of remote workers: completion, retries, cancellation and timeout.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{CONFIG, Worker, leased_of, of};
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

async fn completes_jobs(storage: Storage) {
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
    let listed = &list["workers"][0];
    assert_eq!(
        (
            &listed["name"],
            &listed["status"],
            &listed["types"],
            &listed["runningJobs"]
        ),
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
    let response = client.post(&worker.path("complete"), completed.clone()).await;
    assert_eq!(response.json(), json!({ "stored": 2, "lost": [] }), "{}", response.text);
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
    // A second report changes nothing.
    let problem = client.post(&worker.path("complete"), completed).await.problem(409);
    assert_eq!(problem["errors"][1]["pointer"], "#/jobs/1/leaseToken", "{problem}");
    assert_eq!(client.job(&ids[0]).await, job);
    // A failure is retried, and the next attempt has its own token.
    let failed = json!({ "jobs": [of(&leased[2], json!({ "error": "SMTP timeout", "errorDetail": "at line 3" }))] });
    let response = client.post(&worker.path("fail"), failed.clone()).await;
    assert_eq!(response.json()["stored"], 1, "{}", response.text);
    let again = worker.lease_one().await;
    assert_eq!((&again["jobId"], &again["attempt"]), (&leased[2]["jobId"], &json!(2)));
    client.post(&worker.path("fail"), failed).await.problem(409);
    let permanent = json!({ "jobs": [of(&again, json!({ "error": "no such address", "retry": false }))] });
    client.post(&worker.path("fail"), permanent).await;
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
async fn a_worker_leases_and_completes_jobs_of_its_types() {
    completes_jobs(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_worker_leases_and_completes_jobs_of_its_types_on_postgresql() {
    completes_jobs(Storage::Postgres).await;
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
        // Longer than the policy's delay.
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
async fn a_cancellation_is_returned_by_the_heartbeat() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let (stopping, ignoring) = (
        client.create_of_type("MailJob").await,
        client.create_of_type("MailJob").await,
    );
    let leased = worker.lease(2, "00:00:00").await;
    assert_eq!(worker.heartbeat(&leased_of(&leased)).await["cancelled"], json!([]));
    for id in [&stopping, &ignoring] {
        let response = client.post_empty(&format!("/jobs/{id}/cancel")).await;
        assert_eq!(response.status, StatusCode::ACCEPTED, "{}", response.text);
    }
    let heartbeat = worker.heartbeat(&leased_of(&leased)).await;
    let mut cancelled = heartbeat["cancelled"].as_array().cloned().expect("ids");
    cancelled.sort_by_key(Value::to_string);
    let mut both = vec![json!(stopping), json!(ignoring)];
    both.sort_by_key(Value::to_string);
    assert_eq!(cancelled, both);
    let stopped = json!({ "jobs": [of(&leased[0], json!({ "outcome": "cancelled" }))] });
    client.post(&worker.path("fail"), stopped).await;
    assert_eq!(client.job(&stopping).await["status"], "cancelled");
    // A job that does not stop is cancelled when its grace period has elapsed.
    eventually("the job is taken from the worker", || async {
        let heartbeat = worker.heartbeat(&leased_of(&leased[1..])).await;
        (heartbeat["lost"] == json!([ignoring])).then_some(())
    })
    .await;
    assert_eq!(client.job(&ignoring).await["status"], "cancelled");
    client
        .post(&worker.path("complete"), json!({ "jobs": [of(&leased[1], json!({}))] }))
        .await
        .problem(409);
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_times_out() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("BriefJob").await;
    let leased = worker.lease_one().await;
    assert_eq!(leased["timeout"], "00:00:01");
    eventually("the attempt has timed out", || async {
        let heartbeat = worker.heartbeat(&[of(&leased, json!({}))]).await;
        (heartbeat["lost"] == json!([id])).then_some(())
    })
    .await;
    let job = client.job(&id).await;
    assert_eq!(
        (&job["status"], &job["error"]),
        (&json!("failed"), &json!("timed out after 00:00:01"))
    );
}
