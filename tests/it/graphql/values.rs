//! Values in GraphQL: JSON keeps its text, and other values have exact types.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::socket::Socket;
use super::{NOOP, data_of, execute, refused};
use crate::harness::client::Client;
use crate::harness::receiver::Receiver;
use crate::harness::server::{Server, Site, Storage};

/// JSON that programs commonly change when they parse and write it.
const TEXTS: [&str; 14] = [
    r#"{"s":"\ud83d"}"#,
    r#"{"s":"\ude00x","t":["\ud83d\ude00","\u0000"]}"#,
    r#"{"a":1e400}"#,
    r#"{"a":-1E+400,"b":1e-400}"#,
    "18446744073709551616",
    r#"{"n":18446744073709551616,"m":-9223372036854775809}"#,
    r#"{"a":1,"a":2,"a":{"b":1,"b":2}}"#,
    r#"{"z":1,"a":2,"m":-0,"f":-0.0,"one":1.0,"o":1}"#,
    "0.1000000000000000055511151231257827021181583404541015625",
    r#"[1.10,1E5,1e5,100000.0,12345678901234567890.12345678901234567890]"#,
    "[ 1 ,\n\t{ \"a\" : null }\r\n]",
    r#"{"é":"é\/\u00e9","":[]}"#,
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    "\"text\"",
];

async fn post(client: &Client, body: String) -> String {
    let request = client.at_root(Method::POST, "/graphql");
    let response = client
        .send(request.header("content-type", "application/json").body(body))
        .await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    response.text
}

async fn post_rest(client: &Client, path: &str, body: String) -> Value {
    let request = client
        .request(Method::POST, path)
        .header("content-type", "application/json");
    let response = client.send(request.body(body)).await;
    assert!(response.status.is_success(), "{}", response.text);
    // Its content may exceed what this program can parse.
    let id = response
        .text
        .split("\"id\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    json!({ "id": id })
}

/// The text of a member of a response, up to this following text.
fn text_of<'a>(response: &'a str, name: &str, end: &str) -> &'a str {
    let start = response.find(&format!("\"{name}\":")).expect("the member") + name.len() + 3;
    let rest = &response[start..];
    &rest[..rest.find(end).expect("its end")]
}

#[tokio::test]
async fn json_is_returned_byte_for_byte_in_every_field() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let worker = data_of(
        &client,
        "mutation { registerWorker(input: {name: \"w\", types: [\"Remote\"]}) { id } }",
    )
    .await;
    let worker = worker["registerWorker"]["id"].as_str().expect("an id").to_owned();
    let lease = json!({ "query": format!("mutation {{ leaseJobs(workerId: \"{worker}\") {{ jobId leaseToken parameters end: attempt }} }}") });
    for text in TEXTS {
        let body = format!("{{\"type\":\"Remote\",\"parameters\":{text}}}");
        let job = post_rest(&client, "/jobs", body).await;
        let id = job["id"].as_str().expect("an id");
        let read =
            json!({ "query": format!("{{ job(id: \"{id}\") {{ parameters result end: attempt }} }}") }).to_string();
        assert_eq!(
            text_of(&post(&client, read.clone()).await, "parameters", ",\"result\""),
            text,
            "job"
        );
        let leased = post(&client, lease.to_string()).await;
        assert_eq!(text_of(&leased, "parameters", ",\"end\""), text, "leaseJobs");
        let token = text_of(&leased, "leaseToken", ",").to_owned();
        let complete = format!(
            "{{\"query\":\"mutation($w: ID!, $jobs: [CompletedJobInput!]!) {{ completeJobs(workerId: $w, jobs: $jobs) {{ stored }} }}\",\
             \"variables\":{{\"w\":\"{worker}\",\"jobs\":[{{\"jobId\":\"{id}\",\"leaseToken\":{token},\"result\":{text}}}]}}}}"
        );
        let stored = post(&client, complete).await;
        assert!(stored.contains("{\"stored\":1}"), "{text}: {stored}");
        let response = post(&client, read).await;
        assert_eq!(text_of(&response, "result", ",\"end\""), text, "result");
        let rest = client.get(&format!("/jobs/{id}")).await.text;
        assert_eq!(text_of(&rest, "result", ",\"error\""), text, "result in REST");
    }
}

#[tokio::test]
async fn json_of_variables_is_kept_byte_for_byte() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    for text in TEXTS {
        for (query, variables) in [
            (
                "mutation($input: ScheduleJobInput!) { scheduleJob(input: $input) { job { id parameters end: attempt } } }",
                format!("{{\"input\":{{\"type\":\"Other\",\"parameters\":{text}}}}}"),
            ),
            (
                "mutation($p: JSON) { scheduleJob(input: {type: \\\"Other\\\", parameters: $p}) { job { id parameters end: attempt } } }",
                format!("{{\"p\":{text},\"unknown\":1e400}}"),
            ),
            (
                "mutation($input: [ScheduleJobInput!]!) { scheduleJobs(inputs: $input) { jobs { job { id parameters end: attempt } } } }",
                format!("{{\"input\":{{\"type\":\"Other\",\"parameters\":{text}}}}}"),
            ),
        ] {
            let response = post(&client, format!("{{\"query\":\"{query}\",\"variables\":{variables}}}")).await;
            assert!(!response.contains("\"errors\""), "{query} {text}: {response}");
            assert_eq!(text_of(&response, "parameters", ",\"end\""), text, "{query}");
            let id = text_of(&response, "id", ",").trim_matches('"').to_owned();
            let rest = client.get(&format!("/jobs/{id}")).await.text;
            assert_eq!(text_of(&rest, "parameters", ",\"result\""), text, "{query}");
        }
    }
    // Also within a literal.
    let query = "mutation($p: JSON, $n: Int) { scheduleJob(input: {type: \\\"Other\\\", parameters: {p: [$p], n: $n}}) { job { parameters end: attempt } } }";
    let body = format!(
        "{{\"query\":\"{query}\",\"variables\":{{\"p\":{},\"n\":3.0}}}}",
        TEXTS[0]
    );
    let response = post(&client, body).await;
    assert_eq!(
        text_of(&response, "parameters", ",\"end\""),
        r#"{"p":[{"s":"\ud83d"}],"n":3}"#
    );
}

#[tokio::test]
async fn numbers_and_strings_of_literals_keep_their_text() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    for (literal, expected) in [
        ("18446744073709551616", "18446744073709551616"),
        (
            "{a: 1e400, b: -0, c: [1.0, 1, 1.50]}",
            r#"{"a":1e400,"b":-0,"c":[1.0,1,1.50]}"#,
        ),
        (
            "0.1000000000000000055511151231257827",
            "0.1000000000000000055511151231257827",
        ),
        (
            r#"{s: "\u{1F600}\ud83d\ude00", t: """block "x" """}"#,
            r#"{"s":"😀😀","t":"block \"x\" "}"#,
        ),
    ] {
        let query = format!(
            "mutation {{ scheduleJob(input: {{type: \"Other\", parameters: {literal}}}) {{ job {{ parameters end: attempt }} }} }}"
        );
        let response = post(&client, json!({ "query": query }).to_string()).await;
        assert_eq!(
            text_of(&response, "parameters", ",\"end\""),
            expected,
            "{literal}: {response}"
        );
    }
    let lone = refused(
        &client,
        r#"mutation { scheduleJob(input: {type: "A\ud83d"}) { isNew } }"#,
    )
    .await;
    assert_eq!(lone["extensions"]["code"], "malformed", "{lone}");
}

#[tokio::test]
async fn json_is_returned_byte_for_byte_in_events_and_recurring_jobs() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let mut socket = Socket::connected_at(&server.url).await;
    for text in [TEXTS[0], TEXTS[2], TEXTS[6], TEXTS[10]] {
        let body = format!("{{\"type\":\"Other\",\"parameters\":{text}}}");
        let job = post_rest(&client, "/jobs", body).await;
        let id = job["id"].as_str().expect("an id");
        let query = format!("subscription {{ job(id: \"{id}\") {{ parameters end: attempt }} }}");
        socket.subscribe(id, &query).await;
        let message = socket.next_text().await;
        assert_eq!(text_of(&message, "parameters", ",\"end\""), text);
        let request = client.at_root(Method::GET, "/graphql").query(&[("query", &query)]);
        let mut stream = request
            .header("x-requested-with", "test")
            .header("accept", "text/event-stream")
            .send()
            .await
            .expect("a response");
        let mut events = String::new();
        while !events.contains("event: next") || !events.ends_with("\n\n") {
            let chunk = stream.chunk().await.expect("a part").expect("more of the stream");
            events.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
        let event = events
            .split("event: next\n")
            .nth(1)
            .and_then(|event| event.split("\n\n").next());
        let lines = event
            .expect("an event")
            .split('\n')
            .map(|line| line.strip_prefix("data: ").expect("data"));
        let data = lines.collect::<Vec<_>>().join("\n");
        // Line ends are equivalent in JSON.
        assert_eq!(text_of(&data, "parameters", ",\"end\""), text.replace('\r', ""));
        let body = format!("{{\"type\":\"Other\",\"cronExpression\":\"0 2 * * *\",\"parameters\":{text}}}");
        let id = post_rest(&client, "/jobs/recurring", body).await["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let query = format!("{{ recurringJob(id: \"{id}\") {{ parameters end: revision }} }}");
        let response = post(&client, json!({ "query": query }).to_string()).await;
        assert_eq!(text_of(&response, "parameters", ",\"end\""), text);
    }
}

#[tokio::test]
async fn variables_are_coerced_to_their_types() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let jobs = "query($first: Int, $filter: JobFilterInput, $id: ID! = \"x\") { jobs(first: $first, filter: $filter) { totalCount } job(id: $id) { id } }";
    for variables in [
        json!({ "first": 3.0, "id": "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55" }),
        json!({ "first": null, "filter": null, "id": "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55" }),
        json!({ "filter": { "status": "FAILED" }, "id": "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55", "unknown": [] }),
    ] {
        let response = execute(&client, jobs, variables).await;
        assert!(response.get("errors").is_none(), "{response}");
    }
    for (variables, field) in [
        (r#"{"first": "3"}"#, "variables.first"),
        (r#"{"first": 3.5}"#, "variables.first"),
        (r#"{"first": true}"#, "variables.first"),
        (r#"{"first": 2147483648}"#, "variables.first"),
        (r#"{"first": 1e400}"#, "variables.first"),
        (r#"{"first": [1]}"#, "variables.first"),
        (r#"{"id": null}"#, "variables.id"),
        (r#"{"id": 1.5}"#, "variables.id"),
        (r#"{"id": {}}"#, "variables.id"),
        (r#"{"filter": []}"#, "variables.filter"),
        (r#"{"filter": "x"}"#, "variables.filter"),
        (r#"{"filter": {"unknown": 1}}"#, "variables.filter.unknown"),
        (r#"{"filter": {"status": ["failed"]}}"#, "variables.filter.status.0"),
        (r#"{"filter": {"status": [1]}}"#, "variables.filter.status.0"),
        (r#"{"filter": {"search": 1}}"#, "variables.filter.search"),
        (r#"{"filter": {"search": "\ud83d"}}"#, "variables.filter.search"),
        (r#"{"filter": {"search": "a", "search": "b"}}"#, "variables.filter"),
        (r#"{"first": 1, "first": 2}"#, "variables"),
    ] {
        let body = format!("{{\"query\":{},\"variables\":{variables}}}", json!(jobs));
        let response: Value = serde_json::from_str(&post(&client, body).await).expect("JSON");
        assert!(response.get("data").is_none(), "{variables}: {response}");
        let error = &response["errors"][0];
        assert_eq!(error["extensions"]["code"], "validation", "{variables}: {response}");
        assert_eq!(error["extensions"]["field"], field, "{variables}: {response}");
    }
    for variables in ["[]", "\"x\"", "3", "true"] {
        let request = client
            .at_root(Method::POST, "/graphql")
            .header("content-type", "application/json");
        let response = client
            .send(request.body(format!(
                "{{\"query\":\"{{ logLevel {{ level }} }}\",\"variables\":{variables}}}"
            )))
            .await;
        assert_eq!(
            response.status,
            StatusCode::BAD_REQUEST,
            "{variables}: {}",
            response.text
        );
    }
    let missing = execute(&client, "query($id: ID!) { job(id: $id) { id } }", json!({})).await;
    assert_eq!(missing["errors"][0]["extensions"]["field"], "variables.id", "{missing}");
}

#[tokio::test]
async fn literals_are_coerced_to_their_types() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    for query in [
        r#"{ jobs(filter: {status: ["FAILED"]}) { totalCount } }"#,
        r#"{ jobs(filter: {status: "FAILED"}) { totalCount } }"#,
        r#"{ jobs(filter: {status: [FAILED], status: [PENDING]}) { totalCount } }"#,
        r#"{ jobs(filter: "x") { totalCount } }"#,
        r#"{ jobs(first: 1.0) { totalCount } }"#,
        r#"{ jobs(first: 2147483648) { totalCount } }"#,
        r#"{ jobs(first: 18446744073709551616) { totalCount } }"#,
        r#"query($o: [JobStatus!] = ["FAILED"]) { jobs(filter: {status: $o}) { totalCount } }"#,
        r#"query($f: String) { jobs(first: $f) { totalCount } }"#,
        r#"query($s: String) { jobs(filter: {status: [$s]}) { totalCount } }"#,
        r#"mutation { scheduleJob(input: {type: "A", parameters: {a: 1, a: 2}}) { isNew } }"#,
        r#"mutation { scheduleJob(input: {type: "A", type: "B"}) { isNew } }"#,
        r#"mutation { scheduleJob(input: {type: "A", parameters: {a: [B]}}) { isNew } }"#,
        r#"query($s: String!) { jobs @include(if: $s) { totalCount } }"#,
        r#"mutation { scheduleJob(input: {type: "A", priority: "HIGH"}) { isNew } }"#,
        r#"fragment f on Query { jobs(filter: {status: "FAILED"}) { totalCount } } { ...f }"#,
    ] {
        let response = execute(&client, query, json!({})).await;
        assert!(response.get("data").is_none(), "{query}: {response}");
        assert_eq!(
            response["errors"][0]["extensions"]["code"], "validation",
            "{query}: {response}"
        );
        assert!(
            response["errors"][0]["locations"][0]["line"].is_u64(),
            "{query}: {response}"
        );
    }
    let data = data_of(&client, "{ jobs(filter: {status: FAILED}, first: 5) { totalCount } }").await;
    assert_eq!(data["jobs"]["totalCount"], 0);
}

#[tokio::test]
async fn bodies_of_webhooks_are_returned_byte_for_byte() {
    let receiver = Receiver::open().await;
    let config = format!(
        "{NOOP}[[webhooks.endpoints]]\nname = \"a\"\nurl = \"{}\"\nevents = [\"job.completed\"]\nsecret = \"webhook-secret-key\"\n",
        receiver.url()
    );
    let site = Site::new(Storage::Sqlite, &config);
    let server = site.start();
    let client = server.client();
    let endpoint = data_of(&client, "{ webhookEndpoints { id } }").await["webhookEndpoints"][0]["id"].clone();
    let body = format!("{{\"type\":\"NoopJob\",\"parameters\":{}}}", TEXTS[0]);
    post_rest(&client, "/jobs", body).await;
    let got = receiver.receive(1).await;
    let sent = String::from_utf8(got[0].body.to_vec()).expect("text");
    let query = format!("{{ webhookDeliveries(endpointId: {endpoint}) {{ nodes {{ body end: attempts }} }} }}");
    let response = post(&client, json!({ "query": query }).to_string()).await;
    let body = text_of(&response, "body", ",\"end\"");
    let unsigned = body.strip_suffix('}').expect("an object");
    assert!(sent.starts_with(unsigned), "{sent}\n{body}");
}
