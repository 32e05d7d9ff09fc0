//! `/queues?overview=true`: the state of queues for operators.

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Site, Storage};

const LIMITED: &str = r#"
[audit]
enable = true
[job_types.Noop]
handler = "noop"
[job_types.Breaks]
max_retries = 3
retry_delay = "1h"
handler = { command = { program = "false" } }
[[queues]]
name = "mail"
concurrency = 3
max_pending = 1000
rate_limit = "100/m"
"#;

async fn create(client: &Client, job_type: &str) -> String {
    let job = client.create(json!({ "type": job_type, "queue": "mail" })).await;
    job["id"].as_str().expect("an id").to_owned()
}

async fn overviews(storage: Storage) {
    let site = Site::new(storage, LIMITED);
    let server = site.start();
    let client = server.client();
    let failed = create(&client, "Breaks").await;
    eventually("the job waits for its retry", || async {
        (client.job(&failed).await["attempt"] == 1).then_some(())
    })
    .await;
    let overview = |queue: Value| queue["overview"].clone();
    let none = overview(client.get("/queues/default?overview=true").await.json());
    assert_eq!(
        (
            &none["oldestDueAt"],
            &none["dueJobs"],
            &none["pausedAt"],
            &none["pausedBy"]
        ),
        (&json!(null), &json!(0), &json!(null), &json!(null)),
        "{none}"
    );
    assert_eq!(
        none["settings"],
        json!({ "workers": 10, "maxPending": null, "rateLimit": null })
    );
    client.post_empty("/queues/mail/pause").await;
    for _ in 0..2 {
        create(&client, "Noop").await;
    }
    let later = client
        .create(json!({ "type": "Noop", "queue": "mail", "delay": "02:00:00" }))
        .await;
    let list = client.get("/jobs?queue=mail&type=Noop").await.json();
    let first = &list["jobs"][2]["runAt"];
    let mail = overview(client.get("/queues/mail?overview=true").await.json());
    assert_eq!(
        [
            &mail["dueJobs"],
            &mail["scheduledJobs"],
            &mail["retryingJobs"],
            &mail["capacity"],
            &mail["liveWorkers"]
        ],
        [2, 1, 1, 3, 0].map(|number| json!(number)).each_ref(),
        "{mail}"
    );
    assert_eq!(mail["oldestDueAt"], *first, "{mail}");
    assert_eq!(
        mail["settings"],
        json!({ "workers": 3, "maxPending": 1000, "rateLimit": "100/m" })
    );
    assert!(mail["pausedAt"].is_string() && mail["pausedBy"].is_string(), "{mail}");
    // The list has the same, and none of it unless requested.
    let list = client.get("/queues?overview=true").await.json();
    let found = list["queues"]
        .as_array()
        .expect("queues")
        .iter()
        .find(|queue| queue["name"] == "mail");
    assert_eq!(overview(found.expect("the queue").clone()), mail);
    let list = client.get("/queues").await.json();
    assert!(list["queues"][0].get("overview").is_none(), "{list}");
    let problem = client.get("/queues?overview=maybe").await.problem(400);
    assert!(problem.to_string().contains("allowed are true and false"), "{problem}");

    let worker = json!({ "name": "w", "types": ["Remote"], "queues": ["mail"], "concurrency": 4 });
    assert_eq!(client.post("/workers", worker).await.status, 201);
    let query =
        "{ queues { name overview { oldestDueAt dueJobs scheduledJobs retryingJobs capacity liveWorkers pausedBy
                   settings { workers maxPending rateLimit } } } queue(name: \"mail\") { overview { capacity } } }";
    let response = client.graphql(&json!({ "query": query })).await;
    let queues = response["data"]["queues"].as_array().expect("queues");
    let found = queues.iter().find(|queue| queue["name"] == "mail").expect("the queue");
    let found = overview(found.clone());
    for field in [
        "oldestDueAt",
        "dueJobs",
        "scheduledJobs",
        "retryingJobs",
        "pausedBy",
        "settings",
    ] {
        assert_eq!(found[field], mail[field], "{field}");
    }
    assert_eq!(
        (&found["capacity"], &found["liveWorkers"]),
        (&json!(7), &json!(1)),
        "{found}"
    );
    assert_eq!(response["data"]["queue"]["overview"]["capacity"], 7);

    // A cancelled job is counted nowhere.
    let id = later["id"].as_str().expect("an id");
    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    let mail = overview(client.get("/queues/mail?overview=true").await.json());
    assert_eq!(
        (&mail["scheduledJobs"], &mail["retryingJobs"]),
        (&json!(0), &json!(1)),
        "{mail}"
    );
}

#[tokio::test]
async fn a_queue_has_a_state_for_operators_on_sqlite() {
    overviews(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_queue_has_a_state_for_operators_on_postgres() {
    overviews(Storage::Postgres).await;
}
