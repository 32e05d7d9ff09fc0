//! Webhooks: deliveries, signatures and failing receivers.

pub(crate) mod configured;
pub(crate) mod data_sync;
pub(crate) mod egress;
pub(crate) mod examples;
pub(crate) mod failing;
pub(crate) mod management;
pub(crate) mod many_nodes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::Stdio;
use std::time::Duration;

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::receiver::{Received, Receiver, ScriptedResponse};
use crate::harness::server::{Server, Site, Storage};

pub const TYPES: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n\
    [job_types.EchoJob]\nhandler = { command = { program = \"cat\" } }\n\
    [job_types.FailingJob]\nmax_retries = 1\nretry_delay = \"00:00:00\"\nhandler = { command = { program = \"false\" } }\n";

/// A configured endpoint with retries after 50 ms.
pub fn endpoint(name: &str, receiver: &Receiver, events: &str, more: &str) -> String {
    format!(
        "[[webhooks.endpoints]]\nname = \"{name}\"\nurl = \"{}\"\nevents = [{events}]\nsecret = \"webhook-secret-key\"\n\
         retry_policy = {{ max_retries = 5, retry_delay = \"00:00:00.05\" }}\n{more}\n",
        receiver.url()
    )
}

pub fn config(endpoints: &[String]) -> String {
    format!("{TYPES}{}", endpoints.concat())
}

fn hex_hmac(key: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).expect("a key");
    mac.update(body);
    let mut text = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(text, "{byte:02x}").expect("text");
    }
    text
}

/// The endpoint with this name from the API.
pub async fn endpoint_named(client: &Client, name: &str) -> Value {
    let list = client.get("/webhooks/endpoints").await.json();
    let endpoints = list["endpoints"].as_array().expect("a list").clone();
    let found = endpoints.into_iter().find(|endpoint| endpoint["name"] == name);
    found.unwrap_or_else(|| panic!("no endpoint {name}"))
}

/// Deliveries of an endpoint, newest first.
pub async fn deliveries(client: &Client, name: &str) -> Vec<Value> {
    let id = endpoint_named(client, name).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let list = client.get(&format!("/webhooks/endpoints/{id}/deliveries")).await.json();
    list["deliveries"].as_array().expect("a list").clone()
}

/// Verifies a delivery with the Standard Webhooks library and returns the event.
pub async fn verified_by_the_library(got: &Received, secret: &str, format: &str) -> String {
    let headers: Value = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .map(|name| (name.to_owned(), json!(got.header(name))))
        .into_iter()
        .collect::<serde_json::Map<String, Value>>()
        .into();
    let input = json!({ "headers": headers, "body": String::from_utf8(got.body.clone()).expect("text") });
    let mut child = tokio::process::Command::new("node")
        .args(["standardwebhooks.mjs", secret, format])
        .current_dir(crate::realtime::clients::clients())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node runs");
    let mut stdin = child.stdin.take().expect("a piped stdin");
    stdin.write_all(input.to_string().as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().await.expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[tokio::test]
async fn a_completed_job_is_delivered_in_the_references_format_and_can_be_verified() {
    let receiver = Receiver::open().await;
    let events = "\"job.completed\", \"job.failed\", \"system.alert\"";
    let (_site, server) = Server::with_config(&config(&[endpoint("crm", &receiver, events, "")]));
    let job = json!({ "type": "EchoJob", "name": "Rechnung № 7", "parameters": { "messageId": "msg-456" } });
    let id = server.client().create(job).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let got = receiver.receive(1).await.remove(0);
    assert!(got.head.starts_with("POST /hook HTTP/1.1\r\n"), "{}", got.head);
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(
        got.header("user-agent"),
        Some(concat!("TickerQ/", env!("CARGO_PKG_VERSION")))
    );
    let body = got.json();
    let members: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(members.len(), 4, "{body}");
    assert_eq!(body["event"], "job.completed");
    assert_eq!(body["data"]["jobId"], json!(id));
    assert_eq!(body["data"]["jobType"], "EchoJob");
    assert_eq!(body["data"]["status"], "completed");
    assert_eq!(body["data"]["result"], json!({ "messageId": "msg-456" }));
    assert!(
        body["data"]["duration"]
            .as_str()
            .is_some_and(|text| text.starts_with("00:00:"))
    );
    // The header signs the received bytes; the member signs them without itself.
    let expected = hex_hmac("webhook-secret-key", &got.body);
    assert_eq!(got.header("x-tickerq-signature"), Some(expected.as_str()));
    let text = String::from_utf8(got.body.clone()).expect("text");
    let signature = body["signature"].as_str().expect("a signature");
    let unsigned = text.replace(&format!(",\"signature\":\"{signature}\""), "");
    assert!(
        text.ends_with(&format!(",\"signature\":\"{signature}\"}}")),
        "it comes last: {text}"
    );
    assert_eq!(signature, hex_hmac("webhook-secret-key", unsigned.as_bytes()));
    assert_eq!(got.header("x-tickerq-signature-previous"), None);
    assert_eq!(
        verified_by_the_library(&got, "webhook-secret-key", "raw").await,
        "job.completed"
    );
}

#[tokio::test]
async fn an_endpoint_receives_its_events_in_the_order_of_each_job() {
    let (all, some) = (Receiver::open().await, Receiver::open().await);
    let endpoints = [
        endpoint("all", &all, "\"*\"", ""),
        endpoint("some", &some, "\"job.failed\", \"queue.*\"", ""),
    ];
    let (_site, server) = Server::with_config(&config(&endpoints));
    let client = server.client();
    let failing = client.create_of_type("FailingJob").await;
    let fine = client.create_of_type("NoopJob").await;
    client.wait_finished(&failing).await;
    client.wait_finished(&fine).await;
    client.post_empty("/queues/default/pause").await;
    client.post_empty("/queues/default/resume").await;
    client
        .post("/queues/default/clear", json!({ "clearFailed": true }))
        .await;
    let waiting = client.create(json!({ "type": "NoopJob", "delay": "01:00:00" })).await;
    let waiting = waiting["id"].as_str().expect("an id").to_owned();
    client.post_empty(&format!("/jobs/{waiting}/cancel")).await;
    all.receive(13).await;
    let delivered: BTreeMap<String, Vec<String>> = all.got().iter().fold(BTreeMap::new(), |mut delivered, got| {
        let about = got.json()["data"]["jobId"].as_str().unwrap_or("queue").to_owned();
        delivered.entry(about).or_default().push(got.event());
        delivered
    });
    let of = |about: &str| delivered[about].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(
        of(&failing),
        [
            "job.created",
            "job.started",
            "job.retrying",
            "job.started",
            "job.failed"
        ]
    );
    assert_eq!(of(&fine), ["job.created", "job.started", "job.completed"]);
    assert_eq!(of(&waiting), ["job.created", "job.cancelled"]);
    assert_eq!(of("queue")[..2], ["queue.paused", "queue.resumed"]);
    some.receive(4).await;
    let events: BTreeSet<String> = some.got().iter().map(Received::event).collect();
    let expected = ["job.failed", "queue.cleared", "queue.paused", "queue.resumed"];
    assert_eq!(events, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn a_receiver_that_does_not_behave_is_tried_again_under_the_same_id() {
    let receiver = Receiver::open().await;
    receiver.script([
        ScriptedResponse::Status("500 Internal Server Error", "", "no such\u{1}table"),
        ScriptedResponse::Garbage,
        ScriptedResponse::Closes,
        ScriptedResponse::Status("301 Moved Permanently", "location: http://127.0.0.1:1/\r\n", ""),
        ScriptedResponse::Hangs,
    ]);
    let more = "[webhooks]\ntimeout = \"00:00:01\"\n";
    let endpoints = endpoint("crm", &receiver, "\"job.completed\"", "");
    let (_site, server) = Server::with_config(&format!("{TYPES}{more}{endpoints}"));
    let client = server.client();
    let id = client.create_of_type("NoopJob").await;
    let got = receiver.receive(6).await;
    let ids: BTreeSet<String> = got.iter().map(Received::id).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let bodies: BTreeSet<Vec<u8>> = got.iter().map(|got| got.body.clone()).collect();
    assert_eq!(bodies.len(), 1, "the body is the same at each attempt");
    assert!(got[0].job() == id);
    let delivery = eventually("it is delivered", || async {
        let delivery = deliveries(&client, "crm").await.remove(0);
        (delivery["status"] == "delivered").then_some(delivery)
    })
    .await;
    assert_eq!(delivery["attempts"], 6);
    assert_eq!(delivery["error"], Value::Null);
    assert_eq!(delivery["response"]["status"], 200);
    // The delays grow: 50, 100, 200, 400 ms.
    let wait = |index: usize| got[index + 1].at - got[index].at;
    assert!(wait(0) >= Duration::from_millis(50), "{:?}", wait(0));
    assert!(wait(2) >= Duration::from_millis(200), "{:?}", wait(2));
    // The next event of the endpoint follows all deliveries that were due before it.
    let next = client.create_of_type("NoopJob").await;
    receiver.receive_where("the next job", |got| got.job() == next).await;
    assert_eq!(receiver.got().len(), 7, "a delivered message is not sent again");
}

#[tokio::test]
async fn a_delivery_without_retries_left_has_failed_with_its_reason() {
    let receiver = Receiver::open().await;
    receiver.otherwise(ScriptedResponse::Status(
        "500 Internal Server Error",
        "",
        "no such table",
    ));
    let (_site, server) = Server::with_config(&config(&[endpoint("crm", &receiver, "\"job.*\"", "")]));
    let client = server.client();
    client.create(json!({ "type": "NoopJob", "delay": "01:00:00" })).await;
    let delivery = eventually("it has failed", || async {
        let delivery = deliveries(&client, "crm").await.remove(0);
        (delivery["status"] == "failed").then_some(delivery)
    })
    .await;
    assert_eq!(delivery["attempts"], 6);
    assert_eq!(delivery["error"], "responded with 500 Internal Server Error");
    assert_eq!(delivery["response"], json!({ "status": 500, "body": "no such table" }));
    assert_eq!(delivery["request"]["body"]["event"], "job.created");
    assert!(
        delivery["duration"]
            .as_str()
            .is_some_and(|text| text.starts_with("00:00:00"))
    );
    assert_eq!(receiver.got().len(), 6);
    assert!(endpoint_named(&client, "crm").await["failingSince"].is_string());
}

#[tokio::test]
async fn a_retry_after_of_an_endpoint_is_honored() {
    let receiver = Receiver::open().await;
    receiver.script([ScriptedResponse::Status(
        "429 Too Many Requests",
        "retry-after: 1\r\n",
        "",
    )]);
    let (_site, server) = Server::with_config(&config(&[endpoint("crm", &receiver, "\"job.created\"", "")]));
    let client = server.client();
    client.create_of_type("NoopJob").await;
    receiver.receive(1).await;
    eventually("the response is recorded", || async {
        (deliveries(&client, "crm").await[0]["attempts"] == 1).then_some(())
    })
    .await;
    // Other deliveries are pending as well.
    client.create_of_type("NoopJob").await;
    let got = receiver.receive(3).await;
    assert!(
        got[1].at - got[0].at >= Duration::from_millis(990),
        "{:?}",
        got[1].at - got[0].at
    );
}

#[tokio::test]
async fn nothing_overtakes_a_delivery_of_the_same_job_that_is_tried_again() {
    let receiver = Receiver::open().await;
    receiver.script([ScriptedResponse::Closes, ScriptedResponse::Closes]);
    let (_site, server) = Server::with_config(&config(&[endpoint("crm", &receiver, "\"job.*\"", "")]));
    let client = server.client();
    client.create_of_type("NoopJob").await;
    let got = receiver.receive(5).await;
    let events: Vec<String> = got.iter().map(Received::event).collect();
    assert_eq!(
        events,
        [
            "job.created",
            "job.created",
            "job.created",
            "job.started",
            "job.completed"
        ]
    );
}

async fn killed_again_and_again(storage: Storage) {
    let receiver = Receiver::open().await;
    let endpoints = endpoint("crm", &receiver, "\"job.completed\"", "");
    let site = Site::new(
        storage,
        &format!("{TYPES}[cluster]\nlease_ttl = \"00:00:03\"\n{endpoints}"),
    );
    let mut acknowledged = BTreeSet::new();
    for round in 0..4_u64 {
        let server = site.start();
        let client = server.client();
        // Some are delivered late: they are in storage or in flight when the server is killed.
        receiver.script((0..20).map(|number| match number % 4 {
            0 => ScriptedResponse::Slow(Duration::from_millis(120)),
            1 => ScriptedResponse::Closes,
            _ => ScriptedResponse::OK,
        }));
        for _ in 0..5 {
            let jobs: Vec<Value> = (0..20).map(|_| json!({ "type": "NoopJob" })).collect();
            let made = client.post("/jobs/batch", json!({ "jobs": jobs })).await.json();
            let made = made["jobs"].as_array().expect("jobs").clone();
            acknowledged.extend(made.iter().filter_map(|job| job["id"].as_str().map(str::to_owned)));
        }
        // The time of the kill is the subject and differs in each round.
        tokio::time::sleep(Duration::from_millis(23 * round)).await;
        server.kill();
    }
    let server = site.start();
    eventually("every acknowledged job is delivered", || async {
        let delivered: BTreeSet<String> = receiver.got().iter().map(Received::job).collect();
        acknowledged.is_subset(&delivered).then_some(())
    })
    .await;
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for got in receiver.got() {
        ids.entry(got.job()).or_default().insert(got.id());
    }
    assert!(
        ids.values().all(|ids| ids.len() == 1),
        "repeated deliveries have the same id"
    );
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_no_delivery_on_sqlite() {
    killed_again_and_again(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_no_delivery_on_postgresql() {
    killed_again_and_again(Storage::Postgres).await;
}
