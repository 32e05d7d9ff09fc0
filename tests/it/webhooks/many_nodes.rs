//! Webhooks of several servers on one PostgreSQL: each delivery is sent by one of them, and endpoints of a dead one are
//! taken over.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{endpoint, endpoint_named};
use crate::harness::eventually;
use crate::harness::receiver::{Received, Receiver, ScriptedResponse};
use crate::harness::server::{Site, Storage};

const CONFIG: &str = "[cluster]\nlease_ttl = \"00:00:03\"\n[job_types.NoopJob]\nhandler = \"noop\"\n";

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
    let delivered = one.receive(600).await;
    two.receive(200).await;
    let mut events: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for got in &delivered {
        events.entry(got.job()).or_default().push(got.event());
    }
    assert_eq!(events.keys().cloned().collect::<BTreeSet<String>>(), ids);
    for (job, events) in events {
        assert_eq!(events, ["job.created", "job.started", "job.completed"], "{job}");
    }
    let completed: BTreeSet<String> = two.got().iter().map(Received::job).collect();
    assert_eq!((completed, two.got().len()), (ids, 200), "each once");
    // Both nodes know all stored endpoints and their senders.
    let holders: BTreeSet<String> = [
        endpoint_named(&clients[0], "one").await,
        endpoint_named(&clients[1], "two").await,
    ]
    .iter()
    .map(|endpoint| endpoint["node"].as_str().expect("a node").to_owned())
    .collect();
    assert!(!holders.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_takes_over_the_endpoint_of_a_killed_node() {
    let receiver = Receiver::open().await;
    let endpoints = endpoint("crm", &receiver, "\"job.completed\"", "");
    let site = Site::new(Storage::Postgres, &format!("{CONFIG}{endpoints}"));
    let first = site.start();
    let second = site.start();
    let id = first.client().create_of_type("NoopJob").await;
    receiver.receive_where("the first job", |got| got.job() == id).await;
    let holder = endpoint_named(&second.client(), "crm").await["node"].clone();
    let nodes = first.client().get("/nodes").await.json();
    assert_eq!(nodes["nodes"].as_array().map(Vec::len), Some(2), "{nodes}");
    first.kill();
    let client = second.client();
    let id = client.create_of_type("NoopJob").await;
    receiver.receive_where("the second job", |got| got.job() == id).await;
    eventually("a living node holds the endpoint", || async {
        let node = endpoint_named(&client, "crm").await["node"].clone();
        (node.is_string()).then_some(node)
    })
    .await;
    assert!(holder.is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_another_configuration_removes_no_endpoint_of_others() {
    let (old, new) = (Receiver::open().await, Receiver::open().await);
    old.otherwise(ScriptedResponse::Status("503 Service Unavailable", "", ""));
    let grace = "[webhooks]\nremove_unconfigured_after = \"00:00:00\"\n";
    let crm = endpoint("crm", &old, "\"job.created\"", "").replace("max_retries = 5", "max_retries = 1000");
    let site = Site::new(Storage::Postgres, &format!("{CONFIG}{grace}{crm}"));
    let first = site.start();
    let pending = first.client().create_of_type("NoopJob").await;
    old.receive(1).await;
    // A rolling deployment: the next version names other endpoints while the first node is running.
    let erp = endpoint("erp", &new, "\"job.created\"", "");
    site.configure(&format!("{CONFIG}{grace}{erp}"));
    let second = site.start();
    let client = second.client();
    let both = client.create_of_type("NoopJob").await;
    new.receive_where("the new endpoint", |got| got.job() == both).await;
    assert_eq!(endpoint_named(&client, "crm").await["events"], json!(["job.created"]));
    assert_eq!(endpoint_named(&client, "crm").await["unconfiguredSince"], Value::Null);
    let named = endpoint_named(&client, "crm").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let delete = client.request(reqwest::Method::DELETE, &format!("/webhooks/endpoints/{named}"));
    client.send(delete).await.problem(409);
    // The last node that names it leaves: pending deliveries are sent, no new ones are created, then it is removed.
    assert!(first.stop().success());
    eventually("it receives no new events", || async {
        (endpoint_named(&client, "crm").await["events"] == json!([])).then_some(())
    })
    .await;
    let later = client.create_of_type("NoopJob").await;
    new.receive_where("the later job", |got| got.job() == later).await;
    old.otherwise(ScriptedResponse::OK);
    for job in [&pending, &both] {
        old.receive_where("the pending delivery", |got| got.is_taken && got.job() == *job)
            .await;
    }
    eventually("it is removed", || async {
        let list = client.get("/webhooks/endpoints").await.json();
        (list["endpoints"].as_array().map(Vec::len) == Some(1)).then_some(())
    })
    .await;
    assert!(old.got().iter().all(|got| got.job() != later));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_one_node_creates_receives_every_later_event_of_another() {
    let receivers = [Receiver::open().await, Receiver::open().await, Receiver::open().await];
    let config = format!("[webhooks]\nallow_private_networks = true\n{CONFIG}");
    let site = Site::new(Storage::Postgres, &config);
    let servers = [site.start(), site.start()];
    let (first, second) = (servers[0].client(), servers[1].client());
    // The queue exists, and the second node has committed without endpoints: it has no reason to read them.
    let warm = second.create_of_type("NoopJob").await;
    second.wait_finished(&warm).await;
    for receiver in &receivers {
        let request = json!({ "url": receiver.url(), "events": ["job.*", "queue.paused"] });
        let made = first.post("/webhooks/endpoints", request).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let jobs: Vec<Value> = (0..3).map(|_| json!({ "type": "NoopJob" })).collect();
        let mut ids = BTreeSet::from([second.create_of_type("NoopJob").await]);
        let batch = second.post("/jobs/batch", json!({ "jobs": jobs })).await.json();
        let batch = batch["jobs"].as_array().expect("jobs").clone();
        ids.extend(batch.iter().filter_map(|job| job["id"].as_str().map(str::to_owned)));
        second.post_empty("/queues/default/pause").await;
        second.post_empty("/queues/default/resume").await;
        let paused = |got: &Received| got.event() == "queue.paused";
        receiver.receive_where("the pause", paused).await;
        for id in &ids {
            for event in ["job.created", "job.started", "job.completed"] {
                let what = format!("{event} of {id}");
                let is_meant = |got: &Received| got.event() == event && got.job() == *id;
                receiver.receive_where(&what, is_meant).await;
            }
        }
    }
    // An endpoint that is removed on one node receives no events of later commits on another.
    let list = first.get("/webhooks/endpoints").await.json();
    for endpoint in list["endpoints"].as_array().expect("endpoints") {
        let path = format!("/webhooks/endpoints/{}", endpoint["id"].as_str().expect("an id"));
        let delete = first.request(reqwest::Method::DELETE, &path);
        assert_eq!(first.send(delete).await.status, 204);
    }
    let last = second.create_of_type("NoopJob").await;
    second.wait_finished(&last).await;
    let all = receivers.iter().flat_map(Receiver::got);
    assert!(
        all.filter(|got| got.event() != "queue.paused")
            .all(|got| got.job() != last)
    );
}
