//! The parts of the server's answers that are shown to people. What is missing or new does not stop a client: an older
//! one can speak to a newer server.

use serde::Deserialize;
use serde_json::value::RawValue;

/// How much a server says in its log.
#[derive(Debug, Deserialize)]
pub(super) struct LogLevel {
    pub(super) level: String,
}

/// A page of jobs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobList {
    pub(super) jobs: Vec<Job>,
    #[serde(default)]
    pub(super) total_count: u64,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// A job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    pub(super) id: String,
    /// Absent for callers that may not read, as all but the id and the status.
    #[serde(rename = "type", default)]
    pub(super) job_type: Option<String>,
    pub(super) status: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) queue: Option<String>,
    #[serde(default)]
    pub(super) priority: Option<String>,
    #[serde(default)]
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) run_at: Option<String>,
    #[serde(default)]
    pub(super) executed_at: Option<String>,
    #[serde(default)]
    pub(super) completed_at: Option<String>,
    #[serde(default)]
    pub(super) duration: Option<String>,
    #[serde(default)]
    pub(super) timeout: Option<String>,
    #[serde(default)]
    pub(super) unique_key: Option<String>,
    #[serde(default)]
    pub(super) retry_count: u32,
    #[serde(default)]
    pub(super) max_retries: u32,
    #[serde(default)]
    pub(super) parameters: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) result: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    #[serde(default)]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) error_detail: Option<String>,
    #[serde(default)]
    pub(super) progress: Option<Progress>,
    #[serde(default)]
    pub(super) log: Vec<LogLine>,
    #[serde(default)]
    pub(super) execution_history: Vec<Attempt>,
}

/// The progress that an attempt has reported.
#[derive(Debug, Deserialize)]
pub(super) struct Progress {
    pub(super) percent: f64,
    #[serde(default)]
    pub(super) message: Option<String>,
}

/// A log line of an attempt.
#[derive(Debug, Deserialize)]
pub(super) struct LogLine {
    pub(super) attempt: u32,
    pub(super) at: String,
    pub(super) level: String,
    pub(super) message: String,
}

/// One execution of a job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attempt {
    pub(super) attempt: u32,
    pub(super) status: String,
    #[serde(default)]
    pub(super) started_at: Option<String>,
    #[serde(default)]
    pub(super) duration: Option<String>,
    #[serde(default)]
    pub(super) worker: Option<String>,
    #[serde(default)]
    pub(super) error: Option<String>,
}

/// A recurring job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecurringJob {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) job_type: String,
    pub(super) cron_expression: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) time_zone: String,
    #[serde(default)]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) next_run_at: Option<String>,
    #[serde(default)]
    pub(super) last_run_at: Option<String>,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
}

/// All queues.
#[derive(Debug, Deserialize)]
pub(super) struct QueueList {
    pub(super) queues: Vec<Queue>,
}

/// A queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) pending_jobs: u64,
    #[serde(default)]
    pub(super) running_jobs: u64,
    #[serde(default)]
    pub(super) completed_jobs: u64,
    #[serde(default)]
    pub(super) failed_jobs: u64,
    #[serde(default)]
    pub(super) workers: u64,
    #[serde(default)]
    pub(super) throughput: Throughput,
}

/// What a queue has completed lately.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Throughput {
    pub(super) jobs_per_minute: f64,
    pub(super) jobs_per_hour: f64,
}

/// How many jobs were removed from a queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClearedQueue {
    pub(super) cleared_pending: u64,
    pub(super) cleared_failed: u64,
}

impl Job {
    /// Whether nothing more happens to it.
    pub(super) fn is_finished(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }
}

/// The servers that share the storage.
#[derive(Debug, Deserialize)]
pub(super) struct NodeList {
    pub(super) nodes: Vec<Node>,
}

/// A server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) running_jobs: u64,
    #[serde(default)]
    pub(super) started_at: Option<String>,
}
