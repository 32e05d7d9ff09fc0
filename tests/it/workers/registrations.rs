//! Registrations by a hostile caller: many workers with long names.

use std::fs;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::auth::KEYS;
use crate::harness::client::Client;
use crate::harness::server::{Server, Site, Storage};

fn with_key(server: &Server, name: &str) -> Client {
    server.client().with_token(&format!("tq_{name}-key-for-tests"))
}

/// Distinct names of this length.
fn names(worker: usize, count: usize, length: usize) -> Vec<String> {
    let name = |number: usize| format!("{:0>1$}", format!("{worker}x{number}"), length);
    (0..count).map(name).collect()
}

/// Peak memory of a server in bytes.
fn peak(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok());
    kib.expect("a number of kB") << 10
}

#[tokio::test]
async fn the_names_of_a_worker_have_a_bounded_length_together() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let register = async |types: Vec<String>, queues: Vec<String>| {
        let worker = json!({"name": "w", "types": types, "queues": queues});
        client.post("/workers", worker).await
    };
    for (types, queues) in [
        (names(1, 1_000, 200), vec![]),
        (names(1, 1_000, 33), vec![]),
        (names(1, 1, 10), names(1, 1_000, 64)),
        (names(1, 500, 40), names(1, 500, 40)),
    ] {
        let problem = register(types, queues).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], "#/types", "{problem}");
        let detail = problem["errors"][0]["detail"].as_str().expect("a detail");
        assert!(detail.contains("32768 bytes"), "{detail}");
    }
    let mutation = "mutation($t: [String!]!) { registerWorker(input: {name: \"w\", types: $t}) { id } }";
    let request = json!({"query": mutation, "variables": {"t": names(1, 1_000, 33)}});
    let error = &client.graphql(&request).await["errors"][0];
    assert_eq!(error["extensions"]["code"], "validation", "{error}");
    assert_eq!(client.get("/workers").await.json()["workers"], json!([]));
    let most = register(names(1, 1_000, 32), vec![]).await;
    assert_eq!(most.status, StatusCode::CREATED, "{:.300}", most.text);
}

async fn workers_per_caller_over(storage: Storage) {
    let config = format!(
        "{KEYS}[[api.keys]]\nname = \"other\"\nkey = \"tq_other-key-for-tests\"\nscopes = [\"tickerq:write\"]\n"
    );
    let site = Site::new(storage, &format!("{config}[jobs]\nmax_workers_per_caller = 3\n"));
    let server = site.start();
    let (all, other) = (with_key(&server, "all"), with_key(&server, "other"));
    let worker = json!({"name": "w", "types": ["A"]});
    // Concurrently: no more than the limit are registered.
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (all, worker) = (all.clone(), worker.clone());
        together.spawn(async move { all.post("/workers", worker).await.status });
    }
    let statuses = together.join_all().await;
    let created = statuses.iter().filter(|status| **status == StatusCode::CREATED).count();
    assert!(created <= 3, "{statuses:?}");
    for _ in created..3 {
        assert_eq!(all.post("/workers", worker.clone()).await.status, StatusCode::CREATED);
    }
    let refused = all.post("/workers", worker.clone()).await;
    let problem = refused.problem(429);
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("[jobs] max_workers_per_caller"), "{detail}");
    assert!(refused.header("retry-after").is_some());
    let mutation = "mutation { registerWorker(input: {name: \"w\", types: [\"A\"]}) { id } }";
    let error = &all.graphql(&json!({"query": mutation})).await["errors"][0];
    assert_eq!(error["extensions"]["code"], "too-many-requests", "{error}");
    assert_eq!(other.post("/workers", worker.clone()).await.status, StatusCode::CREATED);
    // A worker that leaves frees its place.
    let own = all.get("/workers").await.json();
    let id = own["workers"][0]["id"].as_str().expect("an id");
    let left = all.send(all.request(Method::DELETE, &format!("/workers/{id}"))).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT);
    assert_eq!(all.post("/workers", worker).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_caller_has_a_bounded_number_of_workers_on_sqlite() {
    workers_per_caller_over(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_caller_has_a_bounded_number_of_workers_on_postgresql() {
    workers_per_caller_over(Storage::Postgres).await;
}

async fn lists_are_bounded_over(storage: Storage) {
    const WORKERS: usize = 60;
    let site = Site::new(
        storage,
        "[server]\nmax_response = \"1MiB\"\n[graphql]\nmax_response = \"1MiB\"\n",
    );
    let server = site.start();
    let client = server.client();
    for number in 0..WORKERS {
        // As many pairs of type and queue as the names allow.
        let worker = json!({"name": format!("w{number}"), "types": names(number, 1_000, 16), "queues": names(number, 1_000, 16)});
        let created = client.post("/workers", worker).await;
        assert_eq!(created.status, StatusCode::CREATED, "{:.300}", created.text);
    }
    let before = peak(&server);
    let problem = client.get("/workers").await.problem(413);
    assert_eq!(problem["type"], "urn:tickerq:problem:answer-too-large");
    let query = json!({"query": "{ workers { id types queues } }"});
    let error = &client.graphql(&query).await["errors"][0];
    assert_eq!(error["extensions"]["code"], "too-large", "{error}");
    // Each worker is on exactly one page, in the order of registration.
    let mut read = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/workers?limit=20{after}")).await.json();
        let workers = page["workers"].as_array().expect("workers");
        read.extend(
            workers
                .iter()
                .map(|worker| worker["name"].as_str().expect("a name").to_owned()),
        );
        if page["hasMore"] == json!(false) {
            break;
        }
        assert_eq!(workers.len(), 20);
        after = format!("&after={}", workers[19]["id"].as_str().expect("an id"));
    }
    let expected: Vec<String> = (0..WORKERS).map(|number| format!("w{number}")).collect();
    assert_eq!(read, expected);
    let page = |after: &Value| {
        json!({
            "query": "query($after: ID) { workersConnection(first: 20, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } }",
            "variables": {"after": after},
        })
    };
    let (mut read, mut after) = (Vec::new(), Value::Null);
    loop {
        let response = client.graphql(&page(&after)).await;
        let connection = &response["data"]["workersConnection"];
        let nodes = connection["nodes"].as_array().unwrap_or_else(|| panic!("{response}"));
        read.extend(
            nodes
                .iter()
                .map(|worker| worker["name"].as_str().expect("a name").to_owned()),
        );
        after = connection["pageInfo"]["endCursor"].clone();
        if connection["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
    }
    assert_eq!(read, expected);
    for query in ["limit=0", "limit=1001", "after=x", "offset=1"] {
        client.get(&format!("/workers?{query}")).await.problem(400);
    }
    // Reads that jobs of unknown types cause are bounded, too.
    for number in 0..20 {
        client.create(json!({"type": format!("Unknown{number}")})).await;
    }
    let grown = peak(&server) - before;
    assert!(grown < 100_000_000, "the server has grown by {grown} bytes");
}

#[tokio::test]
async fn lists_of_workers_are_bounded_on_sqlite() {
    lists_are_bounded_over(Storage::Sqlite).await;
}

#[tokio::test]
async fn lists_of_workers_are_bounded_on_postgresql() {
    lists_are_bounded_over(Storage::Postgres).await;
}
