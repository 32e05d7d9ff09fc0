//! Arguments of the command line and its requests to a server.

mod stub_server;

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use clap::CommandFactory;

use self::stub_server::StubServer;
use super::error::CliError;
use super::output::Output;
use super::{Arguments, parse, run};

const ID: &str = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";

#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The output and the result of `tickerq …`.
async fn tickerq(server: &str, words: &[&str]) -> (String, Result<(), CliError>) {
    let mut words: Vec<String> = ["tickerq"].iter().chain(words).map(|&word| word.to_owned()).collect();
    words.extend(["--server".to_owned(), server.to_owned()]);
    tokio::task::spawn_blocking(move || {
        let memory = Memory::default();
        let command = parse(words).unwrap_or_else(|error| panic!("{error}"));
        let result = run(command, &mut Output::to(memory.clone()));
        let printed = String::from_utf8(memory.0.take()).unwrap();
        (printed, result)
    })
    .await
    .unwrap()
}

fn job(status: &str) -> serde_json::Value {
    serde_json::json!({"id": ID, "type": "Email", "status": status, "queue": "mail", "retryCount": 1, "maxRetries": 3,
        "error": if status == "failed" { Some("no such address") } else { None }})
}

fn wrong_arguments(words: &[&str]) -> String {
    let words = ["tickerq"].iter().chain(words);
    let error = parse(words).expect_err("the arguments were accepted");
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn the_arguments_contradict_nothing() {
    Arguments::command().debug_assert();
}

#[test]
fn invalid_arguments_are_rejected_before_anything_is_sent() {
    for (words, expected) in [
        (vec!["job", "show", "42"], "'42' is not an id"),
        (vec!["job", "create", "a b"], "a job type contains ' '"),
        (vec!["job", "create", "A", "--delay", "5"], "'5' is not a duration"),
        (
            vec![
                "job",
                "create",
                "A",
                "--delay",
                "PT1S",
                "--run-at",
                "2030-01-01T00:00:00Z",
            ],
            "cannot be used with",
        ),
        (
            vec!["job", "create", "A", "--run-at", "tomorrow"],
            "the form of a time is 2030-01-31T08:00:00Z",
        ),
        (
            vec!["job", "create", "A", "--max-retries", "-1"],
            "unexpected argument '-1'",
        ),
        (vec!["job", "create", "A", "--wait-timeout", "PT1S"], "--wait"),
        (vec!["job", "list", "--limit", "0"], "0 is not in 1..=1000"),
        (vec!["job", "list", "--status", "failed,bad"], "'bad' is not a status"),
        (
            vec!["--server", "http://h", "schema"],
            "requires a command for a running server",
        ),
        (vec!["queue", "pause", "a/b"], "a queue's name contains '/'"),
    ] {
        let error = wrong_arguments(&words);
        assert!(error.contains(expected), "{words:?}\n  actual {error}");
    }
}

#[tokio::test]
async fn a_job_is_created_with_its_parameters_byte_for_byte() {
    let server = StubServer::start(|_, _| (201, job("pending").to_string()));
    let words = [
        "job",
        "create",
        "Email",
        "--parameters",
        r#"{"n": 1.10}"#,
        "--priority",
        "HIGH",
        "--delay",
        "PT5M",
        "--max-retries",
        "0",
        "--token",
        "s3cret",
    ];
    let (printed, result) = tickerq(&server.uri, &words).await;
    result.unwrap();
    assert_eq!(printed, format!("created {ID} (Email), pending in queue mail\n"));
    let received = server.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].route, "POST /api/tickerq/jobs");
    assert_eq!(received[0].authorization.as_deref(), Some("Bearer s3cret"));
    assert_eq!(
        received[0].body,
        r#"{"type":"Email","parameters":{"n": 1.10},"priority":"high","delay":"00:05:00","maxRetries":0}"#
    );
}

#[tokio::test]
async fn waiting_ends_with_a_failure_when_the_job_failed() {
    let server = StubServer::start(|_, before| {
        let status = ["pending", "running", "running", "failed"][before.min(3)];
        (200, job(status).to_string())
    });
    let (printed, result) = tickerq(&server.uri, &["job", "execute", ID, "--wait"]).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        format!("job {ID} ended as failed: no such address")
    );
    assert!(printed.contains("status      failed\n"), "{printed}");
    let routes: Vec<String> = server.received().into_iter().map(|request| request.route).collect();
    assert_eq!(routes[0], format!("POST /api/tickerq/jobs/{ID}/execute"));
    assert_eq!(routes[1..], vec![format!("GET /api/tickerq/jobs/{ID}"); 3]);
}

#[tokio::test]
async fn waiting_ends_at_its_timeout() {
    let server = StubServer::start(|_, _| (200, job("pending").to_string()));
    let words = ["job", "retry", ID, "--wait", "--wait-timeout", "00:00:00.2"];
    let (_, result) = tickerq(&server.uri, &words).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        format!("job {ID} has not finished after 00:00:00.2000000")
    );
    assert_eq!(server.received()[0].route, format!("POST /api/tickerq/jobs/{ID}/retry"));
}

#[tokio::test]
async fn jobs_are_listed_as_a_table_and_as_the_servers_json() {
    let body = serde_json::json!({"jobs": [job("failed")], "totalCount": 7, "hasMore": true, "new": 1}).to_string();
    let response = body.clone();
    let server = StubServer::start(move |_, _| (200, response.clone()));
    let words = ["job", "list", "--status", "failed,cancelled", "--search", "a b&c"];
    let (table, result) = tickerq(&server.uri, &words).await;
    result.unwrap();
    let received = server.received();
    assert_eq!(received[0].route, "GET /api/tickerq/jobs");
    let query = &received[0].query;
    assert!(
        query.contains("status=failed%2Ccancelled") && query.contains("search=a+b%26c"),
        "{query}"
    );
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("ID "), "{table}");
    assert!(
        lines[1].starts_with(ID) && lines[1].ends_with("1/3  no such address"),
        "{table}"
    );
    assert_eq!(lines[2], "1 of 7 jobs; more with --offset 1");
    let words = [words.as_slice(), &["--json"]].concat();
    let (json, result) = tickerq(&server.uri, &words).await;
    result.unwrap();
    assert_eq!(json, format!("{body}\n"));
}

#[tokio::test]
async fn clearing_a_queue_reports_the_number_of_removed_jobs() {
    let response = serde_json::json!({"name": "mail", "status": "paused", "clearedPending": 25, "clearedFailed": 0});
    let server = StubServer::start(move |_, _| (200, response.to_string()));
    let (printed, result) = tickerq(&server.uri, &["queue", "clear", "mail", "--yes"]).await;
    result.unwrap();
    assert_eq!(
        printed,
        "queue mail is cleared: 25 pending and 0 failed jobs are removed\n"
    );
    let received = server.received();
    assert_eq!(received[0].route, "POST /api/tickerq/queues/mail/clear");
    assert_eq!(received[0].body, r#"{"clearPending":true,"clearFailed":false}"#);
}

#[tokio::test]
async fn a_problem_of_the_server_is_shown_with_its_title_and_detail() {
    let problem = r##"{"title": "Conflict", "status": 409, "detail": "the job is finished", "errors": []}"##;
    let server = StubServer::start(move |_, _| (409, problem.to_owned()));
    let (printed, result) = tickerq(&server.uri, &["job", "cancel", ID]).await;
    assert_eq!(result.unwrap_err().to_string(), "Conflict (409): the job is finished");
    assert_eq!(printed, "");
    assert_eq!(
        server.received()[0].route,
        format!("POST /api/tickerq/jobs/{ID}/cancel")
    );
}

#[tokio::test]
async fn a_response_of_another_api_is_reported_with_its_address() {
    let server = StubServer::start(|_, _| (404, String::new()));
    let (_, result) = tickerq(&server.uri, &["queue", "list"]).await;
    let error = result.unwrap_err().to_string();
    let expected = format!(
        "{}/api/tickerq/queues responded with 404, which is not a response of this API",
        server.uri
    );
    assert!(error.starts_with(&expected), "{error}");
    let (_, result) = tickerq("http://127.0.0.1:1", &["queue", "list"]).await;
    let error = result.unwrap_err().to_string();
    assert!(
        error.starts_with("no connection to http://127.0.0.1:1/api/tickerq/queues: "),
        "{error}"
    );
}
