//! Jobs that are created after the preview are not changed; what was replaced can be restored.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{WAITS, audited, change, count, create, preview, run, start, until};
use crate::harness::server::{Site, Storage};

async fn cancelled_and_undone(storage: Storage) {
    let site = Site::new(storage, "[audit]\nenable = true\n");
    let server = site.start();
    let client = server.client();
    create(&client, WAITS, 700).await;
    create(&client, "OtherJob", 3).await;
    let preview = preview(&client, "cancel", &format!("type:{WAITS}"), json!({})).await;
    assert_eq!(
        (&preview["total"], &preview["isExact"]),
        (&json!(700), &json!(true)),
        "{preview}"
    );
    assert_eq!(preview["byType"], json!({ WAITS: 700 }));
    assert_eq!(preview["byStatus"], json!({ "pending": 700 }));
    assert_eq!(preview["byQueue"], json!({ "default": 700 }));
    assert_eq!(preview["sample"].as_array().map(Vec::len), Some(10));
    assert_eq!((&preview["skipped"], &preview["warnings"]), (&json!([]), &json!([])));
    assert_eq!(preview["undo"], "inverse");
    assert_eq!(count(&client, "status=cancelled").await, 0, "a preview changes nothing");
    create(&client, WAITS, 200).await;

    let started = start(&client, &preview, None).await;
    assert_eq!(
        start(&client, &preview, None).await["id"],
        started["id"],
        "a repeated start is the same one"
    );
    let completed = until(&client, &started, "completed").await;
    assert_eq!(
        (&completed["done"], &completed["total"]),
        (&json!(700), &json!(700)),
        "{completed}"
    );
    assert_eq!(count(&client, "status=cancelled").await, 700);
    assert_eq!(
        count(&client, &format!("status=pending&type={WAITS}")).await,
        200,
        "later jobs are not changed"
    );
    assert_eq!(audited(&client, "job.cancel").await.len(), 700);

    // A job that has changed since stays as it is.
    let list = client.get("/jobs?status=cancelled&limit=1").await.json();
    let changed = list["jobs"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        client.post_empty(&format!("/jobs/{changed}/retry")).await.status,
        StatusCode::OK
    );
    let undo = change(&client, &started, "undo").await;
    assert_eq!(undo.status, StatusCode::ACCEPTED, "{}", undo.text);
    let undo = until(&client, &undo.json(), "completed").await;
    assert_eq!((&undo["kind"], &undo["undoes"]), (&json!("undo"), &started["id"]));
    assert_eq!((&undo["done"], &undo["skipped"]), (&json!(699), &json!(1)), "{undo}");
    assert_eq!(undo["skippedBy"][0]["reason"], "changed");
    assert_eq!(count(&client, "status=cancelled").await, 0);
    let problem = change(&client, &started, "undo").await.problem(409);
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("was undone by operation"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn later_jobs_are_not_changed_and_cancelled_ones_are_restored_on_sqlite() {
    cancelled_and_undone(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn later_jobs_are_not_changed_and_cancelled_ones_are_restored_on_postgresql() {
    cancelled_and_undone(Storage::Postgres).await;
}

async fn each_kind(storage: Storage) {
    let site = Site::new(
        storage,
        "[job_types.Breaks]\nmax_retries = 0\nhandler = { command = { program = \"false\" } }\n",
    );
    let server = site.start();
    let client = server.client();
    create(&client, WAITS, 30).await;
    create(&client, "Breaks", 20).await;
    crate::harness::eventually("jobs have failed", || async {
        (count(&client, "status=failed").await == 20).then_some(())
    })
    .await;
    assert!(client.post_empty("/queues/default/pause").await.status.is_success());
    let waiting = format!("type:{WAITS}");
    let done = |operation: &Value| operation["done"].as_u64();

    let moved = run(&client, "move", &waiting, json!({ "queue": "slow" })).await;
    assert_eq!(done(&until(&client, &moved, "completed").await), Some(30));
    assert_eq!(count(&client, "queue=slow").await, 30);
    let raised = run(&client, "priority", &waiting, json!({ "priority": "critical" })).await;
    assert_eq!(done(&until(&client, &raised, "completed").await), Some(30));
    assert_eq!(count(&client, "priority=critical").await, 30);

    // The last change is restored; the one before it finds that the jobs have changed since.
    let restored = change(&client, &raised, "undo").await.json();
    assert_eq!(done(&until(&client, &restored, "completed").await), Some(30));
    assert_eq!(count(&client, "priority=normal&queue=slow").await, 30);
    let passed = change(&client, &moved, "undo").await.json();
    let passed = until(&client, &passed, "completed").await;
    assert_eq!((done(&passed), &passed["skipped"]), (Some(0), &json!(30)), "{passed}");

    let retried = run(&client, "retry", "type:Breaks", json!({ "resetRetryCount": true })).await;
    assert_eq!(done(&until(&client, &retried, "completed").await), Some(20));
    assert_eq!(count(&client, "status=pending&type=Breaks").await, 20);
    let problem = change(&client, &retried, "undo").await.problem(409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap_or_default()
            .contains("can't be undone"),
        "{problem}"
    );
    let cancelled = run(&client, "cancel", "type:Breaks", json!({})).await;
    assert_eq!(done(&until(&client, &cancelled, "completed").await), Some(20));
    let deleted = run(&client, "delete", "status:cancelled", json!({})).await;
    assert_eq!(done(&until(&client, &deleted, "completed").await), Some(20));
    assert_eq!(count(&client, "type=Breaks").await, 0);
    // Deleted jobs can't be restored.
    let passed = change(&client, &cancelled, "undo").await.json();
    let passed = until(&client, &passed, "completed").await;
    assert_eq!(passed["skippedBy"][0]["reason"], "gone", "{passed}");

    let list = client.get("/operations?limit=3").await.json();
    assert_eq!(
        (list["operations"].as_array().map(Vec::len), &list["hasMore"]),
        (Some(3), &json!(true))
    );
    let last = list["operations"][2]["id"].as_str().expect("an id");
    let rest = client.get(&format!("/operations?after={last}")).await.json();
    assert_eq!(
        (rest["operations"].as_array().map(Vec::len), &rest["hasMore"]),
        (Some(5), &json!(false))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_operation_changes_its_jobs_on_sqlite() {
    each_kind(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_operation_changes_its_jobs_on_postgresql() {
    each_kind(Storage::Postgres).await;
}
