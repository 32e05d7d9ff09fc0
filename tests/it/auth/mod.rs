//! Authentication by keys, scopes, and rejected callers.

pub(crate) mod at_rest;
pub(crate) mod audit;
pub(crate) mod jwt;
pub(crate) mod limits;
pub(crate) mod rate_costs;
pub(crate) mod scopes;
pub(crate) mod settings;
pub(crate) mod streams;
pub(crate) mod token_attacks;

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::eventually;
use crate::harness::server::Server;

/// Id of no job.
const UNKNOWN_ID: &str = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";

const READER: &str = "tq_reader-key-for-tests";
const WRITER: &str = "tq_writer-key-for-tests";
const ADMIN: &str = "tq_admin-key-for-tests";
const ALL: &str = "tq_all-key-for-tests";

/// A key for each scope, and one with all.
pub const KEYS: &str = r#"
[job_types.NoopJob]
handler = "noop"
[[api.keys]]
name = "reader"
key = "tq_reader-key-for-tests"
scopes = ["tickerq:read"]
[[api.keys]]
name = "writer"
key = "tq_writer-key-for-tests"
scopes = ["tickerq:write"]
[[api.keys]]
name = "admin"
key = "tq_admin-key-for-tests"
scopes = ["tickerq:admin"]
[[api.keys]]
name = "all"
key = "tq_all-key-for-tests"
scopes = ["tickerq:read", "tickerq:write", "tickerq:admin"]
"#;

/// Every protected route and its scope.
fn routes() -> Vec<(Method, String, Option<Value>, &'static str)> {
    let job = |rest: &str| format!("/api/tickerq/jobs/{UNKNOWN_ID}{rest}");
    let mut routes = vec![
        (Method::GET, "/api/tickerq/jobs".to_owned(), None, "tickerq:read"),
        (Method::GET, "/api/tickerq/v1/jobs".to_owned(), None, "tickerq:read"),
        (Method::HEAD, "/api/tickerq/jobs".to_owned(), None, "tickerq:read"),
        (Method::GET, job(""), None, "tickerq:read"),
        (Method::GET, "/api/tickerq/queues".to_owned(), None, "tickerq:read"),
        (
            Method::GET,
            "/api/tickerq/queues/default".to_owned(),
            None,
            "tickerq:read",
        ),
        (
            Method::GET,
            "/api/tickerq/openapi.json".to_owned(),
            None,
            "tickerq:read",
        ),
        (Method::GET, "/docs/".to_owned(), None, "tickerq:read"),
        (Method::GET, "/docs/swagger-ui.css".to_owned(), None, "tickerq:read"),
        (Method::GET, "/api/tickerq/audit".to_owned(), None, "tickerq:admin"),
        (Method::GET, "/api/tickerq/nodes".to_owned(), None, "tickerq:admin"),
        (
            Method::POST,
            "/api/tickerq/jobs".to_owned(),
            Some(json!({"type": "NoopJob"})),
            "tickerq:write",
        ),
        (
            Method::POST,
            "/api/tickerq/v1/jobs".to_owned(),
            Some(json!({"type": "NoopJob"})),
            "tickerq:write",
        ),
        (
            Method::POST,
            "/api/tickerq/jobs/batch".to_owned(),
            Some(json!([{"type": "NoopJob"}])),
            "tickerq:write",
        ),
        (
            Method::PATCH,
            job(""),
            Some(json!({"priority": "high"})),
            "tickerq:write",
        ),
        (Method::DELETE, job(""), None, "tickerq:write"),
    ];
    let recurring = |rest: &str| format!("/api/tickerq/jobs/recurring/{UNKNOWN_ID}{rest}");
    let nightly = json!({"type": "NoopJob", "cronExpression": "0 2 * * *"});
    routes.extend([
        (
            Method::GET,
            "/api/tickerq/jobs/recurring".to_owned(),
            None,
            "tickerq:read",
        ),
        (Method::GET, recurring(""), None, "tickerq:read"),
        (
            Method::POST,
            "/api/tickerq/jobs/recurring".to_owned(),
            Some(nightly.clone()),
            "tickerq:write",
        ),
        (
            Method::POST,
            "/api/tickerq/jobs".to_owned(),
            Some(nightly.clone()),
            "tickerq:write",
        ),
        (Method::PUT, recurring(""), Some(nightly), "tickerq:write"),
        (
            Method::PATCH,
            recurring(""),
            Some(json!({"priority": "high"})),
            "tickerq:write",
        ),
        (Method::DELETE, recurring(""), None, "tickerq:write"),
        (Method::POST, recurring("/enable"), None, "tickerq:write"),
        (Method::POST, recurring("/disable"), None, "tickerq:write"),
        (Method::POST, recurring("/trigger"), None, "tickerq:write"),
    ]);
    for action in ["/execute", "/cancel", "/retry"] {
        routes.push((Method::POST, job(action), None, "tickerq:write"));
    }
    for action in ["pause", "resume", "clear"] {
        let path = format!("/api/tickerq/queues/default/{action}");
        routes.push((Method::POST, path, None, "tickerq:write"));
    }
    routes
}

async fn send(client: &Client, method: &Method, path: &str, body: Option<&Value>) -> ApiResponse {
    let mut request = client.at_root(method.clone(), path);
    if let Some(body) = body {
        request = request.json(body);
    }
    client.send(request).await
}

/// Checks a rejection as defined by RFC 6750; HEAD has no body.
fn check_refusal(response: &ApiResponse, method: &Method, status: u16, challenge: &str, place: &str) {
    assert_eq!(response.status.as_u16(), status, "{place}: {}", response.text);
    assert_eq!(response.header("www-authenticate"), Some(challenge), "{place}");
    assert_eq!(response.header("cache-control"), Some("no-store"), "{place}");
    if *method != Method::HEAD {
        response.problem(status);
    }
}

#[tokio::test]
async fn without_a_key_only_liveness_is_available() {
    let (_site, server) = Server::with_config(KEYS);
    let client = server.client();
    for (method, path, body, _) in routes() {
        let response = send(&client, &method, &path, body.as_ref()).await;
        check_refusal(
            &response,
            &method,
            401,
            "Bearer realm=\"tickerq\"",
            &format!("{method} {path}"),
        );
    }
    for path in ["/healthz", "/readyz"] {
        let response = client.send(client.at_root(Method::GET, path)).await;
        assert_eq!(response.status, StatusCode::OK, "{path}");
        // Messages of a read-only subscriber are ignored.
        let response = client
            .send(client.at_root(Method::GET, path).bearer_auth("nonsense"))
            .await;
        assert_eq!(response.status, StatusCode::OK, "{path}");
    }
    let problem = client.get("/jobs").await.problem(401);
    assert_eq!(problem["type"], "urn:tickerq:problem:unauthenticated");
    assert!(
        !server.log().contains("authentication is disabled"),
        "the notice is for servers without authentication"
    );
}

#[tokio::test]
async fn every_route_needs_its_scope_and_no_other() {
    let (_site, server) = Server::with_config(KEYS);
    let client = server.client();
    let keys = [
        (READER, "tickerq:read", "reader"),
        (WRITER, "tickerq:write", "writer"),
        (ADMIN, "tickerq:admin", "admin"),
    ];
    for (method, path, body, needed) in routes() {
        for (key, scope, name) in keys {
            let response = send(&client.with_token(key), &method, &path, body.as_ref()).await;
            let place = format!("{method} {path} with {scope}");
            if scope == needed {
                assert!(
                    !matches!(response.status.as_u16(), 401 | 403),
                    "{place}: {}",
                    response.text
                );
                continue;
            }
            let challenge = format!("Bearer realm=\"tickerq\", error=\"insufficient_scope\", scope=\"{needed}\"");
            // An administrator is rejected by the use case, other callers before their body is read.
            check_refusal(&response, &method, 403, &challenge, &place);
            if method != Method::HEAD {
                let problem = response.json();
                assert_eq!(problem["type"], "urn:tickerq:problem:forbidden", "{place}");
                let detail = format!("this needs the scope '{needed}', which the caller '{name}' does not have");
                assert_eq!(problem["detail"], detail, "{place}");
            }
        }
        let response = send(&client.with_token(ALL), &method, &path, body.as_ref()).await;
        assert!(!matches!(response.status.as_u16(), 401 | 403), "{method} {path}");
    }
}

#[tokio::test]
async fn a_write_only_caller_gets_reduced_responses() {
    let (_site, server) = Server::with_config(KEYS);
    let writer = server.client().with_token(WRITER);
    let job = writer.create(json!({"type": "Unknown"})).await;
    let id = job["id"].as_str().expect("an id");
    let response = writer
        .send(
            writer
                .request(Method::POST, &format!("/jobs/{id}/cancel"))
                .header("if-match", "\"1\", \"7\""),
        )
        .await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    assert_eq!(response.json()["status"], "cancelled");
    let response = writer.post_empty("/queues/default/pause").await;
    assert_eq!(response.json()["status"], "paused", "{}", response.text);
    let response = writer.post_empty("/queues/default/clear").await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    writer.get(&format!("/jobs/{id}")).await.problem(403);
}

#[tokio::test]
async fn kinds_of_credentials_are_distinguished_as_in_rfc_6750() {
    let (_site, server) = Server::with_config(KEYS);
    let client = server.client();
    let invalid = "Bearer realm=\"tickerq\", error=\"invalid_token\", error_description=\"invalid API key\"";
    for (value, status, challenge) in [
        ("Bearer tq_another-callers-key", 401, invalid),
        ("Bearer tq_reader-key-for-test", 401, invalid),
        ("Bearer tq_reader-key-for-tests2", 401, invalid),
        ("Bearer TQ_READER-KEY-FOR-TESTS", 401, invalid),
        ("Bearer a.b.c", 401, invalid),
        ("Basic cmVhZGVyOnNlY3JldA==", 401, "Bearer realm=\"tickerq\""),
        ("tq_reader-key-for-tests", 401, "Bearer realm=\"tickerq\""),
        (
            "Bearer",
            400,
            "Bearer realm=\"tickerq\", error=\"invalid_request\", error_description=\"the token after Bearer is missing\"",
        ),
        (
            "Bearer tq_reader-key-for-tests tq_writer-key-for-tests",
            400,
            "Bearer realm=\"tickerq\", error=\"invalid_request\", error_description=\"the token contains a \
             space; give the key without 'Bearer'\"",
        ),
    ] {
        let request = client.request(Method::GET, "/jobs").header(AUTHORIZATION, value);
        let response = client.send(request).await;
        check_refusal(&response, &Method::GET, status, challenge, value);
    }
    let twice = client
        .request(Method::GET, "/jobs")
        .header(AUTHORIZATION, format!("Bearer {READER}"))
        .header(AUTHORIZATION, format!("Bearer {WRITER}"));
    client.send(twice).await.problem(400);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = client
            .request(Method::GET, "/jobs")
            .header(AUTHORIZATION, format!("{scheme} {READER}"));
        assert_eq!(client.send(request).await.status, StatusCode::OK, "{scheme}");
    }
}

#[tokio::test]
async fn a_token_in_the_query_is_ignored() {
    let (_site, server) = Server::with_config(KEYS);
    let client = server.client();
    let in_query = format!("/jobs?access_token={READER}");
    client.get(&in_query).await.problem(401);
    let both = client.with_token(READER).get(&in_query).await;
    let problem = both.problem(400);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("header and the query both have a token")),
        "{problem}"
    );
    assert!(!both.text.contains(READER));
}

#[tokio::test]
async fn the_body_of_a_caller_without_the_write_scope_is_not_read() {
    let (_site, server) = Server::with_config(KEYS);
    let reader = server.client().with_token(READER);
    for path in ["/jobs", "/jobs/batch"] {
        let request = reader
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .body("{ this is not JSON");
        reader.send(request).await.problem(403);
    }
}

#[tokio::test]
async fn no_key_is_in_the_log_even_if_everything_is_logged() {
    let config = format!("[log]\nlevel = \"trace\"\n{KEYS}");
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    assert_eq!(client.with_token(ALL).get("/jobs").await.status, StatusCode::OK);
    client.with_token(ALL).create(json!({"type": "NoopJob"})).await;
    client
        .with_token("tq_a-wrong-key-of-a-caller")
        .get("/jobs")
        .await
        .problem(401);
    client
        .get("/jobs?access_token=tq_a-key-in-the-query&limit=7")
        .await
        .problem(401);
    // Log lines may follow their responses.
    let log = eventually("the last request is in the log", || async {
        let log = server.log();
        log.contains("access_token=***&limit=7").then_some(log)
    })
    .await;
    for secret in [ALL, "tq_a-wrong-key-of-a-caller", "tq_a-key-in-the-query"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(log.contains("authentication failed: invalid API key"), "{log}");
}

/// Handshake of a WebSocket client.
fn upgrade(client: &Client, path: &str) -> reqwest::RequestBuilder {
    client
        .at_root(Method::GET, path)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[tokio::test]
async fn live_updates_need_the_read_scope() {
    let (_site, server) = Server::with_config(&format!("[api]\nrequire_authentication = true\n{KEYS}"));
    let client = server.client();
    let negotiate = || client.at_root(Method::POST, "/api/tickerq/hub/negotiate?negotiateVersion=1");
    for path in ["/api/tickerq/ws", "/api/tickerq/hub"] {
        let status =
            |request: reqwest::RequestBuilder| async { request.send().await.expect("a response").status().as_u16() };
        assert_eq!(status(upgrade(&client, path)).await, 401, "{path}");
        assert_eq!(
            status(upgrade(&client, path).bearer_auth("tq_wrong")).await,
            401,
            "{path}"
        );
        assert_eq!(status(upgrade(&client, path).bearer_auth(WRITER)).await, 403, "{path}");
        assert_eq!(status(upgrade(&client, path).bearer_auth(READER)).await, 101, "{path}");
        let in_query = format!("{path}?access_token={READER}");
        assert_eq!(status(upgrade(&client, &in_query)).await, 101, "{path}");
        let foreign = upgrade(&client, &in_query).header("Origin", "https://evil.example");
        assert_eq!(status(foreign).await, 403, "{path}");
    }
    client.send(negotiate()).await.problem(401);
    client.send(negotiate().bearer_auth(WRITER)).await.problem(403);
    assert_eq!(client.send(negotiate().bearer_auth(READER)).await.status.as_u16(), 200);
    let in_query = client.at_root(
        Method::POST,
        &format!("/api/tickerq/hub/negotiate?negotiateVersion=1&access_token={READER}"),
    );
    client.send(in_query).await.problem(401);
    assert!(!server.log().contains(READER), "a key is in the log");
}
