//! `traceparent`, `tracestate` and `baggage`: from the request that creates a job to the calls of its handlers and
//! webhooks.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::latch::Latch;
use crate::harness::receiver::Receiver;
use crate::harness::server::Server;
use crate::webhooks::endpoint;

const PLACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";
const BAGGAGE: &str = "userId=alice,serverNode=DF%2028;ttl=1";

/// The span id in this trace; it must differ from the caller's.
fn span_below(place: Option<&str>, trace: &str, flags: &str) -> String {
    let place = place.expect("a traceparent");
    let parts: Vec<&str> = place.split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3]), ("00", trace, flags), "{place}");
    assert_ne!(parts[2], "00f067aa0ba902b7", "{place}");
    parts[2].to_owned()
}

/// The trace of a job that was created without one.
fn own_trace(id: &str) -> String {
    id.replace('-', "")
}

/// Creates a job by a request with a span context.
async fn create_within(client: &Client, place: &str, job: Value) -> String {
    let request = client.request(Method::POST, "/jobs").header("traceparent", place);
    let response = client.send(request.json(&job)).await;
    assert_eq!(response.status, 201, "{}", response.text);
    response.json()["id"].as_str().expect("an id").to_owned()
}

async fn server_that_calls() -> (Latch, crate::harness::server::Site, Server) {
    let latch = Latch::open().await;
    let config = format!(
        "[job_types.Call]\nmax_retries = 1\nretry_delay = \"00:00:00\"\n{}\n\
         [job_types.Show]\nhandler = {{ command = {{ program = \"sh\", args = [\"-c\", \"cat > /dev/null; echo \\\"$TRACEPARENT\\\"\"] }} }}\n",
        latch.handler()
    );
    let (site, server) = Server::with_config(&config);
    (latch, site, server)
}

#[tokio::test]
async fn each_attempt_is_a_span_of_the_callers_trace() {
    let (mut latch, _site, server) = server_that_calls().await;
    let client = server.client();
    let id = create_within(&client, PLACE, json!({ "type": "Call" })).await;
    let visit = latch.visit().await;
    let first = span_below(visit.header("traceparent"), TRACE, "01");
    visit.respond("500 Internal Server Error", "");
    let visit = latch.visit().await;
    assert_ne!(span_below(visit.header("traceparent"), TRACE, "01"), first);
    visit.complete();
    client.wait_finished(&id).await;
}

#[tokio::test]
async fn span_context_and_propagated_context_survive_a_restart() {
    let (mut latch, site, server) = server_that_calls().await;
    let client = server.client();
    let request = client.request(Method::POST, "/jobs").header("traceparent", PLACE);
    let request = request.header("tracestate", STATE).header("baggage", BAGGAGE);
    let due = json!({ "type": "Call", "delay": "00:00:02" });
    assert_eq!(client.send(request.json(&due)).await.status, 201);
    server.kill();
    let _server = site.start();
    let visit = latch.visit().await;
    span_below(visit.header("traceparent"), TRACE, "01");
    assert_eq!(visit.header("tracestate"), Some(STATE));
    assert_eq!(visit.header("baggage"), Some(BAGGAGE));
    visit.complete();
}

#[tokio::test]
async fn a_job_without_a_place_and_one_whose_place_is_wrong_have_a_trace_of_their_own() {
    let (mut latch, _site, server) = server_that_calls().await;
    let client = server.client();
    for wrong in ["", "rubbish", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let id = create_within(&client, wrong, json!({ "type": "Call" })).await;
        let visit = latch.visit().await;
        span_below(visit.header("traceparent"), &own_trace(&id), "00");
        assert_eq!((visit.header("tracestate"), visit.header("baggage")), (None, None));
        visit.complete();
    }
}

#[tokio::test]
async fn trace_context_reaches_handlers_commands_workers_and_webhooks() {
    let (mut latch, receiver) = (Latch::open().await, Receiver::open().await);
    let config = format!(
        "[job_types.Call]\n{}\n[job_types.MailJob]\nhandler = \"remote\"\n[job_types.Show]\n\
         handler = {{ command = {{ program = \"sh\", args = [\"-c\", \"echo \\\"$TRACESTATE|$BAGGAGE\\\"\"] }} }}\n{}",
        latch.handler(),
        endpoint("crm", &receiver, "\"job.completed\"", "")
    );
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    let create = async |job_type: &str, headers: &[(&str, &str)]| {
        let request = client.request(Method::POST, "/jobs");
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        let response = client.send(request.json(&json!({ "type": job_type }))).await;
        assert_eq!(response.status, 201, "{}", response.text);
        response.json()["id"].as_str().expect("an id").to_owned()
    };
    let all = [("traceparent", PLACE), ("tracestate", STATE), ("baggage", BAGGAGE)];
    // Over HTTP, and to the webhook endpoint.
    let id = create("Call", &all).await;
    let visit = latch.visit().await;
    assert_eq!(
        (visit.header("tracestate"), visit.header("baggage")),
        (Some(STATE), Some(BAGGAGE))
    );
    visit.complete();
    let got = receiver.receive_where("the webhook", |got| got.job() == id).await;
    assert_eq!(
        (got.header("tracestate"), got.header("baggage")),
        (Some(STATE), Some(BAGGAGE))
    );
    // A command.
    let id = create("Show", &all).await;
    assert_eq!(
        client.wait_finished(&id).await["result"],
        json!(format!("{STATE}|{BAGGAGE}"))
    );
    // A worker.
    create("MailJob", &all).await;
    let worker = client
        .post("/workers", json!({ "name": "mailer", "types": ["MailJob"] }))
        .await
        .json();
    let path = format!("/workers/{}/lease", worker["id"].as_str().expect("an id"));
    let leased = client.post(&path, json!({ "max": 1, "wait": "00:00:10" })).await.json();
    let leased = &leased["jobs"][0];
    assert_eq!(
        (&leased["traceState"], &leased["baggage"]),
        (&json!(STATE), &json!(BAGGAGE))
    );
    // Baggage requires no trace; a tracestate without one is meaningless, and invalid values are dropped.
    let id = create("Show", &[("baggage", "a=1"), ("baggage", "b=2"), ("tracestate", STATE)]).await;
    assert_eq!(client.wait_finished(&id).await["result"], json!("|a=1,b=2"));
    let id = create(
        "Show",
        &[("traceparent", PLACE), ("tracestate", "NOT=valid"), ("baggage", "")],
    )
    .await;
    assert_eq!(client.wait_finished(&id).await["result"], json!("|"));
}

#[tokio::test]
async fn jobs_of_graphql_and_commands_know_their_place_too() {
    let (_gate, _site, server) = server_that_calls().await;
    let client = server.client();
    let query = json!({ "query": "mutation { scheduleJob(input: { type: \"Show\" }) { job { id } } }" });
    let request = client.at_root(Method::POST, "/graphql").header("traceparent", PLACE);
    let response = client.send(request.json(&query)).await.json();
    let id = response["data"]["scheduleJob"]["job"]["id"].as_str();
    let job = client.wait_finished(id.unwrap_or_else(|| panic!("{response}"))).await;
    span_below(job["result"].as_str(), TRACE, "01");
    let id = client.create_of_type("Show").await;
    let job = client.wait_finished(&id).await;
    span_below(job["result"].as_str(), &own_trace(&id), "00");
}

#[tokio::test]
async fn webhooks_receive_the_span_context_of_their_job() {
    let receiver = Receiver::open().await;
    let config = format!(
        "[job_types.NoopJob]\nhandler = \"noop\"\n{}",
        endpoint("crm", &receiver, "\"job.created\", \"job.completed\"", "")
    );
    let (_site, server) = Server::with_config(&config);
    let traced = create_within(&server.client(), PLACE, json!({ "type": "NoopJob" })).await;
    server.client().create(json!({ "type": "NoopJob" })).await;
    for got in receiver.receive(4).await {
        let is_traced = got.job() == traced;
        let (trace, flags) = if is_traced {
            (TRACE.to_owned(), "01")
        } else {
            (own_trace(&got.job()), "00")
        };
        span_below(got.header("traceparent"), &trace, flags);
    }
}

#[tokio::test]
async fn a_worker_receives_the_span_context_of_the_jobs_that_it_leases() {
    let (_site, server) = Server::with_config("[job_types.MailJob]\nhandler = \"remote\"\n");
    let client = server.client();
    let traced = create_within(&client, PLACE, json!({ "type": "MailJob" })).await;
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
        places.extend(jobs);
    }
    for job in places {
        let id = job["jobId"].as_str().expect("an id");
        let (trace, flags) = if id == traced {
            (TRACE.to_owned(), "01")
        } else {
            (own_trace(id), "00")
        };
        span_below(job["traceParent"].as_str(), &trace, flags);
    }
}
