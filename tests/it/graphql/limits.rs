//! Cost limits of GraphQL operations, and GraphQL over HTTP beyond the audits.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{data_of, execute, refused};
use crate::harness::client::{ApiResponse, Client};
use crate::harness::server::Server;

const BOTH: &str = "application/graphql-response+json, application/json;q=0.9";

/// Posts any body.
async fn post(client: &Client, body: impl ToString, accept: &str) -> ApiResponse {
    let request = client.at_root(Method::POST, "/graphql");
    let request = request
        .header("content-type", "application/json")
        .header("accept", accept);
    client.send(request.body(body.to_string())).await
}

fn code(response: &ApiResponse) -> Value {
    response.json()["errors"][0]["extensions"]["code"].clone()
}

#[tokio::test]
async fn a_request_beyond_the_cost_limit_is_rejected_before_it_is_executed() {
    let config =
        "[graphql]\nmax_depth = 6\nmax_complexity = 200\nmax_aliases = 3\nmax_batch = 2\nmax_query_size = \"2KiB\"\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    for (query, allowed) in [
        (
            "{ jobs(first: 5) { edges { node { attempts { number node { x { y } } } } } } }".to_owned(),
            json!(6),
        ),
        (
            "{ jobs(first: 100) { nodes { id name status } } }".to_owned(),
            json!(200),
        ),
        (
            "query($n: Int = 100) { jobs(first: $n) { nodes { id name status } } }".to_owned(),
            json!(200),
        ),
        (
            "{ a: __typename b: __typename c: __typename d: __typename }".to_owned(),
            json!(3),
        ),
        (format!("{{ __typename }} #{}", "x".repeat(3_000)), json!(2_048)),
        (format!("{{ job(id: {}) }}", "[".repeat(100)), json!(64)),
    ] {
        let error = refused(&client, &query).await;
        assert_eq!(error["extensions"]["code"], "too-large", "{query}: {error}");
        assert_eq!(error["extensions"]["allowed"], allowed, "{query}: {error}");
    }
    data_of(&client, "{ jobs(first: 10) { nodes { id name status } } }").await;
    let one = json!({"query": "{ __typename }"});
    let batch = post(&client, json!([one, {"query": "{ nonsense }"}]), "application/json").await;
    assert_eq!(batch.status, StatusCode::OK);
    let responses = batch.json();
    assert_eq!(responses[0], json!({"data": {"__typename": "Query"}}));
    assert_eq!(responses[1]["errors"][0]["extensions"]["code"], "validation");
    for wrong in [json!([one, one, one]), json!([])] {
        let response = post(&client, wrong, "application/json").await;
        assert_eq!(
            (response.status, code(&response)),
            (StatusCode::BAD_REQUEST, json!("validation"))
        );
    }
}

#[tokio::test]
async fn identical_selections_are_one_and_type_names_count() {
    let config = "[graphql]\nmax_complexity = 200\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    // 300 and 500 values as they are written, 100 as they are executed.
    for once in [
        "{ jobs(first: 100) { nodes { id, id id } } }".to_owned(),
        format!(
            "{{ jobs(first: 100) {{ nodes {{ {} }} }} }}",
            "__typename ".repeat(5_000)
        ),
        "{ jobs(first: 50) { nodes { ...f ...f ...f ... { id id } } } } fragment f on Job { id }".to_owned(),
    ] {
        assert_eq!(data_of(&client, &once).await, json!({"jobs": {"nodes": []}}), "{once}");
    }
    let fragments = (0..5).map(|index| format!("fragment f{index} on Job {{ __typename }} "));
    let spreads = (0..5).map(|index| format!("...f{index} "));
    let distinct = format!(
        "{{ jobs(first: 100) {{ nodes {{ {} }} }} }} {}",
        spreads.collect::<String>(),
        fragments.collect::<String>()
    );
    for costly in [
        distinct,
        "{ jobs(first: 100) { nodes { id a: __typename b: __typename } } }".to_owned(),
        "query($n: Int = 100) { jobs(first: $n) { nodes { __typename ... { __typename } ... on Job { __typename } } } }"
            .to_owned(),
    ] {
        let error = refused(&client, &costly).await;
        assert_eq!(error["extensions"]["code"], "too-large", "{costly}: {error}");
        assert_eq!(error["extensions"]["allowed"], 200, "{costly}: {error}");
    }
}

#[tokio::test]
async fn the_timeout_holds_for_a_batch() {
    let (_site, server) = Server::with_config("[graphql]\ntimeout = \"00:00:02\"\n");
    let client = server.client();
    let register = "mutation { registerWorker(input: {name: \"w\", types: [\"A\"]}) { id } }";
    let worker = data_of(&client, register).await["registerWorker"]["id"].clone();
    let wait = format!("mutation {{ leaseJobs(workerId: {worker}, wait: \"00:00:20\") {{ jobId }} }}");
    let started = Instant::now();
    let response = post(&client, json!(vec![json!({ "query": wait }); 10]), "application/json").await;
    let elapsed = started.elapsed();
    assert_eq!(response.json().as_array().map(Vec::len), Some(10), "{}", response.text);
    // Each of them waits for half of the remaining time; each for itself would wait for a second.
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
}

#[tokio::test]
async fn the_clients_introspection_is_within_the_limits_and_can_be_switched_off() {
    let introspection = "query { __schema { queryType { name } types { ...T fields(includeDeprecated: true) { args { type { ...R } } type { ...R } } } } }
        fragment T on __Type { kind name description interfaces { ...R } possibleTypes { ...R } }
        fragment R on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";
    let (_site, server) = Server::with_config("");
    let schema = data_of(&server.client(), introspection).await;
    assert!(
        schema["__schema"]["types"]
            .as_array()
            .is_some_and(|types| types.len() > 40)
    );
    let (_site, server) = Server::with_config("[graphql]\nintrospection = false\n");
    let hidden = execute(&server.client(), introspection, json!({})).await;
    assert_eq!(
        hidden["errors"][0]["message"], "introspection is off; set [graphql] introspection = true",
        "{hidden}"
    );
    assert_eq!(
        data_of(&server.client(), "{ __typename }").await,
        json!({"__typename": "Query"})
    );
}

#[tokio::test]
async fn a_persisted_query_is_found_by_its_hash() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let query = "{ queues { name } }";
    let hash: String = digest(&SHA256, query.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": hash}});
    let unknown = post(&client, json!({ "extensions": extensions }), "application/json").await;
    assert_eq!(unknown.status, StatusCode::OK);
    assert_eq!(unknown.json()["errors"][0]["message"], "PersistedQueryNotFound");
    assert_eq!(code(&unknown), "PERSISTED_QUERY_NOT_FOUND");
    let other = post(
        &client,
        json!({"query": "{ __typename }", "extensions": extensions}),
        "application/json",
    )
    .await;
    assert_eq!(
        other.json()["errors"][0]["message"],
        "provided sha does not match query"
    );
    let stored = post(
        &client,
        json!({"query": query, "extensions": extensions}),
        "application/json",
    )
    .await;
    assert_eq!(stored.json()["data"]["queues"][0]["name"], "default");
    let request = client
        .at_root(Method::GET, "/graphql")
        .header("apollo-require-preflight", "1")
        .query(&[("extensions", extensions.to_string())]);
    let known = client.send(request).await;
    assert_eq!((known.status, known.json()), (StatusCode::OK, stored.json()));
}

#[tokio::test]
async fn get_executes_queries_only() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let get = async |parameters: &[(&str, &str)]| {
        let request = client.at_root(Method::GET, "/graphql").query(parameters);
        client.send(request.header("x-requested-with", "XMLHttpRequest")).await
    };
    let query = "query A($n: String!) { queue(name: $n) { name } } query B { __typename }";
    let read = get(&[
        ("query", query),
        ("operationName", "A"),
        ("variables", "{\"n\": \"default\"}"),
    ])
    .await;
    assert_eq!(read.json(), json!({"data": {"queue": {"name": "default"}}}));
    let which = get(&[("query", query)]).await;
    assert_eq!(which.json()["errors"][0]["extensions"]["field"], "operationName");
    let wrong = get(&[("query", query), ("variables", "[1]")]).await;
    assert_eq!(
        (wrong.status, &wrong.json()["errors"][0]["extensions"]["field"]),
        (StatusCode::BAD_REQUEST, &json!("variables"))
    );
    let change = get(&[("query", "mutation { pauseQueue(name: \"default\") { name } }")]).await;
    assert_eq!(
        (change.status, change.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, Some("POST"))
    );
    assert_eq!(client.queue("default").await["status"], "running");
    let put = client.send(client.at_root(Method::PUT, "/graphql")).await;
    assert_eq!(
        (put.status, put.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD, POST, OPTIONS"))
    );
}

#[tokio::test]
async fn a_get_that_any_web_page_can_cause_is_rejected() {
    let (_site, server) = Server::with_config("[server]\ncors_origins = [\"https://app.example\"]\n");
    let client = server.client();
    let get = async |headers: &[(&str, &str)]| {
        let mut request = client
            .at_root(Method::GET, "/graphql")
            .query(&[("query", "{ __typename }")]);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        client.send(request).await
    };
    for headers in [
        &[][..],
        &[("sec-fetch-site", "")],
        &[("apollo-require-preflight", "")],
        &[("x-requested-with", " ")],
    ] {
        let refused = get(headers).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{headers:?}");
        let message = refused.json()["errors"][0]["message"].to_string();
        for name in ["apollo-require-preflight", "x-requested-with", "Sec-Fetch-Site"] {
            assert!(message.contains(name), "{message}");
        }
    }
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("sec-fetch-site", "cross-site"), ("cookie", "a=b")],
        &[("sec-fetch-site", "cross-site"), ("x-requested-with", "XMLHttpRequest")],
        &[
            ("referer", "https://evil.example/"),
            ("accept", "image/avif,image/webp,*/*;q=0.8"),
        ],
    ] {
        assert_eq!(get(headers).await.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    for headers in [
        &[("apollo-require-preflight", "true")][..],
        &[("x-requested-with", "XMLHttpRequest")],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://app.example"), ("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(get(headers).await.status, StatusCode::OK, "{headers:?}");
    }
    // The same rule applies to event streams.
    let events = get(&[("accept", "text/event-stream")]).await;
    assert_eq!(events.status, StatusCode::BAD_REQUEST);
    // Forms, which any page can post, are not accepted.
    for form in [
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "text/plain",
    ] {
        let request = client.at_root(Method::POST, "/graphql").header("content-type", form);
        let refused = client.send(request.body("{\"query\":\"{ __typename }\"}")).await;
        assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{form}");
    }
}

#[tokio::test]
async fn the_status_reports_the_outcome_to_clients_that_accept_it() {
    let (_site, server) = Server::with_config("[graphql]\nmax_body = \"4KiB\"\n");
    let client = server.client();
    for (body, status, expected) in [
        (json!({"query": "{ nonsense }"}), 400, "validation"),
        (json!({"query": "{"}), 400, "malformed"),
        (
            json!({"query": "query($n: Int!) { jobs(first: $n) { totalCount } }", "variables": {"n": "x"}}),
            400,
            "validation",
        ),
        (json!({"query": "{ job(id: \"x\") { id } }"}), 200, "validation"),
        (
            json!({"query": "subscription { metricsUpdated { totalJobs } }"}),
            400,
            "validation",
        ),
        (json!({"query": "x".repeat(5_000)}), 413, "too-large"),
    ] {
        let response = post(&client, &body, BOTH).await;
        assert_eq!(
            (response.status.as_u16(), code(&response)),
            (status, json!(expected)),
            "{}",
            response.text
        );
        assert_eq!(
            response.header("content-type"),
            Some("application/graphql-response+json; charset=utf-8")
        );
        let has_data = response
            .json()
            .as_object()
            .is_some_and(|object| object.contains_key("data"));
        assert_eq!(has_data, status == 200, "{}", response.text);
    }
    let unreadable = post(&client, "{\"query\": ", BOTH).await;
    assert_eq!(
        (unreadable.status.as_u16(), code(&unreadable)),
        (400, json!("malformed"))
    );
    let html = post(&client, json!({"query": "{ __typename }"}), "text/html").await;
    assert_eq!((html.status.as_u16(), code(&html)), (406, json!("not-acceptable")));
    let text = client
        .at_root(Method::POST, "/graphql")
        .header("content-type", "text/plain")
        .body("{\"query\": \"{ __typename }\"}");
    let text = client.send(text).await;
    assert_eq!(
        (text.status.as_u16(), code(&text)),
        (415, json!("unsupported-media-type"))
    );
    let foreign = client
        .at_root(Method::POST, "/graphql")
        .header("origin", "https://evil.example");
    let foreign = client.send(foreign.json(&json!({"query": "{ __typename }"}))).await;
    assert_eq!((foreign.status.as_u16(), code(&foreign)), (403, json!("forbidden")));
}

#[tokio::test]
async fn without_graphql_there_is_nothing_at_its_path() {
    let (_site, server) = Server::with_config("[graphql]\nenable = false\n");
    let client = server.client();
    post(&client, json!({"query": "{ __typename }"}), BOTH)
        .await
        .problem(404);
}
