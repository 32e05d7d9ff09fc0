//! `traceparent`: from the request that creates a job to whoever its handlers and webhooks call.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::client::Client;
use super::harness::gate::Gate;
use super::harness::receiver::Receiver;
use super::harness::server::Server;
use super::webhooks::endpoint;

const PLACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Creates a job by a request that says where it stands in a trace.
async fn create_within(client: &Client, place: &str, job: Value) -> String {
    let request = client.request(Method::POST, "/jobs").header("traceparent", place);
    let answer = client.send(request.json(&job)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

async fn server_that_calls() -> (Gate, super::harness::server::Site, Server) {
    let gate = Gate::open().await;
    let config = format!(
        "[job_types.Call]\nmax_retries = 1\nretry_delay = \"00:00:00\"\n{}\n\
         [job_types.Show]\nhandler = {{ command = {{ program = \"sh\", args = [\"-c\", \"cat > /dev/null; echo \\\"$TRACEPARENT\\\"\"] }} }}\n",
        gate.handler()
    );
    let (site, server) = Server::with_config(&config);
    (gate, site, server)
}

#[tokio::test]
async fn without_an_export_the_callers_place_is_passed_on_at_each_attempt() {
    let (mut gate, _site, server) = server_that_calls().await;
    let client = server.client();
    let id = create_within(&client, PLACE, json!({ "type": "Call" })).await;
    let visit = gate.visit().await;
    assert_eq!(visit.header("traceparent"), Some(PLACE));
    visit.answer("500 Internal Server Error", "");
    let visit = gate.visit().await;
    assert_eq!(visit.header("traceparent"), Some(PLACE));
    visit.complete();
    client.wait_finished(&id).await;
}

#[tokio::test]
async fn a_place_outlives_a_restart() {
    let (mut gate, site, server) = server_that_calls().await;
    let due = json!({ "type": "Call", "delay": "00:00:02" });
    create_within(&server.client(), PLACE, due).await;
    server.kill();
    let _server = site.start();
    let visit = gate.visit().await;
    assert_eq!(visit.header("traceparent"), Some(PLACE));
    visit.complete();
}

#[tokio::test]
async fn a_job_without_a_place_and_one_whose_place_is_wrong_are_passed_on_none() {
    let (mut gate, _site, server) = server_that_calls().await;
    let client = server.client();
    client.create(json!({ "type": "Call" })).await;
    let visit = gate.visit().await;
    assert_eq!(visit.header("traceparent"), None);
    visit.complete();
    for wrong in ["", "rubbish", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        create_within(&client, wrong, json!({ "type": "Call" })).await;
        let visit = gate.visit().await;
        assert_eq!(visit.header("traceparent"), None, "{wrong}");
        visit.complete();
    }
}

#[tokio::test]
async fn jobs_of_graphql_and_commands_know_their_place_too() {
    let (_gate, _site, server) = server_that_calls().await;
    let client = server.client();
    let query = json!({ "query": "mutation { scheduleJob(input: { type: \"Show\" }) { job { id } } }" });
    let request = client.at_root(Method::POST, "/graphql").header("traceparent", PLACE);
    let answer = client.send(request.json(&query)).await.json();
    let id = answer["data"]["scheduleJob"]["job"]["id"].as_str();
    let job = client.wait_finished(id.unwrap_or_else(|| panic!("{answer}"))).await;
    assert_eq!(job["result"], json!(PLACE), "{job}");
    let job = client.create(json!({ "type": "Show" })).await;
    let job = client.wait_finished(job["id"].as_str().expect("an id")).await;
    assert_eq!(job["result"], Value::Null, "{job}");
}

#[tokio::test]
async fn webhooks_are_told_where_their_job_stands() {
    let receiver = Receiver::open().await;
    let config = format!(
        "[job_types.NoopJob]\nhandler = \"noop\"\n{}",
        endpoint("crm", &receiver, "\"job.created\", \"job.completed\"", "")
    );
    let (_site, server) = Server::with_config(&config);
    let traced = create_within(&server.client(), PLACE, json!({ "type": "NoopJob" })).await;
    server.client().create(json!({ "type": "NoopJob" })).await;
    for got in receiver.hears(4).await {
        let place = (got.job() == traced).then_some(PLACE);
        assert_eq!(got.header("traceparent"), place, "{}", got.event());
    }
}

#[tokio::test]
async fn a_worker_is_told_where_the_jobs_that_it_leases_stand() {
    let (_site, server) = Server::with_config("[job_types.MailJob]\nhandler = \"remote\"\n");
    let client = server.client();
    create_within(&client, PLACE, json!({ "type": "MailJob" })).await;
    client.create(json!({ "type": "MailJob" })).await;
    let worker = client
        .post("/workers", json!({ "name": "mailer", "types": ["MailJob"] }))
        .await
        .json();
    let path = format!("/workers/{}/lease", worker["id"].as_str().expect("an id"));
    let mut places = Vec::new();
    while places.len() < 2 {
        let leased = client.post(&path, json!({ "max": 2, "wait": "00:00:10" })).await.json();
        let jobs = leased["jobs"].as_array().cloned().expect("jobs");
        places.extend(jobs.iter().map(|job| job["traceParent"].clone()));
    }
    assert_eq!(places, [json!(PLACE), Value::Null]);
}
