//! A clock that is two hours ahead for a few seconds: jobs stored meanwhile still run on time.
//!
//! The server runs under libfaketime, which `scripts/test` installs. The rules have tests of their own
//! (`core/src/job/clock_step.rs`), and so has storage (`storage/conformance/clock_step.rs`).

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::receiver::{Receiver, ScriptedResponse};
use crate::harness::server::{Server, Site, Storage};

const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
];

fn config(receiver: &Receiver) -> String {
    format!(
        r#"
[job_types.NoopJob]
handler = "noop"

[job_types.FlakyJob]
retry_delay = "00:00:04"
handler = {{ command = {{ program = "sh", args = ["-c", "test -e mended"] }} }}

[[webhooks.endpoints]]
url = "{}"
events = ["job.completed"]
secret = "a secret of the test"
retry_policy = {{ retry_delay = "00:00:04" }}
"#,
        receiver.url()
    )
}

/// A server's clock, controlled by a file.
struct Wrong {
    library: &'static str,
    file: PathBuf,
}

impl Wrong {
    /// A correct clock.
    fn of(site: &Site) -> Self {
        let library = LIBRARIES.into_iter().find(|library| Path::new(library).exists());
        let library = library.expect("libfaketime is installed: run ./scripts/test");
        let clock = Self {
            library,
            file: site.path().join("clock"),
        };
        clock.set("+0");
        clock
    }

    fn set(&self, offset: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, offset).expect("the file is written");
        fs::rename(new, &self.file).expect("the file is replaced");
    }

    fn start(&self, site: &Site) -> Server {
        let mut command = site.command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--database-url",
            site.database_url(),
        ]);
        command
            .env("LD_PRELOAD", self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        site.start_from(command)
    }
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().expect("a time").parse().expect("a time")
}

async fn create(client: &Client, job: Value) -> Value {
    let created = client.create(job).await;
    client.job(created["id"].as_str().expect("an id")).await
}

fn id(job: &Value) -> &str {
    job["id"].as_str().expect("an id")
}

async fn what_was_stored_by_a_clock_that_was_ahead_runs_in_time(storage: Storage, is_restarted: bool) {
    let receiver = Receiver::open().await;
    let site = Site::new(storage, &config(&receiver));
    let clock = Wrong::of(&site);
    let mut server = clock.start(&site);
    let mut client = server.client();
    receiver.script([ScriptedResponse::Status("500 Internal Server Error", "", "")]);
    // A queue exists from its first job on.
    create(
        &client,
        json!({ "type": "NoopJob", "queue": "later", "delay": "1.00:00:00" }),
    )
    .await;
    assert_eq!(client.post_empty("/queues/later/pause").await.status, 200);

    clock.set("+2h");
    let named = Utc::now() + TimeDelta::hours(3);
    let first = eventually("the server's clock is ahead", || async {
        let job = create(&client, json!({ "type": "FlakyJob" })).await;
        (time(&job["createdAt"]) > Utc::now() + TimeDelta::hours(1)).then_some(job)
    })
    .await;
    let delayed = create(&client, json!({ "type": "NoopJob", "delay": "00:00:06" })).await;
    let at_once = create(&client, json!({ "type": "NoopJob", "queue": "later" })).await;
    let absolute = json!({ "type": "NoopJob", "runAt": named.to_rfc3339() });
    let absolute = create(&client, absolute).await;
    let newest = create(&client, json!({ "type": "NoopJob" })).await;
    let of_newest = |got: &crate::harness::receiver::Received| got.job() == id(&newest);
    receiver.receive_where("the endpoint has refused", of_newest).await;
    eventually("the retry waits", || async {
        let job = client.job(id(&first)).await;
        (job["retryCount"] == 1).then_some(())
    })
    .await;
    eventually("the refusal is stored", || async {
        let endpoints = client.get("/webhooks/endpoints").await.json();
        let endpoint = endpoints["endpoints"][0]["id"].as_str()?.to_owned();
        let pending = client
            .get(&format!("/webhooks/endpoints/{endpoint}/deliveries?status=pending"))
            .await;
        (pending.json()["deliveries"][0]["attempts"] == 1).then_some(())
    })
    .await;
    fs::write(site.path().join("mended"), "").expect("a file");

    if is_restarted {
        server.kill();
        clock.set("+0");
        server = clock.start(&site);
        client = server.client();
    } else {
        clock.set("+0");
    }
    for job in [&first, &delayed] {
        let done = client.wait_finished(id(job)).await;
        assert_eq!(done["status"], "completed", "{done}");
    }
    let is_second = || receiver.got().iter().filter(|got| of_newest(got)).count() >= 2;
    eventually("the endpoint is called again", || async { is_second().then_some(()) }).await;
    assert_eq!(client.post_empty("/queues/later/resume").await.status, 200);
    assert_eq!(client.wait_finished(id(&at_once)).await["status"], "completed");
    let absolute = client.job(id(&absolute)).await;
    assert_eq!(absolute["status"], "pending");
    let moved = time(&absolute["runAt"]) - named;
    assert!(moved.abs() < TimeDelta::milliseconds(1), "{absolute}");
    assert!(server.log().contains("the clock was ahead"), "{}", server.log());
}

#[tokio::test]
async fn jobs_stored_while_the_clock_was_ahead_run_in_time_on_sqlite() {
    what_was_stored_by_a_clock_that_was_ahead_runs_in_time(Storage::Sqlite, false).await;
}

#[tokio::test]
async fn jobs_stored_while_the_clock_was_ahead_run_in_time_on_postgres() {
    what_was_stored_by_a_clock_that_was_ahead_runs_in_time(Storage::Postgres, false).await;
}

#[tokio::test]
async fn jobs_stored_while_the_clock_was_ahead_run_in_time_after_a_restart() {
    what_was_stored_by_a_clock_that_was_ahead_runs_in_time(Storage::Sqlite, true).await;
}
