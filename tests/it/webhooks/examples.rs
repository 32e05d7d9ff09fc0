//! The receivers in `examples/verify_webhook` accept deliveries of a real server and reject forged ones.

use std::process::Stdio;

use reqwest::StatusCode;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::TIMEOUT;
use crate::harness::server::Server;

async fn verifies(program: &str, script: &str) {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    let folder = crate::harness::repository().join("examples/verify_webhook");
    let mut child = Command::new(program)
        .args([script, &port.to_string()])
        .env("TICKERQ_SECRET", "webhook-secret-key")
        .current_dir(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a piped stdout")).lines();
    let mut next = async || {
        let line = timeout(TIMEOUT, lines.next_line()).await.expect("a line in time");
        line.expect("text").expect("it is running")
    };
    assert_eq!(next().await, "listening");
    let url = format!("http://127.0.0.1:{port}/");
    let (_site, server) = Server::with_config(&format!(
        "[job_types.NoopJob]\nhandler = \"noop\"\n[[webhooks.endpoints]]\nurl = \"{url}\"\nevents = [\"job.completed\"]\n\
         secret = \"webhook-secret-key\"\n"
    ));
    let client = server.client();
    let forged = reqwest::Client::new()
        .post(&url)
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", chrono::Utc::now().timestamp())
        .header("webhook-signature", format!("v1,{}=", "A".repeat(43)))
        .body("{}")
        .send()
        .await
        .expect("a response");
    assert_eq!(forged.status(), StatusCode::UNAUTHORIZED);
    let id = client.create_of_type("NoopJob").await;
    let delivered = next().await;
    assert!(
        delivered.starts_with("msg_") && delivered.ends_with(&format!("job.completed {id}")),
        "{delivered}"
    );
}

#[tokio::test]
async fn the_receiver_in_javascript_verifies_deliveries() {
    verifies("node", "verify.mjs").await;
}

#[tokio::test]
async fn the_receiver_in_python_verifies_deliveries() {
    verifies("python3", "verify.py").await;
}
