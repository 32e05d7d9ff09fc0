//! A draining node starts nothing, and other nodes start due jobs.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

const CONFIG: &str = r#"
[cluster]
lease_ttl = "00:00:03"

[job_types.QuickJob]
handler = "noop"
remote_workers = true

[job_types.LongJob]
handler = { command = { program = "sleep", args = ["600"] } }
"#;

async fn own_node(client: &Client) -> Value {
    let list = client.get("/nodes").await.json();
    let nodes = list["nodes"].as_array().expect("nodes");
    nodes
        .iter()
        .find(|node| node["isSelf"] == true)
        .expect("itself")
        .clone()
}

async fn switch(client: &Client, id: &Value, action: &str) -> Value {
    let path = format!("/nodes/{}/{action}", id.as_str().expect("an id"));
    let response = client.post_empty(&path).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    response.json()
}

#[tokio::test]
async fn a_node_that_drains_starts_nothing_until_it_is_resumed() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let running = client.create_of_type("LongJob").await;
    client.wait_for(&running, &["running"]).await;
    let id = own_node(&client).await["id"].clone();
    assert_eq!(switch(&client, &id, "drain").await["status"], "draining");
    assert_eq!(switch(&client, &id, "drain").await["status"], "draining");
    let pending = client.create_of_type("QuickJob").await;
    let other = client.create(json!({ "type": "QuickJob", "queue": "new" })).await;
    let worker = client
        .post("/workers", json!({ "name": "w", "types": ["QuickJob"] }))
        .await
        .json();
    let lease = format!("/workers/{}/lease", worker["id"].as_str().expect("an id"));
    let leased = client.post(&lease, json!({ "wait": "00:00:01" })).await.json();
    assert_eq!(leased["jobs"], json!([]));
    for id in [&*pending, other["id"].as_str().expect("an id")] {
        assert_eq!(client.job(id).await["status"], "pending");
    }
    assert_eq!(client.job(&running).await["status"], "running", "running jobs continue");
    assert_eq!(own_node(&client).await["status"], "draining");
    let query = json!({ "query": "{ nodes { isDraining } }" });
    let graphql = client.at_root(reqwest::Method::POST, "/graphql").json(&query);
    let response = client.send(graphql).await.json();
    assert_eq!(response["data"]["nodes"][0]["isDraining"], true, "{response}");
    let query = format!("mutation {{ resumeNode(id: {id}) {{ isDraining }} }}");
    let graphql = client
        .at_root(reqwest::Method::POST, "/graphql")
        .json(&json!({ "query": query }));
    let response = client.send(graphql).await.json();
    assert_eq!(response["data"]["resumeNode"]["isDraining"], false, "{response}");
    for id in [&*pending, other["id"].as_str().expect("an id")] {
        assert_eq!(client.wait_finished(id).await["status"], "completed");
    }
    assert_eq!(own_node(&client).await["status"], "live");
    let unknown = client
        .post_empty("/nodes/01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55/drain")
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn jobs_created_on_a_draining_node_run_on_others() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let (first, second) = (site.start(), site.start());
    let id = own_node(&first.client()).await["id"].clone();
    // Through the other node, which forwards it.
    assert_eq!(switch(&second.client(), &id, "drain").await["status"], "draining");
    eventually("the node knows that it drains", || async {
        first.log().contains("draining").then_some(())
    })
    .await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(first.client().create_of_type("QuickJob").await);
    }
    let own = own_node(&second.client()).await["id"].clone();
    for job in &ids {
        let ended = second.client().wait_finished(job).await;
        assert_eq!(ended["executionHistory"][0]["node"], own, "{ended}");
    }
    switch(&second.client(), &id, "resume").await;
    eventually("it starts jobs again", || async {
        let job = first.client().create_of_type("QuickJob").await;
        let ended = first.client().wait_finished(&job).await;
        (ended["executionHistory"][0]["node"] == id).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_command_line_drains_a_node_by_its_name() {
    let (site, server) =
        Server::with_config(&format!("{CONFIG}\n").replace("[cluster]", "[cluster]\nnode_name = \"n1\""));
    let run = |arguments: &[&str]| {
        let mut command = site.command(arguments);
        let output = command.args(["--server", &server.url]).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(run(&["node", "list"]).contains("n1"));
    assert!(run(&["node", "drain", "n1"]).contains("is draining"));
    assert!(run(&["node", "list"]).contains("draining"));
    assert!(run(&["node", "resume", "n1"]).contains("is live"));
}
