//! Responses over REST, GraphQL and WebSockets.

use std::time::Instant;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Duration, timeout};

use super::{MB, connect, create_large_jobs, graphql, peak};
use crate::auth::KEYS;
use crate::graphql::socket::Socket;
use crate::harness::server::{Server, Site, Storage};
use crate::harness::{TIMEOUT, eventually};

/// A few hundred bytes that mean millions of values: the types of an interface, of which each has the interface.
fn nested_introspection() -> String {
    let nested = "interfaces { possibleTypes { ".repeat(6);
    format!("{{ __schema {{ types {{ {nested} name {} }} }} }}", "} }".repeat(6))
}

fn aliases(field: &str) -> String {
    (0..29).map(|number| format!("a{number}: {field} ")).collect()
}

fn assert_too_large(response: &Value, query: &str) {
    let error = &response["errors"][0];
    assert_eq!(error["extensions"]["code"], "too-large", "{query:.200}: {error}");
    assert_eq!(
        error["extensions"]["setting"], "graphql.max_response",
        "{query:.200}: {error}"
    );
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("graphql.max_response") && message.contains("fewer"),
        "{message}"
    );
    assert!(response.get("data").is_none_or(Value::is_null), "{query:.200}");
}

async fn answers_of_graphql_are_bounded_over(storage: Storage) {
    let site = Site::new(storage, "");
    let server = site.start();
    let client = server.client();
    create_large_jobs(&client, 60).await;
    let before = peak(&server);
    let id = client.get("/jobs?limit=1").await.json()["jobs"][0]["id"].clone();
    let id = id.as_str().expect("an id");
    let parameters = aliases("parameters");
    let introspection = nested_introspection();
    for query in [
        format!("{{ jobs(first: 30) {{ nodes {{ {parameters} }} }} }}"),
        format!("{{ jobs(first: 1) {{ nodes {{ {parameters} }} }} }}"),
        format!(
            "{{ jobs(first: 1) {{ edges {{ node {{ ...f }} }} }} }} fragment f on Job {{ ... {{ {parameters} }} }}"
        ),
        format!("{{ job(id: \"{id}\") {{ {parameters} }} }}"),
        format!("{{ node(id: \"{id}\") {{ ... on Job {{ {parameters} }} }} }}"),
        format!("{{ {} }}", aliases(&format!("job(id: \"{id}\") {{ parameters }}"))),
        "{ jobs(first: 60) { nodes { parameters } } }".to_owned(),
        introspection,
    ] {
        let response = graphql(&client, &json!({"query": query})).await;
        assert_eq!(response.status, StatusCode::OK);
        assert_too_large(&response.json(), &query);
    }
    // Unselected fields are not read.
    let small = graphql(
        &client,
        &json!({"query": "{ jobs(first: 60) { nodes { timeout uniqueKey result } } }"}),
    )
    .await;
    assert_eq!(small.json()["data"]["jobs"]["nodes"].as_array().map(Vec::len), Some(60));
    let fits = json!({"query": "{ jobs(first: 10) { nodes { parameters } } }"});
    let response = graphql(&client, &fits).await.json();
    let nodes = response["data"]["jobs"]["nodes"].as_array().expect("jobs");
    assert!(
        nodes
            .iter()
            .all(|job| job["parameters"].as_str().is_some_and(|text| text.len() == MB - 2))
    );
    // A batch has one budget.
    let batch = graphql(&client, &json!([fits, fits, {"query": "{ queues { name } }"}]))
        .await
        .json();
    assert!(batch[0]["data"]["jobs"]["nodes"].is_array());
    assert_too_large(&batch[1], "the second of a batch");
    assert_eq!(batch[2]["data"]["queues"][0]["name"], "default");
    // So has an operation over WebSocket, and each message of a subscription.
    let mut socket = Socket::connected_at(&server.url).await;
    let wide = format!("{{ jobs(first: 1) {{ nodes {{ {parameters} }} }} }}");
    socket
        .send_json(json!({"type": "subscribe", "id": "1", "payload": {"query": wide}}))
        .await;
    let refused: Value = serde_json::from_str(&socket.next_text().await).expect("JSON");
    assert_too_large(&json!({"errors": refused["payload"]}), "an operation over WebSocket");
    let wide = format!("subscription {{ job(id: \"{id}\") {{ {parameters} }} }}");
    socket
        .send_json(json!({"type": "subscribe", "id": "2", "payload": {"query": wide}}))
        .await;
    let refused: Value = serde_json::from_str(&socket.next_text().await).expect("JSON");
    assert_too_large(&json!({"errors": refused["payload"]}), "a message of a subscription");
    let grown = peak(&server) - before;
    assert!(grown < 250 * MB, "the server has grown by {} MB", grown / MB);
    assert_eq!(client.get("/queues").await.status, StatusCode::OK);
}

#[tokio::test]
async fn documents_of_running_operations_have_a_budget() {
    let setting = "graphql.max_document_memory";
    let (_site, server) = Server::with_config("[graphql]\nmax_document_memory = \"4MiB\"\n");
    let long = format!(
        "subscription {{ systemHealthAlert {{ status }} }} #{}",
        "x".repeat(30_000)
    );
    let mut socket = Socket::connected_at(&server.url).await;
    // A document counts 1.2 MB, and a caller has 2 MB.
    for id in ["1", "2"] {
        socket.subscribe(id, &long).await;
    }
    let error = socket.expect_message("error").await;
    assert_eq!(
        (&error["id"], &error["payload"][0]["extensions"]["code"]),
        (&json!("2"), &json!("busy")),
        "{error}"
    );
    let client = server.client();
    let send = async |accept: &str, body: &Value| {
        let request = client.at_root(Method::POST, "/graphql").header("accept", accept);
        client.send(request.json(body)).await
    };
    let query = json!({ "query": format!("{{ __typename }} #{}", "x".repeat(30_000)) });
    for (accept, body) in [
        ("text/event-stream", json!({ "query": long })),
        ("application/json", query.clone()),
        ("application/json", json!([query])),
    ] {
        let refused = send(accept, &body).await;
        assert_eq!(refused.status, 503, "{accept}: {}", refused.text);
        assert!(refused.text.contains(setting), "{}", refused.text);
    }
    let short = send("application/json", &json!({ "query": "{ __typename }" })).await;
    assert_eq!(short.json(), json!({ "data": { "__typename": "Query" } }));
    drop(socket);
    eventually("the document is dropped", || async {
        (send("application/json", &query).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn graphql_responses_are_bounded_while_they_are_built_on_sqlite() {
    answers_of_graphql_are_bounded_over(Storage::Sqlite).await;
}

#[tokio::test]
async fn graphql_responses_are_bounded_while_they_are_built_on_postgresql() {
    answers_of_graphql_are_bounded_over(Storage::Postgres).await;
}

#[tokio::test]
async fn lists_of_large_things_over_rest_are_bounded() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let parameters = "x".repeat(MB - 2);
    for _ in 0..20 {
        let body = json!({"type": "Unhandled", "cronExpression": "0 0 1 1 *", "parameters": parameters});
        let created = client.post("/jobs/recurring", body).await;
        assert_eq!(created.status, StatusCode::CREATED, "{:.300}", created.text);
    }
    let before = peak(&server);
    for _ in 0..5 {
        let problem = client.get("/jobs/recurring").await.problem(413);
        assert_eq!(problem["type"], "urn:tickerq:problem:answer-too-large");
        assert_eq!(problem["errors"][0]["parameter"], "limit");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(
            detail.contains("server.max_response") && detail.contains("limit"),
            "{detail}"
        );
    }
    let page = client.get("/jobs/recurring?limit=5").await.json();
    assert_eq!(page["recurringJobs"].as_array().map(Vec::len), Some(5));
    assert_eq!(page["recurringJobs"][4]["parameters"], parameters);
    let query = "{ recurringJobs(limit: 20) { nodes { parameters } } }";
    let refused = graphql(&client, &json!({"query": query})).await;
    assert_too_large(&refused.json(), query);
    let grown = peak(&server) - before;
    assert!(grown < 120 * MB, "the server has grown by {} MB", grown / MB);
}

#[tokio::test]
async fn all_responses_share_a_memory_budget_and_rejected_callers_can_retry() {
    let (_site, server) = Server::with_config("[server]\nmax_response_memory = \"64MiB\"\n");
    let client = server.client();
    create_large_jobs(&client, 10).await;
    let before = peak(&server);
    let query = json!({"query": "{ jobs(first: 10) { nodes { parameters } } }"});
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, query) = (client.clone(), query.clone());
        together.spawn(async move { graphql(&client, &query).await });
    }
    let (mut given, mut refused) = (0, 0);
    while let Some(response) = together.join_next().await {
        let response = response.expect("a response");
        if response.status == StatusCode::OK {
            given += 1;
            assert!(response.text.len() > 10 * (MB - 2));
        } else {
            refused += 1;
            assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.header("retry-after").is_some());
            let error = response.json()["errors"][0].clone();
            assert_eq!(error["extensions"]["code"], "busy", "{error}");
            assert!(
                error["message"]
                    .as_str()
                    .is_some_and(|text| text.contains("server.max_response_memory"))
            );
        }
    }
    assert!(given > 0 && refused > 0, "{given} given, {refused} refused");
    let grown = peak(&server) - before;
    assert!(grown < 200 * MB, "the server has grown by {} MB", grown / MB);
    // All of it was released.
    assert_eq!(graphql(&client, &query).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_unread_response_counts_until_it_is_sent() {
    let config = "[server]\nmax_response_memory = \"24MiB\"\nmax_response = \"16MiB\"\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    create_large_jobs(&client, 10).await;
    let body = json!({"query": "{ jobs(first: 8) { nodes { parameters } } }"}).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut lazy = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(&server).await;
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        // The response has started; the rest is not read.
        let mut start = [0; 15];
        timeout(TIMEOUT, stream.read_exact(&mut start))
            .await
            .expect("a response in time")
            .expect("a response");
        lazy.push((stream, String::from_utf8_lossy(&start).into_owned()));
    }
    let statuses: Vec<&str> = lazy.iter().map(|(_, start)| &start[9..12]).collect();
    assert_eq!(statuses[0], "200");
    assert!(statuses.contains(&"503"), "{statuses:?}");
    drop(lazy);
    eventually("memory is free again", async || {
        let response = graphql(&client, &serde_json::from_str(&body).expect("JSON")).await;
        (response.status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_websocket_client_that_reads_nothing_causes_no_further_responses() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    create_large_jobs(&client, 12).await;
    let mut socket = Socket::connected_at(&server.url).await;
    let before = peak(&server);
    let query = "{ jobs(first: 12) { nodes { parameters } } }";
    for number in 0..60 {
        let id = number.to_string();
        socket
            .send_json(json!({"type": "subscribe", "id": id, "payload": {"query": query}}))
            .await;
    }
    // Nothing is read, and nothing shows that the server waits: it has the time for many more responses.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for _ in 0..60 {
        let message = socket.next_text().await;
        assert!(
            message.len() > 12 * (MB - 2)
                || message.contains("\"complete\"")
                || message.contains("max_response_memory")
        );
    }
    let grown = peak(&server) - before;
    assert!(grown < 400 * MB, "the server has grown by {} MB", grown / MB);
}

#[tokio::test]
async fn a_request_times_out_while_its_response_is_built() {
    let config = "[graphql]\ntimeout = \"200ms\"\nmax_response = \"1GiB\"\n[server]\nmax_response_memory = \"4GiB\"\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    // The whole body is available at once, so that only the server's own code can check the time.
    let query = nested_introspection();
    let began = Instant::now();
    let response = graphql(&client, &json!({"query": query})).await;
    assert_eq!(
        response.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{:.300}",
        response.text
    );
    assert_eq!(response.json()["errors"][0]["extensions"]["code"], "unavailable");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn one_caller_uses_at_most_half_of_the_response_memory() {
    let config = format!("{KEYS}[server]\nmax_response_memory = \"48MiB\"\n");
    let (_site, server) = Server::with_config(&config);
    let client = |name: &str| server.client().with_token(&format!("tq_{name}-key-for-tests"));
    create_large_jobs(&client("writer"), 10).await;
    let body = json!({"query": "{ jobs(first: 6) { nodes { parameters } } }"}).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer tq_reader-key-for-tests\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut lazy = Vec::new();
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let mut stream = connect(&server).await;
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        let mut start = [0; 15];
        let read = timeout(TIMEOUT, stream.read_exact(&mut start)).await;
        read.expect("a response in time").expect("a response");
        statuses.push(String::from_utf8_lossy(&start[9..12]).into_owned());
        lazy.push(stream);
    }
    assert_eq!(statuses[0], "200");
    assert_eq!(statuses.last().map(String::as_str), Some("503"), "{statuses:?}");
    let query: Value = serde_json::from_str(&body).expect("JSON");
    let own = graphql(&client("reader"), &query).await;
    assert_eq!(own.status, StatusCode::SERVICE_UNAVAILABLE, "{}", own.text);
    assert!(own.header("retry-after").is_some());
    let own = client("reader").get("/jobs").await;
    assert_eq!(own.status, StatusCode::OK, "small responses need none of it");
    let other = graphql(&client("all"), &query).await;
    assert_eq!(other.status, StatusCode::OK, "the other caller");
    drop(lazy);
    eventually("the share is free again", async || {
        let response = graphql(&client("reader"), &query).await;
        (response.status == StatusCode::OK).then_some(())
    })
    .await;
}
