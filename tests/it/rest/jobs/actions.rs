//! `execute`, `cancel` and `retry`, in every state of a job.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::latch::Latch;
use crate::harness::server::{Server, Site};

/// A server with the type `Work`, whose jobs run until the latch releases them, and `Waits`, which has no handler.
async fn server_with_gate(settings: &str) -> (Latch, Site, Server) {
    let latch = Latch::open().await;
    let (site, server) = Server::with_config(&format!(
        "[jobs]\n{settings}\n[job_types.Work]\nmax_retries = 0\n{}",
        latch.handler()
    ));
    (latch, site, server)
}

async fn act(client: &Client, id: &str, action: &str, body: Value) -> (u16, Value) {
    let response = client.post(&format!("/jobs/{id}/{action}"), body).await;
    (response.status.as_u16(), response.json())
}

fn time(job: &Value, name: &str) -> DateTime<Utc> {
    let text = job[name].as_str().unwrap_or_else(|| panic!("no {name} in {job}"));
    DateTime::parse_from_rfc3339(text).expect("RFC 3339").to_utc()
}

fn attempts(job: &Value) -> Vec<(u64, &str)> {
    let history = job["executionHistory"].as_array().expect("a history");
    let attempt = |attempt: &Value| attempt["attempt"].as_u64().expect("a number");
    history
        .iter()
        .map(|entry| (attempt(entry), entry["status"].as_str().expect("a status")))
        .collect()
}

#[tokio::test]
async fn execute_makes_a_pending_job_due() {
    let (mut latch, _site, server) = server_with_gate("").await;
    let client = server.client();
    let job = client
        .create(json!({ "type": "Work", "delay": "10.00:00:00", "priority": "low" }))
        .await;
    let id = job["id"].as_str().expect("an id");
    // The sample of the dashboard API, with a delay and another priority.
    let (status, later) = act(
        &client,
        id,
        "execute",
        json!({ "priority": "high", "delay": "00:05:00" }),
    )
    .await;
    assert_eq!(
        (status, &later["status"], &later["priority"]),
        (200, &json!("pending"), &json!("high")),
        "{later}"
    );
    let wait = time(&later, "runAt") - time(&job, "createdAt");
    assert!(wait >= TimeDelta::minutes(5) && wait < TimeDelta::minutes(6), "{wait}");
    let (status, at) = act(
        &client,
        id,
        "execute",
        json!({ "runAt": "2999-01-01T00:00:00Z", "delay": null }),
    )
    .await;
    assert_eq!(
        (status, &at["runAt"], &at["priority"]),
        (200, &json!("2999-01-01T00:00:00Z"), &json!("high"))
    );
    // The body is optional.
    let response = client.post_empty(&format!("/jobs/{id}/execute")).await;
    assert_eq!(response.status, 200, "{}", response.text);
    assert_eq!(
        response.header("etag"),
        Some(format!("\"{}\"", response.json()["revision"]).as_str())
    );
    latch.visit().await.complete();
    assert_eq!(client.wait_finished(id).await["status"], "completed");
}

#[tokio::test]
async fn execute_queues_a_finished_job_again_and_keeps_its_history() {
    let (mut latch, _site, server) = server_with_gate("").await;
    let client = server.client();
    let id = client.create_of_type("Work").await;
    latch.visit().await.respond("200 OK", "\"first\"");
    client.wait_finished(&id).await;
    let (status, queued) = act(&client, &id, "execute", json!({ "delay": "00:00:00.2" })).await;
    assert_eq!(
        (status, &queued["status"], &queued["result"]),
        (200, &json!("pending"), &Value::Null),
        "{queued}"
    );
    assert_eq!(attempts(&queued), [(1, "completed")]);
    let visit = latch.visit().await;
    assert_eq!(visit.json()["attempt"], 2);
    let problem = client.post_empty(&format!("/jobs/{id}/execute")).await.problem(409);
    assert_eq!(problem["type"], "urn:tickerq:problem:conflict");
    assert_eq!(
        problem["detail"],
        "a running job can't be executed; it is already running; cancel it first, or wait until it finishes"
    );
    visit.respond("400 Bad Request", "no");
    assert_eq!(client.wait_finished(&id).await["status"], "failed");
    for expected in [3, 4] {
        let (status, _) = act(&client, &id, "execute", json!({})).await;
        assert_eq!(status, 200);
        let visit = latch.visit().await;
        assert_eq!(visit.json()["attempt"], expected);
        visit.respond("200 OK", "\"last\"");
        client.wait_finished(&id).await;
    }
    let done = client.job(&id).await;
    assert_eq!(
        attempts(&done),
        [(1, "completed"), (2, "failed"), (3, "completed"), (4, "completed")]
    );
    assert_eq!(
        (&done["result"], &done["error"], &done["retryCount"]),
        (&json!("last"), &Value::Null, &json!(0))
    );
}

#[tokio::test]
async fn a_pending_job_is_cancelled_at_once_and_only_once() {
    let (_gate, _site, server) = server_with_gate("").await;
    let client = server.client();
    let id = client.create_of_type("Waits").await;
    let path = format!("/jobs/{id}/cancel");
    let responses = join_all((0..10).map(|_| client.post_empty(&path))).await;
    let statuses: Vec<u16> = responses.iter().map(|response| response.status.as_u16()).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 409).count(),
        9,
        "{statuses:?}"
    );
    let job = client.job(&id).await;
    assert_eq!(
        (&job["status"], &job["executedAt"], &job["duration"]),
        (&json!("cancelled"), &Value::Null, &Value::Null)
    );
    assert!(time(&job, "completedAt") >= time(&job, "createdAt"));
    let problem = client.post_empty(&path).await.problem(409);
    assert_eq!(
        problem["detail"],
        "a cancelled job can't be cancelled; only pending and running jobs can be"
    );
}

#[tokio::test]
async fn a_running_job_is_stopped_and_ends_as_cancelled() {
    let (mut latch, _site, server) = server_with_gate("").await;
    let client = server.client();
    let id = client.create_of_type("Work").await;
    let visit = latch.visit().await;
    let (status, body) = act(&client, &id, "cancel", json!({})).await;
    assert_eq!(status, 202, "{body}");
    assert_eq!(
        (&body["status"], &body["cancelRequested"]),
        (&json!("running"), &json!(true))
    );
    visit.hung_up().await;
    let job = client.wait_finished(&id).await;
    assert_eq!(
        (&job["status"], &job["cancelRequested"]),
        (&json!("cancelled"), &json!(false))
    );
    assert_eq!(attempts(&job), [(1, "cancelled")]);
    assert_eq!(job["error"], Value::Null, "no attempt has failed");
    let problem = client.post_empty(&format!("/jobs/{id}/cancel")).await.problem(409);
    assert_eq!(problem["type"], "urn:tickerq:problem:conflict");
}

#[tokio::test]
async fn a_job_that_does_not_stop_is_abandoned_when_its_grace_time_is_over() {
    let (site, server) = Server::with_config(
        r#"
        [jobs]
        cancel_grace = "00:00:00.4"
        [job_types.Deaf]
        handler = { command = { program = "sh", args = ["-c", "trap '' TERM; touch runs; while :; do sleep 0.05; done"] } }
        "#,
    );
    let client = server.client();
    let id = client.create_of_type("Deaf").await;
    let runs = site.path().join("runs");
    crate::harness::eventually("the program runs", || async { runs.exists().then_some(()) }).await;
    let cancelled_at = Utc::now();
    for _ in 0..2 {
        let (status, body) = act(&client, &id, "cancel", json!({})).await;
        assert_eq!(
            (status, &body["status"]),
            (202, &json!("running")),
            "a second request changes nothing: {body}"
        );
    }
    let job = client.wait_finished(&id).await;
    assert_eq!(job["status"], "cancelled");
    let waited = time(&job, "completedAt") - cancelled_at;
    assert!(waited >= TimeDelta::milliseconds(395), "it had only {waited}");
}

#[tokio::test]
async fn a_job_that_succeeds_although_it_was_cancelled_has_succeeded() {
    let (site, server) = Server::with_config(
        r#"
        [job_types.Stubborn]
        handler = { command = { program = "sh", args = ["-c", "trap 'echo done; exit 0' TERM; touch runs; while :; do sleep 0.05; done"] } }
        "#,
    );
    let client = server.client();
    let id = client.create_of_type("Stubborn").await;
    let runs = site.path().join("runs");
    crate::harness::eventually("the program runs", || async { runs.exists().then_some(()) }).await;
    assert_eq!(act(&client, &id, "cancel", json!({})).await.0, 202);
    let job = client.wait_finished(&id).await;
    assert_eq!((&job["status"], &job["result"]), (&json!("completed"), &json!("done")));
    assert_eq!(job["cancelRequested"], false);
}

#[tokio::test]
async fn retry_continues_or_resets_the_count() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!(
        "[job_types.Work]\nmax_retries = 1\nretry_delay = \"00:00:00.001\"\n{}",
        latch.handler()
    ));
    let client = server.client();
    let id = client.create_of_type("Work").await;
    let fail = "500 Internal Server Error";
    for _ in 0..2 {
        latch.visit().await.respond(fail, "");
    }
    let failed = client.wait_finished(&id).await;
    assert_eq!(
        (&failed["status"], &failed["retryCount"]),
        (&json!("failed"), &json!(1))
    );

    // The counter continues: this attempt has no retries left.
    let (status, pending) = act(&client, &id, "retry", json!({ "resetRetryCount": false })).await;
    assert_eq!(
        (status, &pending["status"], &pending["retryCount"]),
        (200, &json!("pending"), &json!(1)),
        "{pending}"
    );
    assert_eq!(pending["completedAt"], Value::Null);
    latch.visit().await.respond(fail, "");
    assert_eq!(attempts(&client.wait_finished(&id).await).len(), 3);

    // The counter is reset: one retry is left.
    let (status, pending) = act(&client, &id, "retry", json!({ "resetRetryCount": true })).await;
    assert_eq!((status, &pending["retryCount"]), (200, &json!(0)), "{pending}");
    latch.visit().await.respond(fail, "");
    latch.visit().await.respond("200 OK", "");
    let done = client.wait_finished(&id).await;
    assert_eq!(
        (&done["status"], &done["retryCount"], &done["attempt"]),
        (&json!("completed"), &json!(1), &json!(5))
    );
    let failed = (1..5).map(|number| (number, "failed"));
    assert_eq!(attempts(&done), failed.chain([(5, "completed")]).collect::<Vec<_>>());
    assert_eq!(done["error"], Value::Null);
}

#[tokio::test]
async fn only_failed_and_cancelled_jobs_can_be_retried() {
    let (mut latch, _site, server) = server_with_gate("").await;
    let client = server.client();
    let refused = |id: String| {
        let client = client.clone();
        async move { client.post_empty(&format!("/jobs/{id}/retry")).await.problem(409)["detail"].clone() }
    };
    let waits = client.create_of_type("Waits").await;
    let allowed = "only failed and cancelled jobs can be; execute runs a pending or completed one";
    assert_eq!(
        refused(waits.clone()).await,
        format!("a pending job can't be retried; {allowed}")
    );
    let works = client.create_of_type("Work").await;
    let visit = latch.visit().await;
    assert_eq!(
        refused(works.clone()).await,
        format!("a running job can't be retried; {allowed}")
    );
    visit.complete();
    client.wait_finished(&works).await;
    assert_eq!(
        refused(works).await,
        format!("a completed job can't be retried; {allowed}")
    );
    client.post_empty(&format!("/jobs/{waits}/cancel")).await;
    let response = client.post_empty(&format!("/jobs/{waits}/retry")).await;
    assert_eq!(
        (response.status.as_u16(), &response.json()["status"]),
        (200, &json!("pending"))
    );
}

#[tokio::test]
async fn a_job_that_waits_for_its_retry_can_be_cancelled_and_executed() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!(
        "[job_types.Work]\nmax_retries = 9\nretry_delay = \"01:00:00\"\n{}",
        latch.handler()
    ));
    let client = server.client();
    let id = client.create_of_type("Work").await;
    latch.visit().await.respond("503 Service Unavailable", "");
    let waiting = crate::harness::eventually("it waits for its retry", || async {
        let job = client.job(&id).await;
        (job["status"] == "pending").then_some(job)
    })
    .await;
    assert_eq!(
        (&waiting["retryCount"], &waiting["completedAt"]),
        (&json!(1), &Value::Null)
    );
    assert!(
        waiting["error"]
            .as_str()
            .is_some_and(|error| error.ends_with("responded with 503 Service Unavailable"))
    );
    let wait = time(&waiting, "runAt") - time(&waiting, "executedAt");
    assert!(wait >= TimeDelta::hours(1) && wait < TimeDelta::minutes(67), "{wait}");
    let (status, _) = act(&client, &id, "execute", json!({})).await;
    assert_eq!(status, 200);
    latch.visit().await.respond("503 Service Unavailable", "");
    crate::harness::eventually("it waits for its second retry", || async {
        (client.job(&id).await["retryCount"] == 2).then_some(())
    })
    .await;
    let (status, job) = act(&client, &id, "cancel", json!({})).await;
    assert_eq!((status, &job["status"]), (200, &json!("cancelled")));
    assert_eq!(attempts(&job), [(1, "failed"), (2, "failed")]);
}

#[tokio::test]
async fn every_action_reports_missing_jobs_and_invalid_states() {
    let (_gate, _site, server) = server_with_gate("").await;
    let client = server.client();
    let missing = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    let id = client.create_of_type("Waits").await;
    for action in ["execute", "cancel", "retry"] {
        let problem = client
            .post_empty(&format!("/jobs/{missing}/{action}"))
            .await
            .problem(404);
        assert_eq!(problem["type"], "urn:tickerq:problem:not-found");
        assert_eq!(problem["detail"], format!("job {missing} not found"));
        let (status, problem) = act(&client, &id, action, json!({ "colour": 1 })).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (400, &json!("#/colour")),
            "{action}"
        );
        let (status, _) = act(&client, &id, action, json!([])).await;
        assert_eq!(status, 400, "{action}");
    }
    for (body, pointer) in [
        (json!({ "delay": "PT1S", "runAt": "2030-01-01T00:00:00Z" }), "#/runAt"),
        (json!({ "delay": "-PT1S" }), "#/delay"),
        (json!({ "delay": "9999999.00:00:00" }), "#/delay"),
        (json!({ "delay": 5 }), "#/delay"),
        (json!({ "priority": "urgent" }), "#/priority"),
        (json!({ "runAt": "tomorrow" }), "#/runAt"),
    ] {
        let (status, problem) = act(&client, &id, "execute", body).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (400, &json!(pointer)),
            "{problem}"
        );
    }
    let (status, problem) = act(&client, &id, "retry", json!({ "resetRetryCount": "yes" })).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (400, &json!("#/resetRetryCount"))
    );
    assert_eq!(client.job(&id).await["revision"], 1, "nothing has changed it");
}
