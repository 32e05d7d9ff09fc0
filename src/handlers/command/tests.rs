//! Tests with real programs, run by a real shell.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};
use tokio::task::JoinHandle;

use super::*;
use crate::domain::job::outcome::RetryAdvice;
use crate::handlers::sample_job::context;

/// Timeout of every step.
const SOON: Duration = Duration::from_secs(20);

fn options(program: &str, args: &[&str]) -> CommandOptions {
    CommandOptions {
        program: program.to_owned(),
        args: args.iter().map(|&argument| argument.to_owned()).collect(),
        working_directory: None,
        environment: Vec::new(),
    }
}

fn shell(script: &str) -> CommandHandler {
    CommandHandler::new(options("sh", &["-c", script]), HandlerLimits::default())
}

async fn run_with(script: &str, parameters: &str) -> Result<Option<String>, Failure> {
    let result = timeout(SOON, shell(script).run(context(parameters)))
        .await
        .expect("it ends")?;
    Ok(result.map(|json| json.as_str().to_owned()))
}

async fn run(script: &str) -> Result<Option<String>, Failure> {
    run_with(script, r#"{"a":1}"#).await
}

/// Waits until the condition holds.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < SOON, "it never happened that {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The process ids that a script has written to a file, once there are `count` of them.
async fn pids_in(file: &Path, count: usize) -> Vec<Pid> {
    let read = || -> Vec<Pid> {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .split_whitespace()
            .filter_map(|pid| Pid::from_raw(pid.parse().unwrap()))
            .collect()
    };
    until("all processes have started", || read().len() == count).await;
    read()
}

/// True if the process does not exist, not even as a zombie.
fn is_gone(pid: Pid) -> bool {
    test_kill_process(pid).is_err()
}

/// True if the process has ended. An orphan may stay a zombie if no init process reaps it.
fn has_ended(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    is_gone(pid) || stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

#[tokio::test]
async fn json_on_standard_output_is_the_result() {
    assert_eq!(
        run(r#"echo '{"sum": 1.50}'"#).await,
        Ok(Some(r#"{"sum": 1.50}"#.to_owned()))
    );
}

#[tokio::test]
async fn other_text_is_a_result_as_a_json_string() {
    assert_eq!(run("echo sent; echo all").await, Ok(Some(r#""sent\nall""#.to_owned())));
}

#[tokio::test]
async fn a_program_that_writes_nothing_has_no_result() {
    assert_eq!(run("echo noise >&2").await, Ok(None));
}

#[tokio::test]
async fn the_parameters_are_the_input_byte_for_byte() {
    let parameters = format!(r#"{{"b": 1.10, "text": "{}"}}"#, "ü".repeat(200_000));
    assert_eq!(run_with("cat", &parameters).await, Ok(Some(parameters)));
}

#[tokio::test]
async fn the_environment_describes_the_job() {
    let script = r#"echo "$TICKERQ_JOB_ID|$TICKERQ_JOB_TYPE|$TICKERQ_JOB_NAME|$TICKERQ_QUEUE|$TICKERQ_ATTEMPT|$TICKERQ_RETRY_COUNT|$TICKERQ_MAX_RETRIES|$EXTRA""#;
    let options = CommandOptions {
        environment: vec![
            ("EXTRA".to_owned(), "more".to_owned()),
            ("TICKERQ_QUEUE".to_owned(), "a lie".to_owned()),
        ],
        ..options("sh", &["-c", script])
    };
    let context = context("{}");
    let id = context.job.id;
    let result = CommandHandler::new(options, HandlerLimits::default())
        .run(context)
        .await;
    let expected = format!(r#""{id}|InvoiceJob|Rechnung № 7|billing|2|1|3|more""#);
    assert_eq!(result.unwrap().unwrap().as_str(), expected);
}

#[test]
fn the_settings_of_the_server_are_withheld() {
    let names = ["PATH", "TICKERQ_DATABASE__URL", "MY_TICKERQ_X"].map(OsString::from);
    assert_eq!(withheld(names.into_iter()), ["TICKERQ_DATABASE__URL"]);
}

#[tokio::test]
async fn it_runs_in_its_working_directory() {
    let directory = tempfile::tempdir().unwrap();
    let options = CommandOptions {
        working_directory: Some(directory.path().to_owned()),
        ..options("sh", &["-c", "pwd -P"])
    };
    let result = CommandHandler::new(options, HandlerLimits::default())
        .run(context("{}"))
        .await;
    let expected = serde_json::to_string(&directory.path().canonicalize().unwrap()).unwrap();
    assert_eq!(result.unwrap().unwrap().as_str(), expected);
}

#[tokio::test]
async fn a_nonzero_status_fails_with_the_last_line_of_standard_error() {
    let failure = run("echo ignored; echo first >&2; printf 'the reason\\n\\n \\n' >&2; exit 3")
        .await
        .unwrap_err();
    assert_eq!(&*failure.error, "exited with status 3: the reason");
    assert_eq!(failure.detail.as_deref(), Some("first\nthe reason\n\n \n"));
    assert_eq!(failure.retry, RetryAdvice::ByPolicy);
    assert_eq!(run("exit 4").await, Err(Failure::new("exited with status 4")));
}

#[tokio::test]
async fn a_signal_fails_the_attempt() {
    assert_eq!(run("kill -9 $$").await, Err(Failure::new("terminated by signal 9")));
}

#[tokio::test]
async fn errors_may_contain_any_bytes() {
    let failure = run(r"printf 'caf\303\251 \377\000\033[31m\r\n' >&2; exit 1")
        .await
        .unwrap_err();
    let bound = HandlerLimits::default().bound_failure(failure);
    assert_eq!(&*bound.error, "exited with status 1: café \u{fffd}\u{fffd}\u{fffd}[31m");
}

#[tokio::test]
async fn the_end_of_a_large_standard_error_is_kept() {
    let script = "yes 'a line of a log, ü' | head -c 30000000 >&2; echo >&2; echo the last >&2; exit 1";
    let failure = run(script).await.unwrap_err();
    assert_eq!(&*failure.error, "exited with status 1: the last");
    let detail = failure.detail.unwrap();
    assert!(detail.starts_with('…') && detail.ends_with("\nthe last\n"));
    assert!(detail.len() > 16_000 && detail.len() <= 16 * 1024, "{}", detail.len());
}

#[tokio::test]
async fn a_result_that_is_too_large_fails_immediately_and_permanently() {
    // `yes` never ends.
    let failure = run("yes").await.unwrap_err();
    assert_eq!(&*failure.error, "the result exceeds the maximum size of 1048576 bytes");
    assert_eq!(failure.retry, RetryAdvice::Never);
}

#[tokio::test]
async fn a_result_that_is_not_text_fails() {
    let failure = run(r"printf 'a\377'").await.unwrap_err();
    assert!(failure.error.contains("not UTF-8"), "{}", failure.error);
}

#[tokio::test]
async fn a_program_need_not_read_its_input() {
    // More than a pipe's capacity, to programs that end at once, close their input, or never read it.
    let parameters = format!("[\"{}\"]", "x".repeat(1_000_000));
    for script in ["echo 1", "exec <&-; echo 1", "sleep 0.05; echo 1"] {
        assert_eq!(
            run_with(script, &parameters).await,
            Ok(Some("1".to_owned())),
            "{script}"
        );
    }
}

#[tokio::test]
async fn remaining_processes_neither_block_the_job_nor_outlive_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pids");
    // One keeps the pipes open, the other does not.
    let script = format!(
        "sleep 1000 & echo $! >> {0}; sleep 1000 >/dev/null 2>&1 & echo $! >> {0}; echo done",
        file.display()
    );
    assert_eq!(run(&script).await, Ok(Some(r#""done""#.to_owned())));
    for pid in pids_in(&file, 2).await {
        until("the orphaned processes have ended", || has_ended(pid)).await;
    }
}

#[tokio::test]
async fn a_missing_program_fails_permanently_with_its_name() {
    let run = async |options| {
        CommandHandler::new(options, HandlerLimits::default())
            .run(context("{}"))
            .await
            .unwrap_err()
    };
    assert_eq!(
        run(options("no-such-program", &[])).await,
        Failure::permanent("the program no-such-program was not found")
    );
    let failure = run(options("/dev/null", &[])).await;
    assert!(
        failure.error.starts_with("the program /dev/null can't be started: "),
        "{}",
        failure.error
    );
    let elsewhere = CommandOptions {
        working_directory: Some("/no/such/folder".into()),
        ..options("sh", &[])
    };
    assert_eq!(
        run(elsewhere).await,
        Failure::permanent("the working directory /no/such/folder of the program sh does not exist")
    );
    assert_eq!(run(options("s\0h", &[])).await.retry, RetryAdvice::Never);
}

/// Starts a script that appends `count` process ids to the file `$PIDS`, and waits for them.
async fn start(script: &str, count: usize) -> (JoinHandle<Result<Option<Json>, Failure>>, CancellationToken, Vec<Pid>) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pids");
    let options = CommandOptions {
        environment: vec![("PIDS".to_owned(), file.display().to_string())],
        ..options("sh", &["-c", script])
    };
    let context = context("{}");
    let cancellation = context.cancellation.clone();
    let handler = CommandHandler::new(options, HandlerLimits::default());
    let running = tokio::spawn(async move { handler.run(context).await });
    let pids = pids_in(&file, count).await;
    (running, cancellation, pids)
}

/// A shell, a shell in it, and a program in that one.
const FAMILY: &str = r#"echo $$ >> "$PIDS"; sh -c 'echo $$ >> "$PIDS"; sleep 1000 & echo $! >> "$PIDS"; wait' & wait"#;

#[tokio::test]
async fn a_cancelled_job_sends_sigterm_to_its_whole_group() {
    let (running, cancellation, pids) = start(FAMILY, 3).await;
    cancellation.cancel();
    let failure = timeout(SOON, running).await.unwrap().unwrap().unwrap_err();
    assert_eq!(&*failure.error, "terminated by signal 15");
    for pid in pids {
        until("the group has ended", || has_ended(pid)).await;
    }
}

#[tokio::test]
async fn a_cancelled_program_may_clean_up_before_it_ends() {
    let script = r#"trap 'echo "cleaned up"; exit 0' TERM; echo $$ >> "$PIDS"; while :; do sleep 0.01; done"#;
    let (running, cancellation, _) = start(script, 1).await;
    cancellation.cancel();
    let result = timeout(SOON, running).await.unwrap().unwrap();
    assert_eq!(result, Ok(Some(Json::from_valid(r#""cleaned up""#))));
}

#[tokio::test]
async fn a_job_cancelled_before_its_start_starts_no_program() {
    let context = context("{}");
    context.cancellation.cancel();
    let failure = shell("echo 1").run(context).await.unwrap_err();
    assert_eq!(&*failure.error, "the job was cancelled before its program was started");
}

#[tokio::test]
async fn a_dropped_future_kills_the_whole_group_and_leaves_no_zombie() {
    // All of them ignore SIGTERM.
    let script = format!("trap '' TERM; {FAMILY}");
    let (running, cancellation, pids) = start(&script, 3).await;
    cancellation.cancel();
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    for &pid in &pids {
        until("the group has ended", || has_ended(pid)).await;
    }
    until("the program has been waited for", || is_gone(pids[0])).await;
}
