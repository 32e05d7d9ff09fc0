//! Root fields of the GraphQL schema.

use serde_json::{Value, json};

use super::{Fresh, PLANTED, Resources, SETS, code, config, has};
use crate::harness::client::Client;
use crate::harness::receiver::Receiver;
use crate::harness::server::{Server, Site};

/// A root field of the schema with values for its arguments.
fn field(kind: &str, name: &str, resources: &Resources, fresh: &Fresh, number: usize) -> String {
    let id = match name {
        _ if name.contains("Recurring") || name == "recurringJob" => &fresh.recurring,
        "webhookDelivery" | "redeliverWebhook" => &resources.delivery,
        _ if name.to_lowercase().contains("webhook") => &resources.endpoint,
        "worker" | "unregisterWorker" => &fresh.worker,
        "drainNode" | "resumeNode" => &resources.node,
        "retryJob" | "deleteJob" => &fresh.failed,
        _ => &fresh.pending,
    };
    let unknown = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    let job = format!("{{type: \"Planted\", uniqueKey: \"{}\"}}", fresh.unique_key);
    let recurring = "input: {type: \"Planted\", cronExpression: \"0 3 1 1 *\"}";
    let lease = format!(
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
        | "activity"
        | "durations"
        | "failures"
        | "me"
        | "server"
        | "upcoming"
        | "jobTypes"
        | "nodes"
        | "logLevel"
        | "auditRecords"
        | "webhookEndpoints"
        | "webhookEndpointsConnection"
        | "workers"
        | "workersConnection"
        | "operations" => String::new(),
        "previewOperation" => "input: {kind: CANCEL, filter: \"type:None\"}".to_owned(),
        "startOperation" => format!("token: \"op_{}\"", "0".repeat(32)),
        "jobFacets" => "by: [STATUS]".to_owned(),
        "failure" => "fingerprint: \"0123456789abcdef\"".to_owned(),
        "previewSchedule" => "cronExpression: \"0 2 * * *\"".to_owned(),
        "recurringJobByKey" => format!("key: \"key-{number}\""),
        "queue" | "pauseQueue" | "resumeQueue" | "deleteQueue" | "clearQueue" => "name: \"default\"".to_owned(),
        "webhookDeliveries" => format!("endpointId: \"{}\"", resources.endpoint),
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
        "deleteWebhookEndpoint" => format!("id: \"{unknown}\""),
        "redeliverFailedWebhooks" => format!("endpointId: \"{id}\", since: \"2020-01-01T00:00:00Z\""),
        "registerWorker" => "input: {name: \"w\", types: [\"Other\"]}".to_owned(),
        "leaseJobs" | "renewWorker" => format!("workerId: \"{worker}\""),
        "completeJobs" | "failJobs" => format!("workerId: \"{worker}\", jobs: {lease}"),
        _ => format!("id: \"{id}\""),
    };
    assert!(kind == "Query" || !arguments.is_empty(), "{name} has arguments");
    if arguments.is_empty() {
        name.to_owned()
    } else {
        format!("{name}({arguments})")
    }
}

/// The types of a schema, from introspection.
struct Types(Vec<Value>);

impl Types {
    fn named(&self, name: &str) -> &Value {
        self.0
            .iter()
            .find(|type_| type_["name"] == name)
            .unwrap_or_else(|| panic!("no type {name}"))
    }

    fn fields(&self, name: &str) -> Vec<Value> {
        self.named(name)["fields"].as_array().cloned().unwrap_or_default()
    }

    /// All fields of a type without arguments, up to a depth.
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
    let response = client.graphql(&json!({ "query": query })).await;
    Types(
        response["data"]["__schema"]["types"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| panic!("{response}")),
    )
}

#[tokio::test]
async fn every_set_of_scopes_allows_its_operations_over_graphql_and_no_others() {
    let receiver = Receiver::open().await;
    let (_site, server): (Site, Server) = Server::with_config(&config());
    let resources = Resources::new(&server, &receiver).await;
    let types = types(&resources.all).await;
    let (mut number, mut fields, mut exposed) = (100_000, 0, 0);
    for set in &SETS {
        let client = server.client().with_token(&format!("the-secret-key-of-{}", set.0));
        number += 1;
        let mut fresh = resources.fresh(number, &client).await;
        for kind in ["Query", "Mutation"] {
            for root in types.fields(kind) {
                let name = root["name"].as_str().expect("a name");
                fields += 1;
                if kind == "Mutation" {
                    number += 1;
                    fresh = resources.fresh(number, &client).await;
                }
                let call = field(kind, name, &resources, &fresh, number);
                let everything = types.selection(&root["type"], 3).unwrap_or_default();
                let query = format!("{} {{ {call} {everything} }}", kind.to_lowercase());
                let response = client.graphql(&json!({ "query": query })).await;
                resources.undo(name).await;
                let text = response.to_string();
                let context = format!("{} {query}: {response}", set.0);
                assert!(text.contains("\"data\"") || code(&response).is_some(), "{context}");
                assert!(
                    !text.contains("GRAPHQL_")
                        && code(&response) != Some("validation")
                        && code(&response) != Some("too-large"),
                    "{context}"
                );
                let is_planted = text.contains(PLANTED);
                if set.1 {
                    exposed += usize::from(is_planted);
                } else {
                    assert!(!is_planted, "{context}");
                }
                if kind == "Query" {
                    continue;
                }
                let is_admins =
                    name.to_lowercase().contains("webhook") || name.contains("Node") || name == "setLogLevel";
                if !has(set, if is_admins { "admin" } else { "write" }) {
                    assert_eq!(code(&response), Some("forbidden"), "{context}");
                }
                let is_whole = is_admins
                    || name.contains("orker")
                    || matches!(name, "leaseJobs" | "completeJobs" | "failJobs" | "previewOperation");
                if set.2 && !set.1 && !is_whole && everything.contains("parameters") {
                    assert_eq!(code(&response), Some("forbidden"), "{context}");
                    assert!(text.contains("tickerq:read"), "{context}");
                    // The id and the status of the same are exposed.
                    let least = match name {
                        "scheduleJob" => "{ job { id status } isNew }",
                        "scheduleJobs" => "{ jobs { job { id status } } created }",
                        _ if name.contains("Recurring") && name != "triggerRecurringJob" => "{ id enabled }",
                        _ => "{ id status }",
                    };
                    let response = client
                        .graphql(&json!({ "query": format!("mutation {{ {call} {least} }}") }))
                        .await;
                    assert!(
                        response["errors"].is_null() && response["data"][name].is_object(),
                        "{name}: {response}"
                    );
                }
            }
        }
    }
    assert!(fields > 7 * 55, "{fields}");
    assert!(exposed > 20, "readers see what was planted: {exposed}");
}
