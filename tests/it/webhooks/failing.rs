//! Failing endpoints: retries, disabling and alerts; alerts of the server's own health.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::{TYPES, config, deliveries, endpoint, endpoint_named};
use crate::harness::eventually;
use crate::harness::receiver::{Received, Receiver, ScriptedResponse};
use crate::harness::server::Server;

#[tokio::test]
async fn an_endpoint_that_responds_410_is_disabled_and_the_others_are_alerted() {
    let (disabled, other) = (Receiver::open().await, Receiver::open().await);
    disabled.otherwise(ScriptedResponse::Status("410 Gone", "", ""));
    let endpoints = [
        endpoint("gone", &disabled, "\"*\"", ""),
        endpoint("other", &other, "\"system.alert\"", ""),
    ];
    let (site, server) = Server::with_config(&config(&endpoints));
    let client = server.client();
    client.create_of_type("NoopJob").await;
    let alert = other.receive(1).await.remove(0).json();
    assert_eq!(alert["event"], "system.alert");
    let reason = &alert["data"]["reasons"][0];
    assert_eq!(reason["code"], "webhook-endpoint-disabled");
    assert!(
        reason["message"]
            .as_str()
            .is_some_and(|text| text.contains("'gone'") && text.contains("410")),
        "{alert}"
    );
    let endpoint = endpoint_named(&client, "gone").await;
    assert_eq!(
        (&endpoint["enabled"], &endpoint["disabledReason"]),
        (&json!(false), &json!("gone"))
    );
    let before = disabled.got().len();
    let job = client.create_of_type("NoopJob").await;
    client.wait_finished(&job).await;
    assert!(server.stop().success());
    // It receives nothing after a restart either, until it is enabled.
    let server = site.start();
    let client = server.client();
    assert_eq!(endpoint_named(&client, "gone").await["enabled"], json!(false));
    assert_eq!(disabled.got().len(), before);
    disabled.otherwise(ScriptedResponse::OK);
    let id = endpoint["id"].as_str().expect("an id");
    let enabled = client.post_empty(&format!("/webhooks/endpoints/{id}/enable")).await;
    assert_eq!(enabled.json()["enabled"], json!(true), "{}", enabled.text);
    let job = client.create_of_type("NoopJob").await;
    disabled
        .receive_where("the job", |got| got.json()["data"]["jobId"] == json!(job))
        .await;
}

#[tokio::test]
async fn an_endpoint_that_fails_for_too_long_is_disabled() {
    let receiver = Receiver::open().await;
    receiver.otherwise(ScriptedResponse::Closes);
    let more = "[webhooks]\ndisable_after = \"00:00:00.3\"\n";
    let endpoints = endpoint("crm", &receiver, "\"job.created\"", "");
    let (_site, server) = Server::with_config(&format!("{TYPES}{more}{endpoints}"));
    let client = server.client();
    client.create_of_type("NoopJob").await;
    eventually("it is disabled", || async {
        (endpoint_named(&client, "crm").await["disabledReason"] == "failing").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_dead_endpoint_delays_no_other() {
    let (dead, slow, fine) = (Receiver::open().await, Receiver::open().await, Receiver::open().await);
    dead.otherwise(ScriptedResponse::Hangs);
    slow.otherwise(ScriptedResponse::Slow(Duration::from_millis(100)));
    let endpoints = [
        endpoint("dead", &dead, "\"*\"", ""),
        endpoint("slow", &slow, "\"*\"", ""),
        endpoint("fine", &fine, "\"job.completed\"", ""),
    ];
    let (_site, server) = Server::with_config(&config(&endpoints));
    let client = server.client();
    let jobs: Vec<Value> = (0..500).map(|_| json!({ "type": "NoopJob" })).collect();
    client.post("/jobs/batch", json!({ "jobs": jobs })).await;
    let got = fine.receive(500).await;
    let delivered: BTreeSet<String> = got.iter().map(Received::job).collect();
    assert_eq!(delivered.len(), 500);
    assert_eq!(fine.got().len(), 500, "each is delivered once");
    assert!(dead.got().len() <= 32, "concurrent attempts: {}", dead.got().len());
    assert!(slow.got().len() < 1_500);
}

#[tokio::test]
async fn an_untrusted_certificate_is_rejected() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-days",
            "2",
        ])
        .args(["-keyout", &file("key.pem"), "-out", &file("cert.pem")])
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // A free port, which openssl opens next.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    let mut tls = std::process::Command::new("openssl")
        .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}")])
        .args(["-key", &file("key.pem"), "-cert", &file("cert.pem")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    eventually("openssl listens", || async {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
    })
    .await;
    let (_site, server) = Server::with_config(&format!(
        "{TYPES}[[webhooks.endpoints]]\nname = \"tls\"\nurl = \"https://localhost:{port}/\"\nevents = [\"*\"]\n\
         secret = \"webhook-secret-key\"\nretry_policy = {{ max_retries = 0 }}\n"
    ));
    let client = server.client();
    client.create(json!({ "type": "NoopJob", "delay": "01:00:00" })).await;
    let delivery = eventually("it has failed", || async {
        let delivery = deliveries(&client, "tls").await.remove(0);
        (delivery["status"] == "failed").then_some(delivery)
    })
    .await;
    let error = delivery["error"].as_str().expect("an error");
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(delivery["response"], Value::Null);
    tls.kill().expect("openssl ends");
    let mut printed = tls.wait_with_output().expect("openssl ends");
    printed.stdout.retain(u8::is_ascii_graphic);
    assert_eq!(String::from_utf8_lossy(&printed.stdout), "", "it received nothing");
}

#[tokio::test]
async fn changes_of_the_servers_health_are_delivered() {
    let receiver = Receiver::open().await;
    let health = "[realtime]\nsystem_metrics_interval = \"00:00:00.1\"\n\
        [health]\nunhandled_type_after = \"00:00:00\"\nmin_disk_free = 0\nalert_after = \"00:00:00\"\nresolve_after = \"00:00:00.3\"\n";
    let endpoint = endpoint("ops", &receiver, "\"system.alert\"", "");
    let (_site, server) = Server::with_config(&format!("{TYPES}{health}{endpoint}"));
    let client = server.client();
    let job = client.create_of_type("NobodyRunsThis").await;
    let alert = receiver.receive(1).await.remove(0).json();
    assert_eq!(alert["event"], "system.alert");
    assert_eq!(
        (&alert["data"]["status"], &alert["data"]["previousStatus"]),
        (&json!("degraded"), &json!("healthy"))
    );
    assert_eq!(alert["data"]["reasons"][0]["code"], "job-types-nobody-runs");
    client.post_empty(&format!("/jobs/{job}/cancel")).await;
    let over = receiver
        .receive_where("the recovery", |got| got.json()["data"]["status"] == "healthy")
        .await;
    assert_eq!(over.json()["data"]["reasons"], json!([]));
    let delivered: Vec<String> = receiver.got().iter().map(Received::id).collect();
    let ids: BTreeSet<&String> = delivered.iter().collect();
    assert_eq!(ids.len(), delivered.len(), "each is delivered once");
}
