//! `tickerq queue` against a running server, and errors when the server is another program or unreachable.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::json;

use crate::harness::server::{Site, Storage};
use crate::harness::shell::{Printed, Shell, output_of};

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
    let overview = rows(&shell.run(&["queue", "list", "--overview"]).out);
    assert_eq!(
        overview[0][2..7],
        ["DUE", "SCHEDULED", "RETRYING", "RUNNING", "CAPACITY"]
    );
    assert_eq!(overview[2][..7], ["mail", "paused", "1", "0", "0", "0", "10"]);
    assert_eq!(
        shell.run(&["queue", "list", "--json"]).json()["queues"][1]["status"],
        "paused"
    );
    assert_eq!(shell.run(&["queue", "resume", "mail"]).out, "queue mail is running\n");
    assert_eq!(
        shell.run(&["queue", "pause", "mail", "--json"]).json()["status"],
        "paused"
    );
    let printed = shell.run(&["queue", "clear", "mail", "--pending", "--yes"]);
    assert_eq!(
        printed.out,
        "queue mail is cleared: 1 pending and 0 failed jobs are removed\n"
    );
    let printed = shell.run(&["queue", "clear", "mail", "--pending", "--failed", "--yes", "--json"]);
    assert_eq!(
        (&printed.json()["clearedPending"], &printed.json()["clearedFailed"]),
        (&json!(0), &json!(1))
    );
    for action in [&["pause"][..], &["resume"], &["clear"]] {
        let more: &[&str] = if action[0] == "clear" {
            &["--failed", "--yes"]
        } else {
            &[]
        };
        let printed = shell.try_run(&[&["queue"], action, &["missing"], more].concat());
        assert_eq!(printed.code, Some(1));
        assert_eq!(printed.err, "error: Not found (404): queue 'missing' not found\n");
    }
}

/// Runs `queue clear` with this standard input.
fn clear(shell: &Shell, arguments: &[&str], input: &str) -> Printed {
    let mut child = shell
        .site
        .command(&[&["--server", &shell.server.url, "queue", "clear"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("the input is read");
    drop(stdin);
    output_of(child.wait_with_output().expect("the binary ends"))
}

#[test]
fn clearing_a_queue_needs_confirmation() {
    let shell = Shell::start("");
    shell.try_run(&["job", "create", "Breaks", "--queue", "mail", "--wait"]);
    shell.create(&["Other", "--queue", "mail"]);
    shell.create(&["Other", "--queue", "mail"]);
    for input in ["", "\n", "n\n", "yess\n"] {
        let printed = clear(&shell, &["mail"], input);
        assert_eq!((printed.code, printed.out.as_str()), (Some(1), ""), "{printed:?}");
        assert!(
            printed.err.starts_with("Delete 2 pending jobs of queue mail? [y/N] "),
            "{printed:?}"
        );
        assert!(
            printed
                .err
                .ends_with("error: not confirmed; nothing was deleted (--yes skips the confirmation)\n"),
            "{printed:?}"
        );
    }
    let printed = clear(&shell, &["mail", "--pending", "--failed"], "y\n");
    assert_eq!(printed.err, "Delete 2 pending and 1 failed jobs of queue mail? [y/N] ");
    assert_eq!(
        printed.out,
        "queue mail is cleared: 2 pending and 1 failed jobs are removed\n"
    );
}

#[test]
fn options_of_the_server_may_precede_the_subcommand() {
    let shell = Shell::start("");
    let url = shell.server.url.as_str();
    let run = |arguments: &[&str], environment: &str| {
        let mut command = shell.site.command(arguments);
        output_of(
            command
                .env("TICKERQ_SERVER", environment)
                .output()
                .expect("the binary runs"),
        )
    };
    let nowhere = "http://127.0.0.1:1";
    let printed = run(&["--server", url, "--json", "queue", "list"], nowhere);
    assert_eq!(
        printed.json()["queues"][0]["name"],
        "default",
        "it ranks above the environment"
    );
    let printed = run(&["--server", nowhere, "queue", "list", "--server", url], nowhere);
    assert_eq!(
        printed.code,
        Some(0),
        "the option after the subcommand wins: {printed:?}"
    );
    let printed = run(&["--server", url, "schema"], nowhere);
    assert_eq!(printed.code, Some(2));
    assert!(
        printed
            .err
            .starts_with("error: --server requires a command for a running server"),
        "{printed:?}"
    );
}

#[test]
fn another_base_path_is_found_and_another_server_is_reported() {
    let shell = Shell::start("[api]\nbase_path = \"/x/jobs\"");
    let printed = shell.try_run(&["queue", "list"]);
    assert_eq!(printed.code, Some(1));
    assert_eq!(
        printed.err,
        "error: Not found (404): path /api/tickerq/queues not found\n"
    );
    shell.run(&["queue", "list", "--base-path", "/x/jobs"]);
    let mut command = shell.site.command(&["queue", "list"]);
    command
        .env("TICKERQ_SERVER", &shell.server.url)
        .env("TICKERQ_BASE_PATH", "x/jobs/");
    assert_eq!(output_of(command.output().expect("the binary runs")).code, Some(0));
    for (server, code, expected) in [
        (
            "http://127.0.0.1:1",
            1,
            "error: no connection to http://127.0.0.1:1/api/tickerq/queues: Connection refused",
        ),
        (
            "localhost:5000",
            2,
            "error: --server: 'localhost:5000' does not begin with http:// or https://; the form is",
        ),
        ("http://", 2, "error: --server: 'http://' is not a URL (empty host)"),
        (
            "http://x/?y",
            2,
            "error: --server: 'http://x/?y' has more than a host and a path",
        ),
    ] {
        for arguments in [&["queue", "list"][..], &["queue", "list", "--json"]] {
            let printed = shell.try_run(&[arguments, &["--server", server]].concat());
            assert_eq!(
                (printed.code, printed.out.as_str()),
                (Some(code), ""),
                "{server}: {}",
                printed.err
            );
            assert!(printed.err.starts_with(expected), "{}", printed.err);
        }
    }
}

#[test]
fn an_unexpected_response_is_reported_with_its_beginning() {
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
    let printed = output_of(
        site.command(&["queue", "list", "--server", &format!("http://{address}")])
            .output()
            .expect("the binary runs"),
    );
    assert_eq!(printed.code, Some(1));
    let expected =
        format!("error: http://{address}/api/tickerq/queues responded with 200, which is not a response of this API: ");
    assert!(printed.err.starts_with(&expected), "{}", printed.err);
    assert_eq!(
        answering.join().expect("it responded"),
        "GET /api/tickerq/queues HTTP/1.1\r\n"
    );
}
