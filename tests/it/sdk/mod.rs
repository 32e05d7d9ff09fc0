//! The SDKs in `sdk/`, each run in its language against a real server with the same scenarios.
//!
//! Each SDK has a program `scenarios` that takes a mode and fails on a violation: `all <url> <flaky url>` runs the
//! table in `sdk/README.md` from the top, `watch <url> [<key> [<topic> [<seconds>]]]` prints live updates (and `refused
//! <status>` if it is), checking its connection after this number of seconds of silence, and `work <url> <name>` works
//! until SIGTERM.

mod calls;
mod dotnet;
mod faults;
mod flaky;
pub(crate) mod generated_clients;
mod javascript;
mod python;
mod readme;
mod rust;
mod types;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use self::calls::Recorder;
use self::faults::{Fault, FaultyProxy, Freezing};
use self::flaky::Flaky;
use crate::harness::server::{Server, Site, Storage};
use crate::harness::{TIMEOUT, eventually};

const CONFIG: &str = r#"
[api]
require_authentication = true

[[api.keys]]
name = "all"
key = "all-all-all-all-all"
scopes = ["tickerq:read", "tickerq:write", "tickerq:admin"]

[[api.keys]]
name = "reader"
key = "reader-reader-reader"
scopes = ["tickerq:read"]

[[api.keys]]
name = "slow"
key = "slow-slow-slow-slow"
scopes = ["tickerq:read"]
rate_limit = "1/h"

[cluster]
lease_ttl = "00:00:03"

[server]
max_request_body = "128KiB"

[[queues]]
name = "full"
concurrency = 1
max_pending = 1

[job_types.NoopJob]
handler = "noop"

[job_types.FailingJob]
max_retries = 0
handler = { command = { program = "false" } }

[job_types.SleepJob]
handler = { command = { program = "sleep", args = ["600"] } }

[job_types.RemoteJob]
max_retries = 2
retry_delay = "00:00:00.1"
handler = "remote"

[webhooks]
allow_private_networks = true

[change_feed]
enable = true
"#;

const KEY: &str = "all-all-all-all-all";

/// Command line of an SDK's programs.
pub struct Language {
    /// The interpreter and its options.
    pub program: &'static str,
    pub arguments: &'static [&'static str],
    /// The scenarios.
    pub scenarios: &'static str,
    /// Its folder below `sdk`, in which its programs run.
    pub folder: &'static str,
    pub environment: &'static [(&'static str, &'static str)],
}

impl Language {
    fn folder(&self) -> PathBuf {
        crate::harness::repository().join("sdk").join(self.folder)
    }

    fn command(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command
            .args(self.arguments)
            .arg(script)
            .args(arguments)
            .envs(self.environment.iter().copied())
            .current_dir(self.folder())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, script: &str, arguments: &[&str]) -> String {
        let output = timeout(4 * TIMEOUT, self.command(script, arguments).output())
            .await
            .expect("it ends in time");
        let output = output.expect("the program runs");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{script} {arguments:?}:\n{printed}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        printed
    }

    /// The scenarios of one program, which call every operation of the API.
    pub async fn passes_the_scenarios(&self) {
        let (_site, server) = Server::with_config(CONFIG);
        let flaky = Flaky::before(&server.url).await;
        let recorder = Recorder::before(&server.url).await;
        let printed = self.run(self.scenarios, &["all", &recorder.url, &flaky.url]).await;
        assert!(printed.trim_end().ends_with("all scenarios passed"), "{printed}");
        let client = server.client().with_token(KEY);
        recorder.has_every_operation(&client, self.folder).await;
    }

    /// A worker that starts before its server works once the server is available, and can be stopped before that.
    pub async fn waits_for_a_server(&self) {
        let site = Site::new(Storage::Sqlite, CONFIG);
        let server = site.start();
        let url = server.url.clone();
        drop(server);
        let mut stopped = Running::start(self.logged(&["work", &url, "stopped"]));
        stopped.until_one_with("could not register").await;
        stopped.signal(Signal::TERM);
        stopped.until("stopped").await;
        let mut waiting = Running::start(self.logged(&["work", &url, "waiting"]));
        waiting.until_one_with("could not register").await;
        let server = site.start_at(url.trim_start_matches("http://"));
        let id = server
            .client()
            .with_token(KEY)
            .create(json!({ "type": "RemoteJob", "parameters": { "hang": false } }))
            .await;
        let id = id["id"].as_str().expect("an id").to_owned();
        waiting.until(&format!("running {id} 1")).await;
        let job = server.client().with_token(KEY).wait_finished(&id).await;
        assert_eq!(job["result"]["by"], "waiting", "{job}");
        waiting.signal(Signal::TERM);
        waiting.until("stopped").await;
    }

    /// The scenarios with their log.
    fn logged(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"exec "$0" "$@" 2>&1"#, self.program])
            .args(self.arguments)
            .arg(self.scenarios)
            .args(arguments)
            .envs(self.environment.iter().copied())
            .current_dir(self.folder())
            .kill_on_drop(true);
        command
    }

    /// Subscriptions reconnect after a restart.
    pub async fn receives_events_after_a_restart(&self) {
        let site = Site::new(Storage::Sqlite, CONFIG);
        let server = site.start();
        let url = server.url.clone();
        let mut watcher = Running::start(self.command(self.scenarios, &["watch", &url]));
        watcher.until("connected").await;
        server.signal(Signal::TERM);
        assert!(server.wait().success());
        watcher.until("disconnected").await;
        let server = site.start_at(url.trim_start_matches("http://"));
        watcher.until("connected").await;
        let id = server.client().with_token(KEY).create_of_type("NoopJob").await;
        for status in ["pending", "running", "completed"] {
            watcher.until(&format!("event {id} {status}")).await;
        }
    }

    /// Jobs of a killed worker run on another one; a stopped worker finishes its jobs.
    pub async fn survives_a_killed_worker(&self) {
        let (_site, server) = Server::with_config(CONFIG);
        let client = server.client().with_token(KEY);
        let first = Running::start(self.command(self.scenarios, &["work", &server.url, "first"]));
        let job = json!({ "type": "RemoteJob", "parameters": { "hang": true } });
        let id = client.create(job).await["id"].as_str().expect("an id").to_owned();
        let mut first = first;
        first.until(&format!("running {id} 1")).await;
        first.signal(Signal::KILL);
        let mut second = Running::start(self.command(self.scenarios, &["work", &server.url, "second"]));
        second.until(&format!("running {id} 2")).await;
        // The second attempt ends by itself while the worker is being stopped.
        second.signal(Signal::TERM);
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (
                &job["status"],
                &job["result"]["by"],
                &job["executionHistory"][0]["status"]
            ),
            (&json!("completed"), &json!("second"), &json!("lost")),
            "{job}"
        );
        second.until("stopped").await;
        let workers = client.get("/workers").await.json();
        let left = workers["workers"].as_array().expect("workers");
        assert!(left.iter().all(|worker| worker["name"] == "first"), "{workers}");
    }

    /// Attempts keep their leases and results arrive through faulty proxies, and invalid reports of one job affect no
    /// other.
    pub async fn keeps_results_through_faults(&self) {
        let (_site, server) = Server::with_config(CONFIG);
        let client = server.client().with_token(KEY);
        let proxy = FaultyProxy::before(&server.url).await;
        proxy.meet("/workers", [Fault::PAGE, Fault::status(408)]);
        proxy.meet("/lease", [Fault::PAGE, Fault::status(404), Fault::status(401)]);
        proxy.meet("/heartbeat", [Fault::PAGE, Fault::status(404)]);
        let mut worker = Running::start(self.logged(&["work", &proxy.url, "faulty"]));

        // All statuses but 400, 413, 415 and 422 are transient.
        let passing = [408, 404, 421, 425, 401, 403];
        proxy.meet("/complete", passing.map(Fault::status).into_iter().chain([Fault::PAGE]));
        let job = client
            .create(json!({ "type": "RemoteJob", "parameters": { "hang": false } }))
            .await;
        let kept = client.wait_finished(id_of(&job)).await;
        assert_eq!(
            (&kept["status"], &kept["attempt"]),
            (&json!("completed"), &json!(1)),
            "{kept}"
        );

        // A result that can't be serialized fails its job alone.
        let unwritable = |n: u32| json!({ "type": "UnwritableJob", "maxRetries": 3, "parameters": { "n": n } });
        let many = json!({ "jobs": [unwritable(0), unwritable(1), unwritable(2), { "type": "RemoteJob", "parameters": { "hang": false } }] });
        let made = client.post("/jobs/batch", many).await.json();
        let made = made["jobs"].as_array().expect("jobs").clone();
        for (job, status) in made.iter().zip(["failed", "failed", "failed", "completed"]) {
            let job = client.wait_finished(id_of(job)).await;
            assert_eq!((&job["status"], &job["attempt"]), (&json!(status), &json!(1)), "{job}");
        }

        // A rejected result fails its job.
        proxy.meet("/complete", [Fault::status(422)]);
        let job = client
            .create(json!({ "type": "RemoteJob", "parameters": { "hang": false } }))
            .await;
        let refused = client.wait_finished(id_of(&job)).await;
        assert_eq!(
            (&refused["status"], &refused["attempt"]),
            (&json!("failed"), &json!(1)),
            "{refused}"
        );
        let error = refused["error"].as_str().expect("an error");
        assert!(error.starts_with("the result was not accepted"), "{error}");

        // Invalid progress does not cost the lease, which expires after three seconds.
        let job = client.create(json!({ "type": "ProgressJob" })).await;
        let held = client.wait_finished(id_of(&job)).await;
        assert_eq!(
            (&held["status"], &held["attempt"]),
            (&json!("completed"), &json!(1)),
            "{held}"
        );
        assert_eq!(held["progress"]["percent"], json!(100.0), "{held}");
        let lines = held["log"].as_array().expect("lines");
        assert_eq!(
            lines.last().map(|line| &line["message"]),
            Some(&json!("line 299")),
            "{held}"
        );

        // The next attempt starts before the response to the first one's report: it keeps its lease and runs once.
        proxy.meet("/fail", [Fault::Late(Duration::from_secs(2))]);
        let again = json!({ "type": "AgainJob", "maxRetries": 1, "retryDelay": "00:00:00" });
        let again = client.wait_finished(id_of(&client.create(again).await)).await;
        assert_eq!(
            (&again["status"], &again["attempt"]),
            (&json!("completed"), &json!(2)),
            "{again}"
        );
        assert_eq!(again["executionHistory"].as_array().map(Vec::len), Some(2), "{again}");

        // A delay is at most ten years.
        let far = client.create(json!({ "type": "FarJob", "maxRetries": 1 })).await;
        let is_waiting = || async {
            let job = client.job(id_of(&far)).await;
            (job["status"] == "pending" && job["attempt"] == 1).then_some(job)
        };
        let waiting = eventually("the job waits", is_waiting).await;
        let due = waiting["runAt"].as_str().expect("a time");
        let created = waiting["createdAt"].as_str().expect("a time");
        let year = |time: &str| time[..4].parse::<u32>().expect("a year");
        assert!((9..=10).contains(&(year(due) - year(created))), "{waiting}");

        worker.signal(Signal::TERM);
        worker.until("stopped").await;
        proxy.has_met_all();
        assert_eq!(client.get("/workers").await.json()["workers"], json!([]));
    }

    /// A rejected handshake or topic ends a subscription.
    pub async fn ends_a_refused_subscription(&self) {
        let (_site, server) = Server::with_config(CONFIG);
        for (key, topic, refused) in [("wrong", "job-status", "refused 401"), (KEY, "nonsense", "refused 400")] {
            let printed = self.run(self.scenarios, &["watch", &server.url, key, topic]).await;
            assert_eq!(printed.lines().last(), Some(refused), "{printed}");
        }
    }

    /// A stalled connection is replaced, for every ping interval of the server.
    pub async fn notices_a_frozen_connection(&self) {
        let (_site, server) = Server::with_config(&format!(
            "[realtime]\nping_interval = \"00:10:00\"\nclient_timeout = \"00:10:00\"\n{CONFIG}"
        ));
        let way = Freezing::before(&server.url).await;
        let mut watcher = Running::start(self.command(self.scenarios, &["watch", &way.url, KEY, "job-status", "1"]));
        watcher.until("connected").await;
        // Silence alone ends no connection.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let client = server.client().with_token(KEY);
        let id = client.create_of_type("NoopJob").await;
        assert_eq!(watcher.next().await, format!("event {id} pending"));
        way.freeze();
        watcher.until("disconnected").await;
        watcher.until("connected").await;
        let id = client.create_of_type("NoopJob").await;
        watcher.until(&format!("event {id} completed")).await;
    }

    /// The examples behave as documented.
    pub async fn has_examples_that_run(&self, schedule: &str, watch: &str, work: &str, webhook: &str) {
        let (_site, server) = Server::with_config(CONFIG);
        let url = &server.url;
        let mut watching = Running::start(self.command(watch, &[url, KEY]));
        watching.until("connected").await;
        let mut working = Running::start(self.command(work, &[url, KEY]));
        working.until("working").await;
        let printed = self.run(schedule, &[url, KEY]).await;
        let id = printed.split_whitespace().last().expect("an id").to_owned();
        watching.until(&format!("{id} completed")).await;
        let job = server.client().with_token(KEY).wait_finished(&id).await;
        assert_eq!(job["result"], json!({ "greeting": "hello Ann" }), "{job}");
        working.signal(Signal::TERM);
        let mut receiver = Running::start(self.command(webhook, &["webhook-secret-key"]));
        let address = receiver.next().await;
        let http = server.client();
        let post = |signature: &'static str| {
            let request = reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client")
                .post(&address);
            http.send(request.header("X-TickerQ-Signature", signature).body(r#"{"a":1}"#))
        };
        let signature = "sha256=733ae5122573f3ff45cad4406d879b88326cf5308d1d53c50e6efde0fa6036e1";
        assert_eq!(post(signature).await.status, 200);
        let wrong = "sha256=733ae5122573f3ff45cad4406d879b88326cf5308d1d53c50e6efde0fa6036e2";
        assert_eq!(post(wrong).await.status, 401);
    }
}

fn id_of(job: &serde_json::Value) -> &str {
    job["id"].as_str().expect("an id")
}

/// A running program, and its output.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program runs");
        let stdout = child.stdout.take().expect("a piped stdout");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    async fn next(&mut self) -> String {
        let line = timeout(TIMEOUT, self.lines.next_line()).await.expect("a line in time");
        line.expect("text").expect("the program is running")
    }

    /// Waits for this line and skips others.
    async fn until(&mut self, wanted: &str) {
        self.until_one(wanted, |line| line == wanted).await;
    }

    /// Waits for a line with this text and skips others.
    async fn until_one_with(&mut self, wanted: &str) {
        self.until_one(wanted, |line| line.contains(wanted)).await;
    }

    async fn until_one(&mut self, wanted: &str, is_wanted: impl Fn(&str) -> bool) {
        let mut passed = Vec::new();
        loop {
            let line = timeout(TIMEOUT, self.lines.next_line()).await;
            match line {
                Ok(Ok(Some(line))) if is_wanted(&line) => return,
                Ok(Ok(Some(line))) => passed.push(line),
                other => panic!("waited for '{wanted}', received {passed:?}, then {other:?}"),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("it runs");
        let pid = Pid::from_raw(i32::try_from(id).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("the process takes signals");
    }
}
