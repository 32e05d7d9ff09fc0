//! Spellings of paths and methods by which a request might reach a route without the key that the route needs.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::auth::KEYS;
use crate::harness::client::Client;
use crate::harness::server::Server;
use crate::rest::protocol::raw;

const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "FOO",
];

/// Value of path parameters.
const ID: &str = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";

/// Every path of the OpenAPI document with its parameters filled in, and the other routes.
async fn paths(client: &Client) -> BTreeSet<String> {
    let document: Value = client.get("/openapi.json").await.json();
    let described = document["paths"].as_object().expect("paths").keys();
    let filled = described.map(|path| {
        path.split('/')
            .map(|segment| match segment {
                "{name}" => "default",
                _ if segment.starts_with('{') => ID,
                _ => segment,
            })
            .collect::<Vec<_>>()
            .join("/")
    });
    let beside = [
        "/graphql",
        "/docs/",
        "/hubs/jobs",
        "/ws",
        "/metrics",
        "/api/tickerq/openapi.json",
    ];
    // Health is open to all.
    let closed = filled.filter(|path| !["/healthz", "/readyz"].contains(&path.as_str()));
    closed.chain(beside.map(str::to_owned)).collect()
}

/// Spellings that a proxy or router might consider the same path.
fn spellings(path: &str) -> Vec<String> {
    let (head, last) = path.rsplit_once('/').expect("a slash");
    let first_letter = last.chars().next().unwrap_or('.');
    vec![
        path.to_owned(),
        format!("{path}/"),
        format!("{path}//"),
        format!("/{path}"),
        format!("{head}//{last}"),
        path.to_uppercase(),
        format!("{head}/./{last}"),
        format!("{head}/x/../{last}"),
        format!("/healthz/..{path}"),
        format!("/healthz/%2e%2e{path}"),
        format!("/healthz/..;{path}"),
        format!("/healthz%2f..{path}"),
        format!("/graphiql/..{path}"),
        format!(
            "{head}/%{:02x}{}",
            u32::from(first_letter),
            last.get(1..).unwrap_or_default()
        ),
        format!("{head}%2f{last}"),
        format!("{head}%5c{last}"),
        format!("{head}\\{last}"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path};a=b"),
        format!("{path}.json"),
        format!("{path}?"),
        format!("{path}?access_token="),
        format!("{path}#x"),
        format!("{path}/../{last}"),
        format!("http://localhost{path}"),
        format!("http://localhost@evil.example{path}"),
    ]
}

/// Headers that make a proxy or framework treat a request as another one.
const HEADERS: &[&str] = &[
    "X-HTTP-Method-Override: GET",
    "X-HTTP-Method: DELETE",
    "X-Method-Override: PUT",
    "X-Original-URL: /healthz",
    "X-Rewrite-URL: /healthz",
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Host: localhost",
    "X-Forwarded-Prefix: /healthz",
    "X-Forwarded-User: all",
    "X-Remote-User: all",
    "Forwarded: for=127.0.0.1;host=localhost",
    "X-Api-Key: ",
    "Authorization: ",
    "Authorization: Bearer",
    "Authorization: Basic YWxsOg==",
    "Cookie: access_token=tq_all-key-for-tests",
    "Sec-Fetch-Site: same-origin",
    "Upgrade: websocket",
    "Connection: Authorization",
];

fn status_of(server: &Server, method: &str, path: &str, header: &str) -> u16 {
    let (status, _) = raw(
        server,
        &format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}Content-Length: 0\r\n\r\n"
        ),
    );
    status
}

/// `true` if a response discloses nothing: it requires authentication, has no such route or method, or is a redirect or
/// rejection. `OPTIONS` lists the methods of a path, as the public document does.
fn is_closed(method: &str, status: u16) -> bool {
    matches!(status, 301 | 307 | 308 | 400 | 401 | 403 | 404 | 405 | 414 | 429 | 501)
        || (method == "OPTIONS" && status == 204)
}

#[tokio::test]
async fn no_spelling_of_a_path_or_method_reaches_a_route_without_its_key() {
    let (_site, server) = Server::with_config(KEYS);
    let all = server.client().with_token("tq_all-key-for-tests");
    let paths = paths(&all).await;
    assert!(paths.len() > 40, "{paths:?}");
    let (mut count, mut open) = (0, Vec::new());
    for path in &paths {
        for spelling in spellings(path) {
            // Every method on the plain path, and the tricks with two methods.
            let methods: &[&str] = if spelling == *path { METHODS } else { &["GET", "POST"] };
            for method in methods {
                let status = status_of(&server, method, &spelling, "");
                count += 1;
                if !is_closed(method, status) {
                    open.push(format!("{method} {spelling}: {status}"));
                }
            }
        }
    }
    for path in [
        "/api/tickerq/jobs",
        "/api/tickerq/audit",
        "/api/tickerq/queues/default/clear",
        "/graphql",
    ] {
        for header in HEADERS {
            for method in ["GET", "POST", "DELETE"] {
                let status = status_of(&server, method, path, &format!("{header}\r\n"));
                count += 1;
                if !is_closed(method, status) {
                    open.push(format!("{method} {path} with {header}: {status}"));
                }
            }
        }
    }
    assert!(open.is_empty(), "{} of {count}: {open:#?}", open.len());
    assert_eq!(all.get("/jobs").await.json()["totalCount"], 0);
    let queue = all.send(all.request(Method::GET, "/queues/default")).await;
    assert_eq!(queue.json()["status"], "running", "{}", queue.text);
}
