//! The server's log: its level, which can be changed at runtime, and the job and trace of its records.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::graphql::{data_of, execute};
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};
use crate::harness::shell::Shell;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn set(client: &Client, level: Value) -> crate::harness::client::ApiResponse {
    client
        .send(client.request(Method::PUT, "/log-level").json(&level))
        .await
}

/// Lines of a JSON log.
fn lines(server: &Server) -> Vec<Value> {
    let log = server.log();
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits for a line whose message has this text.
async fn line(server: &Server, text: &str) -> Value {
    eventually(text, || async {
        let printed = |line: &Value| {
            let message = line["fields"]["message"].as_str();
            message.is_some_and(|message| message.contains(text))
        };
        lines(server).into_iter().find(printed)
    })
    .await
}

#[tokio::test]
async fn the_log_level_can_be_changed_at_runtime() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let level = client.get("/log-level").await.json();
    let nodes = client.get("/nodes").await.json();
    assert_eq!(level, json!({"level": "info", "nodeId": nodes["nodes"][0]["id"]}));
    assert!(!server.log().contains("answered"), "{}", server.log());
    let set_to = set(&client, json!({"level": "info,tickerq=debug"})).await;
    assert_eq!(
        (set_to.status, &set_to.json()["level"]),
        (StatusCode::OK, &json!("info,tickerq=debug"))
    );
    assert_eq!(client.get("/log-level").await.json()["level"], "info,tickerq=debug");
    client.get("/queues?access_token=s3cret").await;
    client.get("/hub?id=s3cret&_=1").await;
    client.get("/hub?i%64=s3cret&ID=s3cret&token=s3cret").await;
    eventually("a line for each request", || async {
        let log = server.log();
        let is_there = |text| log.contains(text);
        (is_there("/api/tickerq/queues") && is_there("responded with 200") && is_there("ID=***")).then_some(())
    })
    .await;
    assert!(!server.log().contains("s3cret"), "{}", server.log());
    assert_eq!(set(&client, json!({"level": "off"})).await.status, StatusCode::OK);
    let before = server.log();
    client.create_of_type("Unknown").await;
    // A record of the request would precede the next record.
    set(&client, json!({"level": "info"})).await;
    eventually("a later record", || async {
        (server.log().len() > before.len()).then_some(())
    })
    .await;
    assert!(!server.log()[before.len()..].contains("/jobs"), "{}", server.log());
}

#[tokio::test]
async fn an_invalid_log_level_is_rejected_with_the_allowed_ones() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for (body, pointer, detail) in [
        (
            json!({"level": "loud"}),
            "#/level",
            "'loud' is not a level; allowed is off, error, warn, info, debug or trace, or directives such as \
             info,tickerq=debug",
        ),
        (json!({"level": 3}), "#/level", "expected a string"),
        (json!({}), "#", "missing field `level`"),
        (json!({"level": "info", "for": "1h"}), "#/for", "unknown"),
    ] {
        let problem = set(&client, body).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        let printed = problem["errors"][0]["detail"].as_str().expect("a detail");
        assert!(printed.contains(detail), "{problem}");
    }
    let refused = execute(
        &client,
        "mutation { setLogLevel(level: \"loud\") { level } }",
        json!({}),
    )
    .await;
    let extensions = &refused["errors"][0]["extensions"];
    assert_eq!(
        (&extensions["code"], &extensions["field"]),
        (&json!("validation"), &json!("level")),
        "{refused}"
    );
    assert_eq!(client.get("/log-level").await.json()["level"], "info");
}

#[tokio::test]
async fn graphql_and_the_command_line_change_it_too() {
    let shell = Shell::start("");
    assert_eq!(shell.run(&["log-level"]).out, "info\n");
    assert_eq!(shell.run(&["log-level", "warn"]).out, "warn\n");
    assert_eq!(shell.run(&["log-level", "--json"]).json()["level"], "warn");
    let printed = shell.try_run(&["log-level", "loud"]);
    assert_eq!(printed.code, Some(2));
    assert!(
        printed
            .err
            .contains("allowed is off, error, warn, info, debug or trace"),
        "{}",
        printed.err
    );
    let client = shell.server.client();
    assert_eq!(
        data_of(&client, "{ logLevel { level } }").await["logLevel"]["level"],
        "warn"
    );
    let set = data_of(&client, "mutation { setLogLevel(level: \"error\") { level nodeId } }").await;
    assert_eq!(set["setLogLevel"]["level"], "error");
    assert_eq!(shell.run(&["log-level"]).out, "error\n");
}

#[tokio::test]
async fn it_is_a_matter_of_administrators() {
    let site = Site::new(
        Storage::Sqlite,
        "[[api.keys]]\nname = \"billing\"\nkey = \"tq_billing-key-for-tests\"\nscopes = [\"tickerq:read\", \"tickerq:write\"]\n\
         [api]\nrequire_authentication = true\n",
    );
    let server = site.start();
    let client = server.client().with_token("tq_billing-key-for-tests");
    client.get("/log-level").await.problem(403);
    set(&client, json!({"level": "trace"})).await.problem(403);
    let refused = execute(&client, "mutation { setLogLevel(level: \"off\") { level } }", json!({})).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "forbidden", "{refused}");
}

#[tokio::test]
async fn log_records_of_a_run_have_the_ids_of_job_and_trace() {
    let site = Site::new(
        Storage::Sqlite,
        "[log]\nformat = \"json\"\nlevel = \"info,tickerq=debug\"\n\
         [job_types.Breaks]\nmax_retries = 0\nhandler = { command = { program = \"false\" } }\n",
    );
    let server = site.start();
    let client = server.client();
    let create = client.request(Method::POST, "/jobs").json(&json!({"type": "Breaks"}));
    let create = create.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let created = client.send(create).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let id = created.json()["id"].clone();
    let request = line(&server, "responded with 201").await;
    assert_eq!(request["span"]["trace_id"], TRACE, "{request}");
    let started = line(&server, "started false").await;
    for (field, value) in [
        ("job.id", id.clone()),
        ("job.type", json!("Breaks")),
        ("queue", json!("default")),
        ("attempt", json!(1)),
        ("trace_id", json!(TRACE)),
    ] {
        assert_eq!(started["span"][field], value, "{started}");
    }
    let failed = line(&server, "has failed").await;
    assert_eq!(
        (&failed["fields"]["job.id"], &failed["fields"]["trace_id"]),
        (&id, &json!(TRACE))
    );
    // Without a trace of its caller's a job has its own.
    let own = client.create_of_type("Breaks").await;
    let failed = line(&server, &format!("job {own} has failed")).await;
    assert_eq!(failed["fields"]["trace_id"], own.replace('-', ""));
}

#[tokio::test]
async fn successful_requests_and_jobs_are_logged_if_configured() {
    let config = "[log]\nformat = \"json\"\naccess = true\njobs = true\n[job_types.Noop]\nhandler = \"noop\"\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    let id = client.create_of_type("Noop").await;
    let request = line(&server, "POST /api/tickerq/jobs 201").await;
    assert_eq!(
        (&request["level"], &request["fields"]["caller"]),
        (&json!("INFO"), &json!("anonymous"))
    );
    assert_eq!(request["fields"]["client.address"], "127.0.0.1");
    assert_eq!(request["fields"]["http.response.status_code"], 201);
    let job = line(&server, &format!("job {id} completed")).await;
    assert_eq!(
        (&job["level"], &job["fields"]["job.type"]),
        (&json!("INFO"), &json!("Noop"))
    );
    assert_eq!(job["fields"]["attempt"], 1);
    client.get("/jobs?limit=1&access_token=secret-token").await;
    line(&server, "GET /api/tickerq/jobs 400").await;
    assert!(!server.log().contains("secret-token"), "{}", server.log());
}

#[tokio::test]
async fn successes_are_not_logged_by_default() {
    let (_site, server) = Server::with_config("[job_types.Noop]\nhandler = \"noop\"\n");
    let id = server.client().create_of_type("Noop").await;
    server.client().wait_finished(&id).await;
    let log = server.log();
    assert!(!log.contains(&id) && !log.contains("/jobs"), "{log}");
}
