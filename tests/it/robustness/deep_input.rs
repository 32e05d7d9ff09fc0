//! Input that is nested deeper than a thread's stack: the server rejects it and continues.

use reqwest::Method;
use serde_json::{Value, json};

use crate::graphql::socket::Socket;
use crate::harness::client::Client;
use crate::harness::server::Server;

/// Levels of selections that a document may nest, with its fragments inlined.
const LEVELS_MAX: usize = 128;

/// A document of this many levels of fragments on a type: a row of definitions, each with `nested` inline fragments.
fn fragments(on: &str, levels: usize, nested: usize) -> String {
    let mut document = String::new();
    let mut left = levels;
    for index in 0.. {
        let own = left.min(nested + 1);
        left -= own;
        let inner = if left > 0 {
            format!("...f{}", index + 1)
        } else {
            "__typename".to_owned()
        };
        let (open, close) = ("...{".repeat(own - 1), "}".repeat(own - 1));
        document.push_str(&format!("fragment f{index} on {on}{{{open}{inner}{close}}}"));
        if left == 0 {
            return document;
        }
    }
    document
}

/// The code and the message of the error of a GraphQL request.
async fn rejected(client: &Client, body: Value) -> (String, String) {
    let request = client.at_root(Method::POST, "/graphql").json(&body);
    let response = client.send(request).await.json();
    let error = &response["errors"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&error["extensions"]["code"]), text(&error["message"]))
}

#[tokio::test]
async fn a_document_is_rejected_beyond_128_levels_across_its_fragments() {
    for config in ["", "[graphql]\nmax_query_size = \"1MiB\"\nmax_body = \"2MiB\"\n"] {
        let (_site, server) = Server::with_config(config);
        let client = server.client();
        let levels_max = if config.is_empty() { 7_000 } else { 150_000 };
        for (levels, nested) in [(LEVELS_MAX, 0), (1_000, 0), (levels_max, 50)] {
            for on in ["Query", "A"] {
                let fragments = fragments(on, levels, nested);
                for operation in [
                    "{...f0}",
                    "query($v: Int) {...f0}",
                    "mutation{...f0}",
                    "subscription{...f0}",
                    "{jobs{nodes{...f0}}}",
                    "{__typename} fragment f on A {...f0}",
                ] {
                    let query = format!("{operation}{fragments}");
                    let (code, message) = rejected(&client, json!({ "query": query })).await;
                    let is_unused = operation.contains("fragment");
                    let expected = if is_unused { "validation" } else { "too-large" };
                    assert_eq!(code, expected, "{levels} levels, {operation}: {message}");
                }
            }
        }
        let unused = format!("{{__typename}}{}", fragments("Query", levels_max, 50));
        let rejection = rejected(&client, json!({ "query": unused })).await;
        let expected = ("validation".to_owned(), "Fragment \"f0\" is never used".to_owned());
        assert_eq!(rejection, expected);
    }
}

#[tokio::test]
async fn a_document_within_128_levels_fits_the_stack() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for nested in [0, 1, 50] {
        for (operation, on) in [
            (
                "query($v: Boolean = true){queues @include(if: $v) {__typename} ...f0}",
                "Query",
            ),
            ("mutation{...f0}", "Mutation"),
        ] {
            let query = |levels: usize| json!({ "query": format!("{operation}{}", fragments(on, levels - 1, nested)) });
            // The library executes 33 levels.
            let request = client.at_root(Method::POST, "/graphql").json(&query(33));
            let response = client.send(request).await.json();
            assert_eq!(response["data"]["__typename"], on, "{nested} nested: {response}");
            let (code, message) = rejected(&client, query(LEVELS_MAX)).await;
            assert_eq!(code, "validation", "{nested} nested: {message}");
        }
    }
}

#[tokio::test]
async fn values_of_any_depth_are_rejected_or_stored() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let post = async |body: String| {
        let request = client.at_root(Method::POST, "/graphql");
        let request = request.header("content-type", "application/json").body(body);
        client.send(request).await.json()
    };
    for value in [deep("[", "]"), deep("{\"a\":", "}")] {
        for (definition, argument) in [
            (
                "JSON",
                "scheduleJob(input: {type: \\\"A\\\", parameters: $v}) { job { id } }",
            ),
            ("ScheduleJobInput!", "scheduleJob(input: $v) { job { id } }"),
            ("[ScheduleJobInput!]!", "scheduleJobs(jobs: $v) { created }"),
            (
                "[[[[[[[[JSON]]]]]]]]",
                "scheduleJob(input: {type: \\\"A\\\", parameters: $v}) { job { id } }",
            ),
        ] {
            let query = format!("mutation($v: {definition}) {{ {argument} }}");
            let body = format!("{{\"query\": \"{query}\", \"variables\": {{\"v\": {value}}}}}");
            let response = post(body).await;
            assert!(response["errors"][0]["message"].is_string(), "{definition}: {response}");
        }
        for member in ["variables", "extensions", "operationName", "query", "unknown"] {
            let body = format!("{{\"query\": \"{{ __typename }}\", \"{member}\": {value}}}");
            post(body).await;
        }
        post(value.clone()).await;
    }
    let mut socket = Socket::connected_at(&server.url).await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let value = format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
        let payload = format!("{{\"query\": \"{{ __typename }}\", \"variables\": {{\"v\": {value}}}}}");
        let message = format!("{{\"type\": \"subscribe\", \"id\": \"1\", \"payload\": {payload}}}");
        socket.say_text(message).await;
        socket.expect_message("next").await;
        socket.expect_message("complete").await;
    }
    let types = format!(
        "query($v: {}Int{}) {{ __typename }}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    assert_eq!(rejected(&client, json!({ "query": types })).await.0, "too-large");
    let directive = format!("{{ __typename @skip(if: {}) }}", "[".repeat(20_000));
    assert_eq!(rejected(&client, json!({ "query": directive })).await.0, "too-large");
    assert_eq!(
        post("{\"query\": \"{ __typename }\"}".to_owned()).await["data"]["__typename"],
        "Query"
    );
}
