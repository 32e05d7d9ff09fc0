//! The authorization matrix: every set of scopes × every operation of the OpenAPI document and every root field of GraphQL.
//! Planted texts in parameters, results, errors, logs and deliveries appear in no answer to callers that may not read.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::{Answer, Client};
use crate::harness::eventually;
use crate::harness::receiver::Receiver;
use crate::harness::server::{Server, Site};

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

/// The members of answers to changes for callers that may not read.
const REDUCED: [&str; 10] = [
    "id",
    "jobId",
    "status",
    "enabled",
    "jobs",
    "created",
    "missing",
    "queue",
    "clearedPending",
    "clearedFailed",
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

fn id_of(answer: &Answer) -> String {
    let answer = answer.json();
    answer["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id in {answer}"))
        .to_owned()
}

/// Resources of a server.
struct Plants {
    /// A client that may do everything.
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

impl Plants {
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
        let mut plants = Self {
            all,
            worker,
            endpoint,
            delivery: String::new(),
            node,
        };
        plants.fail().await;
        let path = format!("/webhooks/endpoints/{}/deliveries", plants.endpoint);
        plants.delivery = eventually("a delivery has a planted text", || async {
            let list = plants.all.get(&path).await.json();
            for delivery in list["deliveries"].as_array()? {
                let id = delivery["id"].as_str()?.to_owned();
                let text = plants.all.get(&format!("/webhooks/deliveries/{id}")).await.text;
                if text.contains(PLANTED) {
                    return Some(id);
                }
            }
            None
        })
        .await;
        plants
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
            let held = json!({ "jobId": job["jobId"], "leaseToken": job["leaseToken"] });
            if job["jobId"] != json!(id) {
                let mut back = held.clone();
                back["outcome"] = json!("released");
                self.all.post(&format!("{path}/fail"), json!({ "jobs": [back] })).await;
                continue;
            }
            let mut report = held.clone();
            report["log"] = json!([{ "message": "planted-log" }]);
            report["progress"] = json!({ "percent": 7, "message": "planted-progress" });
            self.all
                .post(&format!("{path}/heartbeat"), json!({ "jobs": [report] }))
                .await;
            let mut end = held;
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

    /// Undoes what keeps jobs from being leased.
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

/// The scopes of which one is needed.
fn needed(method: &Method, path: &str) -> &'static [&'static str] {
    let is_get = *method == Method::GET;
    match path {
        "/healthz" | "/readyz" => &[],
        _ if path.contains("/audit") || path.contains("/nodes") || path.contains("/log-level") => &["admin"],
        _ if (path.ends_with("/webhooks/endpoints/{id}") || path.ends_with("/webhooks/endpoints")) && is_get => {
            &["read", "admin"]
        }
        _ if path.contains("/webhooks/") && !is_get => &["admin"],
        _ if path.ends_with("/workers/{id}") && is_get => &["read", "write"],
        _ if is_get => &["read"],
        _ => &["write"],
    }
}

/// Request of an operation.
fn body(method: &Method, path: &str, fresh: &Fresh) -> Option<Value> {
    if matches!(*method, Method::GET | Method::DELETE) {
        return None;
    }
    let unique = json!({ "type": "Planted", "uniqueKey": fresh.unique_key });
    let recurring = json!({ "type": "Planted", "cronExpression": "0 3 1 1 *" });
    let end = path.rsplit('/').next().unwrap_or_default();
    let is_patch = *method == Method::PATCH;
    Some(match end {
        "jobs" => unique,
        "batch" => json!([unique]),
        "recurring" => recurring,
        "endpoints" => json!({ "url": "http://127.0.0.1:9/", "events": ["job.*"] }),
        "log-level" => json!({ "level": "info" }),
        "redeliver" if path.contains("/endpoints/") => json!({ "since": "2020-01-01T00:00:00Z" }),
        "workers" => json!({ "name": "w", "types": ["Other"] }),
        "lease" | "heartbeat" => json!({}),
        "complete" | "fail" => {
            json!({ "jobs": [{ "jobId": fresh.pending, "leaseToken": format!("1.{}", "0".repeat(32)) }] })
        }
        "rotate-secret" | "execute" | "retry" | "clear" => json!({}),
        "{key}" => recurring,
        "{id}" if path.contains("/recurring/") && !is_patch => recurring,
        "{id}" if path.contains("/endpoints/") => json!({ "name": "crm" }),
        "{id}" => json!({ "priority": "high" }),
        _ => return None,
    })
}

fn of_path(path: &str, method: &Method, plants: &Plants, fresh: &Fresh, number: usize) -> String {
    let id = if path.contains("/recurring/") {
        &fresh.recurring
    } else if path.contains("/endpoints/") {
        &plants.endpoint
    } else if path.contains("/deliveries/") {
        &plants.delivery
    } else if path.contains("/workers/") {
        &fresh.worker
    } else if path.contains("/nodes/") {
        &plants.node
    } else if path.ends_with("/retry") || *method == Method::DELETE {
        &fresh.failed
    } else {
        &fresh.pending
    };
    path.replace("{id}", id)
        .replace("{name}", "default")
        .replace("{key}", &format!("key-{number}"))
}

fn has(set: &(&str, bool, bool, bool), scope: &str) -> bool {
    match scope {
        "read" => set.1,
        "write" => set.2,
        _ => set.3,
    }
}

#[tokio::test]
async fn every_set_of_scopes_allows_its_operations_over_rest_and_no_others() {
    let receiver = Receiver::open().await;
    let (_site, server): (Site, Server) = Server::with_config(&config());
    let plants = Plants::new(&server, &receiver).await;
    let document = plants.all.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let (mut number, mut operations, mut shown) = (0, 0, 0);
    for set in &SETS {
        let client = server.client().with_token(&format!("the-secret-key-of-{}", set.0));
        number += 1;
        let mut fresh = plants.fresh(number, &client).await;
        for (path, item) in paths {
            for name in item.as_object().expect("operations").keys() {
                let Ok(method) = Method::from_bytes(name.to_uppercase().as_bytes()) else {
                    continue;
                };
                // Removed last, and not by every set.
                let is_endpoint_removed = method == Method::DELETE && path.contains("/endpoints/");
                operations += 1;
                if method != Method::GET {
                    number += 1;
                    fresh = plants.fresh(number, &client).await;
                }
                let mut target = of_path(path, &method, &plants, &fresh, number);
                if is_endpoint_removed {
                    target = target.replace(&plants.endpoint, "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55");
                }
                let mut request = client.at_root(method.clone(), &target);
                if let Some(body) = body(&method, path, &fresh) {
                    request = request.json(&body);
                }
                let answer = client.send(request).await;
                plants.undo(path).await;
                let place = format!("{} {method} {target}: {} {}", set.0, answer.status, answer.text);
                let needed = needed(&method, path);
                let may = needed.is_empty() || needed.iter().any(|scope| has(set, scope));
                let is_forbidden = answer.status == StatusCode::FORBIDDEN;
                // Workers of others are forbidden, too.
                assert!(is_forbidden != may || (path.contains("/workers/") && !set.2), "{place}");
                assert!(
                    !answer.status.is_server_error() && answer.status != StatusCode::UNAUTHORIZED,
                    "{place}"
                );
                if may && !set.1 && !answer.text.is_empty() && answer.status.is_success() {
                    let is_of_job = path.contains("/jobs") || path.contains("/queues") || path.contains("/deliveries/");
                    if is_of_job {
                        let members = answer.json().as_object().cloned().unwrap_or_default();
                        let keys: Vec<&String> =
                            members.keys().filter(|key| !REDUCED.contains(&key.as_str())).collect();
                        assert!(keys.is_empty(), "{keys:?}: {place}");
                    }
                }
                let is_planted = answer.text.contains(PLANTED)
                    || answer
                        .headers
                        .values()
                        .any(|value| value.to_str().is_ok_and(|text| text.contains(PLANTED)));
                if set.1 {
                    shown += usize::from(is_planted);
                } else {
                    assert!(!is_planted, "{place}");
                }
            }
        }
    }
    assert!(operations > 7 * 45, "{operations}");
    assert!(shown > 30, "readers see what was planted: {shown}");
}

/// A root field of the schema with values for its arguments.
fn field(kind: &str, name: &str, plants: &Plants, fresh: &Fresh, number: usize) -> String {
    let id = match name {
        _ if name.contains("Recurring") || name == "recurringJob" => &fresh.recurring,
        "webhookDelivery" | "redeliverWebhook" => &plants.delivery,
        _ if name.to_lowercase().contains("webhook") => &plants.endpoint,
        "worker" | "unregisterWorker" => &fresh.worker,
        "drainNode" | "resumeNode" => &plants.node,
        "retryJob" | "deleteJob" => &fresh.failed,
        _ => &fresh.pending,
    };
    let gone = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    let job = format!("{{type: \"Planted\", uniqueKey: \"{}\"}}", fresh.unique_key);
    let recurring = "input: {type: \"Planted\", cronExpression: \"0 3 1 1 *\"}";
    let held = format!(
        "[{{jobId: \"{}\", leaseToken: \"1.{}\"}}]",
        fresh.pending,
        "0".repeat(32)
    );
    let worker = &fresh.worker;
    let arguments = match name {
        "jobs"
        | "recurringJobs"
        | "queues"
        | "systemMetrics"
        | "performanceMetrics"
        | "jobTypes"
        | "nodes"
        | "logLevel"
        | "auditRecords"
        | "webhookEndpoints"
        | "webhookEndpointsConnection"
        | "workers"
        | "workersConnection" => String::new(),
        "recurringJobByKey" => format!("key: \"key-{number}\""),
        "queue" | "pauseQueue" | "resumeQueue" | "deleteQueue" | "clearQueue" => "name: \"default\"".to_owned(),
        "webhookDeliveries" => format!("endpointId: \"{}\"", plants.endpoint),
        "scheduleJob" => format!("input: {job}"),
        "scheduleJobs" => format!("inputs: [{job}]"),
        "updateJob" => format!("id: \"{id}\", input: {{priority: HIGH}}"),
        "cancelJobs" | "retryJobs" | "deleteJobs" => "filter: {search: \"planted-name\", type: [\"None\"]}".to_owned(),
        "scheduleRecurringJob" => recurring.to_owned(),
        "putRecurringJob" => format!("key: \"key-{number}\", {recurring}"),
        "replaceRecurringJob" => format!("id: \"{id}\", {recurring}"),
        "updateRecurringJob" => format!("id: \"{id}\", input: {{priority: HIGH}}"),
        "setLogLevel" => "level: \"info\"".to_owned(),
        "createWebhookEndpoint" => "input: {url: \"http://127.0.0.1:9/\", events: [\"job.*\"]}".to_owned(),
        "updateWebhookEndpoint" => format!("id: \"{id}\", input: {{name: \"crm\"}}"),
        "deleteWebhookEndpoint" => format!("id: \"{gone}\""),
        "redeliverFailedWebhooks" => format!("endpointId: \"{id}\", since: \"2020-01-01T00:00:00Z\""),
        "registerWorker" => "input: {name: \"w\", types: [\"Other\"]}".to_owned(),
        "leaseJobs" | "renewWorker" => format!("workerId: \"{worker}\""),
        "completeJobs" | "failJobs" => format!("workerId: \"{worker}\", jobs: {held}"),
        _ => format!("id: \"{id}\""),
    };
    assert!(kind == "Query" || !arguments.is_empty(), "{name} has arguments");
    if arguments.is_empty() {
        name.to_owned()
    } else {
        format!("{name}({arguments})")
    }
}

/// The types of a schema as introspection has them.
struct Types(Vec<Value>);

impl Types {
    fn named(&self, name: &str) -> &Value {
        self.0
            .iter()
            .find(|one| one["name"] == name)
            .unwrap_or_else(|| panic!("no type {name}"))
    }

    fn fields(&self, name: &str) -> Vec<Value> {
        self.named(name)["fields"].as_array().cloned().unwrap_or_default()
    }

    /// Everything of a type that can be selected without arguments, to a depth.
    fn selection(&self, of: &Value, depth: usize) -> Option<String> {
        let mut of = of;
        while of["name"].is_null() {
            of = &of["ofType"];
        }
        let name = of["name"].as_str().expect("a name");
        let of = self.named(name);
        if !matches!(of["kind"].as_str(), Some("OBJECT")) {
            return match of["kind"].as_str() {
                Some("INTERFACE" | "UNION") => Some("{ __typename ... on Job { id parameters result } }".to_owned()),
                _ => Some(String::new()),
            };
        }
        if depth == 0 {
            return None;
        }
        let mut selected = Vec::new();
        for field in self.fields(name) {
            let is_required = |argument: &Value| argument["type"]["kind"] == "NON_NULL";
            if field["args"]
                .as_array()
                .is_some_and(|arguments| arguments.iter().any(is_required))
            {
                continue;
            }
            if let Some(inner) = self.selection(&field["type"], depth - 1) {
                selected.push(format!("{} {inner}", field["name"].as_str().expect("a name")));
            }
        }
        Some(format!("{{ __typename {} }}", selected.join(" ")))
    }
}

async fn types(client: &Client) -> Types {
    let query = "{ __schema { types { name kind fields(includeDeprecated: true) { name
        args { type { kind } }
        type { name kind ofType { name kind ofType { name kind ofType { name kind ofType { name kind } } } } } } } } }";
    let answer = client.graphql(&json!({ "query": query })).await;
    Types(
        answer["data"]["__schema"]["types"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| panic!("{answer}")),
    )
}

/// The answer's first code.
fn code(answer: &Value) -> Option<&str> {
    answer["errors"][0]["extensions"]["code"].as_str()
}

#[tokio::test]
async fn every_set_of_scopes_allows_its_operations_over_graphql_and_no_others() {
    let receiver = Receiver::open().await;
    let (_site, server): (Site, Server) = Server::with_config(&config());
    let plants = Plants::new(&server, &receiver).await;
    let types = types(&plants.all).await;
    let (mut number, mut fields, mut shown) = (100_000, 0, 0);
    for set in &SETS {
        let client = server.client().with_token(&format!("the-secret-key-of-{}", set.0));
        number += 1;
        let mut fresh = plants.fresh(number, &client).await;
        for kind in ["Query", "Mutation"] {
            for root in types.fields(kind) {
                let name = root["name"].as_str().expect("a name");
                fields += 1;
                if kind == "Mutation" {
                    number += 1;
                    fresh = plants.fresh(number, &client).await;
                }
                let call = field(kind, name, &plants, &fresh, number);
                let everything = types.selection(&root["type"], 3).unwrap_or_default();
                let query = format!("{} {{ {call} {everything} }}", kind.to_lowercase());
                let answer = client.graphql(&json!({ "query": query })).await;
                plants.undo(name).await;
                let text = answer.to_string();
                let place = format!("{} {query}: {answer}", set.0);
                assert!(text.contains("\"data\"") || code(&answer).is_some(), "{place}");
                assert!(
                    !text.contains("GRAPHQL_")
                        && code(&answer) != Some("validation")
                        && code(&answer) != Some("too-large"),
                    "{place}"
                );
                let is_planted = text.contains(PLANTED);
                if set.1 {
                    shown += usize::from(is_planted);
                } else {
                    assert!(!is_planted, "{place}");
                }
                if kind == "Query" {
                    continue;
                }
                let is_admins =
                    name.to_lowercase().contains("webhook") || name.contains("Node") || name == "setLogLevel";
                if !has(set, if is_admins { "admin" } else { "write" }) {
                    assert_eq!(code(&answer), Some("forbidden"), "{place}");
                }
                let is_whole =
                    is_admins || name.contains("orker") || matches!(name, "leaseJobs" | "completeJobs" | "failJobs");
                if set.2 && !set.1 && !is_whole && everything.contains("parameters") {
                    assert_eq!(code(&answer), Some("forbidden"), "{place}");
                    assert!(text.contains("tickerq:read"), "{place}");
                    // The id and the status of the same are shown.
                    let least = match name {
                        "scheduleJob" => "{ job { id status } isNew }",
                        "scheduleJobs" => "{ jobs { job { id status } } created }",
                        _ if name.contains("Recurring") && name != "triggerRecurringJob" => "{ id enabled }",
                        _ => "{ id status }",
                    };
                    let answer = client
                        .graphql(&json!({ "query": format!("mutation {{ {call} {least} }}") }))
                        .await;
                    assert!(
                        answer["errors"].is_null() && answer["data"][name].is_object(),
                        "{name}: {answer}"
                    );
                }
            }
        }
    }
    assert!(fields > 7 * 55, "{fields}");
    assert!(shown > 20, "readers see what was planted: {shown}");
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
    // The number of jobs that match a search reveals whether the text is there.
    let query = "mutation { deleteJobs(filter: {search: \"planted-iban\"}) { count } }";
    let answer = writer.graphql(&json!({ "query": query })).await;
    assert_eq!(code(&answer), Some("forbidden"), "{answer}");
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
        let answer = ready(all.clone()).await;
        answer.text.contains("SecretType").then_some(answer)
    })
    .await;
    assert_eq!(named.status, StatusCode::OK, "{}", named.text);
    for client in [
        server.client(),
        server.client().with_token("the-secret-key-of-write"),
        server.client().with_token("a-key-that-does-not-exist"),
    ] {
        let answer = ready(client).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert!(
            !answer.text.contains("SecretType") && !answer.text.contains("secret-queue"),
            "{}",
            answer.text
        );
        assert!(
            answer.text.contains("job-types-nobody-runs"),
            "the code is shown: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn requests_that_are_made_again_are_not_counted_again() {
    let config = config().replace(
        "unique_keys_per_caller = \"1000/s\"",
        "unique_keys_per_caller = \"2/h\"",
    );
    let (_site, server) = Server::with_config(&config);
    let client = server.client().with_token("the-secret-key-of-all");
    let post = |idempotency: &str, key: &str| {
        let job = json!({ "type": "Waits", "uniqueKey": key });
        let request = client
            .request(Method::POST, "/jobs")
            .header("idempotency-key", idempotency)
            .json(&job);
        client.send(request)
    };
    let first = post("one", "a").await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    for _ in 0..5 {
        let again = post("one", "a").await;
        assert!(again.status.is_success(), "{}", again.text);
        assert_eq!(again.json()["id"], first.json()["id"]);
    }
    assert_eq!(post("two", "b").await.status, StatusCode::CREATED, "one was counted");
    // Its job has ended: only the key of the request shows that nothing new is asked for.
    let id = first.json()["id"].as_str().expect("an id").to_owned();
    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    let again = post("one", "a").await;
    assert!(again.status.is_success(), "{}", again.text);
    post("three", "c").await.problem(429);
}

#[tokio::test]
async fn a_caller_names_a_bounded_number_of_new_queues_and_unique_keys() {
    let config = config().replace(
        "unique_keys_per_caller = \"1000/s\"",
        "unique_keys_per_caller = \"4/h\"\nnew_queues_per_caller = \"3/h\"",
    );
    let (_site, server) = Server::with_config(&config);
    let client = |name: &str| server.client().with_token(&format!("the-secret-key-of-{name}"));
    let in_queue = |name: &str| json!({ "type": "Waits", "queue": name });
    let (writer, other) = (client("write"), client("read-write"));
    for queue in ["a", "b", "c", "a"] {
        assert_eq!(writer.post("/jobs", in_queue(queue)).await.status, StatusCode::CREATED);
    }
    let refused = writer.post("/jobs", in_queue("d")).await;
    let problem = refused.problem(429);
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(
        detail.contains("3/h") && detail.contains("[jobs] new_queues_per_caller"),
        "{detail}"
    );
    assert!(refused.header("retry-after").is_some(), "{}", refused.text);
    let recurring = json!({ "type": "Waits", "queue": "e", "cronExpression": "0 2 * * *" });
    writer.post("/jobs/recurring", recurring).await.problem(429);
    let query = "mutation { scheduleJob(input: {type: \"Waits\", queue: \"f\"}) { isNew } }";
    assert_eq!(
        code(&writer.graphql(&json!({ "query": query })).await),
        Some("too-many-requests")
    );
    let batch = json!([in_queue("a"), in_queue("g")]);
    writer.post("/jobs/batch", batch).await.problem(429);
    let names = client("all").get("/queues").await.json()["queues"].to_string();
    assert!(
        !["\"d\"", "\"e\"", "\"f\"", "\"g\""]
            .iter()
            .any(|name| names.contains(name)),
        "{names}"
    );
    assert_eq!(
        other.post("/jobs", in_queue("d")).await.status,
        StatusCode::CREATED,
        "each has its own share"
    );
    let unique = |number: usize| json!({ "type": "Waits", "uniqueKey": format!("key-{number}") });
    for number in 0..4 {
        assert_eq!(writer.post("/jobs", unique(number)).await.status, StatusCode::CREATED);
    }
    // What exists is not counted again, although nothing is left.
    for number in 0..4 {
        assert_eq!(writer.post("/jobs", unique(number)).await.status, StatusCode::OK);
    }
    let batch = json!([unique(0), unique(1), unique(2), unique(3), unique(0)]);
    let again = writer.post("/jobs/batch", batch).await;
    assert!(again.status.is_success(), "{}", again.text);
    let batch: Vec<Value> = (10..15).map(unique).collect();
    let problem = writer.post("/jobs/batch", json!(batch)).await.problem(413);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("[jobs] unique_keys_per_caller") && text.contains("at most 4")),
        "{problem}"
    );
    let refused = writer.post("/jobs/batch", json!([unique(5), unique(6)])).await;
    refused.problem(429);
    let wait: u64 = refused
        .header("retry-after")
        .and_then(|text| text.parse().ok())
        .expect("seconds");
    assert!((1_700..=1_800).contains(&wait), "the time until both fit: {wait}");
    let problem = writer.post("/jobs", unique(5)).await.problem(429);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("unique_keys_per_caller")),
        "{problem}"
    );
    assert_eq!(
        writer.post("/jobs", json!({ "type": "Waits" })).await.status,
        StatusCode::CREATED
    );
    let long = json!({ "type": "Waits", "uniqueKey": "x".repeat(201) });
    let problem = other.post("/jobs", long).await.problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/uniqueKey", "{problem}");
}
