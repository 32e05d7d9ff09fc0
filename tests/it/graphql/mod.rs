//! The GraphQL schema: the operations of REST with the same rules.

pub(crate) mod clients;
pub(crate) mod embedded;
pub(crate) mod fragments;
pub(crate) mod graphiql;
pub(crate) mod limits;
pub(crate) mod mutations;
pub(crate) mod socket;
pub(crate) mod subscriptions;
pub(crate) mod values;
pub(crate) mod webhooks;
pub(crate) mod workers;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::server::{Server, Site, Storage};

/// A type whose jobs do nothing.
pub const NOOP: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n";

/// Executes an operation and returns the full response.
pub async fn execute(client: &Client, query: &str, variables: Value) -> Value {
    let request = client.at_root(Method::POST, "/graphql");
    let response = client
        .send(request.json(&json!({ "query": query, "variables": variables })))
        .await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    response.json()
}

/// Executes an operation that succeeds and returns its data.
pub async fn data_of(client: &Client, query: &str) -> Value {
    let response = execute(client, query, json!({})).await;
    assert!(response.get("errors").is_none(), "{response}");
    response["data"].clone()
}

/// Executes an operation that fails and returns its first error.
pub async fn refused(client: &Client, query: &str) -> Value {
    let response = execute(client, query, json!({})).await;
    let error = response["errors"][0].clone();
    assert!(error.is_object(), "{response}");
    error
}

#[test]
fn the_schema_file_equals_the_programs_output() {
    let site = Site::new(Storage::Sqlite, "");
    let output = site.command(&["schema"]).output().expect("the program runs");
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).expect("text");
    let file = crate::harness::repository().join("schema.graphql");
    let written = std::fs::read_to_string(file).expect("the file");
    assert!(printed == written, "write it again: tickerq schema > schema.graphql");
}

#[tokio::test]
async fn everything_in_the_schema_is_described() {
    let (_site, server) = Server::with_config("");
    let query = "{ __schema { types { name kind description
        fields { name description args { name description } }
        inputFields { name description } enumValues { name description } } } }";
    let schema = data_of(&server.client(), query).await;
    let mut bare = Vec::new();
    let is_bare = |thing: &Value| thing["description"].as_str().is_none_or(str::is_empty);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for one in list(&schema["__schema"]["types"]) {
        let name = one["name"].as_str().expect("a name").to_owned();
        if name.starts_with("__") {
            continue;
        }
        if is_bare(&one) {
            bare.push(name.clone());
        }
        for kind in ["fields", "inputFields", "enumValues"] {
            for member in list(&one[kind]) {
                let member_name = format!("{name}.{}", member["name"].as_str().expect("a name"));
                if is_bare(&member) {
                    bare.push(member_name.clone());
                }
                for argument in list(&member["args"]) {
                    if is_bare(&argument) {
                        bare.push(format!("{member_name}({})", argument["name"]));
                    }
                }
            }
        }
    }
    assert_eq!(bare, Vec::<String>::new());
}

/// Lists of brief jobs have a separate code path.
#[tokio::test]
async fn a_job_summary_is_independent_of_the_query() {
    let failing = "[job_types.FailingJob]\nmax_retries = 0\nhandler = { command = { program = \"false\" } }\n";
    let (_site, server) = Server::with_config(&format!("{NOOP}{failing}"));
    let client = server.client();
    let recurring = client
        .post(
            "/jobs/recurring",
            json!({ "type": "NoopJob", "cronExpression": "0 0 1 1 *", "enabled": false }),
        )
        .await
        .json();
    let recurring = recurring["id"].as_str().unwrap_or_else(|| panic!("{recurring}"));
    let occurrence = client
        .post_empty(&format!("/jobs/recurring/{recurring}/trigger"))
        .await
        .json();
    let mut ids = vec![
        occurrence["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{occurrence}"))
            .to_owned(),
    ];
    for job_type in ["NoopJob", "FailingJob"] {
        ids.push(client.create_of_type(job_type).await);
    }
    for id in &ids {
        client.wait_finished(id).await;
    }
    let later = json!({ "type": "NoopJob", "name": "später", "priority": "high", "delay": "01:00:00" });
    client.create(later).await;

    let fields = "id name type queue status priority createdAt runAt executedAt completedAt duration attempt retryCount
        maxRetries error recurringJobId";
    let nodes = |selection: String| {
        let client = &client;
        async move {
            let query = format!("{{ jobs {{ nodes {{ {selection} }} }} }}");
            let response = execute(client, &query, json!({})).await;
            assert!(response.get("errors").is_none(), "{response}");
            // As text: the order of members is part of the comparison.
            response["data"]["jobs"]["nodes"].to_string()
        }
    };
    let plain = nodes(fields.to_owned()).await;
    assert_eq!(plain.matches("\"id\"").count(), 4, "{plain}");
    assert!(
        plain.contains("FAILED") && plain.contains("später") && plain.contains(recurring),
        "{plain}"
    );
    for same in [
        format!("... {{ {fields} }}"),
        format!("... on Job {{ {fields} }}"),
        format!("{fields} id name"),
        format!("{fields} revision @include(if: false)"),
        format!("id @include(if: true) {}", fields.replacen("id ", "", 1)),
        format!("{fields} retryDelay @skip(if: true)"),
    ] {
        assert_eq!(nodes(same.clone()).await, plain, "{same}");
    }
    let renamed = nodes("a: id b: status c: type type: queue".to_owned()).await;
    let by_fragment = nodes("... { a: id b: status c: type type: queue }".to_owned()).await;
    assert_eq!(renamed, by_fragment);
    let more = nodes("id __typename revision status".to_owned()).await;
    assert!(
        more.contains("\"__typename\":\"Job\"") && more.contains("\"revision\":"),
        "{more}"
    );
}

#[tokio::test]
async fn a_job_has_the_same_view_as_in_rest() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let mutation = "mutation { scheduleJob(input: {type: \"NoopJob\", name: \"A\", priority: HIGH, maxRetries: 7,
        parameters: {b: 1, a: [true, null, \"x\"]}, timeout: \"PT1M\", retryIntervals: [\"00:00:01\"],
        uniqueKey: \"k\"}) { isNew job { id } } }";
    let scheduled = data_of(&client, mutation).await;
    assert_eq!(scheduled["scheduleJob"]["isNew"], json!(true));
    let id = scheduled["scheduleJob"]["job"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let rest = client.wait_finished(&id).await;
    let fields = "id name type queue status priority createdAt runAt executedAt completedAt duration attempt retryCount
        maxRetries error recurringJobId parameters result errorDetail timeout retryDelay retryIntervals uniqueKey
        occurrenceAt cancelRequested revision attempts { attempt: number startedAt completedAt status duration error errorDetail node }";
    let response = data_of(
        &client,
        &format!("{{ job(id: \"{id}\") {{ {fields} }} jobs {{ nodes {{ {fields} }} }} }}"),
    )
    .await;
    let mut job = response["job"].clone();
    assert_eq!(response["jobs"]["nodes"], json!([job]), "in a list it is the same");
    let lower = |value: &Value| json!(value.as_str().expect("a word").to_lowercase());
    job["status"] = lower(&job["status"]);
    job["priority"] = lower(&job["priority"]);
    let history = job
        .as_object_mut()
        .expect("an object")
        .remove("attempts")
        .expect("attempts");
    job["jobId"] = job["id"].clone();
    job["executionHistory"] = history;
    job["executionHistory"][0]["status"] = lower(&job["executionHistory"][0]["status"]);
    assert_eq!(job, rest);
}

#[tokio::test]
async fn a_list_is_a_connection_in_both_directions() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for number in 0..7 {
        client
            .create(json!({"type": "Waiting", "name": format!("n{number}"), "queue": "q"}))
            .await;
    }
    let list = async |arguments: &str| {
        let query = format!(
            "{{ jobs({arguments}) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} edges {{ cursor node {{ name }} }} }} }}"
        );
        let jobs = data_of(&client, &query).await["jobs"].clone();
        let edges = jobs["edges"].as_array().cloned().unwrap_or_default();
        let names: Vec<String> = edges
            .iter()
            .map(|edge| edge["node"]["name"].as_str().expect("a name").to_owned())
            .collect();
        assert_eq!(jobs["totalCount"], json!(7), "it is the same on all pages");
        let info = &jobs["pageInfo"];
        assert_eq!(
            info["startCursor"],
            edges.first().map_or(Value::Null, |edge| edge["cursor"].clone())
        );
        assert_eq!(
            info["endCursor"],
            edges.last().map_or(Value::Null, |edge| edge["cursor"].clone())
        );
        (
            names.join(" "),
            info["hasPreviousPage"] == true,
            info["hasNextPage"] == true,
            info["endCursor"].clone(),
            info["startCursor"].clone(),
        )
    };
    let (names, before, after, end, _) = list("first: 3").await;
    assert_eq!((names.as_str(), before, after), ("n6 n5 n4", false, true));
    // A newer job shifts no cursor.
    client.create(json!({"type": "Other"})).await;
    let of_type = "filter: {type: [\"Waiting\"]}";
    let (names, before, after, _, start) = list(&format!("{of_type}, first: 3, after: {end}")).await;
    assert_eq!((names.as_str(), before, after), ("n3 n2 n1", true, true));
    let (names, before, after, ..) = list(&format!("{of_type}, last: 2, before: {start}")).await;
    assert_eq!((names.as_str(), before, after), ("n5 n4", true, true));
    let (names, before, after, ..) = list(&format!("{of_type}, last: 2")).await;
    assert_eq!((names.as_str(), before, after), ("n1 n0", true, false));
    let (names, before, after, oldest, _) = list(&format!(
        "{of_type}, first: 2, orderBy: {{field: CREATED_AT, direction: ASC}}"
    ))
    .await;
    assert_eq!((names.as_str(), before, after), ("n0 n1", false, true));
    let both = format!("{of_type}, first: 7, after: {end}, before: {oldest}");
    let (names, before, after, ..) = list(&both).await;
    assert_eq!((names.as_str(), before, after), ("n3 n2", true, true));
    let (names, ..) = list(&format!(
        "{of_type}, first: 7, after: {oldest}, orderBy: {{field: CREATED_AT, direction: ASC}}"
    ))
    .await;
    assert_eq!(names, "n2 n3 n4 n5 n6");
}

#[tokio::test]
async fn errors_name_the_argument_and_the_allowed_values() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    for (query, code, field, allowed) in [
        (
            "{ jobs(first: -1) { totalCount } }",
            "validation",
            json!("first"),
            json!("allowed are 1 to 1000"),
        ),
        (
            "{ jobs(first: 1, last: 1) { totalCount } }",
            "validation",
            json!("last"),
            json!("give one of them"),
        ),
        (
            "{ jobs(after: \"x\") { totalCount } }",
            "validation",
            json!("after"),
            json!("take one from edges or pageInfo"),
        ),
        (
            "{ jobs(filter: {from: \"2024-02-01\", to: \"2024-01-01\"}) { totalCount } }",
            "validation",
            json!("filter.from"),
            json!("expected from at or before to"),
        ),
        (
            "{ jobs(filter: {type: [\"ok\", \"\"]}) { totalCount } }",
            "validation",
            json!("filter.type.1"),
            Value::Null,
        ),
        (
            "mutation { scheduleJob(input: {type: \"A\", maxRetries: -1}) { isNew } }",
            "validation",
            json!("input.maxRetries"),
            json!("a whole number from 0 to 1000"),
        ),
        (
            "mutation { scheduleJob(input: {type: \"A\", maxRetries: 1001}) { isNew } }",
            "validation",
            json!("input.maxRetries"),
            json!("allowed are 0 to 1000"),
        ),
        (
            "mutation { scheduleJob(input: {type: \"A\", delay: \"PT1S\", runAt: \"2030-01-01T00:00:00Z\"}) { isNew } }",
            "validation",
            json!("input.runAt"),
            json!("give one of them"),
        ),
        (
            "mutation { scheduleJobs(inputs: [{type: \"A\"}, {type: \"A\", timeout: \"nope\"}]) { created } }",
            "validation",
            json!("inputs.1.timeout"),
            Value::Null,
        ),
        (
            "mutation { scheduleJobs(inputs: [{type: \"A\"}, {type: \"A\", maxRetries: 2000}]) { created } }",
            "validation",
            json!("inputs.1.maxRetries"),
            json!("allowed are 0 to 1000"),
        ),
        (
            "mutation { scheduleRecurringJob(input: {type: \"A\", cronExpression: \"x\"}) { id } }",
            "validation",
            json!("input.cronExpression"),
            Value::Null,
        ),
        (
            "mutation { scheduleRecurringJob(input: {type: \"A\", cronExpression: \"@daily\", catchUpMax: 0}) { id } }",
            "validation",
            json!("input.catchUpMax"),
            Value::Null,
        ),
        (
            "mutation { cancelJob(id: \"01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55\") { id } }",
            "not-found",
            Value::Null,
            Value::Null,
        ),
        (
            "mutation { pauseQueue(name: \"nowhere\") { name } }",
            "not-found",
            Value::Null,
            Value::Null,
        ),
        (
            "mutation { deleteJobs(filter: {}) { count } }",
            "validation",
            json!("filter"),
            json!("add at least one condition"),
        ),
        (
            "mutation { cancelJobs(filter: {queue: \"a\"}, limit: 0) { count } }",
            "validation",
            json!("limit"),
            json!("allowed are 1 to 10000"),
        ),
        (
            "mutation { clearQueue(name: \"default\", clearPending: false) { clearedPending } }",
            "validation",
            json!("clearPending"),
            json!("set one of them to true"),
        ),
        (
            "mutation { scheduleJob(input: {type: \"A\"}, idempotencyKey: \"\") { isNew } }",
            "validation",
            json!("idempotencyKey"),
            Value::Null,
        ),
    ] {
        let error = refused(&client, query).await;
        let extensions = &error["extensions"];
        assert_eq!(
            (&extensions["code"], &extensions["kind"]),
            (&json!(code), &json!("REFUSAL")),
            "{query}: {error}"
        );
        assert_eq!(extensions["field"], field, "{query}: {error}");
        if !allowed.is_null() {
            assert_eq!(extensions["allowed"], allowed, "{query}: {error}");
        }
    }
    let id = client.create_of_type("NoopJob").await;
    client.wait_finished(&id).await;
    let error = refused(&client, &format!("mutation {{ cancelJob(id: \"{id}\") {{ id }} }}")).await;
    assert_eq!(error["extensions"]["code"], "conflict");
    assert!(error["extensions"]["allowed"].is_string(), "{error}");
    let stale = format!("mutation {{ executeJob(id: \"{id}\", expectedRevision: 1) {{ id }} }}");
    let error = refused(&client, &stale).await;
    assert_eq!(error["extensions"]["code"], "precondition-failed");
    assert_eq!(error["extensions"]["revision"], client.job(&id).await["revision"]);
}

#[tokio::test]
async fn members_are_in_the_requested_order() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let post = async |body: String| {
        let request = client
            .at_root(Method::POST, "/graphql")
            .header("content-type", "application/json");
        client.send(request.body(body)).await
    };
    // Parameters keep their order.
    let scheduled = post(
        r#"{"query": "mutation A($p: JSON) { scheduleJob(input: {type: \"A\", parameters: $p}) { isNew } }", "variables": {"p": {"z": 1, "y": 2}}}"#
            .to_owned(),
    )
    .await;
    assert_eq!(scheduled.text, r#"{"data":{"scheduleJob":{"isNew":true}}}"#);
    // Some are loaded later than others.
    let query = "{ queues { name } jobs { nodes { attempts { number } revision status parameters type } totalCount } q: queue(name: \"x\") { name } }";
    let response = post(json!({ "query": query }).to_string()).await;
    assert_eq!(
        response.text,
        r#"{"data":{"queues":[{"name":"default"}],"jobs":{"nodes":[{"attempts":[],"revision":1,"status":"PENDING","parameters":{"z": 1, "y": 2},"type":"A"}],"totalCount":1},"q":null}}"#
    );
}

#[tokio::test]
async fn everything_with_an_identity_is_found_by_it_and_listed_in_connections() {
    let (_site, server) = Server::with_config(&format!("[audit]\nenable = true\n{NOOP}"));
    let client = server.client();
    let mutation = "mutation {
        w: registerWorker(input: {name: \"w\", types: [\"A\"]}) { id }
        v: registerWorker(input: {name: \"v\", types: [\"A\"]}) { id }
        e: createWebhookEndpoint(input: {url: \"https://example.com\", events: [\"*\"]}) { endpoint { id } }
        f: createWebhookEndpoint(input: {url: \"https://example.org\", events: [\"*\"]}) { endpoint { id } } }";
    let made = data_of(&client, mutation).await;
    let query = "{ w: workersConnection(first: 1) { edges { cursor node { id name } } nodes { id }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
        e: webhookEndpointsConnection(first: 1) { edges { cursor node { id url } } nodes { id }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
        a: auditRecords(first: 1) { hasMore edges { cursor node { id action } } nodes { id }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let read = data_of(&client, query).await;
    for (list, kind, expected) in [
        ("w", "Worker", Some(&made["w"]["id"])),
        ("e", "WebhookEndpoint", Some(&made["e"]["endpoint"]["id"])),
        ("a", "AuditRecord", None),
    ] {
        let list = &read[list];
        let id = &list["edges"][0]["node"]["id"];
        assert!(expected.is_none_or(|expected| expected == id), "{list}");
        assert_eq!((&list["edges"][0]["cursor"], &list["nodes"][0]["id"]), (id, id));
        let page = json!({ "hasNextPage": true, "hasPreviousPage": false, "startCursor": id, "endCursor": id });
        assert_eq!(list["pageInfo"], page);
        let node = data_of(&client, &format!("{{ node(id: {id}) {{ __typename id }} }}")).await;
        assert_eq!(node["node"], json!({ "__typename": kind, "id": id }));
    }
    let next = format!(
        "{{ w: workersConnection(after: {}) {{ nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage }} }} \
         e: webhookEndpointsConnection(after: {}) {{ nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage }} }} }}",
        made["w"]["id"], made["e"]["endpoint"]["id"]
    );
    let next = data_of(&client, &next).await;
    for (list, id) in [("w", &made["v"]["id"]), ("e", &made["f"]["endpoint"]["id"])] {
        let page = json!({ "nodes": [{ "id": id }], "pageInfo": { "hasNextPage": false, "hasPreviousPage": true } });
        assert_eq!(next[list], page);
    }
    let wrong = refused(&client, "{ workersConnection(after: \"x\") { nodes { id } } }").await;
    assert_eq!(wrong["extensions"]["field"], "after");
    let unknown = "{ node(id: \"01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55\") { id } other: node(id: \"999999999\") { id } }";
    assert_eq!(data_of(&client, unknown).await, json!({ "node": null, "other": null }));
}
