//! Invalid requests are rejected: none stops the server or causes an internal error.

use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::harness::client::Client;
use crate::harness::server::Server;

/// Maximum duration of each test. The sequence of requests is deterministic.
const TIME: Duration = Duration::from_secs(5);
const REQUESTS: usize = 3_000;

const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1e309",
    "9223372036854775808",
    "0.1",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "[]",
    "{}",
    "[[]]",
    "\"2026-01-31T12:00:00Z\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"PT5M\"",
    "\"-1.00:00:00\"",
    "\"default\"",
    "\"\u{202e}\"",
    "\"01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55\"",
    "[1,\"a\",null]",
    "{\"a\":{\"a\":{}}}",
    "\"* * * * *\"",
    "\"CRITICAL\"",
    "\"failed\"",
    "[{\"type\":\"A\"}]",
    "1e5",
    "18446744073709551615",
    "nonsense",
    "\"",
    "[",
    "{\"a\":",
];

fn pick<'a>(random: &mut SmallRng, words: &'a [&'a str]) -> &'a str {
    words.choose(random).copied().unwrap_or_default()
}

/// A body with some of these members and arbitrary values.
fn body(random: &mut SmallRng, members: &[&str]) -> String {
    if random.random_bool(0.1) {
        return pick(random, VALUES).to_owned();
    }
    let count = random.random_range(0..6);
    let members: Vec<String> = (0..count)
        .map(|_| format!("\"{}\":{}", pick(random, members), pick(random, VALUES)))
        .collect();
    let object = format!("{{{}}}", members.join(","));
    match random.random_range(0..6) {
        0 => format!("[{object},{object}]"),
        1 => format!("{{\"jobs\":[{object}]}}"),
        2 => format!("{{\"type\":\"A\",\"cronExpression\":\"* * * * *\",{}", &object[1..]),
        _ => object,
    }
}

async fn assert_refused(client: &Client, request: reqwest::RequestBuilder, what: &str) {
    let response = client.send(request).await;
    assert!(
        !response.status.is_server_error(),
        "{what}: {} {}",
        response.status,
        response.text
    );
}

/// The paths of the API with their methods, and the names of all members of bodies.
async fn described(client: &Client) -> (Vec<(Method, String)>, Vec<String>) {
    let document = client.get("/openapi.json").await.json();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            if let Ok(method) = method.to_uppercase().parse() {
                routes.push((method, path.clone()));
            }
        }
    }
    let mut names = Vec::new();
    for schema in document["components"]["schemas"].as_object().expect("schemas").values() {
        names.extend(
            schema["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone()),
        );
    }
    (routes, names)
}

#[tokio::test]
async fn no_rubbish_over_rest_is_a_fault_of_the_server() {
    let (_site, server) = Server::with_config("[job_types.A]\nhandler = \"noop\"\n");
    let client = server.client();
    let (routes, names) = described(&client).await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let queries = [
        "limit", "offset", "after", "status", "from", "to", "search", "timeZone", "type", "queue", "x", "period",
    ];
    let headers = [
        "if-match",
        "idempotency-key",
        "traceparent",
        "baggage",
        "x-forwarded-for",
        "origin",
        "content-type",
        "accept",
    ];
    let random = &mut SmallRng::seed_from_u64(1);
    let end = Instant::now() + TIME;
    let mut job = client.create_of_type("A").await;
    for number in 0..REQUESTS {
        if Instant::now() > end {
            break;
        }
        // Some requests delete the job.
        if number % 100 == 99 {
            job = client.create_of_type("A").await;
        }
        let ids = [
            &*job,
            "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55",
            "default",
            "0",
            "%00",
            "..%2f",
            "ä",
            "1",
            "%F0%9F%98%80",
            "a%20b",
        ];
        let (method, path) = routes.choose(random).cloned().expect("a route");
        // A lease may wait, and readiness may be negative.
        if path.contains("lease") || path.ends_with("readyz") {
            continue;
        }
        let mut address = String::new();
        for part in path.split_inclusive('/') {
            match part.trim_end_matches('/').starts_with('{') {
                true => address.push_str(&part.replace(part.trim_end_matches('/'), pick(random, &ids))),
                false => address.push_str(part),
            }
        }
        let mut separator = '?';
        while random.random_bool(0.3) {
            let value = pick(random, VALUES)
                .trim_matches('"')
                .replace(['#', '\\', '\u{202e}', '{', '}', '[', ']', '"'], "%25");
            address.push_str(&format!("{separator}{}={value}", pick(random, &queries)));
            separator = '&';
        }
        let mut request = client.at_root(method.clone(), &address.replace(' ', "+"));
        if random.random_bool(0.3) {
            let value = pick(random, VALUES).replace('\u{202e}', "ä");
            request = request.header(pick(random, &headers), value);
        }
        let sent = body(random, &names);
        if method != Method::GET {
            request = request.header("content-type", "application/json").body(sent.clone());
        }
        assert_refused(&client, request, &format!("{number}: {method} {address} {sent}")).await;
    }
    assert_eq!(client.get("/queues").await.status, StatusCode::OK);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// A GraphQL document, mostly with mistakes.
fn document(random: &mut SmallRng, words: &[&str], depth: usize) -> String {
    let mut text = String::from("{");
    for _ in 0..random.random_range(1..4) {
        let field = pick(random, words);
        match random.random_range(0..9) {
            0 => text.push_str(&format!(" a{}: {field}", random.random_range(0..3))),
            1 => text.push_str(&format!(" {field}({}: {})", pick(random, words), pick(random, VALUES))),
            2 => text.push_str(" ...f"),
            3 => text.push_str(&format!(" ... on {}", pick(random, words))),
            4 => text.push_str(&format!(
                " {field} @{}(if: {})",
                pick(random, words),
                pick(random, VALUES)
            )),
            5 => text.push_str(&format!(
                " {field}(input: {{{}: {}}})",
                pick(random, words),
                pick(random, VALUES)
            )),
            _ => text.push_str(&format!(" {field}")),
        }
        if depth > 0 && random.random_bool(0.7) {
            text.push_str(&document(random, words, depth - 1));
        }
    }
    if random.random_bool(0.97) {
        text.push('}');
    }
    text
}

#[tokio::test]
async fn no_rubbish_over_graphql_is_a_fault_of_the_server() {
    let (_site, server) = Server::with_config("[job_types.A]\nhandler = \"noop\"\n");
    let client = server.client();
    let schema = include_str!("../../../schema.graphql");
    let words: Vec<&str> = schema
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|word| {
            word.len() > 1 && !word.starts_with(|first: char| first.is_ascii_digit()) && !word.contains("lease")
        })
        .chain(["__schema", "__type", "__typename", "skip", "include"])
        .collect();
    let random = &mut SmallRng::seed_from_u64(2);
    let rubbish = proptest::string::string_regex("[ -~]{0,60}|\\PC{0,30}").expect("an expression");
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    let end = Instant::now() + TIME;
    for number in 0..REQUESTS {
        if Instant::now() > end {
            break;
        }
        let query = match random.random_range(0..10) {
            0 => rubbish.new_tree(&mut runner).expect("a text").current(),
            1 => format!(
                "query($a: {}! = {}) {}",
                pick(random, &words),
                pick(random, VALUES),
                document(random, &words, 3)
            ),
            2 => format!("mutation {}", document(random, &words, 2)),
            3 => format!(
                "{} fragment f on {} {}",
                document(random, &words, 2),
                pick(random, &words),
                document(random, &words, 2)
            ),
            _ => document(random, &words, 4),
        };
        let query = serde_json::to_string(&query).expect("text");
        let variables = if random.random_bool(0.5) { "{\"a\":" } else { "[" };
        let close = if variables == "[" { "]" } else { "}" };
        let one = match random.random_range(0..4) {
            0 => format!(
                "{{\"query\":{query},\"variables\":{variables}{}{close}}}",
                pick(random, VALUES)
            ),
            1 => format!("{{\"query\":{query},\"operationName\":{}}}", pick(random, VALUES)),
            2 => format!(
                "{{\"query\":{query},\"extensions\":{{\"persistedQuery\":{}}}}}",
                pick(random, VALUES)
            ),
            _ => format!("{{\"query\":{query}}}"),
        };
        let body = if random.random_bool(0.1) {
            format!("[{one},{one}]")
        } else {
            one
        };
        let request = client
            .at_root(Method::POST, "/graphql")
            .header("content-type", "application/json");
        assert_refused(&client, request.body(body.clone()), &format!("{number}: {body}")).await;
    }
    let alive = client
        .graphql(&serde_json::json!({"query": "{ queues { name } }"}))
        .await;
    assert!(alive.get("errors").is_none_or(Value::is_null), "{alive}");
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
