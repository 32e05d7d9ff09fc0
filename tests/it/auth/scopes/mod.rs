//! The authorization matrix: every set of scopes × every operation of the OpenAPI document and every root field of GraphQL.
//! Planted texts in parameters, results, errors, logs and deliveries appear in no response to callers without the read scope.

pub(crate) mod graphql;
pub(crate) mod new_names;
pub(crate) mod rest;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::eventually;
use crate::harness::receiver::Receiver;
use crate::harness::server::Server;

/// Prefix of every planted text.
const PLANTED: &str = "planted-";

const SETS: [(&str, bool, bool, bool); 7] = [
    ("read", true, false, false),
    ("write", false, true, false),
    ("admin", false, false, true),
    ("read-write", true, true, false),
    ("read-admin", true, false, true),
    ("write-admin", false, true, true),
    ("all", true, true, true),
];

fn config() -> String {
    let mut config = "[api]\nrequire_authentication = true\n[webhooks]\nallow_private_networks = true\n\
                      [change_feed]\nenable = true\n[graphql]\nmax_complexity = 1000000\nmax_depth = 15\n\
                      [jobs]\nunique_keys_per_caller = \"1000/s\"\n"
        .to_owned();
    for (name, read, write, admin) in SETS {
        let scopes = [
            (read, "tickerq:read"),
            (write, "tickerq:write"),
            (admin, "tickerq:admin"),
        ];
        let scopes: Vec<&str> = scopes
            .into_iter()
            .filter(|(has, _)| *has)
            .map(|(_, scope)| scope)
            .collect();
        config.push_str(&format!(
            "[[api.keys]]\nname = \"{name}\"\nkey = \"the-secret-key-of-{name}\"\nscopes = {scopes:?}\n"
        ));
    }
    config
}

fn id_of(response: &ApiResponse) -> String {
    let response = response.json();
    response["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id in {response}"))
        .to_owned()
}

/// Resources of a server.
struct Resources {
    /// A client with all scopes.
    all: Client,
    /// The worker of that client.
    worker: String,
    endpoint: String,
    delivery: String,
    node: String,
}

/// Resources that operations change, created for each operation.
struct Fresh {
    pending: String,
    failed: String,
    recurring: String,
    unique_key: String,
    worker: String,
}

impl Resources {
    async fn new(server: &Server, receiver: &Receiver) -> Self {
        let all = server.client().with_token("the-secret-key-of-all");
        let url = receiver.url();
        let request = json!({ "url": url, "name": "crm", "events": ["job.*"], "secret": "planted-secret-of-endpoint" });
        let endpoint = id_of(&all.post("/webhooks/endpoints", request).await);
        let worker = id_of(&all.post("/workers", json!({ "name": "w", "types": ["Planted"] })).await);
        let node = all.get("/nodes").await.json()["nodes"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let mut resources = Self {
            all,
            worker,
            endpoint,
            delivery: String::new(),
            node,
        };
        resources.fail().await;
        let path = format!("/webhooks/endpoints/{}/deliveries", resources.endpoint);
        resources.delivery = eventually("a delivery has a planted text", || async {
            let list = resources.all.get(&path).await.json();
            for delivery in list["deliveries"].as_array()? {
                let id = delivery["id"].as_str()?.to_owned();
                let text = resources.all.get(&format!("/webhooks/deliveries/{id}")).await.text;
                if text.contains(PLANTED) {
                    return Some(id);
                }
            }
            None
        })
        .await;
        resources
    }

    /// A job that has failed with planted texts.
    async fn fail(&self) -> String {
        let job = json!({
            "type": "Planted", "name": "planted-name", "parameters": { "id": "planted-id", "status": "planted-status" },
            "maxRetries": 0, "priority": "critical",
        });
        let id = id_of(&self.all.post("/jobs", job).await);
        let path = format!("/workers/{}", self.worker);
        let leased = self
            .all
            .post(&format!("{path}/lease"), json!({ "max": 1000 }))
            .await
            .json();
        for job in leased["jobs"].as_array().expect("jobs") {
            let lease = json!({ "jobId": job["jobId"], "leaseToken": job["leaseToken"] });
            if job["jobId"] != json!(id) {
                let mut released = lease.clone();
                released["outcome"] = json!("released");
                self.all
                    .post(&format!("{path}/fail"), json!({ "jobs": [released] }))
                    .await;
                continue;
            }
            let mut report = lease.clone();
            report["log"] = json!([{ "message": "planted-log" }]);
            report["progress"] = json!({ "percent": 7, "message": "planted-progress" });
            self.all
                .post(&format!("{path}/heartbeat"), json!({ "jobs": [report] }))
                .await;
            let mut end = lease;
            end["error"] = json!("planted-error");
            end["errorDetail"] = json!("planted-detail");
            let failed = self.all.post(&format!("{path}/fail"), json!({ "jobs": [end] })).await;
            assert_eq!(failed.status, StatusCode::OK, "{}", failed.text);
        }
        let job = self.all.job(&id).await;
        assert_eq!(
            (&job["status"], &job["error"]),
            (&json!("failed"), &json!("planted-error")),
            "{job}"
        );
        id
    }

    /// Reverts settings that prevent leases.
    async fn undo(&self, operation: &str) {
        if operation.ends_with("/pause") || operation == "pauseQueue" {
            self.all.post_empty("/queues/default/resume").await;
        }
        if operation.ends_with("/drain") || operation == "drainNode" {
            self.all.post_empty(&format!("/nodes/{}/resume", self.node)).await;
        }
    }

    async fn fresh(&self, number: usize, client: &Client) -> Fresh {
        let unique_key = format!("unique-{number}");
        let job = json!({
            "type": "Planted", "name": "planted-name", "parameters": { "id": "planted-id" }, "delay": "1h", "uniqueKey": unique_key,
        });
        let recurring = json!({
            "type": "Planted", "name": "planted-name", "cronExpression": "0 2 1 1 *", "key": format!("key-{number}"),
            "parameters": { "status": "planted-recurring" },
        });
        let worker = client
            .post("/workers", json!({ "name": "w", "types": ["Other"] }))
            .await;
        Fresh {
            pending: id_of(&self.all.post("/jobs", job).await),
            failed: self.fail().await,
            recurring: id_of(&self.all.post("/jobs/recurring", recurring).await),
            unique_key,
            worker: if worker.status == StatusCode::CREATED {
                id_of(&worker)
            } else {
                self.worker.clone()
            },
        }
    }
}

fn has(set: &(&str, bool, bool, bool), scope: &str) -> bool {
    match scope {
        "read" => set.1,
        "write" => set.2,
        _ => set.3,
    }
}

/// The response's first code.
fn code(response: &Value) -> Option<&str> {
    response["errors"][0]["extensions"]["code"].as_str()
}

#[tokio::test]
async fn a_write_key_reads_nothing_by_its_changes() {
    let (_site, server) = Server::with_config(&config());
    let (all, writer) = (
        server.client().with_token("the-secret-key-of-all"),
        server.client().with_token("the-secret-key-of-write"),
    );
    let planted = json!({ "type": "Planted", "uniqueKey": "invoice-7", "parameters": { "iban": "planted-iban" } });
    let id = id_of(&all.post("/jobs", planted.clone()).await);
    let patch = writer
        .request(Method::PATCH, &format!("/jobs/{id}"))
        .json(&json!({ "priority": "high" }));
    let expected = json!({ "id": id, "jobId": id, "status": "pending" });
    assert_eq!(writer.send(patch).await.json(), expected);
    let existing = writer
        .post("/jobs", json!({ "type": "Other", "uniqueKey": "invoice-7" }))
        .await;
    assert_eq!((existing.status, existing.json()), (StatusCode::OK, expected.clone()));
    let batch = writer
        .post("/jobs/batch", json!([{ "type": "Other", "uniqueKey": "invoice-7" }]))
        .await;
    assert_eq!(
        batch.json(),
        json!({ "jobs": [expected], "created": 0 }),
        "{}",
        batch.text
    );
    for _ in 0..2 {
        let request = writer
            .request(Method::POST, "/jobs")
            .header("idempotency-key", "k")
            .json(&json!({ "type": "Own" }));
        let replayed = writer.send(request).await;
        let members: Vec<String> = replayed
            .json()
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        assert_eq!(members, ["id", "jobId", "status"], "{}", replayed.text);
    }
    let cancelled = writer.post_empty(&format!("/jobs/{id}/cancel")).await;
    assert_eq!(cancelled.json()["status"], "cancelled");
    assert!(!cancelled.text.contains(PLANTED), "{}", cancelled.text);
    // The number of matches of a search reveals whether a text occurs.
    let query = "mutation { deleteJobs(filter: {search: \"planted-iban\"}) { count } }";
    let response = writer.graphql(&json!({ "query": query })).await;
    assert_eq!(code(&response), Some("forbidden"), "{response}");
    assert_eq!(all.job(&id).await["status"], "cancelled", "it is still there");
}

#[tokio::test]
async fn readiness_names_no_queues_without_a_key() {
    let config = format!(
        "{}[health]\nmax_queue_latency = \"1s\"\nunhandled_type_after = \"0s\"\nalert_after = \"0s\"\n",
        config()
    );
    let (_site, server) = Server::with_config(&config);
    let all = server.client().with_token("the-secret-key-of-all");
    all.post("/jobs", json!({ "type": "SecretType", "queue": "secret-queue" }))
        .await;
    let ready = |client: Client| async move { client.send(client.at_root(Method::GET, "/readyz")).await };
    let named = eventually("health reports it", || async {
        let response = ready(all.clone()).await;
        response.text.contains("SecretType").then_some(response)
    })
    .await;
    assert_eq!(named.status, StatusCode::OK, "{}", named.text);
    for client in [
        server.client(),
        server.client().with_token("the-secret-key-of-write"),
        server.client().with_token("a-key-that-does-not-exist"),
    ] {
        let response = ready(client).await;
        assert_eq!(response.status, StatusCode::OK, "{}", response.text);
        assert!(
            !response.text.contains("SecretType") && !response.text.contains("secret-queue"),
            "{}",
            response.text
        );
        assert!(
            response.text.contains("job-types-nobody-runs"),
            "the code is exposed: {}",
            response.text
        );
    }
}
