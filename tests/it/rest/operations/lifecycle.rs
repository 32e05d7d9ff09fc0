//! Pausing, resuming, cancelling; two operations on the same jobs.

use reqwest::StatusCode;
use serde_json::json;

use super::{WAITS, change, count, create, operation, preview, run, start, until};
use crate::harness::server::{Server, Site, Storage};

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_can_be_called_off_in_its_grace_period() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    create(&client, WAITS, 3).await;
    let cancelled = run(&client, "cancel", &format!("type:{WAITS}"), json!({})).await;
    until(&client, &cancelled, "completed").await;
    let preview = preview(&client, "delete", &format!("type:{WAITS}"), json!({})).await;
    assert_eq!(preview["undo"], "grace");
    let started = start(&client, &preview, Some("01:00:00")).await;
    assert_eq!(started["status"], "pending");
    for (action, status) in [
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "pending"),
        ("undo", "cancelled"),
    ] {
        let changed = change(&client, &started, action).await;
        assert!(changed.status.is_success(), "{}", changed.text);
        assert_eq!(changed.json()["status"], status);
    }
    for action in ["pause", "resume"] {
        change(&client, &started, action).await.problem(409);
    }
    assert_eq!(
        change(&client, &started, "cancel").await.status,
        StatusCode::OK,
        "it is cancelled"
    );
    assert_eq!(operation(&client, &started).await["done"], 0);
    assert_eq!(count(&client, "status=cancelled").await, 3);
}

/// The second operation finds the jobs as the first one has left them.
async fn one_after_another(storage: Storage) {
    let site = Site::new(storage, "");
    let server = site.start();
    let client = server.client();
    create(&client, WAITS, 900).await;
    let filter = format!("type:{WAITS} status:pending");
    let first = preview(&client, "move", &filter, json!({ "queue": "slow" })).await;
    let second = preview(&client, "cancel", &filter, json!({})).await;
    let third = preview(&client, "priority", &filter, json!({ "priority": "low" })).await;
    let first = start(&client, &first, None).await;
    let second = start(&client, &second, None).await;
    let third = start(&client, &third, None).await;
    let first = until(&client, &first, "completed").await;
    let second = until(&client, &second, "completed").await;
    let third = until(&client, &third, "completed").await;
    assert_eq!((&first["done"], &second["done"]), (&json!(900), &json!(900)));
    assert_eq!(third["done"], 0, "cancelled jobs no longer meet the filter");
    assert!(
        first["finishedAt"].as_str() <= second["startedAt"].as_str(),
        "{first} {second}"
    );
    assert_eq!(count(&client, "status=cancelled&queue=slow").await, 900);
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_on_the_same_jobs_run_one_after_another_on_sqlite() {
    one_after_another(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_on_the_same_jobs_run_one_after_another_on_postgresql() {
    one_after_another(Storage::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_operation_lets_others_pass_and_goes_on() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    create(&client, WAITS, 10).await;
    let filter = format!("type:{WAITS}");
    let first = preview(&client, "move", &filter, json!({ "queue": "slow" })).await;
    let first = start(&client, &first, Some("01:00:00")).await;
    change(&client, &first, "pause").await;
    let second = run(&client, "priority", &filter, json!({ "priority": "high" })).await;
    until(&client, &second, "completed").await;
    assert_eq!(operation(&client, &first).await["status"], "paused");
    assert_eq!(change(&client, &first, "resume").await.json()["status"], "pending");
    assert_eq!(count(&client, "queue=slow").await, 0, "its grace period lasts");
}
