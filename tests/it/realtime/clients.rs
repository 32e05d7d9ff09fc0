//! The official clients in `tests/clients`, run by Node against a real server. `scripts/test` installs them.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::harness::TIMEOUT;
use crate::harness::server::{Server, Site, Storage};

const CONFIG: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n";

pub fn clients() -> PathBuf {
    let folder = crate::harness::repository().join("tests/clients");
    assert!(
        folder.join("node_modules").is_dir(),
        "the clients are not installed: run `npm ci` in tests/clients, or ./scripts/test"
    );
    folder
}

fn node(arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.args(arguments).current_dir(clients()).kill_on_drop(true);
    command
}

/// Runs a script, which fails on a violation.
pub async fn run(arguments: &[&str]) {
    run_within(2 * TIMEOUT, arguments).await;
}

/// Runs a script that may take this long.
pub async fn run_within(limit: Duration, arguments: &[&str]) {
    let output = timeout(limit, node(arguments).output()).await.expect("it ends in time");
    let output = output.expect("node runs");
    assert!(
        output.status.success(),
        "{arguments:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn the_signalr_client_of_python_works_over_every_transport() {
    let python = crate::harness::repository().join("target/python-clients/bin/python");
    assert!(
        python.is_file(),
        "the Python clients are not installed: run scripts/python-clients, or ./scripts/test"
    );
    let (_site, server) = Server::with_config(CONFIG);
    for (transport, encoding) in [
        ("web_sockets", "text"),
        ("web_sockets", "binary"),
        ("server_sent_events", "text"),
        ("long_polling", "text"),
    ] {
        let mut command = Command::new(&python);
        command
            .args(["signalr.py", &server.url, transport, encoding])
            .current_dir(crate::harness::repository().join("tests/clients"))
            .kill_on_drop(true);
        let output = timeout(2 * TIMEOUT, command.output()).await.expect("it ends in time");
        let output = output.expect("python runs");
        assert!(
            output.status.success(),
            "{transport} {encoding}:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// A running script, and its output.
pub struct Running {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts a script.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = node(arguments).stdout(Stdio::piped()).spawn().expect("node runs");
        let stdout = child.stdout.take().expect("a piped stdout");
        Self {
            _child: child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    async fn next(&mut self) -> String {
        let line = timeout(TIMEOUT, self.lines.next_line()).await.expect("a line in time");
        line.expect("text").expect("the script is running")
    }

    /// Waits for this line and skips others.
    pub async fn until(&mut self, wanted: &str) {
        while self.next().await != wanted {}
    }
}

#[tokio::test]
async fn the_official_signalr_client_works_over_every_transport_in_both_protocols() {
    let (_site, server) = Server::with_config(CONFIG);
    // In sequence: each counts the events of all jobs.
    for transport in ["WebSockets", "ServerSentEvents", "LongPolling"] {
        for protocol in ["json", "messagepack"] {
            run(&["signalr.mjs", &server.url, transport, protocol]).await;
        }
    }
}

#[tokio::test]
async fn the_official_signalr_client_reconnects_after_a_restart() {
    for transport in ["WebSockets", "ServerSentEvents", "LongPolling"] {
        let site = Site::new(Storage::Sqlite, CONFIG);
        let server = site.start();
        let url = server.url.clone();
        let mut client = Running::start(&["reconnect.mjs", &url, transport]);
        client.until("connected").await;
        server.signal(Signal::TERM);
        assert!(server.wait().success());
        client.until("reconnecting").await;
        let server = site.start_at(url.trim_start_matches("http://"));
        client.until("reconnected").await;
        let id = server.client().create_of_type("NoopJob").await;
        for status in ["pending", "running", "completed"] {
            assert_eq!(client.next().await, format!("received {id} {status}"), "{transport}");
        }
    }
}

#[tokio::test]
async fn the_references_websocket_snippet_works_as_printed() {
    let (_site, server) = Server::with_config(CONFIG);
    let mut snippet = Running::start(&["websocket.mjs", &server.url]);
    snippet.until("updateQueueMetrics default").await;
    let id = server.client().create_of_type("NoopJob").await;
    for status in ["pending", "running", "completed"] {
        snippet.until(&format!("Job {id} status changed to {status}")).await;
        snippet.until(&format!("updateJobInUI {id} {status}")).await;
    }
    server.signal(Signal::TERM);
    snippet.until("closed 1001").await;
}
