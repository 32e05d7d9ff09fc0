//! Explanations: a job is put into each state for real, and its explanation is read over REST and GraphQL.

pub(crate) mod batches;
pub(crate) mod held;
pub(crate) mod lists;
pub(crate) mod servers;

use reqwest::StatusCode;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::graphql::data_of;
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Site, Storage, run_sql};

const CONFIG: &str = r#"
[audit]
enable = true

[cluster]
node_name = "web-1"

[[queues]]
name = "narrow"
concurrency = 1

[[queues]]
name = "slow"
concurrency = 1
rate_limit = "1/h"

[job_types.NoopJob]
handler = "noop"

[job_types.LongJob]
handler = { command = { program = "sleep", args = ["600"] } }

[job_types.LimitedJob]
concurrency = 1
handler = { command = { program = "sleep", args = ["600"] } }

[job_types.FailingJob]
max_retries = 3
retry_delay = "01:00:00"
handler = { command = { program = "false" } }

[job_types.MailJob]
max_retries = 0
handler = "remote"
"#;

const FIELDS: &str = "state summary reasons { code message since until remedy evidence { runAt attempt retryCount maxRetries \
                      losses error by types nearestType rate concurrency running server ahead isExact cancelRequested \
                      clockAhead problems status node { id name kind lastHeartbeatAt leaseUntil } \
                      runners { id name kind workers busy isDraining } } } estimate { startsAt basis }";

/// A statement of a test on the database of a server.
async fn run_on(site: &Site, storage: Storage, sql: &str) {
    match storage {
        Storage::Postgres => run_sql(site.database_url(), sql),
        Storage::Sqlite => {
            let mut options = ConnectOptions::new(format!("sqlite:{}", site.path().join("tickerq.db").display()));
            options.max_connections(1);
            let database = Database::connect(options).await.expect("the database opens");
            eventually("the statement is executed", || async {
                database.execute_unprepared(sql).await.ok()
            })
            .await;
        }
    }
}

/// An id in a statement.
fn literal(storage: Storage, id: &str) -> String {
    match storage {
        Storage::Postgres => format!("'{id}'"),
        Storage::Sqlite => format!("X'{}'", id.replace('-', "")),
    }
}

/// The current time in the notation of storage, moved by seconds.
fn micros(seconds: i64) -> i64 {
    chrono::Utc::now().timestamp_micros() + seconds * 1_000_000
}

/// The explanation of a job over REST, which is the same over GraphQL.
async fn explain(client: &Client, id: &str) -> Value {
    // Times and the state of the job may change between the two responses.
    eventually("both facades return the same explanation", || async {
        let response = client.get(&format!("/jobs/{id}/explain")).await;
        assert_eq!(response.status, StatusCode::OK, "{}", response.text);
        let rest = response.json();
        let query = format!("{{ job(id: \"{id}\") {{ explanation {{ {FIELDS} }} }} }}");
        let graphql = data_of(client, &query).await["job"]["explanation"].clone();
        (with_present(&graphql) == with_words(&rest)).then_some(rest)
    })
    .await
}

/// The members that are present in REST, with times of heartbeats left out.
fn with_present(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !is_of_heartbeat(name))
            .filter(|(_, value)| !value.is_null() && **value != json!([]))
            .map(|(name, value)| (name.clone(), with_present(value)))
            .collect(),
        Value::Array(items) => items.iter().map(with_present).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The same with the enums of GraphQL.
fn with_words(value: &Value) -> Value {
    let mut value = with_present(value);
    upper_case(&mut value);
    value
}

fn upper_case(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if let Value::String(word) = value
                    && matches!(name.as_str(), "state" | "status" | "kind")
                {
                    *word = word.to_uppercase();
                } else {
                    upper_case(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(upper_case),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_of_heartbeat(name: &str) -> bool {
    matches!(name, "lastHeartbeatAt" | "leaseUntil")
}

fn codes(explanation: &Value) -> Vec<&str> {
    let reasons = explanation["reasons"].as_array().expect("reasons");
    reasons
        .iter()
        .map(|reason| reason["code"].as_str().expect("a code"))
        .collect()
}

/// The explanation once it has these codes.
async fn until_codes(client: &Client, id: &str, expected: &[&str]) -> Value {
    eventually(&format!("job {id} is explained by {expected:?}"), || async {
        let explanation = explain(client, id).await;
        (codes(&explanation) == expected).then_some(explanation)
    })
    .await
}

/// Creates a job and returns its id.
async fn create(client: &Client, job: Value) -> String {
    client.create(job).await["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn an_unknown_id_is_not_found_and_a_malformed_one_is_named() {
    let site = Site::new(Storage::Sqlite, CONFIG);
    let server = site.start();
    let client = server.client();
    let unknown = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    let problem = client.get(&format!("/jobs/{unknown}/explain")).await.problem(404);
    assert_eq!(problem["detail"], format!("job {unknown} not found"));
    for id in ["x", "01963b5e", "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c5z"] {
        let problem = client.get(&format!("/jobs/{id}/explain")).await.problem(400);
        assert_eq!(problem["errors"][0]["parameter"], "id", "{problem}");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.starts_with(&format!("'{id}' is not an id")), "{detail}");
    }
    let problem = client.get(&format!("/jobs/{unknown}/explain?x=1")).await.problem(400);
    assert_eq!(problem["errors"][0]["parameter"], "x");
    client.get("/queues/none/explain").await.problem(404);
    let problem = client.get("/jobs?explain=yes").await.problem(400);
    assert_eq!(problem["detail"], "explain is 'yes'; allowed are true and false");
    let query = format!("{{ job(id: \"{unknown}\") {{ explanation {{ summary }} }} }}");
    assert_eq!(data_of(&client, &query).await, json!({ "job": null }));
}
