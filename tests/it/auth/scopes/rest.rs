//! Operations of the OpenAPI document.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Fresh, PLANTED, Resources, SETS, config, has};
use crate::harness::receiver::Receiver;
use crate::harness::server::{Server, Site};

/// The members of responses to changes for callers that may not read.
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

/// The scopes, one of which is required.
fn needed(method: &Method, path: &str) -> &'static [&'static str] {
    let is_get = *method == Method::GET;
    match path {
        "/healthz" | "/readyz" => &[],
        _ if path.ends_with("/me") || path.ends_with("/server") => &[],
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
        "preview" => json!({ "kind": "cancel", "filter": "type:None" }),
        "operations" => json!({ "token": format!("op_{}", "0".repeat(32)) }),
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

fn of_path(path: &str, method: &Method, resources: &Resources, fresh: &Fresh, number: usize) -> String {
    let id = if path.contains("/recurring/") {
        &fresh.recurring
    } else if path.contains("/endpoints/") {
        &resources.endpoint
    } else if path.contains("/deliveries/") {
        &resources.delivery
    } else if path.contains("/workers/") {
        &fresh.worker
    } else if path.contains("/nodes/") {
        &resources.node
    } else if path.ends_with("/retry") || *method == Method::DELETE {
        &fresh.failed
    } else {
        &fresh.pending
    };
    if path.ends_with("/facets") {
        return format!("{path}?by=status");
    }
    path.replace("{id}", id)
        .replace("{name}", "default")
        .replace("{fingerprint}", "0123456789abcdef")
        .replace("{key}", &format!("key-{number}"))
}

#[tokio::test]
async fn every_set_of_scopes_allows_its_operations_over_rest_and_no_others() {
    let receiver = Receiver::open().await;
    let (_site, server): (Site, Server) = Server::with_config(&config());
    let resources = Resources::new(&server, &receiver).await;
    let document = resources.all.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let (mut number, mut operations, mut exposed) = (0, 0, 0);
    for set in &SETS {
        let client = server.client().with_token(&format!("the-secret-key-of-{}", set.0));
        number += 1;
        let mut fresh = resources.fresh(number, &client).await;
        for (path, item) in paths {
            for name in item.as_object().expect("operations").keys() {
                let Ok(method) = Method::from_bytes(name.to_uppercase().as_bytes()) else {
                    continue;
                };
                // Removed last, by some of the sets.
                let is_endpoint_removed = method == Method::DELETE && path.contains("/endpoints/");
                operations += 1;
                if method != Method::GET {
                    number += 1;
                    fresh = resources.fresh(number, &client).await;
                }
                let mut target = of_path(path, &method, &resources, &fresh, number);
                if is_endpoint_removed {
                    target = target.replace(&resources.endpoint, "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55");
                }
                let mut request = client.at_root(method.clone(), &target);
                if let Some(body) = body(&method, path, &fresh) {
                    request = request.json(&body);
                }
                let response = client.send(request).await;
                resources.undo(path).await;
                let context = format!("{} {method} {target}: {} {}", set.0, response.status, response.text);
                let needed = needed(&method, path);
                // The numbers of a preview reveal which jobs exist.
                let reads = path.ends_with("/preview") || (path.ends_with("/operations") && method == Method::POST);
                let is_allowed = (needed.is_empty() || needed.iter().any(|scope| has(set, scope))) && (!reads || set.1);
                let is_forbidden = response.status == StatusCode::FORBIDDEN;
                // Workers of other callers are forbidden, too.
                assert!(
                    is_forbidden != is_allowed || (path.contains("/workers/") && !set.2),
                    "{context}"
                );
                assert!(
                    !response.status.is_server_error() && response.status != StatusCode::UNAUTHORIZED,
                    "{context}"
                );
                if is_allowed && !set.1 && !response.text.is_empty() && response.status.is_success() {
                    let is_of_job = path.contains("/jobs") || path.contains("/queues") || path.contains("/deliveries/");
                    if is_of_job {
                        let members = response.json().as_object().cloned().unwrap_or_default();
                        let keys: Vec<&String> =
                            members.keys().filter(|key| !REDUCED.contains(&key.as_str())).collect();
                        assert!(keys.is_empty(), "{keys:?}: {context}");
                    }
                }
                let is_planted = response.text.contains(PLANTED)
                    || response
                        .headers
                        .values()
                        .any(|value| value.to_str().is_ok_and(|text| text.contains(PLANTED)));
                if set.1 {
                    exposed += usize::from(is_planted);
                } else {
                    assert!(!is_planted, "{context}");
                }
            }
        }
    }
    assert!(operations > 7 * 45, "{operations}");
    assert!(exposed > 30, "readers see what was planted: {exposed}");
}
