//! `tickerq job` and `tickerq queue` against a running server, for people and for programs.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::harness::gate::Gate;
use crate::harness::server::{Server, Site, Storage};

const TYPES: &str = r#"
[job_types.Echo]
handler = { command = { program = "cat" } }
[job_types.Breaks]
max_retries = 0
handler = { command = { program = "sh", args = ["-c", "echo 'no such address' >&2; exit 3"] } }
"#;

/// A server and its command line.
struct Shell {
    // Before the folder, in which its log is read when it is dropped.
    server: Server,
    site: Site,
}

/// What a command has said, and its exit code.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

fn said_of(output: Output) -> Said {
    let Output { status, stdout, stderr } = output;
    Said {
        code: status.code(),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}

impl Shell {
    fn start(config: &str) -> Self {
        let site = Site::new(Storage::Sqlite, &format!("{TYPES}{config}"));
        let server = site.start();
        Self { server, site }
    }

    /// Runs a command, whatever comes of it.
    fn try_run(&self, arguments: &[&str]) -> Said {
        let mut command = self.site.command(arguments);
        said_of(
            command
                .env("TICKERQ_SERVER", &self.server.url)
                .output()
                .expect("the binary runs"),
        )
    }

    /// Runs a command that succeeds.
    fn run(&self, arguments: &[&str]) -> Said {
        let said = self.try_run(arguments);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{arguments:?}");
        said
    }

    fn create(&self, arguments: &[&str]) -> String {
        let said = self.run(&[&["job", "create"], arguments, &["--json"]].concat());
        said.json()["id"].as_str().expect("an id").to_owned()
    }
}

/// The value behind a name in a list of details.
fn detail<'a>(said: &'a Said, name: &str) -> Option<&'a str> {
    said.out
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::trim))
}

#[test]
fn a_job_is_created_waited_for_and_shown() {
    let shell = Shell::start("");
    let said = shell.run(&[
        "job",
        "create",
        "Echo",
        "--parameters",
        r#"{"n": 1.10}"#,
        "--name",
        "No. 7",
        "--wait",
    ]);
    let first = said.out.lines().next().expect("a line");
    assert!(
        first.starts_with("created ") && first.ends_with(" (Echo), pending in queue default"),
        "{first}"
    );
    let id = first.split(' ').nth(1).expect("an id");
    for (name, value) in [
        ("id", id),
        ("type", "Echo"),
        ("name", "No. 7"),
        ("status", "completed"),
        ("queue", "default"),
        ("priority", "normal"),
        ("retries", "0 of 3"),
    ] {
        assert_eq!(detail(&said, name), Some(value), "{name} in {}", said.out);
    }
    assert!(
        said.out
            .contains("parameters\n  {\"n\": 1.10}\nresult\n  {\"n\": 1.10}\nattempts\n"),
        "{}",
        said.out
    );
    let shown = shell.run(&["job", "show", id]);
    assert_eq!(
        said.out.split_once('\n').expect("lines").1,
        shown.out,
        "waiting ends with the same as show"
    );
    let shown = shell.run(&["job", "show", id, "--json"]);
    assert_eq!(
        (&shown.json()["status"], &shown.json()["result"]),
        (&json!("completed"), &json!({ "n": 1.10 }))
    );
    assert!(
        shown.out.contains(r#""parameters":{"n": 1.10},"#) && shown.out.ends_with("}\n"),
        "{}",
        shown.out
    );
}

#[test]
fn parameters_come_from_an_argument_a_file_or_standard_input() {
    let shell = Shell::start("");
    fs::write(shell.site.path().join("report.json"), "{\"from\": \"a file\"}\n").expect("a file");
    let said = shell.run(&[
        "job",
        "create",
        "Echo",
        "--parameters",
        "@report.json",
        "--wait",
        "--json",
    ]);
    assert_eq!(said.json()["result"], json!({ "from": "a file" }));
    let mut command = shell.site.command(&[
        "job",
        "create",
        "Echo",
        "--parameters",
        "-",
        "--wait",
        "--json",
        "--server",
        &shell.server.url,
    ]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(b"[\"standard input\"]")
        .expect("it reads");
    let said = said_of(child.wait_with_output().expect("it ends"));
    assert_eq!(said.json()["result"], json!(["standard input"]));
    for (parameters, told) in [
        (
            "{a: 1}",
            "error: --parameters: the argument is not JSON: key must be a string at line 1 column 2\n",
        ),
        (
            "@none.json",
            "error: --parameters: cannot read none.json: No such file or directory (os error 2)\n",
        ),
    ] {
        let said = shell.try_run(&["job", "create", "Echo", "--parameters", parameters]);
        assert_eq!((said.code, said.err.as_str()), (Some(2), told));
    }
}

#[test]
fn every_option_of_a_new_job_arrives() {
    let shell = Shell::start("");
    let id = shell.create(&[
        "Other",
        "--queue",
        "mail",
        "--priority",
        "HIGH",
        "--run-at",
        "2999-01-31T08:00:00+01:00",
        "--max-retries",
        "7",
        "--timeout",
        "PT90S",
        "--unique-key",
        "welcome 4711",
    ]);
    let job = shell.run(&["job", "show", &id, "--json"]).json();
    for (name, value) in [
        ("queue", json!("mail")),
        ("priority", json!("high")),
        ("runAt", json!("2999-01-31T07:00:00Z")),
        ("maxRetries", json!(7)),
        ("timeout", json!("00:01:30")),
        ("uniqueKey", json!("welcome 4711")),
    ] {
        assert_eq!(job[name], value, "{name}");
    }
    let said = shell.run(&["job", "create", "Other", "--unique-key", "welcome 4711"]);
    assert_eq!(
        said.out,
        format!("found {id} (Other), pending in queue mail\n"),
        "nothing was created"
    );
    let said = shell.try_run(&["job", "create", "Other", "--max-retries", "2000"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "error: The request has a value that is not accepted (400): maxRetries is 2000; allowed are 0 to 1000\n  at #/maxRetries\n"
    );
    let id = shell.create(&["Other", "--delay", "01:00:00"]);
    assert_eq!(shell.run(&["job", "show", &id, "--json"]).json()["status"], "pending");
}

#[test]
fn a_job_that_fails_or_is_not_done_in_time_is_told_by_the_exit_code() {
    let shell = Shell::start("");
    let said = shell.try_run(&["job", "create", "Breaks", "--wait"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(detail(&said, "status"), Some("failed"));
    let id = detail(&said, "id").expect("an id");
    let told = format!("error: job {id} ended as failed: exited with status 3: no such address\n");
    assert_eq!(said.err, told);
    for arguments in [
        &["job", "retry", id, "--reset-retry-count", "--wait"][..],
        &["job", "execute", id, "--priority", "low", "--wait", "--json"],
    ] {
        let said = shell.try_run(arguments);
        assert_eq!(
            (said.code, said.err.as_str()),
            (Some(1), told.as_str()),
            "{arguments:?}"
        );
    }
    let job = shell.run(&["job", "show", id, "--json"]).json();
    assert_eq!((&job["attempt"], &job["priority"]), (&json!(3), &json!("low")));
    let said = shell.try_run(&["job", "create", "Other", "--wait", "--wait-timeout", "00:00:00.1"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.ends_with(" has not finished after 00:00:00.1000000\n"),
        "{}",
        said.err
    );
}

#[tokio::test]
async fn jobs_are_cancelled_retried_and_executed() {
    let mut gate = Gate::open().await;
    let shell = Shell::start(&format!("[job_types.Work]\n{}", gate.handler()));
    let id = shell.create(&["Work"]);
    let visit = gate.visit().await;
    let said = shell.run(&["job", "cancel", &id]);
    assert_eq!(
        said.out,
        format!("asked to cancel {id} (Work), running in queue default\n")
    );
    visit.hung_up().await;
    shell.server.client().wait_finished(&id).await;
    let said = shell.try_run(&["job", "cancel", &id]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "error: The job's state does not allow it (409): a cancelled job can't be cancelled; only pending and running jobs can be\n"
    );
    let said = shell.run(&["job", "retry", &id]);
    assert_eq!(said.out, format!("retrying {id} (Work), pending in queue default\n"));
    gate.visit().await.complete();
    shell.server.client().wait_finished(&id).await;
    let said = shell.run(&["job", "execute", &id, "--delay", "PT1H"]);
    assert_eq!(said.out, format!("executing {id} (Work), pending in queue default\n"));
    let said = shell.run(&["job", "cancel", &id, "--json"]);
    assert_eq!(said.json()["status"], "cancelled");
    let nobody = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    for action in ["show", "cancel", "retry", "execute"] {
        let said = shell.try_run(&["job", action, nobody]);
        assert_eq!(said.code, Some(1), "{action}");
        assert_eq!(
            said.err,
            format!("error: There is no such thing (404): there is no job {nobody}\n")
        );
    }
}

#[test]
fn jobs_are_listed_with_every_filter() {
    let shell = Shell::start("");
    let done = shell.run(&["job", "create", "Echo", "--wait", "--json"]).json();
    let mail = shell.create(&["Other", "--queue", "mail", "--name", "a red one", "--priority", "low"]);
    let other = shell.create(&["Other"]);
    let done = done["id"].as_str().expect("an id");
    let all = [other.as_str(), &mail, done];
    for (arguments, expected) in [
        (&[][..], &all[..]),
        (&["--status", "completed,failed"], &[done]),
        (&["--type", "Other"], &all[..2]),
        (&["--queue", "mail"], &[&mail]),
        (&["--priority", "low"], &[&mail]),
        (&["--search", "RED"], &[&mail]),
        (&["--from", "2020-01-01", "--to", "2999-01-01"], &all),
        (&["--to", "2020-01-01"], &[]),
        (&["--limit", "1"], &all[..1]),
        (&["--limit", "1", "--offset", "1"], &all[1..2]),
    ] {
        let list = shell.run(&[&["job", "list", "--json"], arguments].concat()).json();
        let ids: Vec<&str> = list["jobs"]
            .as_array()
            .expect("jobs")
            .iter()
            .filter_map(|job| job["id"].as_str())
            .collect();
        assert_eq!(ids, expected, "{arguments:?}");
        let table = shell.run(&[&["job", "list"], arguments].concat()).out;
        let rows: Vec<&str> = table
            .lines()
            .skip(1)
            .filter_map(|line| line.split(' ').next())
            .take(expected.len())
            .collect();
        assert_eq!(rows, expected, "{arguments:?}: {table}");
    }
    let table = shell.run(&["job", "list", "--limit", "1"]).out;
    assert!(table.ends_with("1 of 3 jobs; more with --offset 1\n"), "{table}");
    let shown = shell.run(&["job", "show", &mail]);
    assert_eq!(detail(&shown, "name"), Some("a red one"));
    // What a job says can't command the terminal: this is the second way to begin such a command.
    let id = shell.create(&["Other", "--parameters", "\"\u{9b}31m\""]);
    let shown = shell.run(&["job", "show", &id]);
    assert!(shown.out.contains("parameters\n  \"\u{fffd}31m\"\n"), "{}", shown.out);
    let said = shell.try_run(&["job", "list", "--from", "yesterday"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("'yesterday' is neither a date such as") && said.err.ends_with("\n  at from\n"),
        "{}",
        said.err
    );
    // Who reads only the beginning has enough: that is no failure.
    let mut command = shell
        .site
        .command(&["job", "list", "--json", "--server", &shell.server.url]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let said = said_of(child.wait_with_output().expect("it ends"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
}

#[test]
fn queues_are_listed_paused_resumed_and_cleared() {
    let shell = Shell::start("");
    shell.try_run(&["job", "create", "Breaks", "--queue", "mail", "--wait"]);
    shell.create(&["Other", "--queue", "mail"]);
    let rows = |out: &str| -> Vec<Vec<String>> {
        out.lines()
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect()
    };
    let list = rows(&shell.run(&["queue", "list"]).out);
    assert_eq!(
        list[0][..6],
        ["NAME", "STATUS", "PENDING", "RUNNING", "COMPLETED", "FAILED"]
    );
    assert_eq!(list[1], ["default", "running", "0", "0", "0", "0", "10", "0", "0"]);
    assert_eq!(list[2], ["mail", "running", "1", "0", "0", "1", "10", "0", "0"]);
    assert_eq!(shell.run(&["queue", "pause", "mail"]).out, "queue mail is paused\n");
    assert_eq!(rows(&shell.run(&["queue", "list"]).out)[2][1], "paused");
    assert_eq!(
        shell.run(&["queue", "list", "--json"]).json()["queues"][1]["status"],
        "paused"
    );
    assert_eq!(shell.run(&["queue", "resume", "mail"]).out, "queue mail is running\n");
    assert_eq!(
        shell.run(&["queue", "pause", "mail", "--json"]).json()["status"],
        "paused"
    );
    let said = shell.run(&["queue", "clear", "mail", "--pending"]);
    assert_eq!(
        said.out,
        "queue mail is cleared: 1 pending and 0 failed jobs are removed\n"
    );
    let said = shell.run(&["queue", "clear", "mail", "--pending", "--failed", "--json"]);
    assert_eq!(
        (&said.json()["clearedPending"], &said.json()["clearedFailed"]),
        (&json!(0), &json!(1))
    );
    for action in [&["pause"][..], &["resume"], &["clear"]] {
        let more: &[&str] = if action[0] == "clear" { &["--failed"] } else { &[] };
        let said = shell.try_run(&[&["queue"], action, &["nobody"], more].concat());
        assert_eq!(said.code, Some(1));
        assert_eq!(
            said.err,
            "error: There is no such thing (404): there is no queue 'nobody'\n"
        );
    }
}

#[test]
fn another_base_path_is_found_and_what_is_no_server_is_told() {
    let shell = Shell::start("[api]\nbase_path = \"/x/jobs\"");
    let said = shell.try_run(&["queue", "list"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "error: There is no such thing (404): there is nothing at /api/tickerq/queues\n"
    );
    shell.run(&["queue", "list", "--base-path", "/x/jobs"]);
    let mut command = shell.site.command(&["queue", "list"]);
    command
        .env("TICKERQ_SERVER", &shell.server.url)
        .env("TICKERQ_BASE_PATH", "x/jobs/");
    assert_eq!(said_of(command.output().expect("the binary runs")).code, Some(0));
    for (server, code, told) in [
        (
            "http://127.0.0.1:1",
            1,
            "error: no connection to http://127.0.0.1:1/api/tickerq/queues: Connection refused",
        ),
        (
            "localhost:5000",
            2,
            "error: --server: 'localhost:5000' does not begin with http:// or https://; write it like",
        ),
        (
            "http://",
            2,
            "error: --server: 'http://' is not an address (empty host)",
        ),
        (
            "http://x/?y",
            2,
            "error: --server: 'http://x/?y' has more than a host and a path",
        ),
    ] {
        for arguments in [&["queue", "list"][..], &["queue", "list", "--json"]] {
            let said = shell.try_run(&[arguments, &["--server", server]].concat());
            assert_eq!(
                (said.code, said.out.as_str()),
                (Some(code), ""),
                "{server}: {}",
                said.err
            );
            assert!(said.err.starts_with(told), "{}", said.err);
        }
    }
}

#[test]
fn an_answer_of_something_else_is_told_with_its_beginning() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).expect("a request");
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n<h1>nginx\n\n\n")
            .expect("it reads");
        line
    });
    let site = Site::new(Storage::Sqlite, "");
    let said = said_of(
        site.command(&["queue", "list", "--server", &format!("http://{address}")])
            .output()
            .expect("the binary runs"),
    );
    assert_eq!(said.code, Some(1));
    let told = format!("error: http://{address}/api/tickerq/queues answered 200, which is not an answer of this API: ");
    assert!(said.err.starts_with(&told), "{}", said.err);
    assert_eq!(
        answering.join().expect("it answered"),
        "GET /api/tickerq/queues HTTP/1.1\r\n"
    );
}
