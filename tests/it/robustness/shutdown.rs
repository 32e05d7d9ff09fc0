//! Shutdown by a signal.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::eventually;
use crate::harness::server::{Site, Storage};

/// Keeps the state that a stopped server leaves.
const REMOTE_HANDLER: &str = "[job_types.EndlessJob]\nhandler = \"remote\"\n";

fn config(grace: &str) -> String {
    format!(
        r#"
[server]
shutdown_grace = "{grace}"

[job_types.ShortJob]
handler = {{ command = {{ program = "sleep", args = ["0.4"] }} }}

[job_types.LongerJob]
handler = {{ command = {{ program = "sleep", args = ["3"] }} }}

[job_types.EndlessJob]
handler = {{ command = {{ program = "sleep", args = ["600"] }} }}
"#
    )
}

#[tokio::test]
async fn a_running_job_may_end_within_the_grace_time() {
    let site = Site::new(Storage::Sqlite, &config("00:00:20"));
    let server = site.start();
    let id = server.client().create_of_type("ShortJob").await;
    server.client().wait_for(&id, &["running"]).await;
    assert!(server.stop().success());

    let server = site.start();
    let job = server.client().job(&id).await;
    assert_eq!(job["status"], "completed");
    assert_eq!(job["attempt"], 1);
}

#[tokio::test]
async fn unfinished_jobs_are_requeued_at_shutdown_with_a_recorded_attempt() {
    let site = Site::new(Storage::Sqlite, &config("00:00:00.2"));
    let server = site.start();
    let running = server.client().create_of_type("EndlessJob").await;
    server.client().wait_for(&running, &["running"]).await;
    let later = server
        .client()
        .create(json!({ "type": "ShortJob", "delay": "01:00:00" }))
        .await;
    assert!(server.stop().success());

    site.configure(REMOTE_HANDLER);
    let server = site.start();
    let job = server.client().job(&running).await;
    assert_eq!(job["status"], "pending");
    assert_eq!(job["retryCount"], 0, "to be interrupted is no failure");
    let history = job["executionHistory"].as_array().expect("a history");
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["status"], "interrupted");
    let later = server.client().job(later["id"].as_str().expect("an id")).await;
    assert_eq!((&later["status"], &later["attempt"]), (&json!("pending"), &json!(0)));
}

#[tokio::test]
async fn a_stopping_server_accepts_no_jobs_is_not_ready_and_drains() {
    let site = Site::new(Storage::Sqlite, &config("00:00:20"));
    let server = site.start();
    let client = server.client();
    let waiting = client.create(json!({ "type": "ShortJob", "delay": "01:00:00" })).await;
    let running = client.create_of_type("LongerJob").await;
    client.wait_for(&running, &["running"]).await;
    server.signal(Signal::TERM);
    eventually("the server is not ready", || async {
        let ready = client.send(client.at_root(reqwest::Method::GET, "/readyz")).await;
        (ready.status == 503).then_some(())
    })
    .await;
    let one = json!({ "type": "ShortJob" });
    for (path, body) in [
        ("/jobs", one.clone()),
        ("/jobs/batch", json!({ "jobs": [one] })),
        (
            "/jobs/recurring",
            json!({ "type": "ShortJob", "cronExpression": "* * * * *" }),
        ),
    ] {
        let refused = client.post(path, body).await;
        assert_eq!(refused.status, 503, "{path}: {}", refused.text);
        assert!(refused.header("retry-after").is_some(), "{path}");
    }
    let nodes = client.get("/nodes").await.json();
    assert_eq!(nodes["nodes"][0]["status"], "draining", "{nodes}");
    // Existing jobs can be read and changed.
    let id = waiting["id"].as_str().expect("an id");
    assert_eq!(client.post_empty(&format!("/jobs/{id}/cancel")).await.status, 200);
    assert_eq!(client.job(&running).await["status"], "running");
    assert!(server.wait().success());

    site.configure(REMOTE_HANDLER);
    let server = site.start();
    assert_eq!(server.client().job(&running).await["status"], "completed");
    assert_eq!(server.client().get("/jobs").await.json()["totalCount"], 2);
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let site = Site::new(Storage::Sqlite, &config("00:10:00"));
    let server = site.start();
    let id = server.client().create_of_type("EndlessJob").await;
    server.client().wait_for(&id, &["running"]).await;
    server.signal(Signal::TERM);
    let client = server.client();
    eventually("the server is stopping", || async {
        let ready = client.send(client.at_root(reqwest::Method::GET, "/readyz")).await;
        (ready.status == 503).then_some(())
    })
    .await;
    // A signal within half a second of the first is the same request.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(1));

    let server = site.start();
    let job = server.client().wait_for(&id, &["running"]).await;
    let history = job["executionHistory"].as_array().expect("a history");
    // Interrupted; occasionally its end is stored just before the process exits.
    let ended = history[0]["status"].as_str().unwrap_or_default();
    assert!(["lost", "interrupted"].contains(&ended), "{job}");
}

#[tokio::test]
async fn signals_to_the_process_and_to_its_group_are_one_request() {
    let site = Site::new(Storage::Sqlite, &config("00:00:20"));
    let server = site.start();
    let id = server.client().create_of_type("ShortJob").await;
    server.client().wait_for(&id, &["running"]).await;
    server.signal(Signal::TERM);
    server.signal(Signal::TERM);
    server.signal(Signal::INT);
    assert!(server.wait().success());
    assert!(!site.path().join("tickerq.db-wal").exists());
    site.configure(REMOTE_HANDLER);
    assert_eq!(site.start().client().job(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_closed_terminal_drains_the_server_as_a_signal_to_stop_does() {
    let site = Site::new(Storage::Sqlite, &config("00:00:20"));
    // The test runner may ignore the signal, which children inherit.
    let mut command = std::process::Command::new("env");
    command
        .args([
            "--default-signal=HUP",
            crate::harness::program(),
            "serve",
            "--listen",
            "127.0.0.1:0",
        ])
        .current_dir(site.path());
    let server = site.start_from(command);
    let id = server.client().create_of_type("ShortJob").await;
    server.client().wait_for(&id, &["running"]).await;
    // Shells and systemd send it repeatedly, and the end of a session sends SIGTERM as well.
    server.signal(Signal::HUP);
    eventually("the server drains", || async {
        server.log().contains("SIGHUP received").then_some(())
    })
    .await;
    server.signal(Signal::HUP);
    server.signal(Signal::TERM);
    assert!(server.wait().success());

    site.configure(REMOTE_HANDLER);
    let server = site.start();
    let job = server.client().job(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn a_server_that_ignores_sighup_continues_after_a_closed_terminal() {
    let site = Site::new(Storage::Sqlite, "");
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "trap '' HUP; exec \"$0\" serve --listen 127.0.0.1:0"])
        .arg(crate::harness::program())
        .current_dir(site.path());
    let server = site.start_from(command);
    server.signal(Signal::HUP);
    server.client().create_of_type("UnknownJob").await;
    assert!(!server.log().contains("SIGHUP"), "{}", server.log());
    assert!(server.stop().success());
}
