//! `POST /jobs` and `GET /jobs/{id}`: a job is stored, run and returned in full.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::eventually;
use crate::harness::latch::Latch;
use crate::harness::server::{Server, Site, Storage};

/// The common members of a job.
fn without_identity(mut job: Value) -> Value {
    let members = job.as_object_mut().expect("a job");
    for name in ["id", "jobId", "createdAt", "runAt"] {
        members.remove(name).expect("a member of every job");
    }
    job
}

/// Milliseconds between two timestamps of a job.
fn millis_between(job: &Value, from: &str, to: &str) -> i64 {
    let time = |name: &str| {
        let text = job[name].as_str().unwrap_or_else(|| panic!("no {name} in {job}"));
        chrono::DateTime::parse_from_rfc3339(text).expect("RFC 3339")
    };
    (time(to) - time(from)).num_milliseconds()
}

#[tokio::test]
async fn the_references_sample_creates_a_job_with_a_location() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let sample = json!({
        "type": "EmailNotificationJob",
        "name": "Welcome Email",
        "parameters": { "recipientEmail": "newuser@example.com", "templateId": "welcome-email" },
        "priority": "normal",
        "delay": "00:00:00",
        "maxRetries": 3,
        "cronExpression": null
    });
    let response = client.post("/jobs", sample).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("etag"), Some("\"1\""));
    let job = response.json();
    assert_eq!(job["jobId"], job["id"]);
    let id = job["id"].as_str().expect("an id");
    let location = format!("/api/tickerq/jobs/{id}");
    assert_eq!(response.header("location"), Some(location.as_str()));
    assert_eq!(job["status"], "pending");
    assert_eq!(job["name"], "Welcome Email");
    assert_eq!(job["queue"], "default");
    assert_eq!(job["runAt"], job["createdAt"]);
    let read = client.send(client.at_root(Method::GET, &location)).await;
    assert_eq!(
        read.json(),
        job,
        "nothing runs this type, so nothing has happened to it"
    );
}

#[tokio::test]
async fn the_three_shapes_that_clients_send_make_the_same_job() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let rest = json!({ "type": "Mail", "parameters": { "to": "ann" }, "name": "Hello", "priority": "high",
        "delay": "00:05:00", "maxRetries": 5, "queue": "mail", "timeout": "00:01:00", "retryDelay": "00:00:02" });
    // The .NET client: nested options, null for unset members, enums as numbers or in Pascal case.
    let dotnet = json!({ "type": "Mail", "parameters": { "to": "ann" }, "options": { "name": "Hello", "priority": 2,
        "delay": "00:05:00", "maxRetries": 5, "queue": "mail", "timeout": "00:01:00", "retryDelay": "00:00:02",
        "runAt": null, "cronExpression": null, "retryIntervals": null, "uniqueKey": null } });
    let pascal = json!({ "type": "Mail", "parameters": { "to": "ann" }, "options": { "name": "Hello", "priority": "High",
        "delay": "PT5M", "maxRetries": 5, "queue": "mail", "timeout": "PT1M", "retryDelay": "PT2S" } });
    // The JavaScript client: options at the top level.
    let javascript = json!({ "type": "Mail", "parameters": { "to": "ann" }, "priority": "HIGH", "delay": "0:05:00",
        "name": "Hello", "maxRetries": 5, "queue": "mail", "timeout": "00:01:00", "retryDelay": "00:00:02",
        "options": null });
    let expected = client.create(rest).await;
    assert_eq!(expected["priority"], "high");
    assert_eq!(millis_between(&expected, "createdAt", "runAt"), 300_000);
    for shape in [dotnet, pascal, javascript] {
        let job = client.create(shape.clone()).await;
        assert_eq!(millis_between(&job, "createdAt", "runAt"), 300_000, "{shape}");
        assert_eq!(without_identity(job), without_identity(expected.clone()), "{shape}");
    }
}

#[tokio::test]
async fn conflicting_values_of_both_shapes_are_rejected() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let job = client
        .create(json!({
            "type": "Mail", "priority": "high", "parameters": { "a": 1, "b": 2 }, "delay": "00:01:00", "maxRetries": null,
            "options": { "type": "Mail", "priority": 2, "parameters": { "b": 2, "a": 1 }, "delay": "PT60S", "maxRetries": 7 }
        }))
        .await;
    assert_eq!((&job["priority"], &job["maxRetries"]), (&json!("high"), &json!(7)));
    for (field, one, other) in [
        ("type", json!("Mail"), json!("Post")),
        ("name", json!("a"), json!("b")),
        ("queue", json!("a"), json!("b")),
        ("parameters", json!({ "a": 1 }), json!({ "a": 2 })),
        ("priority", json!("low"), json!("high")),
        ("delay", json!("00:00:01"), json!("00:00:02")),
        ("runAt", json!("2030-01-01T00:00:00Z"), json!("2030-01-02T00:00:00Z")),
        ("maxRetries", json!(1), json!(2)),
        ("timeout", json!("00:00:01"), json!("00:00:02")),
        ("retryDelay", json!("00:00:01"), json!("00:00:02")),
        ("retryIntervals", json!(["00:00:01"]), json!(["00:00:02"])),
        ("uniqueKey", json!("a"), json!("b")),
    ] {
        let mut body = json!({ "type": "Mail", "options": {} });
        body[field] = one;
        body["options"][field] = other;
        let problem = client.post("/jobs", body).await.problem(400);
        assert_eq!(problem["type"], "urn:tickerq:problem:validation");
        assert_eq!(
            problem["errors"][0]["pointer"],
            format!("#/options/{field}"),
            "{problem}"
        );
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.starts_with(&format!("{field} has two values")), "{detail}");
    }
    let nested = json!({ "type": "Mail", "options": { "options": {} } });
    let problem = client.post("/jobs", nested).await.problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/options/options");
    assert_eq!(
        client.get("/jobs").await.json()["totalCount"],
        1,
        "rejected jobs are not stored"
    );
}

#[tokio::test]
async fn missing_fields_take_the_defaults_of_the_type() {
    let (_site, server) = Server::with_config(
        r#"
        [jobs]
        max_retries = 7
        timeout = "00:02:00"
        retry_delay = "00:00:03"
        [job_types.Report]
        queue = "reports"
        max_retries = 1
        timeout = "00:09:00"
        retry_intervals = ["00:00:05", "00:01:00"]
        "#,
    );
    let client = server.client();
    let defaults = |job: &Value| {
        [
            "queue",
            "maxRetries",
            "timeout",
            "retryDelay",
            "retryIntervals",
            "priority",
            "name",
            "parameters",
        ]
        .map(|name| job[name].clone())
    };
    let job = client.create(json!({ "type": "Other" })).await;
    let expected = [
        json!("default"),
        json!(7),
        json!("00:02:00"),
        json!("00:00:03"),
        json!([]),
        json!("normal"),
    ];
    assert_eq!(defaults(&job)[..6], expected);
    assert_eq!((&job["name"], &job["parameters"]), (&json!("Other"), &Value::Null));
    let job = client.create(json!({ "type": "Report", "maxRetries": null })).await;
    let expected = [
        json!("reports"),
        json!(1),
        json!("00:09:00"),
        json!("00:00:03"),
        json!(["00:00:05", "00:01:00"]),
    ];
    assert_eq!(defaults(&job)[..5], expected);
    let job = client
        .create(
            json!({ "type": "Report", "queue": "q", "maxRetries": 0, "timeout": "00:00:01", "retryDelay": "00:00:09" }),
        )
        .await;
    let expected = [json!("q"), json!(0), json!("00:00:01"), json!("00:00:09"), json!([])];
    assert_eq!(
        defaults(&job)[..5],
        expected,
        "its own delay applies, not its type's intervals"
    );
}

#[tokio::test]
async fn unconfigured_types_can_be_rejected() {
    let (_site, server) = Server::with_config(
        r#"
        [api]
        unknown_job_types = "reject"
        [job_types.Known]
        handler = "noop"
        "#,
    );
    let client = server.client();
    client.create(json!({ "type": "Known" })).await;
    let problem = client
        .post("/jobs", json!({ "options": { "type": "Unknown" } }))
        .await
        .problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/options/type");
    assert_eq!(
        problem["detail"],
        "job type 'Unknown' is not configured on this server; configured are: Known"
    );
}

/// JSON whose numbers, whitespace, order, names and escapes are easily changed by a server.
const PARAMETERS: &[&str] = &[
    r#"{"b": 1.10, "a":12345678901234567890123, "a" : "\u0000\ud800\/"}"#,
    "[ 1e400,-0.0,\n\t1E5 ]",
    r#""ü 😀 ﷽ '; DROP TABLE jobs; -- \\""#,
    "{ }",
    "0",
    "false",
    "null",
];

async fn post_text(client: &Client, body: &str) -> ApiResponse {
    let request = client
        .request(Method::POST, "/jobs")
        .header("content-type", "application/json");
    client.send(request.body(body.to_owned())).await
}

async fn parameters_are_kept_to_the_byte(storage: Storage) {
    let mut latch = Latch::open().await;
    let site = Site::new(storage, &format!("[job_types.Echo]\n{}", latch.handler()));
    let server = site.start();
    let client = server.client();
    for parameters in PARAMETERS {
        let response = post_text(&client, &format!(r#"{{"type": "Echo", "parameters": {parameters} }}"#)).await;
        assert_eq!(response.status, StatusCode::CREATED, "{parameters}: {}", response.text);
        let expected = format!(r#","parameters":{parameters},"#);
        assert!(
            response.text.contains(&expected),
            "{parameters} became {}",
            response.text
        );
        let visit = latch.visit().await;
        assert!(visit.body.contains(&expected), "{parameters} became {}", visit.body);
        visit.respond("200 OK", parameters);
        // Not every client can parse these numbers and escapes: they are compared as text.
        let location = response.header("location").expect("a location").to_owned();
        let read = eventually("the job completes", || async {
            let read = client.send(client.at_root(Method::GET, &location)).await;
            read.text.contains(r#","status":"completed","#).then_some(read)
        })
        .await;
        assert!(read.text.contains(&expected), "{parameters} became {}", read.text);
        let expected = format!(r#","result":{parameters},"#);
        assert!(
            read.text.contains(&expected),
            "the result {parameters} became {}",
            read.text
        );
    }
}

#[tokio::test]
async fn parameters_and_results_are_kept_to_the_byte_on_sqlite() {
    parameters_are_kept_to_the_byte(Storage::Sqlite).await;
}

#[tokio::test]
async fn parameters_and_results_are_kept_to_the_byte_on_postgres() {
    parameters_are_kept_to_the_byte(Storage::Postgres).await;
}

#[tokio::test]
async fn a_job_shows_its_times_and_its_outcome() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!("[job_types.Mail]\n{}", latch.handler()));
    let client = server.client();
    let id = client.create_of_type("Mail").await;
    let visit = latch.visit().await;
    let running = client.job(&id).await;
    assert_eq!(running["status"], "running");
    assert_eq!(
        (&running["attempt"], &running["completedAt"]),
        (&json!(1), &Value::Null)
    );
    let history = &running["executionHistory"];
    assert_eq!(history.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&history[0]["status"], &history[0]["completedAt"]),
        (&json!("running"), &Value::Null)
    );
    visit.respond("200 OK", r#"{"messageId": "msg-456"}"#);
    let done = client.wait_finished(&id).await;
    assert_eq!(done["status"], "completed");
    assert_eq!(done["result"], json!({ "messageId": "msg-456" }));
    assert_eq!(done["error"], Value::Null);
    assert_eq!((&done["attempt"], &done["retryCount"]), (&json!(1), &json!(0)));
    assert!(millis_between(&done, "createdAt", "executedAt") >= 0, "{done}");
    assert!(millis_between(&done, "executedAt", "completedAt") >= 0, "{done}");
    let attempt = &done["executionHistory"][0];
    assert_eq!(done["executionHistory"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&attempt["attempt"], &attempt["status"]),
        (&json!(1), &json!("completed"))
    );
    assert_eq!(attempt["startedAt"], done["executedAt"]);
    assert_eq!(attempt["completedAt"], done["completedAt"]);
    assert_eq!(attempt["duration"], done["duration"]);
    assert_eq!(attempt["startedAt"], running["executedAt"]);
}

#[tokio::test]
async fn a_delayed_job_waits_for_its_time_and_one_of_the_past_does_not() {
    let (_site, server) = Server::with_config("[job_types.Noop]\nhandler = \"noop\"");
    let client = server.client();
    let late = client.create(json!({ "type": "Noop", "delay": "00:00:00.3" })).await;
    let far = client
        .create(json!({ "type": "Noop", "runAt": "9999-12-31T23:59:59Z" }))
        .await;
    let past = client
        .create(json!({ "type": "Noop", "runAt": "1970-01-01T01:00:00+01:00" }))
        .await;
    assert_eq!(
        past["runAt"], past["createdAt"],
        "it is due at once, and does not jump the queue"
    );
    let done = client.wait_finished(past["id"].as_str().expect("an id")).await;
    assert_eq!(done["status"], "completed");
    let done = client.wait_finished(late["id"].as_str().expect("an id")).await;
    assert!(millis_between(&done, "runAt", "executedAt") >= 0, "{done}");
    assert_eq!(millis_between(&done, "createdAt", "runAt"), 300);
    let far = client.job(far["id"].as_str().expect("an id")).await;
    assert_eq!(
        (&far["status"], &far["runAt"]),
        (&json!("pending"), &json!("9999-12-31T23:59:59Z"))
    );
}

#[tokio::test]
async fn a_job_and_its_history_are_consistent_at_every_moment() {
    let (_site, server) = Server::with_config("[job_types.Noop]\nhandler = \"noop\"");
    let client = server.client();
    for _ in 0..50 {
        let id = client.create_of_type("Noop").await;
        loop {
            let job = client.job(&id).await;
            let history = job["executionHistory"].as_array().expect("a history");
            let (status, last) = (&job["status"], history.last().unwrap_or(&Value::Null));
            assert_eq!(job["attempt"], history.len(), "{job}");
            if status == "pending" {
                continue;
            }
            assert_eq!(last["status"], *status, "{job}");
            assert_eq!(last["completedAt"], job["completedAt"], "{job}");
            if status == "completed" {
                break;
            }
        }
    }
}
