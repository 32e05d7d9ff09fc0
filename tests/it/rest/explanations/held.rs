//! Reasons that hold pending jobs, and the states of other jobs.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{CONFIG, create, explain, literal, micros, run_on, until_codes};
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Site, Storage};

async fn pending_jobs(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();

    let scheduled = create(&client, json!({ "type": "NoopJob", "delay": "01:00:00" })).await;
    let explanation = until_codes(&client, &scheduled, &["scheduled"]).await;
    let reason = &explanation["reasons"][0];
    assert_eq!(explanation["state"], "pending");
    assert_eq!(explanation["summary"], reason["message"]);
    assert_eq!(reason["until"], client.job(&scheduled).await["runAt"]);
    assert_eq!(reason["until"], reason["evidence"]["runAt"]);
    assert_eq!(reason["remedy"], "wait, or execute the job to start it now");

    let retried = create(&client, json!({ "type": "FailingJob" })).await;
    let reason = until_codes(&client, &retried, &["retry-wait"]).await["reasons"][0].clone();
    let job = client.job(&retried).await;
    assert_eq!(reason["since"], job["executionHistory"][0]["completedAt"]);
    assert_eq!(reason["until"], job["runAt"]);
    let evidence = &reason["evidence"];
    assert_eq!(
        (
            &evidence["attempt"],
            &evidence["retryCount"],
            &evidence["maxRetries"],
            &evidence["error"]
        ),
        (&json!(1), &json!(1), &json!(3), &job["error"])
    );
    // Executed later by a caller, it no longer waits for its retry.
    client
        .post(&format!("/jobs/{retried}/execute"), json!({ "delay": "00:30:00" }))
        .await;
    until_codes(&client, &retried, &["scheduled"]).await;

    let misspelled = create(&client, json!({ "type": "NopJob" })).await;
    let reason = until_codes(&client, &misspelled, &["nobody-runs-type"]).await["reasons"][0].clone();
    assert_eq!(
        reason["evidence"],
        json!({ "types": ["NopJob"], "nearestType": "NoopJob" })
    );
    assert_eq!(
        reason["message"],
        "no server has a handler for type 'NopJob', and no registered worker runs it in queue 'default'; the most similar \
         known type is 'NoopJob'"
    );

    create(
        &client,
        json!({ "type": "NoopJob", "queue": "paused-one", "delay": "01:00:00" }),
    )
    .await;
    let pause = client.post_empty("/queues/paused-one/pause").await;
    assert_eq!(pause.status, StatusCode::OK, "{}", pause.text);
    let paused = create(&client, json!({ "type": "NoopJob", "queue": "paused-one" })).await;
    client.post_empty("/queues/paused-one/pause").await;
    let reason = until_codes(&client, &paused, &["queue-paused"]).await["reasons"][0].clone();
    assert_eq!(reason["since"], first_record(&client, "queue.pause").await["at"]);
    assert_eq!(
        reason["evidence"]["by"],
        first_record(&client, "queue.pause").await["actor"]["name"]
    );
    let twice = create(
        &client,
        json!({ "type": "Unknown", "queue": "paused-one", "delay": "01:00:00" }),
    )
    .await;
    until_codes(&client, &twice, &["nobody-runs-type", "queue-paused", "scheduled"]).await;
    // A pause after the last resumption counts.
    client.post_empty("/queues/paused-one/resume").await;
    client.wait_finished(&paused).await;
    client.post_empty("/queues/paused-one/pause").await;
    let again = create(&client, json!({ "type": "NoopJob", "queue": "paused-one" })).await;
    let later = until_codes(&client, &again, &["queue-paused"]).await["reasons"][0].clone();
    assert_ne!(later["since"], reason["since"]);

    claimed_and_clock(&site, storage, &client, &again).await;
}

/// The first record of an action.
async fn first_record(client: &Client, action: &str) -> Value {
    let records = client.get(&format!("/audit?action={action}")).await.json();
    let records = records["records"].as_array().expect("records");
    records.last().expect("a record").clone()
}

/// States that only the database shows: a claim ahead, and a due time of a clock that was ahead.
async fn claimed_and_clock(site: &Site, storage: Storage, client: &Client, id: &str) {
    let own = client.get("/nodes").await.json()["nodes"][0]["id"].clone();
    let claim = format!(
        "UPDATE jobs SET claimed_by = {} WHERE id = {}",
        literal(storage, own.as_str().expect("an id")),
        literal(storage, id)
    );
    run_on(site, storage, &claim).await;
    let reason = until_codes(client, id, &["claimed"]).await["reasons"][0].clone();
    assert_eq!(
        reason["message"],
        "server 'web-1' has claimed it, and starts it as soon as a worker is free"
    );
    assert_eq!(
        (&reason["evidence"]["node"]["id"], &reason["evidence"]["node"]["kind"]),
        (&own, &json!("server"))
    );
    let release = format!("UPDATE jobs SET claimed_by = NULL WHERE id = {}", literal(storage, id));
    run_on(site, storage, &release).await;

    let ahead = micros(7_200);
    let clock = format!(
        "UPDATE jobs SET due_at = {ahead}, due_from = {ahead} WHERE id = {}",
        literal(storage, id)
    );
    // The server corrects such due times every few seconds.
    let reason = eventually("the clock is behind", || async {
        run_on(site, storage, &clock).await;
        let explanation = explain(client, id).await;
        let reasons = explanation["reasons"].as_array().cloned().expect("reasons");
        reasons.into_iter().find(|reason| reason["code"] == "clock-behind")
    })
    .await;
    let clock_ahead = reason["evidence"]["clockAhead"].as_str().expect("a duration");
    assert!(
        clock_ahead.starts_with("01:59:") || clock_ahead == "02:00:00",
        "{reason}"
    );
}

#[tokio::test]
async fn each_reason_of_a_pending_job_is_found() {
    pending_jobs(Storage::Sqlite).await;
}

#[tokio::test]
async fn each_reason_of_a_pending_job_is_found_on_postgresql() {
    pending_jobs(Storage::Postgres).await;
}

async fn limits(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();

    let running = create(&client, json!({ "type": "LongJob", "queue": "narrow" })).await;
    client.wait_for(&running, &["running"]).await;
    let first = create(&client, json!({ "type": "NoopJob", "queue": "narrow" })).await;
    let explanation = until_codes(&client, &first, &["workers-busy"]).await;
    let reason = &explanation["reasons"][0];
    assert_eq!(reason["message"], "the only worker of queue 'narrow' is busy");
    let runner = &reason["evidence"]["runners"][0];
    assert_eq!(
        (&runner["name"], &runner["workers"], &runner["busy"]),
        (&json!("web-1"), &json!(1), &json!(1))
    );
    let estimate = &explanation["estimate"];
    assert!(
        estimate["basis"]
            .as_str()
            .is_some_and(|basis| basis.starts_with("1 start of this queue since ")),
        "{explanation}"
    );
    let second = create(&client, json!({ "type": "NoopJob", "queue": "narrow" })).await;
    let urgent = create(
        &client,
        json!({ "type": "NoopJob", "queue": "narrow", "priority": "high" }),
    )
    .await;
    let behind = until_codes(&client, &second, &["workers-busy", "behind-in-queue"]).await["reasons"][1].clone();
    assert_eq!(behind["evidence"], json!({ "ahead": 2, "isExact": true }));
    assert_eq!(behind["message"], "2 due jobs of queue 'narrow' start before it");
    until_codes(&client, &urgent, &["workers-busy"]).await;

    let limited = create(&client, json!({ "type": "LimitedJob" })).await;
    client.wait_for(&limited, &["running"]).await;
    let waiting = create(&client, json!({ "type": "LimitedJob" })).await;
    let reason = until_codes(&client, &waiting, &["type-limit"]).await["reasons"][0].clone();
    assert_eq!(
        reason["message"],
        "1 of 1 jobs of type 'LimitedJob' run on server 'web-1'"
    );
    assert_eq!(
        reason["evidence"],
        json!({ "types": ["LimitedJob"], "server": "web-1", "concurrency": 1, "running": 1 })
    );

    let started = create(&client, json!({ "type": "NoopJob", "queue": "slow" })).await;
    client.wait_finished(&started).await;
    let waiting = create(&client, json!({ "type": "NoopJob", "queue": "slow" })).await;
    let reason = until_codes(&client, &waiting, &["queue-rate"]).await["reasons"][0].clone();
    assert_eq!(reason["evidence"], json!({ "rate": "1/h" }));
    assert!(reason["until"].is_string(), "{reason}");
}

#[tokio::test]
async fn each_limit_of_a_queue_and_a_type_is_found() {
    limits(Storage::Sqlite).await;
}

#[tokio::test]
async fn each_limit_of_a_queue_and_a_type_is_found_on_postgresql() {
    limits(Storage::Postgres).await;
}

async fn other_states(storage: Storage) {
    // Lost jobs are recovered long after the test.
    let site = Site::new(
        storage,
        &CONFIG.replace("[cluster]", "[cluster]\nlease_ttl = \"00:05:00\""),
    );
    let server = site.start();
    let client = server.client();

    let running = create(&client, json!({ "type": "LongJob", "timeout": "01:00:00" })).await;
    client.wait_for(&running, &["running"]).await;
    let explanation = until_codes(&client, &running, &["running"]).await;
    let reason = &explanation["reasons"][0];
    assert_eq!(explanation["state"], "running");
    assert_eq!(reason["since"], client.job(&running).await["executedAt"]);
    assert!(reason["until"].is_string(), "{reason}");
    assert_eq!(reason["evidence"]["node"]["name"], "web-1");

    // A worker that leases a job and then does nothing.
    let declaration = json!({ "name": "mailer", "types": ["MailJob"], "concurrency": 1 });
    let worker = client.post("/workers", declaration).await.json();
    let worker = worker["id"].as_str().expect("an id");
    let leased = create(&client, json!({ "type": "MailJob" })).await;
    let waiting = until_codes(&client, &leased, &["next"]).await;
    assert_eq!(
        waiting["summary"],
        "nothing holds it; it waits to be leased by a worker: 'mailer'"
    );
    let lease = client
        .post(&format!("/workers/{worker}/lease"), json!({ "max": 1 }))
        .await;
    assert_eq!(lease.status, StatusCode::OK, "{}", lease.text);
    let reason = until_codes(&client, &leased, &["running"]).await["reasons"][0].clone();
    assert_eq!(
        (&reason["evidence"]["node"]["name"], &reason["evidence"]["node"]["kind"]),
        (&json!("mailer"), &json!("worker"))
    );
    let next = create(&client, json!({ "type": "MailJob" })).await;
    let busy = until_codes(&client, &next, &["workers-busy"]).await;
    assert_eq!(
        busy["summary"],
        "the only worker of queue 'default' is busy, on worker 'mailer'"
    );
    client.post_empty(&format!("/jobs/{leased}/cancel")).await;
    let reason = until_codes(&client, &leased, &["running"]).await["reasons"][0].clone();
    assert_eq!(reason["evidence"]["cancelRequested"], true);
    assert!(
        reason["message"]
            .as_str()
            .is_some_and(|text| text.ends_with("; its cancellation was requested")),
        "{reason}"
    );

    // Its lease ends, and the server has not recovered the job yet.
    let ended = format!(
        "UPDATE nodes SET lease_until = {} WHERE id = {}",
        micros(-1),
        literal(storage, worker)
    );
    run_on(&site, storage, &ended).await;
    let reason = until_codes(&client, &leased, &["node-lost"]).await["reasons"][0].clone();
    assert_eq!(reason["since"], reason["evidence"]["node"]["leaseUntil"]);

    let completed = create(&client, json!({ "type": "NoopJob" })).await;
    client.wait_finished(&completed).await;
    let explanation = until_codes(&client, &completed, &["ended"]).await;
    assert_eq!(explanation["state"], "completed");
    assert_eq!(explanation["reasons"][0]["evidence"]["status"], "completed");
    assert_eq!(explanation["reasons"][0]["remedy"], Value::Null);
    let failed = create(&client, json!({ "type": "FailingJob", "maxRetries": 0 })).await;
    let job = client.wait_finished(&failed).await;
    let explanation = until_codes(&client, &failed, &["ended"]).await;
    let error = job["error"].as_str().expect("an error");
    let summary = explanation["summary"].as_str().expect("a summary");
    assert!(summary.ends_with(&format!(", after 1 attempt: {error}")), "{summary}");
    let cancelled = create(&client, json!({ "type": "NoopJob", "delay": "01:00:00" })).await;
    client.post_empty(&format!("/jobs/{cancelled}/cancel")).await;
    let explanation = until_codes(&client, &cancelled, &["ended"]).await;
    assert_eq!(explanation["state"], "cancelled");
    client
        .send(client.request(Method::DELETE, &format!("/jobs/{cancelled}")))
        .await;
    client.get(&format!("/jobs/{cancelled}/explain")).await.problem(404);
}

#[tokio::test]
async fn running_and_ended_jobs_have_their_state() {
    other_states(Storage::Sqlite).await;
}

#[tokio::test]
async fn running_and_ended_jobs_have_their_state_on_postgresql() {
    other_states(Storage::Postgres).await;
}
