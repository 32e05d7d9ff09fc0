//! Retries: delays, limits and permanent failures.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::latch::Latch;
use crate::harness::server::Server;

fn time(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    DateTime::parse_from_rfc3339(text).expect("RFC 3339").to_utc()
}

/// Delays between the end of an attempt and the start of the next one.
fn waits(job: &Value) -> Vec<TimeDelta> {
    let history = job["executionHistory"].as_array().expect("a history");
    history
        .windows(2)
        .map(|pair| time(&pair[1]["startedAt"]) - time(&pair[0]["completedAt"]))
        .collect()
}

fn statuses(job: &Value) -> Vec<&str> {
    let history = job["executionHistory"].as_array().expect("a history");
    history
        .iter()
        .map(|attempt| attempt["status"].as_str().expect("a status"))
        .collect()
}

#[tokio::test]
async fn a_job_that_fails_is_retried_after_waits_that_double_until_it_succeeds() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!(
        "[job_types.Work]\nretry_delay = \"00:00:00.1\"\n{}",
        latch.handler()
    ));
    let client = server.client();
    let id = client.create_of_type("Work").await;
    for number in 1..=3 {
        let visit = latch.visit().await;
        let call = visit.json();
        assert_eq!(
            (&call["attempt"], &call["retryCount"], &call["jobId"]),
            (&json!(number), &json!(number - 1), &json!(id))
        );
        visit.respond("500 Internal Server Error", &format!("trouble {number}"));
    }
    latch.visit().await.respond("200 OK", "\"at last\"");
    let job = client.wait_finished(&id).await;
    assert_eq!(
        (&job["status"], &job["result"]),
        (&json!("completed"), &json!("at last"))
    );
    assert_eq!(
        (&job["error"], &job["errorDetail"]),
        (&Value::Null, &Value::Null),
        "it has succeeded"
    );
    assert_eq!((&job["retryCount"], &job["attempt"]), (&json!(3), &json!(4)));
    assert_eq!(statuses(&job), ["failed", "failed", "failed", "completed"]);
    for (number, wait) in waits(&job).into_iter().enumerate() {
        let least = TimeDelta::milliseconds(100 << number);
        assert!(wait >= least, "retry {number} came after {wait}");
    }
    let second = &job["executionHistory"][1];
    assert!(
        second["error"]
            .as_str()
            .is_some_and(|error| error.ends_with("/run responded with 500 Internal Server Error"))
    );
    assert_eq!(second["errorDetail"], "trouble 2", "each attempt keeps its own failure");
    assert_eq!(second["node"], job["executionHistory"][3]["node"]);
}

#[tokio::test]
async fn a_job_without_retries_left_has_failed() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!("[job_types.Work]\n{}", latch.handler()));
    let client = server.client();
    let job = json!({ "type": "Work", "maxRetries": 3, "retryIntervals": ["00:00:00.15", "00:00:00"] });
    let id = client.create(job).await["id"].as_str().expect("an id").to_owned();
    for number in 1..=4 {
        latch.visit().await.respond("502 Bad Gateway", &number.to_string());
    }
    let job = client.wait_finished(&id).await;
    assert_eq!((&job["status"], &job["result"]), (&json!("failed"), &Value::Null));
    assert!(
        job["error"]
            .as_str()
            .is_some_and(|error| error.ends_with("responded with 502 Bad Gateway")),
        "{job}"
    );
    assert_eq!(job["errorDetail"], "4", "it shows its last failure");
    assert_eq!(statuses(&job), ["failed"; 4]);
    assert!(
        waits(&job)[0] >= TimeDelta::milliseconds(150),
        "the first wait of its list"
    );
    let list = client.get("/jobs?status=failed").await.json();
    assert_eq!(list["jobs"][0]["error"], job["error"]);
    assert_eq!(list["jobs"][0]["retryCount"], 3);
    assert!(latch.visit_that_came().is_none());
}

#[tokio::test]
async fn permanent_failures_are_not_retried() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!(
        "[job_types.Work]\nmax_retries = 5\nretry_delay = \"00:00:00\"\n{}\n\
         [job_types.Missing]\nhandler = {{ command = {{ program = \"/no/such/program\" }} }}",
        latch.handler()
    ));
    let client = server.client();
    let id = client.create_of_type("Work").await;
    latch
        .visit()
        .await
        .respond("422 Unprocessable Entity", "no such customer");
    let job = client.wait_finished(&id).await;
    assert_eq!(
        (&job["status"], &job["retryCount"], &job["attempt"]),
        (&json!("failed"), &json!(0), &json!(1))
    );
    assert_eq!(job["errorDetail"], "no such customer");
    let id = client.create_of_type("Missing").await;
    let job = client.wait_finished(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("failed"), &json!(1)));
    assert_eq!(job["error"], "the program /no/such/program was not found");
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_fails_and_is_retried() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!("[job_types.Work]\n{}", latch.handler()));
    let client = server.client();
    let job = json!({ "type": "Work", "maxRetries": 1, "retryDelay": "PT0S", "timeout": "00:00:00.2" });
    let id = client.create(job).await["id"].as_str().expect("an id").to_owned();
    // The client closes the connection at its timeout.
    latch.visit().await.hung_up().await;
    latch.visit().await.complete();
    let job = client.wait_finished(&id).await;
    assert_eq!(job["status"], "completed");
    assert_eq!(statuses(&job), ["failed", "completed"]);
    let first = &job["executionHistory"][0];
    assert_eq!(first["error"], "timed out after 00:00:00.2000000");
    assert!(
        time(&first["completedAt"]) - time(&first["startedAt"]) >= TimeDelta::milliseconds(200),
        "{first}"
    );
}
