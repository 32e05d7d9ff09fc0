//! `[telemetry]`: exports to OpenTelemetry collectors and Application Insights, which never block jobs.

use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Value_;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::eventually;
use crate::harness::receiver::{Received, Receiver, ScriptedResponse};
use crate::harness::server::{Server, Site};
use crate::webhooks::endpoint;

const PLACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TYPES: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n\
    [job_types.FailingJob]\nmax_retries = 1\nretry_delay = \"00:00:00\"\n\
    handler = { command = { program = \"sh\", args = [\"-c\", \"echo no such account >&2; exit 3\"] } }\n";

/// Settings with this collector.
fn otlp(collector: &Receiver, more: &str) -> String {
    let port = collector.port();
    format!(
        "[telemetry]\notlp_endpoint = \"http://127.0.0.1:{port}\"\notlp_headers = {{ X-Team = \"blue\" }}\n\
         metrics_interval = \"00:00:01\"\nservice_name = \"billing-jobs\"\n{more}\n"
    )
}

/// Settings with this ingestion endpoint.
fn insights(ingestion: &Receiver, more: &str) -> String {
    let port = ingestion.port();
    format!(
        "[telemetry]\nenable_application_insights = true\nmetrics_interval = \"00:00:01\"\n\
         connection_string = \"InstrumentationKey=0a1b-2c3d;IngestionEndpoint=http://127.0.0.1:{port}/;LiveEndpoint=http://127.0.0.1:9/\"\n\
         {more}\n"
    )
}

fn is_for(got: &Received, path: &str) -> bool {
    got.head.starts_with(&format!("POST {path} HTTP/1.1"))
}

/// All spans that a collector has received.
fn spans(collector: &Receiver) -> Vec<Span> {
    let got = collector.got();
    let traces = got.iter().filter(|got| is_for(got, "/v1/traces"));
    traces
        .map(|got| ExportTraceServiceRequest::decode(&*got.body).expect("OTLP"))
        .flat_map(|request| request.resource_spans)
        .flat_map(|of_resource| of_resource.scope_spans)
        .flat_map(|of_scope| of_scope.spans)
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn span_named(collector: &Receiver, name: &str) -> Span {
    eventually(&format!("a span {name}"), || async {
        spans(collector).into_iter().find(|span| span.name == name)
    })
    .await
}

/// All envelopes that an ingestion endpoint has received.
fn envelopes(ingestion: &Receiver) -> Vec<Value> {
    let got = ingestion.got();
    let tracked = got.iter().filter(|got| is_for(got, "/v2/track"));
    tracked
        .flat_map(|got| {
            assert_eq!(got.header("content-encoding"), Some("gzip"));
            let mut text = String::new();
            let read = flate2::read::GzDecoder::new(&*got.body).read_to_string(&mut text);
            read.expect("gzip");
            serde_json::from_str::<Vec<Value>>(&text).expect("JSON")
        })
        .collect()
}

async fn envelope(ingestion: &Receiver, what: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || async {
        envelopes(ingestion).into_iter().find(|one| is_meant(one))
    })
    .await
}

fn is_of(envelope: &Value, kind: &str) -> bool {
    envelope["data"]["baseType"] == kind
}

async fn create_within_trace(server: &Server, job: Value) -> String {
    let client = server.client();
    let request = client.request(Method::POST, "/jobs").header("traceparent", PLACE);
    let response = client.send(request.json(&job)).await;
    response.json()["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_trace_runs_from_the_request_through_waiting_and_running_to_the_handler_and_the_webhook() {
    let (collector, called, hook) = (Receiver::open().await, Receiver::open().await, Receiver::open().await);
    let config = format!(
        "{}[job_types.Call]\nhandler = {{ http = {{ url = \"{}?key=s3cret\" }} }}\n{}",
        otlp(&collector, ""),
        called.url(),
        endpoint("crm", &hook, "\"job.completed\"", "")
    );
    let (_site, server) = Server::with_config(&config);
    let id = create_within_trace(&server, json!({ "type": "Call", "name": "Rechnung № 7" })).await;
    server.client().wait_finished(&id).await;

    let create = span_named(&collector, "create Call").await;
    let wait = span_named(&collector, "wait Call").await;
    let run = span_named(&collector, "Call").await;
    let call = eventually("the call and the webhook", || async {
        let calls: Vec<Span> = spans(&collector)
            .into_iter()
            .filter(|span| span.name == "POST /hook")
            .collect();
        (calls.len() == 2).then_some(calls)
    })
    .await;
    for span in [&create, &wait, &run].into_iter().chain(&call) {
        assert_eq!(hex(&span.trace_id), TRACE, "{}", span.name);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    assert_eq!(hex(&create.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(wait.parent_span_id, create.span_id);
    assert_eq!(run.parent_span_id, create.span_id);
    for span in &call {
        assert_eq!(span.parent_span_id, run.span_id);
        let attributes: HashMap<&str, String> = span
            .attributes
            .iter()
            .map(|pair| (pair.key.as_str(), format!("{:?}", pair.value)))
            .collect();
        assert!(
            attributes["http.response.status_code"].contains("200"),
            "{attributes:?}"
        );
        assert!(!attributes["url.full"].contains("s3cret"), "{attributes:?}");
    }
    // The receiver of a call has its span context.
    let places: Vec<String> = [called.receive(1).await, hook.receive(1).await]
        .iter()
        .map(|got| got[0].header("traceparent").expect("a place").to_owned())
        .collect();
    for place in places {
        let span = &place[36..52];
        assert!(place.starts_with(&format!("00-{TRACE}-")), "{place}");
        assert!(call.iter().any(|call| hex(&call.span_id) == span), "{place}");
    }
    let request = collector
        .got()
        .into_iter()
        .find(|got| is_for(got, "/v1/traces"))
        .expect("traces");
    assert_eq!(request.header("x-team"), Some("blue"));
    let request = ExportTraceServiceRequest::decode(&*request.body).expect("OTLP");
    let resource = attributes(
        &request.resource_spans[0]
            .resource
            .as_ref()
            .expect("a resource")
            .attributes,
    );
    assert_eq!(resource["service.name"], "billing-jobs");
    let nodes = server.client().get("/nodes").await.json();
    assert_eq!(
        json!(resource["service.instance.id"]),
        nodes["nodes"][0]["id"],
        "{resource:?}"
    );
    assert_eq!(resource["telemetry.sdk.language"], "rust");
    // By the semantic conventions for messaging.
    let run = attributes(&run.attributes);
    for (key, value) in [
        ("messaging.system", "tickerq"),
        ("messaging.destination.name", "default"),
        ("messaging.message.id", id.as_str()),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
    ] {
        assert_eq!(run[key], value, "{key}");
    }
    assert_eq!(attributes(&create.attributes)["messaging.operation.type"], "create");
}

/// Attributes by their keys.
fn attributes(pairs: &[KeyValue]) -> HashMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.clone()) {
        Some(Value_::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

/// Attributes of the first resource that a server with this environment exports.
async fn resource_of(more: &str, variables: &[(&str, &str)]) -> HashMap<String, String> {
    let collector = Receiver::open().await;
    let port = collector.port();
    let config =
        format!("[telemetry]\notlp_endpoint = \"http://127.0.0.1:{port}\"\nmetrics_interval = \"00:00:01\"\n{more}\n");
    let site = Site::new(crate::harness::server::Storage::Sqlite, &config);
    let mut command = site.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.envs(variables.iter().copied());
    let _server = site.start_from(command);
    let got = collector
        .receive_where("numbers", |got| is_for(got, "/v1/metrics"))
        .await;
    let request = ExportMetricsServiceRequest::decode(&*got.body).expect("OTLP");
    attributes(
        &request.resource_metrics[0]
            .resource
            .as_ref()
            .expect("a resource")
            .attributes,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_variables_name_the_service_and_its_attributes() {
    let named = ("OTEL_SERVICE_NAME", "billing");
    let attributes = (
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=other,deployment.environment.name=prod,team=blue%2Cred",
    );
    let resource = resource_of("", &[named, attributes]).await;
    for (key, value) in [
        ("service.name", "billing"),
        ("deployment.environment.name", "prod"),
        ("team", "blue,red"),
    ] {
        assert_eq!(resource.get(key).map(String::as_str), Some(value), "{resource:?}");
    }
    let resource = resource_of("", &[attributes]).await;
    assert_eq!(resource["service.name"], "other");
    let own = ("TICKERQ_TELEMETRY__SERVICE_NAME", "own");
    let instance = ("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-7");
    let resource = resource_of("service_name = \"file\"", &[named, own, instance]).await;
    assert_eq!(
        (&*resource["service.name"], &*resource["service.instance.id"]),
        ("own", "pod-7")
    );
    // Invalid ones are dropped entirely.
    let resource = resource_of(
        "",
        &[
            ("OTEL_RESOURCE_ATTRIBUTES", "team=blue,rubbish"),
            ("OTEL_SERVICE_NAME", ""),
        ],
    )
    .await;
    assert_eq!((&*resource["service.name"], resource.get("team")), ("tickerq", None));
}

#[tokio::test]
async fn a_failed_attempt_is_an_exception_and_each_attempt_a_span_of_its_own() {
    let collector = Receiver::open().await;
    let (_site, server) = Server::with_config(&format!("{}{TYPES}", otlp(&collector, "")));
    let id = server.client().create_of_type("FailingJob").await;
    server.client().wait_finished(&id).await;
    let runs = eventually("both attempts", || async {
        let spans: Vec<Span> = spans(&collector)
            .into_iter()
            .filter(|span| span.name == "FailingJob")
            .collect();
        (spans.len() == 2).then_some(spans)
    })
    .await;
    assert_ne!(runs[0].span_id, runs[1].span_id);
    for run in runs {
        assert_eq!(
            hex(&run.trace_id),
            id.replace('-', ""),
            "a job without a caller has its own trace"
        );
        assert_eq!(run.status.as_ref().expect("a status").code, 2);
        assert_eq!(attributes(&run.attributes)["error.type"], "JobFailed");
        assert_eq!(run.events.len(), 1);
        let event = format!("{:?}", run.events[0]);
        assert!(
            event.contains("exception.message") && event.contains("no such account"),
            "{event}"
        );
    }
}

#[tokio::test]
async fn numbers_are_sent_as_opentelemetry_has_them() {
    let collector = Receiver::open().await;
    let (_site, server) = Server::with_config(&format!("{}{TYPES}", otlp(&collector, "")));
    let id = server.client().create_of_type("NoopJob").await;
    server.client().wait_finished(&id).await;
    eventually("the job is counted", || async {
        let got = collector.got();
        let mut numbers = got.iter().filter(|got| is_for(got, "/v1/metrics"));
        numbers
            .any(|got| {
                let request = ExportMetricsServiceRequest::decode(&*got.body).expect("OTLP");
                let text = format!("{request:?}");
                [
                    "tickerq_jobs",
                    "tickerq_job_duration",
                    "tickerq_queue_length",
                    "messaging.process.duration",
                    "messaging.client.sent.messages",
                    "messaging.client.consumed.messages",
                    "http.server.request.duration",
                    "messaging.destination.name",
                    "http.response.status_code",
                    "NoopJob",
                ]
                .iter()
                .all(|name| text.contains(name))
            })
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn application_insights_receives_requests_dependencies_exceptions_and_metrics() {
    let (ingestion, called) = (Receiver::open().await, Receiver::open().await);
    ingestion.otherwise(ScriptedResponse::Status(
        "200 OK",
        "",
        "{\"itemsReceived\":1,\"itemsAccepted\":1,\"errors\":[]}",
    ));
    let config = format!(
        "{}{TYPES}[job_types.Call]\nhandler = {{ http = {{ url = \"{}\" }} }}\n",
        insights(&ingestion, "service_name = \"billing-jobs\""),
        called.url()
    );
    let (_site, server) = Server::with_config(&config);
    let failing = server.client().create_of_type("FailingJob").await;
    let calling = create_within_trace(&server, json!({ "type": "Call" })).await;
    server.client().wait_finished(&failing).await;
    server.client().wait_finished(&calling).await;

    let request = envelope(&ingestion, "the call's job", |one| {
        is_of(one, "RequestData") && one["data"]["baseData"]["name"] == "Call"
    })
    .await;
    assert_eq!(request["name"], "Microsoft.ApplicationInsights.Request");
    assert_eq!(request["iKey"], "0a1b-2c3d");
    assert_eq!(request["tags"]["ai.operation.id"], TRACE);
    assert_eq!(request["tags"]["ai.operation.name"], "Call");
    assert_eq!(request["tags"]["ai.cloud.role"], "billing-jobs");
    let run = &request["data"]["baseData"];
    assert_eq!(
        (&run["success"], &run["properties"]["tickerq.job.id"]),
        (&json!(true), &json!(calling))
    );

    // The request is a child of the job's creation, which is exported, and that of the caller's operation.
    let name = |one: &Value| one["data"]["baseData"]["name"].clone();
    let created = envelope(&ingestion, "the creation", |one| {
        is_of(one, "RemoteDependencyData") && name(one) == "create Call"
    })
    .await;
    assert_eq!(
        request["tags"]["ai.operation.parentId"],
        created["data"]["baseData"]["id"]
    );
    assert_eq!(created["tags"]["ai.operation.parentId"], "00f067aa0ba902b7");
    let dependency = envelope(&ingestion, "the call", |one| {
        is_of(one, "RemoteDependencyData") && name(one) == "POST /hook"
    })
    .await;
    assert_eq!(dependency["tags"]["ai.operation.id"], TRACE);
    assert_eq!(dependency["tags"]["ai.operation.parentId"], run["id"]);
    let call = &dependency["data"]["baseData"];
    assert_eq!(
        (&call["type"], &call["resultCode"]),
        (&json!("HTTP"), &json!("200")),
        "{call}"
    );
    assert_eq!(call["data"], json!(called.url()));

    let exception = envelope(&ingestion, "the failure", |one| is_of(one, "ExceptionData")).await;
    let details = &exception["data"]["baseData"]["exceptions"][0];
    assert_eq!(details["typeName"], "JobFailed");
    assert!(
        details["message"]
            .as_str()
            .is_some_and(|text| text.contains("no such account")),
        "{details}"
    );
    let failed = envelope(&ingestion, "the failed job", |one| {
        is_of(one, "RequestData") && one["data"]["baseData"]["name"] == "FailingJob"
    })
    .await;
    assert_eq!(failed["data"]["baseData"]["success"], false);
    assert_eq!(exception["tags"]["ai.operation.id"], failed["tags"]["ai.operation.id"]);

    let metric = envelope(&ingestion, "the queue's length", |one| {
        is_of(one, "MetricData") && one["data"]["baseData"]["metrics"][0]["name"] == "tickerq_queue_length"
    })
    .await;
    assert_eq!(metric["iKey"], "0a1b-2c3d");
}

#[tokio::test]
async fn application_insights_receives_only_the_configured_telemetry() {
    let ingestion = Receiver::open().await;
    let config = format!("{}{TYPES}", insights(&ingestion, "track_job_executions = false"));
    let (_site, server) = Server::with_config(&config);
    let id = server.client().create_of_type("NoopJob").await;
    server.client().wait_finished(&id).await;
    envelope(&ingestion, "a metric", |one| is_of(one, "MetricData")).await;
    assert!(server.stop().success());
    let hook = envelopes(&ingestion);
    assert!(hook.iter().all(|one| is_of(one, "MetricData")), "{hook:?}");

    let ingestion = Receiver::open().await;
    let config = format!("{}{TYPES}", insights(&ingestion, "track_performance_counters = false"));
    let (_site, server) = Server::with_config(&config);
    let id = server.client().create_of_type("NoopJob").await;
    server.client().wait_finished(&id).await;
    // Pending telemetry is flushed before the server exits.
    assert!(server.stop().success());
    let hook = envelopes(&ingestion);
    let requests = hook.iter().filter(|one| is_of(one, "RequestData")).count();
    assert!(
        hook.len() == 2 && requests == 1,
        "an attempt and the job's creation: {hook:?}"
    );
}

#[tokio::test]
async fn dead_slow_and_broken_collectors_delay_no_job() {
    for response in [
        ScriptedResponse::Hangs,
        ScriptedResponse::Closes,
        ScriptedResponse::Garbage,
        ScriptedResponse::Status("503 Service Unavailable", "", ""),
        ScriptedResponse::Status("400 Bad Request", "", "no"),
    ] {
        let collector = Receiver::open().await;
        collector.otherwise(response.clone());
        let both = format!(
            "{}otlp_endpoint = \"http://127.0.0.1:{}\"\n{TYPES}",
            insights(&collector, ""),
            collector.port()
        );
        let (_site, server) = Server::with_config(&both);
        let client = server.client();
        let jobs: Vec<Value> = (0..1_000).map(|_| json!({ "type": "NoopJob" })).collect();
        for _ in 0..5 {
            let created = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
            assert!(created.status.is_success(), "{}", created.text);
        }
        eventually(
            &format!("all jobs are done while the collector {response:?}"),
            || async {
                let done = client.get("/jobs?status=completed&limit=1").await.json();
                assert!(done["totalCount"].is_number(), "{done}");
                (done["totalCount"] == json!(5_000)).then_some(())
            },
        )
        .await;
        let start = std::time::Instant::now();
        assert!(server.stop().success());
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "it does not wait for {response:?}"
        );
    }
}

#[tokio::test]
async fn a_secret_of_telemetry_is_shown_nowhere() {
    let site = Site::new(
        crate::harness::server::Storage::Sqlite,
        "[telemetry]\nenable_application_insights = true\nconnection_string = \"InstrumentationKey=s3cret-key\"\n\
         otlp_headers = { Authorization = \"s3cret-token\" }\n",
    );
    let output = site.command(&["config", "show"]).output().expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && text.contains("connection_string"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}
