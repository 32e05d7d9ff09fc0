//! The command handler: input of a program, its result, and its complete termination. Also noop.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

/// Configuration of a type whose jobs run a shell script in the site's folder.
fn script(job_type: &str, settings: &str, script: &str) -> String {
    let script = toml::Value::String(script.to_owned());
    format!(
        "[job_types.{job_type}]\n{settings}\nhandler = {{ command = {{ program = \"sh\", args = [\"-c\", {script}] }} }}\n"
    )
}

async fn run(client: &Client, job: Value) -> Value {
    let id = client.create(job).await["id"].as_str().expect("an id").to_owned();
    client.wait_finished(&id).await
}

#[tokio::test]
async fn a_program_gets_its_parameters_and_all_about_its_job() {
    let (_site, server) = Server::with_config(
        r#"
        [job_types.Echo]
        handler = { command = { program = "cat" } }
        [job_types.Tell]
        max_retries = 2
        [job_types.Tell.handler.command]
        program = "sh"
        args = ["-c", "pwd; echo \"$0 $1\"; env | grep '^TICKERQ_\\|^TEAM' | sort", "one", "two  'three'"]
        environment = { TEAM = "blue", TICKERQ_QUEUE = "not this" }
        working_directory = "/"
        "#,
    );
    let client = server.client();
    for parameters in [
        json!({ "b": 1, "a": [true, null, "ü\n"] }),
        json!("x".repeat(500_000)),
        Value::Null,
    ] {
        let job = run(&client, json!({ "type": "Echo", "parameters": parameters })).await;
        assert_eq!((&job["status"], &job["result"]), (&json!("completed"), &parameters));
    }
    let job = run(
        &client,
        json!({ "type": "Tell", "name": "Rechnung № 7", "queue": "billing" }),
    )
    .await;
    let id = job["id"].as_str().expect("an id");
    let expected = format!(
        "/\none two  'three'\nTEAM=blue\nTICKERQ_ATTEMPT=1\nTICKERQ_JOB_ID={id}\nTICKERQ_JOB_NAME=Rechnung № 7\n\
         TICKERQ_JOB_TYPE=Tell\nTICKERQ_MAX_RETRIES=2\nTICKERQ_QUEUE=billing\nTICKERQ_RETRY_COUNT=0"
    );
    assert_eq!(job["result"], expected);
}

#[tokio::test]
async fn the_output_of_a_program_is_the_result_and_its_exit_code_the_outcome() {
    let config = script("Json", "", "echo '{\"sent\": 3}'; echo noise >&2")
        + &script("Text", "", "echo done")
        + &script("Nothing", "", "true")
        + &script(
            "Fails",
            "max_retries = 0",
            "echo first >&2; echo '{\"a\": 1}'; echo 'no such address ' >&2; echo >&2; exit 3",
        )
        + &script("Silent", "max_retries = 0", "exit 255")
        + &script("Dies", "max_retries = 0", "kill -9 $$")
        + &script(
            "Twice",
            "max_retries = 1\nretry_delay = \"00:00:00\"",
            "test \"$TICKERQ_ATTEMPT\" = 2 && echo \"$TICKERQ_RETRY_COUNT\"",
        )
        + &script("Large", "max_retries = 3", "yes | head -c 3000");
    let (_site, server) = Server::with_config(&format!("[jobs]\nmax_result_size = \"2KiB\"\n{config}"));
    let client = server.client();
    for (job_type, status, result, error, detail, attempts) in [
        ("Json", "completed", json!({ "sent": 3 }), Value::Null, Value::Null, 1),
        ("Text", "completed", json!("done"), Value::Null, Value::Null, 1),
        ("Nothing", "completed", Value::Null, Value::Null, Value::Null, 1),
        (
            "Fails",
            "failed",
            Value::Null,
            json!("exited with status 3: no such address"),
            json!("first\nno such address \n\n"),
            1,
        ),
        (
            "Silent",
            "failed",
            Value::Null,
            json!("exited with status 255"),
            Value::Null,
            1,
        ),
        (
            "Dies",
            "failed",
            Value::Null,
            json!("terminated by signal 9"),
            Value::Null,
            1,
        ),
        ("Twice", "completed", json!(1), Value::Null, Value::Null, 2),
        (
            "Large",
            "failed",
            Value::Null,
            json!("the result exceeds the maximum size of 2048 bytes"),
            Value::Null,
            1,
        ),
    ] {
        let job = run(&client, json!({ "type": job_type })).await;
        assert_eq!(job["status"], status, "{job}");
        assert_eq!(
            (&job["result"], &job["error"], &job["errorDetail"]),
            (&result, &error, &detail),
            "{job_type}"
        );
        assert_eq!(job["attempt"], attempts, "{job_type}");
    }
}

#[tokio::test]
async fn a_program_that_does_not_read_its_input_is_not_waited_for() {
    let (_site, server) = Server::with_config(&script("Deaf", "max_retries = 0", "exec <&-; echo read nothing"));
    let job = run(
        &server.client(),
        json!({ "type": "Deaf", "parameters": "x".repeat(900_000) }),
    )
    .await;
    assert_eq!(
        (&job["status"], &job["result"]),
        (&json!("completed"), &json!("read nothing")),
        "{}",
        job["error"]
    );
}

/// A program with a child and a grandchild that run until they are killed. Their process ids go to `pids`.
const FAMILY: &str = "trap '' TERM\necho $$ >> pids\ntest $1 = 2 || sh family.sh $(($1 + 1)) &\nsleep 600\n";

/// A folder whose configuration has the type `Family`, which runs that program.
fn family(settings: &str) -> Site {
    let config = format!(
        "{settings}\n[job_types.Family]\nmax_retries = 0\n\
         handler = {{ command = {{ program = \"sh\", args = [\"family.sh\", \"0\"] }} }}"
    );
    let site = Site::new(Storage::Sqlite, &config);
    fs::write(site.path().join("family.sh"), FAMILY).expect("the program is written");
    site
}

/// Waits until all three have written their process ids.
async fn family_in(folder: &Path) -> Vec<u32> {
    eventually("the whole family has started", || async {
        let text = fs::read_to_string(folder.join("pids")).unwrap_or_default();
        let pids: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        (pids.len() == 3 && text.ends_with('\n')).then_some(pids)
    })
    .await
}

/// Waits until none of them runs. One that is not reaped remains a harmless zombie.
async fn all_end(pids: &[u32]) {
    eventually("the whole family has ended", || async {
        let runs = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
        };
        (!pids.iter().any(runs)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_program_that_times_out_ends_with_its_child_processes() {
    let site = family("");
    let server = site.start();
    let client = server.client();
    let job = client.create(json!({ "type": "Family", "timeout": "00:00:02" })).await;
    let pids = family_in(site.path()).await;
    let job = client.wait_finished(job["id"].as_str().expect("an id")).await;
    assert_eq!(
        (&job["status"], &job["error"]),
        (&json!("failed"), &json!("timed out after 00:00:02"))
    );
    all_end(&pids).await;
}

#[tokio::test]
async fn a_cancelled_program_ends_with_its_child_processes() {
    let site = family("[jobs]\ncancel_grace = \"00:00:00.2\"");
    let server = site.start();
    let client = server.client();
    let id = client.create_of_type("Family").await;
    let pids = family_in(site.path()).await;
    assert_eq!(client.post_empty(&format!("/jobs/{id}/cancel")).await.status, 202);
    assert_eq!(client.wait_finished(&id).await["status"], "cancelled");
    all_end(&pids).await;
}

#[tokio::test]
async fn a_stopping_server_leaves_no_program_behind() {
    let site = family("[server]\nshutdown_grace = \"00:00:00\"");
    let server = site.start();
    server.client().create_of_type("Family").await;
    let pids = family_in(site.path()).await;
    assert!(server.stop().success());
    all_end(&pids).await;
}

#[tokio::test]
async fn child_processes_do_not_outlive_their_job() {
    let (site, server) = Server::with_config(&script(
        "Leaves",
        "max_retries = 0",
        "sh -c 'echo $$ >> pids; sleep 600' & sh -c 'echo $$ >> pids; sleep 600' & echo $$ >> pids; \
         while [ \"$(wc -l < pids)\" -lt 3 ]; do sleep 0.01; done; echo done",
    ));
    let job = run(&server.client(), json!({ "type": "Leaves" })).await;
    assert_eq!((&job["status"], &job["result"]), (&json!("completed"), &json!("done")));
    all_end(&family_in(site.path()).await).await;
}

#[tokio::test]
async fn noop_completes_everything_without_a_result() {
    let (_site, server) = Server::with_config("[job_types.Noop]\nhandler = \"noop\"");
    let job = run(&server.client(), json!({ "type": "Noop", "parameters": { "n": 1 } })).await;
    assert_eq!(
        (&job["status"], &job["result"], &job["error"]),
        (&json!("completed"), &Value::Null, &Value::Null)
    );
    assert_eq!(job["executionHistory"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_program_finds_no_secret_of_the_server_in_the_environment_of_its_parent() {
    // The settings are passed in an anonymous file, which must be closed now.
    let secrets = "for pid in $$ $PPID; do tr '\\0' '\\n' < /proc/$pid/environ; for file in /proc/$pid/fd/*; do \
                   case $(readlink $file) in /memfd*) cat $file;; esac; done; done";
    let inspect = format!("{{ {secrets}; }} | grep -a -c 's3cret-of-the-server\\|TICKERQ_API'; true");
    let site = Site::new(Storage::Sqlite, &script("Look", "timeout = \"00:00:10\"", &inspect));
    let mut command = site.command(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--database-url",
        "sqlite:tickerq.db",
    ]);
    for (name, value) in [
        ("API__KEYS__0__NAME", "ci"),
        ("API__KEYS__0__KEY", "s3cret-of-the-server"),
        ("API__KEYS__0__SCOPES", "[\"tickerq:read\", \"tickerq:write\"]"),
        ("LOG__LEVEL", "info"),
    ] {
        command.env(format!("TICKERQ_{name}"), value);
    }
    let server = site.start_from(command);
    let client = server.client().with_token("s3cret-of-the-server");
    let job = run(&client, json!({ "type": "Look" })).await;
    assert_eq!(
        (&job["status"], &job["result"]),
        (&json!("completed"), &json!(0)),
        "{job}"
    );
}

#[tokio::test]
async fn a_program_inherits_no_file_of_the_server() {
    // One that the server itself has inherited.
    let inherited = tempfile::tempfile().expect("a file");
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).expect("a flag");
    let inspect = "for file in /proc/self/fd/*; do case $(readlink $file) in */memfd:* | *tickerq.db* | *'(deleted)') readlink $file;; \
                esac; done | tee /dev/stderr | wc -l; test -e /proc/self/fd/0";
    let site = Site::new(Storage::Sqlite, &script("Look", "timeout = \"00:00:10\"", inspect));
    let mut command = site.command(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--database-url",
        "sqlite:tickerq.db",
    ]);
    command.env("TICKERQ_LOG__LEVEL", "info");
    let server = site.start_from(command);
    let job = run(&server.client(), json!({ "type": "Look" })).await;
    assert_eq!(
        (&job["status"], &job["result"]),
        (&json!("completed"), &json!(0)),
        "{job}"
    );
}
