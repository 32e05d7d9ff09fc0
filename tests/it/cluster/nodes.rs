//! Several servers on one PostgreSQL share the work, exchange events, and take over the jobs of a dead node.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

const CONFIG: &str = r#"
[[queues]]
name = "default"
concurrency = 2

[cluster]
lease_ttl = "00:00:03"

[log]
level = "info,tickerq::runtime=debug"

[job_types.ShortJob]
handler = { command = { program = "sleep", args = ["0.1"] } }

[job_types.LongJob]
handler = { command = { program = "sleep", args = ["600"] } }
"#;

fn three_nodes() -> (Site, [Server; 3]) {
    let site = Site::new(Storage::Postgres, CONFIG);
    let servers = [site.start(), site.start(), site.start()];
    (site, servers)
}

async fn create_many(client: &Client, job_type: &str, count: usize) -> Vec<String> {
    create_many_in(client, "default", job_type, count).await
}

async fn create_many_in(client: &Client, queue: &str, job_type: &str, count: usize) -> Vec<String> {
    let jobs: Vec<Value> = (0..count)
        .map(|_| json!({ "type": job_type, "queue": queue }))
        .collect();
    let response = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    let jobs = response.json()["jobs"].as_array().cloned().unwrap_or_default();
    jobs.iter()
        .filter_map(|job| job["id"].as_str().map(str::to_owned))
        .collect()
}

async fn all_are(client: &Client, ids: &[String], status: &str) {
    eventually(&format!("all jobs are {status}"), || async {
        for id in ids {
            if client.job(id).await["status"] != status {
                return None;
            }
        }
        Some(())
    })
    .await;
}

fn node_of(job: &Value, attempt: usize) -> String {
    job["executionHistory"][attempt]["node"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn jobs_created_on_one_node_run_on_all_nodes() {
    let (_site, [first, second, third]) = three_nodes();
    let ids = create_many(&first.client(), "ShortJob", 60).await;
    all_are(&second.client(), &ids, "completed").await;
    let mut nodes = BTreeSet::new();
    for id in &ids {
        let job = third.client().job(id).await;
        assert_eq!(job["attempt"], 1, "nothing runs twice: {job}");
        nodes.insert(node_of(&job, 0));
    }
    assert_eq!(nodes.len(), 3, "each node has run some");
}

#[tokio::test]
async fn a_queue_that_is_paused_on_one_node_starts_nothing_on_any() {
    let (_site, [first, second, third]) = three_nodes();
    let paused = first.client().post_empty("/queues/default/pause").await;
    assert_eq!(paused.status, StatusCode::OK, "{}", paused.text);
    for node in [&first, &second, &third] {
        node.until_logged("queue default is paused", 1).await;
    }
    // Each node runs jobs of another queue and none of the paused one.
    let waiting = create_many(&third.client(), "ShortJob", 6).await;
    let others = create_many_in(&first.client(), "other", "ShortJob", 60).await;
    all_are(&second.client(), &others, "completed").await;
    for id in &waiting {
        assert_eq!(third.client().job(id).await["status"], "pending");
    }
    second.client().post_empty("/queues/default/resume").await;
    let client = first.client();
    eventually("everything runs again", || async {
        let open = client.get("/jobs?status=pending,running&limit=1").await.json();
        (open["totalCount"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_cancellation_reaches_the_node_that_runs_the_job() {
    let (_site, [first, second, third]) = three_nodes();
    let ids = create_many(&first.client(), "LongJob", 6).await;
    all_are(&second.client(), &ids, "running").await;
    for (number, id) in ids.iter().enumerate() {
        let client = [&first, &second, &third][number % 3].client();
        let response = client.post_empty(&format!("/jobs/{id}/cancel")).await;
        assert_eq!(response.status, StatusCode::ACCEPTED, "{}", response.text);
    }
    all_are(&third.client(), &ids, "cancelled").await;
}

#[tokio::test]
async fn only_jobs_of_a_killed_node_are_recovered_elsewhere() {
    let (_site, [first, second, third]) = three_nodes();
    let ids = create_many(&first.client(), "LongJob", 6).await;
    all_are(&second.client(), &ids, "running").await;
    let mut before = Vec::new();
    for id in &ids {
        before.push(node_of(&third.client().job(id).await, 0));
    }
    let nodes: BTreeSet<&String> = before.iter().collect();
    assert_eq!(nodes.len(), 3, "two jobs a node");
    first.kill();
    let survivor = third.client();
    let again = eventually("two attempts are lost", || async {
        let mut again = Vec::new();
        for (id, node) in ids.iter().zip(&before) {
            let job = survivor.job(id).await;
            if job["executionHistory"][0]["status"] == "lost" {
                again.push((job, node.clone()));
            }
        }
        (again.len() == 2).then_some(again)
    })
    .await;
    assert_eq!(again[0].1, again[1].1, "of one node");
    for id in &ids {
        survivor.post_empty(&format!("/jobs/{id}/cancel")).await;
    }
    all_are(&survivor, &ids, "cancelled").await;
    for id in &ids {
        let attempts = survivor.job(id).await["executionHistory"]
            .as_array()
            .map_or(0, Vec::len);
        let expected = if again.iter().any(|(job, _)| job["id"] == **id) {
            1..=2
        } else {
            1..=1
        };
        assert!(expected.contains(&attempts), "{attempts} attempts of {id}");
    }
}

#[tokio::test]
async fn a_node_that_was_paused_for_longer_than_its_lease_changes_nothing_when_it_resumes() {
    let site = Site::new(
        Storage::Postgres,
        &CONFIG.replace(r#"args = ["600"]"#, r#"args = ["2"]"#),
    );
    let stopped = site.start();
    let id = stopped.client().create_of_type("LongJob").await;
    stopped.client().wait_for(&id, &["running"]).await;
    stopped.signal(Signal::STOP);
    let other = site.start();
    let job = other.client().wait_for(&id, &["completed"]).await;
    assert_eq!(job["executionHistory"][0]["status"], "lost", "{job}");
    assert_eq!(job["executionHistory"][1]["status"], "completed", "{job}");
    stopped.signal(Signal::CONT);
    eventually("the stopped node detects it", || async {
        stopped.log().contains("(lease lost)").then_some(())
    })
    .await;
    let after = other.client().job(&id).await;
    assert_eq!(after, job, "the late end of the first attempt has changed nothing");
    // It is an ordinary node again.
    let ids = create_many(&other.client(), "ShortJob", 40).await;
    all_are(&stopped.client(), &ids, "completed").await;
    let mut nodes = BTreeSet::new();
    for id in &ids {
        nodes.insert(node_of(&other.client().job(id).await, 0));
    }
    assert_eq!(nodes.len(), 2);
}

#[tokio::test]
async fn a_delayed_job_of_a_dead_node_runs_on_another() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let first = site.start();
    let job = first
        .client()
        .create(json!({ "type": "ShortJob", "delay": "00:00:01" }))
        .await;
    let second = site.start();
    first.kill();
    let job = second.client().wait_finished(job["id"].as_str().expect("an id")).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn jobs_wait_for_a_node_with_their_handler() {
    let site = Site::new(Storage::Postgres, "[job_types.ShortJob]\nhandler = \"remote\"\n");
    let without = site.start();
    let id = without.client().create_of_type("ShortJob").await;
    site.configure(CONFIG);
    let with = site.start();
    with.client().wait_for(&id, &["completed"]).await;
    // Both are alive: the node without a handler reports it at once.
    let id = without.client().create_of_type("ShortJob").await;
    let job = without.client().wait_for(&id, &["completed"]).await;
    assert_eq!(job["attempt"], 1);
    let ready = without.client();
    let response = ready.send(ready.at_root(Method::GET, "/readyz")).await;
    assert_eq!(response.status, StatusCode::OK);
}

#[tokio::test]
async fn nodes_are_listed_while_they_live_and_after_they_died() {
    let (_site, [first, second, third]) = three_nodes();
    let listed = second.client().get("/nodes").await.json();
    let nodes = listed["nodes"].as_array().cloned().unwrap_or_default();
    assert_eq!(nodes.len(), 3, "{listed}");
    assert!(nodes.iter().all(|node| node["status"] == "live"), "{listed}");
    let selves = nodes.iter().filter(|node| node["isSelf"] == true).count();
    assert_eq!(selves, 1, "{listed}");
    assert!(third.stop().success());
    first.kill();
    eventually("the killed node is lost, the one that left is gone", || async {
        let listed = second.client().get("/nodes").await.json();
        let statuses: Vec<String> = listed["nodes"]
            .as_array()?
            .iter()
            .filter_map(|node| node["status"].as_str().map(str::to_owned))
            .collect();
        (statuses == ["lost", "live"]).then_some(())
    })
    .await;
}
