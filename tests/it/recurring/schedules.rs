//! Recurring jobs over REST: created, changed and triggered; each occurrence exactly once.

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::occurrences::occurrences;
use crate::harness::client::Client;
use crate::harness::server::Server;

pub(super) const CONFIG: &str = r#"
[cluster]
lease_ttl = "00:00:03"

[job_types.DataBackupJob]
handler = "noop"

[job_types.SlowJob]
handler = { command = { program = "sleep", args = ["1.5"] } }
"#;

pub(super) async fn create(client: &Client, body: Value) -> Value {
    let response = client.post("/jobs/recurring", body).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    response.json()
}

pub(super) fn path(id: &str) -> String {
    format!("/jobs/recurring/{id}")
}

#[tokio::test]
async fn the_reference_s_daily_backup_is_stored_and_shown_with_its_next_times() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let body = json!({
        "type": "DataBackupJob", "name": "Daily Backup", "cronExpression": "0 2 * * *",
        "parameters": { "backupType": "incremental", "destination": "s3://backups/" }, "enabled": true
    });
    let response = client.post("/jobs/recurring", body).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    let created = response.json();
    let id = created["id"].as_str().expect("an id");
    assert_eq!(
        response.header("location"),
        Some(&*format!("/api/tickerq/jobs/recurring/{id}"))
    );
    assert_eq!(response.header("etag"), Some("\"1\""));
    assert_eq!(created["jobId"], *id);
    assert_eq!(created["timeZone"], "UTC");
    assert_eq!(created["misfirePolicy"], "fire_once");
    assert_eq!(created["overlapPolicy"], "allow");
    let next: DateTime<Utc> = created["nextRunAt"].as_str().expect("a time").parse().expect("a time");
    assert_eq!(next.format("%H:%M:%S").to_string(), "02:00:00");
    let next_runs = created["nextRuns"].as_array().expect("times");
    assert_eq!(next_runs.len(), 5);
    assert_eq!(next_runs[0], created["nextRunAt"]);
    assert_eq!(client.get(&path(id)).await.json(), created);
    let list = client.get("/jobs/recurring").await.json();
    assert_eq!((&list["totalCount"], &list["hasMore"]), (&json!(1), &json!(false)));
    assert_eq!(list["recurringJobs"][0], created);
}

#[tokio::test]
async fn a_job_with_a_cron_expression_recurs_on_whichever_route_it_is_posted() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    // All members of the sample of the dashboard API, including its zero delay.
    let body = json!({
        "type": "DataBackupJob", "name": "Backup", "parameters": {}, "priority": "normal", "delay": "00:00:00",
        "maxRetries": 3, "options": { "cronExpression": "@daily", "timeZone": "europe/berlin" }
    });
    let response = client.post("/jobs", body).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    let created = response.json();
    assert_eq!(created["timeZone"], "Europe/Berlin");
    assert_eq!(created["maxRetries"], 3);
    let location = response.header("location").expect("a location");
    assert!(location.starts_with("/api/tickerq/jobs/recurring/"), "{location}");
}

#[tokio::test]
async fn a_request_with_an_idempotency_key_makes_one_recurring_job() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let post = || async {
        let request = client
            .request(Method::POST, "/jobs/recurring")
            .header("Idempotency-Key", "once")
            .json(&json!({ "type": "DataBackupJob", "cronExpression": "@daily" }));
        client.send(request).await
    };
    let (first, second) = (post().await, post().await);
    assert_eq!(first.json(), second.json());
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(client.get("/jobs/recurring").await.json()["totalCount"], 1);
}

#[tokio::test]
async fn errors_of_a_schedule_name_the_allowed_values() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let cases = [
        (json!({ "cronExpression": "61 * * * *" }), "#/cronExpression"),
        (json!({ "cronExpression": "0 0 31 2 *" }), "#/cronExpression"),
        (json!({ "cronExpression": "@reboot" }), "#/cronExpression"),
        (json!({ "cronExpression": 5 }), "#/cronExpression"),
        (json!({}), "#/cronExpression"),
        (
            json!({ "cronExpression": "@daily", "timeZone": "Mars/Olympus" }),
            "#/timeZone",
        ),
        (
            json!({ "cronExpression": "@daily", "misfirePolicy": "pray" }),
            "#/misfirePolicy",
        ),
        (json!({ "cronExpression": "@daily", "catchUpMax": 0 }), "#/catchUpMax"),
        (json!({ "cronExpression": "@daily", "catchUpMax": 5 }), "#/catchUpMax"),
        (
            json!({ "cronExpression": "@daily", "misfirePolicy": "skip", "catchUpMax": 5 }),
            "#/catchUpMax",
        ),
        (
            json!({ "cronExpression": "@daily", "overlapPolicy": "maybe" }),
            "#/overlapPolicy",
        ),
        (json!({ "cronExpression": "@daily", "delay": "00:00:01" }), "#/delay"),
        (json!({ "cronExpression": "@daily", "uniqueKey": "a" }), "#/uniqueKey"),
        (
            json!({ "cronExpression": "@daily", "startsAt": "2030-01-02T00:00:00Z", "endsAt": "2030-01-01T00:00:00Z" }),
            "#/endsAt",
        ),
        (
            json!({ "cronExpression": "@daily", "endsAt": "2020-01-01T00:00:00Z" }),
            "#/endsAt",
        ),
        (
            json!({ "cronExpression": "0 12 1 * *", "startsAt": "2030-01-02T00:00:00Z", "endsAt": "2030-01-31T00:00:00Z" }),
            "#/endsAt",
        ),
    ];
    for (mut body, pointer) in cases {
        body["type"] = json!("DataBackupJob");
        let problem = client.post("/jobs/recurring", body.clone()).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    let problem = client
        .post("/jobs", json!({ "type": "DataBackupJob", "timeZone": "UTC" }))
        .await
        .problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/timeZone");
    let problem = client
        .get(&path("01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"))
        .await
        .problem(404);
    assert_eq!(problem["type"], "urn:tickerq:problem:not-found");
}

#[tokio::test]
async fn it_is_patched_replaced_disabled_enabled_and_deleted() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let created = create(
        &client,
        json!({ "type": "DataBackupJob", "cronExpression": "0 2 * * *", "priority": "high", "misfirePolicy": "catch_up" }),
    )
    .await;
    let id = created["id"].as_str().expect("an id").to_owned();
    assert_eq!(created["catchUpMax"], 100);
    let send = |method: Method, body: Value, if_match: &'static str| {
        let request = client
            .request(method, &path(&id))
            .header("If-Match", if_match)
            .json(&body);
        let client = client.clone();
        async move { client.send(request).await }
    };
    let patched = send(
        Method::PATCH,
        json!({ "timeZone": "America/New_York", "catchUpMax": 7 }),
        "\"1\"",
    )
    .await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text);
    let patched = patched.json();
    assert_eq!(
        (&patched["timeZone"], &patched["catchUpMax"]),
        (&json!("America/New_York"), &json!(7))
    );
    assert_eq!(
        (&patched["priority"], &patched["cronExpression"]),
        (&json!("high"), &json!("0 2 * * *"))
    );
    assert_ne!(patched["nextRunAt"], created["nextRunAt"]);
    assert_eq!(
        send(Method::PATCH, json!({ "name": "x" }), "\"1\"").await.status,
        StatusCode::PRECONDITION_FAILED
    );
    send(Method::PATCH, json!({}), "\"2\"").await.problem(400);
    let replaced = send(
        Method::PUT,
        json!({ "type": "DataBackupJob", "cronExpression": "@hourly" }),
        "\"2\"",
    )
    .await;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text);
    let replaced = replaced.json();
    assert_eq!(
        (&replaced["timeZone"], &replaced["priority"]),
        (&json!("UTC"), &json!("normal"))
    );
    let disabled = client.post_empty(&format!("{}/disable", path(&id))).await.json();
    assert_eq!(
        (&disabled["enabled"], &disabled["nextRunAt"]),
        (&json!(false), &json!(null))
    );
    let enabled = client.post_empty(&format!("{}/enable", path(&id))).await.json();
    assert_eq!(enabled["enabled"], true);
    assert!(enabled["nextRunAt"].is_string());
    assert_eq!(
        client.send(client.request(Method::DELETE, &path(&id))).await.status,
        StatusCode::NO_CONTENT
    );
    client.get(&path(&id)).await.problem(404);
}

#[tokio::test]
async fn a_trigger_makes_one_occurrence_now_and_execute_does_the_same() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let created = create(
        &client,
        json!({ "type": "DataBackupJob", "cronExpression": "@yearly", "enabled": false, "parameters": { "n": 1 } }),
    )
    .await;
    let id = created["id"].as_str().expect("an id").to_owned();
    for action in [format!("{}/trigger", path(&id)), format!("/jobs/{id}/execute")] {
        let response = client.post_empty(&action).await;
        assert!(response.status.is_success(), "{}", response.text);
        let job = response.json();
        assert_eq!(job["recurringJobId"], *id);
        let job = client.wait_finished(job["id"].as_str().expect("an id")).await;
        assert_eq!(
            (&job["status"], &job["parameters"]),
            (&json!("completed"), &json!({ "n": 1 }))
        );
    }
    assert_eq!(occurrences(&client, &id).await.len(), 2);
}
