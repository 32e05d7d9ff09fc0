//! `/workers`: remote programs that lease jobs, run them and report the results.

pub(crate) mod access;
pub(crate) mod attempts;
pub(crate) mod leases;
pub(crate) mod many_types;
pub(crate) mod registrations;
pub(crate) mod reports;
pub(crate) mod waiting;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::client::Client;

/// Log text of a lease call that waits.
const WAITING: &str = "no due jobs for the worker, waiting";

const CONFIG: &str = r#"
[log]
level = "info,tickerq::runtime=trace"

[jobs]
cancel_grace = "00:00:01"

[cluster]
lease_ttl = "00:00:03"

[job_types.MailJob]
max_retries = 2
retry_delay = "00:00:00.1"
handler = "remote"

[job_types.BriefJob]
timeout = "00:00:01"
max_retries = 0
handler = "remote"
"#;

/// A worker without a loop of its own.
struct Worker {
    client: Client,
    id: String,
}

impl Worker {
    async fn register(client: &Client, declaration: Value) -> Self {
        let response = client.post("/workers", declaration).await;
        assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
        let id = response.json()["id"].as_str().expect("an id").to_owned();
        assert_eq!(
            response.header("location"),
            Some(&*format!("/api/tickerq/workers/{id}"))
        );
        Self {
            client: client.clone(),
            id,
        }
    }

    async fn mailer(client: &Client) -> Self {
        Self::register(client, json!({ "name": "mailer-3", "types": ["MailJob", "BriefJob"] })).await
    }

    fn path(&self, what: &str) -> String {
        format!("/workers/{}/{what}", self.id)
    }

    async fn lease(&self, max: u32, wait: &str) -> Vec<Value> {
        let body = json!({ "max": max, "wait": wait });
        let response = self.client.post(&self.path("lease"), body).await;
        assert_eq!(response.status, StatusCode::OK, "{}", response.text);
        response.json()["jobs"].as_array().cloned().expect("jobs")
    }

    async fn lease_one(&self) -> Value {
        let mut jobs = self.lease(1, "00:00:30").await;
        assert_eq!(jobs.len(), 1);
        jobs.remove(0)
    }

    async fn heartbeat(&self, jobs: &[Value]) -> Value {
        let response = self.client.post(&self.path("heartbeat"), json!({ "jobs": jobs })).await;
        assert_eq!(response.status, StatusCode::OK, "{}", response.text);
        response.json()
    }
}

/// A worker's report of a job, with additional fields.
fn of(job: &Value, more: Value) -> Value {
    let mut report = json!({ "jobId": job["jobId"], "leaseToken": job["leaseToken"] });
    for (name, value) in more.as_object().expect("fields") {
        report[name] = value.clone();
    }
    report
}

fn id_of(job: &Value) -> &str {
    job["jobId"].as_str().expect("an id")
}

fn leased_of(jobs: &[Value]) -> Vec<Value> {
    jobs.iter().map(|job| of(job, json!({}))).collect()
}
