//! Numbers of a preview: which of them are exact.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{WAITS, create, preview};
use crate::harness::client::Client;
use crate::harness::server::{Site, Storage};

/// Creates jobs of these types in a queue.
async fn create_types(client: &Client, types: impl Iterator<Item = String>, queue: &str) {
    let jobs: Vec<Value> = types
        .map(|job_type| json!({ "type": job_type, "queue": queue }))
        .collect();
    for jobs in jobs.chunks(500) {
        let created = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    }
}

fn is_exact(preview: &Value) -> (&Value, &Value) {
    (&preview["isExact"], &preview["isSplitExact"])
}

async fn counted(storage: Storage) {
    let site = Site::new(storage, "");
    let server = site.start();
    let client = server.client();
    create(&client, WAITS, 2_400).await;
    create_types(&client, (0..60).map(|_| "OtherJob".to_owned()), "side").await;
    let all = json!({ WAITS: 2_400, "OtherJob": 60 });
    let queues = json!({ "default": 2_400, "side": 60 });
    // By counters, and one by one.
    for filter in ["status:pending", "status:pending created>=2020-01-01"] {
        let preview = preview(&client, "move", filter, json!({ "queue": "side" })).await;
        assert_eq!(is_exact(&preview), (&json!(true), &json!(true)), "{preview}");
        assert_eq!(
            (&preview["total"], &preview["counted"]),
            (&json!(2_460), &json!(2_460)),
            "{preview}"
        );
        assert_eq!((&preview["byType"], &preview["byQueue"]), (&all, &queues), "{preview}");
        assert_eq!(preview["byStatus"], json!({ "pending": 2_460 }));
        let unchanged = &preview["skipped"][0];
        assert_eq!(
            (&unchanged["reason"], &unchanged["count"], &unchanged["isExact"]),
            (&json!("unchanged"), &json!(60), &json!(true)),
            "{preview}"
        );
    }
    // More types than are counted.
    create_types(&client, (0..1_001).map(|number| format!("Type{number}")), "default").await;
    let preview = preview(&client, "cancel", "status:pending", json!({})).await;
    assert_eq!(is_exact(&preview), (&json!(true), &json!(false)), "{preview}");
    assert_eq!((&preview["total"], &preview["counted"]), (&json!(3_461), &json!(2_000)));
    assert_eq!(preview["byStatus"], json!({ "pending": 2_000 }), "the newest ones");
    assert_eq!(preview["byType"][WAITS], 939, "{preview}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_states_which_numbers_are_exact_on_sqlite() {
    counted(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_states_which_numbers_are_exact_on_postgresql() {
    counted(Storage::Postgres).await;
}
