//! Unused queues are pruned; a concurrent deletion and creation lose no job.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

const NOOP: &str = "[job_types.Noop]\nhandler = \"noop\"\n";

async fn delete(client: &Client, path: &str) -> StatusCode {
    client.send(client.request(Method::DELETE, path)).await.status
}

async fn names(client: &Client) -> Vec<String> {
    let list = client.get("/queues").await.json();
    let queues = list["queues"].as_array().expect("queues").iter();
    queues
        .map(|queue| queue["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// Creates a job, waits for its end and deletes it, so that its queue is unused.
async fn use_once(client: &Client, queue: &str) {
    let job = client.create(json!({ "type": "Noop", "queue": queue })).await;
    let id = job["id"].as_str().expect("an id");
    client.wait_finished(id).await;
    assert_eq!(delete(client, &format!("/jobs/{id}")).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_queue_that_is_not_used_is_pruned_within_two_minutes_and_can_be_used_again() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    for queue in ["unused", "paused", "recurs", "pending"] {
        use_once(&client, queue).await;
    }
    assert_eq!(client.post_empty("/queues/paused/pause").await.status, StatusCode::OK);
    client
        .create(json!({ "type": "Noop", "queue": "recurs", "cronExpression": "0 0 1 1 *" }))
        .await;
    client
        .create(json!({ "type": "Noop", "queue": "pending", "delay": "01:00:00" }))
        .await;
    // The pruner runs once a minute.
    let end = Instant::now() + Duration::from_secs(120);
    while names(&client).await.contains(&"unused".to_owned()) {
        assert!(Instant::now() < end, "the queue is still there");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(names(&client).await, ["default", "paused", "pending", "recurs"]);
    use_once(&client, "unused").await;
}

/// Both nodes' responses to the deletion of a queue and the concurrent creation of a job in it.
async fn race(creates: &Client, deletes: &Client, job: Value) -> String {
    let (created, deleted) = tokio::join!(creates.post("/jobs", job), delete(deletes, "/queues/raced"));
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    assert!(
        [StatusCode::NO_CONTENT, StatusCode::CONFLICT, StatusCode::NOT_FOUND].contains(&deleted),
        "{deleted}"
    );
    created.json()["id"].as_str().expect("an id").to_owned()
}

async fn no_job_is_lost_between_deletion_and_creation(nodes: &[Server]) {
    let clients: Vec<Client> = nodes.iter().map(Server::client).collect();
    for round in 0..20 {
        let (creates, deletes) = (&clients[round % clients.len()], &clients[(round + 1) % clients.len()]);
        let now = race(creates, deletes, json!({ "type": "Noop", "queue": "raced" })).await;
        creates.wait_finished(&now).await;
        let delayed = json!({ "type": "Noop", "queue": "raced", "delay": "00:00:00.3" });
        let later = race(creates, deletes, delayed).await;
        assert_eq!(
            creates.wait_finished(&later).await["status"],
            "completed",
            "round {round}"
        );
    }
    // While a job is pending in it, each node lists the queue.
    let waits = json!({ "type": "Noop", "queue": "raced", "delay": "01:00:00" });
    let deletions = join_all(clients.iter().map(|client| delete(client, "/queues/raced")));
    let (created, _) = tokio::join!(clients[0].post("/jobs", waits), deletions);
    assert_eq!(created.status, StatusCode::CREATED);
    for client in &clients {
        eventually("the queue is shown", || async {
            names(client).await.contains(&"raced".to_owned()).then_some(())
        })
        .await;
        assert_eq!(delete(client, "/queues/raced").await, StatusCode::CONFLICT);
    }
}

#[tokio::test]
async fn deleting_a_queue_and_creating_a_job_in_it_at_once_loses_no_job_on_sqlite() {
    let (_site, server) = Server::with_config(NOOP);
    no_job_is_lost_between_deletion_and_creation(&[server]).await;
}

#[tokio::test]
async fn deleting_a_queue_and_creating_a_job_in_it_at_once_loses_no_job_on_two_nodes() {
    let site = Site::new(Storage::Postgres, NOOP);
    no_job_is_lost_between_deletion_and_creation(&[site.start(), site.start()]).await;
}
