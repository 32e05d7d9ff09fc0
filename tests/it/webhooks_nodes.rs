//! Webhooks of several servers on one PostgreSQL: each delivery is sent by one of them, and what a dead one held is taken
//! over.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::harness::eventually;
use super::harness::receiver::{Got, Receiver};
use super::harness::server::{Site, Storage};
use super::webhooks::{endpoint, shown};

const CONFIG: &str = "[nodes]\nlease = \"00:00:03\"\n[job_types.NoopJob]\nhandler = \"noop\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_send_each_delivery_once_and_share_the_endpoints() {
    let (one, two) = (Receiver::open().await, Receiver::open().await);
    let endpoints = endpoint("one", &one, "\"job.*\"", "") + &endpoint("two", &two, "\"job.completed\"", "");
    let site = Site::new(Storage::Postgres, &format!("{CONFIG}{endpoints}"));
    let servers = [site.start(), site.start()];
    let clients = [servers[0].client(), servers[1].client()];
    let mut ids = BTreeSet::new();
    for number in 0..10 {
        let jobs: Vec<Value> = (0..20).map(|_| json!({ "type": "NoopJob" })).collect();
        let made = clients[number % 2]
            .post("/jobs/batch", json!({ "jobs": jobs }))
            .await
            .json();
        let made = made["jobs"].as_array().expect("jobs").clone();
        ids.extend(made.iter().filter_map(|job| job["id"].as_str().map(str::to_owned)));
    }
    let told = one.hears(600).await;
    two.hears(200).await;
    let mut events: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for got in &told {
        events.entry(got.job()).or_default().push(got.event());
    }
    assert_eq!(events.keys().cloned().collect::<BTreeSet<String>>(), ids);
    for (job, events) in events {
        assert_eq!(events, ["job.created", "job.started", "job.completed"], "{job}");
    }
    let completed: BTreeSet<String> = two.got().iter().map(Got::job).collect();
    assert_eq!((completed, two.got().len()), (ids, 200), "each once");
    // Both nodes know what the other has stored, and which of them sends.
    let holders: BTreeSet<String> = [shown(&clients[0], "one").await, shown(&clients[1], "two").await]
        .iter()
        .map(|endpoint| endpoint["node"].as_str().expect("a node").to_owned())
        .collect();
    assert!(!holders.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_of_a_killed_node_is_told_by_another() {
    let receiver = Receiver::open().await;
    let endpoints = endpoint("crm", &receiver, "\"job.completed\"", "");
    let site = Site::new(Storage::Postgres, &format!("{CONFIG}{endpoints}"));
    let first = site.start();
    let second = site.start();
    let id = first.client().create_of_type("NoopJob").await;
    receiver.hears_of("the first job is told", |got| got.job() == id).await;
    let holder = shown(&second.client(), "crm").await["node"].clone();
    let nodes = first.client().get("/nodes").await.json();
    assert_eq!(nodes["nodes"].as_array().map(Vec::len), Some(2), "{nodes}");
    first.kill();
    let client = second.client();
    let id = client.create_of_type("NoopJob").await;
    receiver.hears_of("the second job is told", |got| got.job() == id).await;
    eventually("a living node holds the endpoint", || async {
        let node = shown(&client, "crm").await["node"].clone();
        (node.is_string()).then_some(node)
    })
    .await;
    assert!(holder.is_string());
}
