//! The OpenAPI document and its pages: complete, correct, and independent of other hosts.

use std::collections::{BTreeSet, HashSet};

use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::server::Server;

const UNKNOWN_ID: &str = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";

async fn document(client: &Client) -> Value {
    let response = client.get("/openapi.json").await;
    assert_eq!(response.header("content-type"), Some("application/json"));
    response.json()
}

/// Operations: path, method and description.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("methods");
            methods
                .iter()
                .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

/// All `$ref`s in a document.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn every_route_is_described_with_its_methods() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let document = document(&client).await;
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1."))
    );
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let described: BTreeSet<&str> = operations(&document).into_iter().map(|(path, _, _)| path).collect();
    for path in described {
        let filled = path
            .replace("{id}", UNKNOWN_ID)
            .replace("{name}", "default")
            .replace("{key}", "nightly");
        let response = client.send(client.at_root(Method::OPTIONS, &filled)).await;
        let allow = response.header("allow").unwrap_or_else(|| panic!("there is no {path}"));
        let mut methods: Vec<&str> = allow
            .split(", ")
            .filter(|method| !["HEAD", "OPTIONS"].contains(method))
            .collect();
        methods.sort_unstable();
        let described = document["paths"][path].as_object().expect("methods");
        let mut described: Vec<String> = described.keys().map(|method| method.to_uppercase()).collect();
        described.sort_unstable();
        assert_eq!(described, methods, "{path}");
    }
    let list: Vec<String> = operations(&document)
        .into_iter()
        .map(|(path, method, operation)| {
            let statuses: Vec<&str> = operation["responses"]
                .as_object()
                .expect("responses")
                .keys()
                .map(String::as_str)
                .collect();
            format!(
                "{} {path} {}: {}",
                method.to_uppercase(),
                operation["operationId"].as_str().unwrap_or("?"),
                statuses.join(" ")
            )
        })
        .collect();
    insta::assert_snapshot!(list.join("\n"));
}

#[tokio::test]
async fn the_openapi_document_is_complete() {
    let (_site, server) = Server::with_config("");
    let document = document(&server.client()).await;
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let tags: HashSet<&str> = document["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    let mut ids = HashSet::new();
    for (path, method, operation) in operations(&document) {
        let place = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].as_str().expect("an operationId")),
            "{place}"
        );
        assert!(
            operation["summary"].as_str().is_some_and(|summary| summary.len() > 8),
            "{place}"
        );
        let tag = operation["tags"][0].as_str().expect("a tag");
        assert!(tags.contains(tag), "{place}");
        let parameters = operation["parameters"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
        let in_path: Vec<String> = in_path
            .map(|parameter| format!("{{{}}}", parameter["name"].as_str().expect("a name")))
            .collect();
        let expected: Vec<&str> = path.split('/').filter(|part| part.starts_with('{')).collect();
        assert_eq!(in_path, expected, "{place}");
        let mut succeeds = false;
        for (status, response) in operation["responses"].as_object().expect("responses") {
            assert!(
                response["description"].as_str().is_some_and(|text| !text.is_empty()),
                "{place} {status}"
            );
            succeeds |= status.starts_with('2');
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(*schema, "#/components/schemas/Problem", "{place} {status}");
            }
        }
        assert!(succeeds, "{place}");
    }
}

/// Violations of a value's schema.
fn mistakes(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).expect("a schema");
        return mistakes(document, schema, value, place);
    }
    if schema["oneOf"].is_array() || schema["allOf"].is_array() {
        return whole_object(document, schema, value, place);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        // An unspecified schema allows any JSON.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return Vec::new(),
    };
    if !allowed.contains(&kind) {
        return vec![format!("{place} is {value}, and not {allowed:?}")];
    }
    match value {
        Value::Array(items) => items
            .iter()
            .flat_map(|item| mistakes(document, &schema["items"], item, place))
            .collect(),
        Value::Object(_) => whole_object(document, schema, value, place),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Violations of an object whose members are described in several parts (`allOf`).
fn whole_object(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut described = HashSet::new();
    let mut parts = vec![schema];
    while let Some(part) = parts.pop() {
        if let Some(reference) = part["$ref"].as_str() {
            parts.push(document.pointer(reference.trim_start_matches('#')).expect("a schema"));
        }
        parts.extend(part["allOf"].as_array().into_iter().flatten());
        // Of `oneOf` the variant with its members applies.
        let kinds = part["oneOf"].as_array().into_iter().flatten();
        let kinds = kinds.map(|kind| match kind["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("a schema"),
            None => kind,
        });
        parts.extend(kinds.filter(|kind| {
            kind["required"].as_array().is_some_and(|names| {
                names
                    .iter()
                    .filter_map(Value::as_str)
                    .all(|name| value.get(name).is_some())
            })
        }));
        for name in part["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if value.get(name).is_none() {
                found.push(format!("{place} has no {name}"));
            }
        }
        for (name, schema) in part["properties"].as_object().into_iter().flatten() {
            described.insert(name.as_str());
            if let Some(value) = value.get(name) {
                found.extend(mistakes(document, schema, value, &format!("{place}/{name}")));
            }
        }
    }
    let members = value.as_object().into_iter().flatten();
    found.extend(
        members
            .filter(|(name, _)| !described.contains(name.as_str()))
            .map(|(name, _)| format!("{place}/{name} is not described")),
    );
    found
}

#[tokio::test]
async fn responses_match_the_openapi_document() {
    let (_site, server) = Server::with_config(
        "[job_types.Noop]\nhandler = \"noop\"\n[job_types.Breaks]\nmax_retries = 0\nhandler = { command = { program = \"false\" } }",
    );
    let client = server.client();
    let document = document(&client).await;
    let done = client.create_of_type("Noop").await;
    let failed = client.create_of_type("Breaks").await;
    client.wait_finished(&done).await;
    client.wait_finished(&failed).await;
    let waiting = json!({ "type": "Waits", "uniqueKey": "k", "retryIntervals": ["PT1S"] });
    for (method, path, route, body) in [
        ("post", "/jobs".to_owned(), "/jobs", waiting.clone()),
        ("post", "/jobs".to_owned(), "/jobs", waiting),
        ("post", "/jobs".to_owned(), "/jobs", json!({ "type": 5 })),
        (
            "post",
            "/jobs/batch".to_owned(),
            "/jobs/batch",
            json!([{ "type": "Waits" }]),
        ),
        ("get", format!("/jobs/{done}"), "/jobs/{id}", Value::Null),
        ("get", format!("/jobs/{failed}"), "/jobs/{id}", Value::Null),
        ("get", format!("/jobs/{UNKNOWN_ID}"), "/jobs/{id}", Value::Null),
        ("get", "/jobs/1".to_owned(), "/jobs/{id}", Value::Null),
        ("get", "/jobs".to_owned(), "/jobs", Value::Null),
        ("get", "/jobs?limit=0".to_owned(), "/jobs", Value::Null),
        (
            "post",
            format!("/jobs/{failed}/cancel"),
            "/jobs/{id}/cancel",
            Value::Null,
        ),
        (
            "post",
            format!("/jobs/{failed}/retry"),
            "/jobs/{id}/retry",
            json!({ "resetRetryCount": true }),
        ),
        ("get", "/queues".to_owned(), "/queues", Value::Null),
        ("get", "/nodes".to_owned(), "/nodes", Value::Null),
        (
            "post",
            "/webhooks/endpoints".to_owned(),
            "/webhooks/endpoints",
            json!({ "url": "https://example.com/", "events": ["system.alert"] }),
        ),
        (
            "post",
            "/webhooks/endpoints".to_owned(),
            "/webhooks/endpoints",
            json!({ "url": "https://example.com/", "events": ["nothing"] }),
        ),
        (
            "get",
            "/webhooks/endpoints".to_owned(),
            "/webhooks/endpoints",
            Value::Null,
        ),
        (
            "get",
            "/webhooks/deliveries/1".to_owned(),
            "/webhooks/deliveries/{id}",
            Value::Null,
        ),
        ("get", "/jobs/changes".to_owned(), "/jobs/changes", Value::Null),
        ("get", "/queues/default".to_owned(), "/queues/{name}", Value::Null),
        (
            "post",
            "/queues/default/pause".to_owned(),
            "/queues/{name}/pause",
            Value::Null,
        ),
        (
            "post",
            "/queues/default/clear".to_owned(),
            "/queues/{name}/clear",
            Value::Null,
        ),
    ] {
        let parsed = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
        let mut request = client.request(parsed, &path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = client.send(request).await;
        let status = response.status.as_u16().to_string();
        let operation = &document["paths"][format!("/api/tickerq{route}")][method];
        let described = &operation["responses"][&status];
        assert!(described.is_object(), "{method} {path}: {status} is not described");
        let media_type = response.header("content-type").expect("a content type").to_owned();
        let schema = &described["content"][&media_type]["schema"];
        assert!(
            schema.is_object(),
            "{method} {path}: {media_type} is not described for {status}"
        );
        let found = mistakes(&document, schema, &response.json(), "");
        assert!(found.is_empty(), "{method} {path}: {found:?}");
    }
}

#[tokio::test]
async fn the_command_line_prints_the_description_that_is_served() {
    let config = "[api]\nbase_path = \"/jobs-of/mine\"\nversion = \"v7\"";
    let (site, server) = Server::with_config(config);
    let client = server.client();
    let served = client
        .send(client.at_root(Method::GET, "/jobs-of/mine/openapi.json"))
        .await;
    let output = site.command(&["openapi"]).output().expect("the command runs");
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).expect("text"),
        format!("{}\n", served.text)
    );
}

/// Addresses that a page loads by itself.
fn loaded(page: &str) -> Vec<String> {
    ["src=\"", "href=\"", "url(\"", "url('", "@import \"", "\"url\": \""]
        .iter()
        .flat_map(|mark| {
            page.split(mark)
                .skip(1)
                .map(|rest| rest.split(['"', '\'', ')']).next().unwrap_or_default().to_owned())
        })
        .collect()
}

#[tokio::test]
async fn the_pages_are_served_without_any_other_host() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let page = client.send(client.at_root(Method::GET, "/docs")).await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (StatusCode::OK, Some("text/html")),
        "it leads to /docs/"
    );
    let base = Url::parse(&format!("{}/docs/", server.url)).expect("an address");
    let (mut seen, mut files) = (HashSet::new(), vec![base.clone()]);
    while let Some(file) = files.pop() {
        if !seen.insert(file.clone()) {
            continue;
        }
        let response = client.send(client.at_root(Method::GET, file.path())).await;
        assert_eq!(response.status, StatusCode::OK, "{file}");
        // The content security policy blocks scripts of other hosts.
        if file.path().starts_with("/docs/") {
            let policy = response.header("content-security-policy").unwrap_or_default();
            assert!(policy.starts_with("default-src 'self';"), "{file}: {policy}");
            assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{file}");
        }
        // The libraries' own scripts are omitted: they contain names of standards, which look like addresses.
        let is_library = file.path().contains("bundle") || file.path().contains("preset");
        let is_text = response
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/") || kind.contains("json"));
        if is_library || !is_text || file.path().ends_with("openapi.json") {
            continue;
        }
        for address in loaded(&response.text) {
            if address.starts_with("data:") {
                continue;
            }
            let address = file.join(&address).expect("an address");
            assert_eq!(address.origin(), base.origin(), "{file} loads {address}");
            files.push(address);
        }
    }
    let paths: BTreeSet<&str> = seen.iter().map(Url::path).collect();
    for expected in [
        "/docs/swagger-initializer.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
        "/api/tickerq/openapi.json",
    ] {
        assert!(paths.contains(expected), "{expected} is not among {paths:?}");
    }
    let initializer = client
        .send(client.at_root(Method::GET, "/docs/swagger-initializer.js"))
        .await;
    assert!(
        initializer.text.contains("\"validatorUrl\": \"none\""),
        "{}",
        initializer.text
    );
}

#[tokio::test]
async fn every_change_that_has_conditions_lists_both_headers() {
    let (_site, server) = Server::with_config("");
    let document = document(&server.client()).await;
    let mut conditional = 0;
    for (path, method, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let has = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
        if has("If-Match") || !operation["responses"]["412"].is_null() {
            conditional += 1;
            assert!(has("If-Match") && has("If-None-Match"), "{method} {path}");
        }
    }
    assert!(conditional > 10, "{conditional}");
}
