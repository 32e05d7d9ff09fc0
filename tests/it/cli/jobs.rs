//! `tickerq job` against a running server, as text and JSON.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::json;

use crate::harness::latch::Latch;
use crate::harness::shell::{Shell, detail, output_of};

#[test]
fn a_job_is_created_waited_for_and_shown() {
    let shell = Shell::start("");
    let printed = shell.run(&[
        "job",
        "create",
        "Echo",
        "--parameters",
        r#"{"n": 1.10}"#,
        "--name",
        "No. 7",
        "--wait",
    ]);
    let first = printed.out.lines().next().expect("a line");
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
        assert_eq!(detail(&printed, name), Some(value), "{name} in {}", printed.out);
    }
    assert!(
        printed
            .out
            .contains("parameters\n  {\"n\": 1.10}\nresult\n  {\"n\": 1.10}\nattempts\n"),
        "{}",
        printed.out
    );
    let output = shell.run(&["job", "show", id]);
    assert_eq!(
        printed.out.split_once('\n').expect("lines").1,
        output.out,
        "waiting ends with the same as show"
    );
    let output = shell.run(&["job", "show", id, "--json"]);
    assert_eq!(
        (&output.json()["status"], &output.json()["result"]),
        (&json!("completed"), &json!({ "n": 1.10 }))
    );
    assert!(
        output.out.contains(r#""parameters":{"n": 1.10},"#) && output.out.ends_with("}\n"),
        "{}",
        output.out
    );
}

#[test]
fn parameters_come_from_an_argument_a_file_or_standard_input() {
    let shell = Shell::start("");
    fs::write(shell.site.path().join("report.json"), "{\"from\": \"a file\"}\n").expect("a file");
    let printed = shell.run(&[
        "job",
        "create",
        "Echo",
        "--parameters",
        "@report.json",
        "--wait",
        "--json",
    ]);
    assert_eq!(printed.json()["result"], json!({ "from": "a file" }));
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
    let printed = output_of(child.wait_with_output().expect("it ends"));
    assert_eq!(printed.json()["result"], json!(["standard input"]));
    for (parameters, expected) in [
        (
            "{a: 1}",
            "error: --parameters: the argument is not JSON: key must be a string at line 1 column 2\n",
        ),
        (
            "@none.json",
            "error: --parameters: can't read none.json: No such file or directory (os error 2)\n",
        ),
    ] {
        let printed = shell.try_run(&["job", "create", "Echo", "--parameters", parameters]);
        assert_eq!((printed.code, printed.err.as_str()), (Some(2), expected));
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
    let printed = shell.run(&["job", "create", "Other", "--unique-key", "welcome 4711"]);
    assert_eq!(
        printed.out.lines().next(),
        Some(&*format!("found {id} (Other), pending in queue mail")),
        "nothing was created"
    );
    let printed = shell.try_run(&["job", "create", "Other", "--max-retries", "2000"]);
    assert_eq!(printed.code, Some(1));
    assert_eq!(
        printed.err,
        "error: Validation failed (400): maxRetries is 2000; allowed are 0 to 1000\n  at #/maxRetries\n"
    );
    let id = shell.create(&["Other", "--delay", "01:00:00"]);
    assert_eq!(shell.run(&["job", "show", &id, "--json"]).json()["status"], "pending");
}

#[test]
fn the_exit_code_reports_a_failed_or_late_job() {
    let shell = Shell::start("");
    let printed = shell.try_run(&["job", "create", "Breaks", "--wait"]);
    assert_eq!(printed.code, Some(1));
    assert_eq!(detail(&printed, "status"), Some("failed"));
    let id = detail(&printed, "id").expect("an id");
    let expected = format!("error: job {id} ended as failed: exited with status 3: no such address\n");
    assert_eq!(printed.err, expected);
    for arguments in [
        &["job", "retry", id, "--reset-retry-count", "--wait"][..],
        &["job", "execute", id, "--priority", "low", "--wait", "--json"],
    ] {
        let printed = shell.try_run(arguments);
        assert_eq!(
            (printed.code, printed.err.as_str()),
            (Some(1), expected.as_str()),
            "{arguments:?}"
        );
    }
    let job = shell.run(&["job", "show", id, "--json"]).json();
    assert_eq!((&job["attempt"], &job["priority"]), (&json!(3), &json!("low")));
    let printed = shell.try_run(&["job", "create", "Other", "--wait", "--wait-timeout", "00:00:00.1"]);
    assert_eq!(printed.code, Some(1));
    assert!(
        printed.err.ends_with(" has not finished after 00:00:00.1000000\n"),
        "{}",
        printed.err
    );
}

#[tokio::test]
async fn jobs_are_cancelled_retried_and_executed() {
    let mut latch = Latch::open().await;
    let shell = Shell::start(&format!("[job_types.Work]\n{}", latch.handler()));
    let id = shell.create(&["Work"]);
    let visit = latch.visit().await;
    let printed = shell.run(&["job", "cancel", &id]);
    assert_eq!(
        printed.out,
        format!("requested cancellation of {id} (Work), running in queue default\n")
    );
    visit.hung_up().await;
    shell.server.client().wait_finished(&id).await;
    let printed = shell.try_run(&["job", "cancel", &id]);
    assert_eq!(printed.code, Some(1));
    assert_eq!(
        printed.err,
        "error: Conflict (409): a cancelled job can't be cancelled; only pending and running jobs can be\n"
    );
    let printed = shell.run(&["job", "retry", &id]);
    assert_eq!(printed.out, format!("retrying {id} (Work), pending in queue default\n"));
    latch.visit().await.complete();
    shell.server.client().wait_finished(&id).await;
    let printed = shell.run(&["job", "execute", &id, "--delay", "PT1H"]);
    assert_eq!(
        printed.out,
        format!("executing {id} (Work), pending in queue default\n")
    );
    let printed = shell.run(&["job", "cancel", &id, "--json"]);
    assert_eq!(printed.json()["status"], "cancelled");
    let unknown = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    for action in ["show", "cancel", "retry", "execute"] {
        let printed = shell.try_run(&["job", action, unknown]);
        assert_eq!(printed.code, Some(1), "{action}");
        assert_eq!(
            printed.err,
            format!("error: Not found (404): job {unknown} not found\n")
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
    let output = shell.run(&["job", "show", &mail]);
    assert_eq!(detail(&output, "name"), Some("a red one"));
    // Names can't control the terminal: this is the C1 form of an escape sequence.
    let id = shell.create(&["Other", "--parameters", "\"\u{9b}31m\""]);
    let output = shell.run(&["job", "show", &id]);
    assert!(output.out.contains("parameters\n  \"\u{fffd}31m\"\n"), "{}", output.out);
    let printed = shell.try_run(&["job", "list", "--from", "yesterday"]);
    assert_eq!(printed.code, Some(1));
    assert!(
        printed.err.contains("'yesterday' is neither a date such as") && printed.err.ends_with("\n  at from\n"),
        "{}",
        printed.err
    );
    // A reader that closes the pipe early is no failure.
    let mut command = shell
        .site
        .command(&["job", "list", "--json", "--server", &shell.server.url]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let printed = output_of(child.wait_with_output().expect("it ends"));
    assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
}
