//! The parts of the server's responses that are displayed. They are types of their own, not the views of the contract:
//! a row of a table is text, and missing members and unknown words are accepted, so that an older client works with a
//! newer server, and a caller without the read scope with any.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The log level of a server.
#[derive(Debug, Deserialize)]
pub(crate) struct LogLevel {
    pub(crate) level: String,
}

/// A page of jobs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobList {
    pub(crate) jobs: Vec<Job>,
    #[serde(default)]
    pub(crate) total_count: u64,
    #[serde(default)]
    pub(crate) has_more: bool,
}

/// A job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    pub(crate) id: String,
    /// Absent for callers without the read scope, like all but the id and the status.
    #[serde(rename = "type", default)]
    pub(crate) job_type: Option<String>,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) queue: Option<String>,
    #[serde(default)]
    pub(crate) priority: Option<String>,
    #[serde(default)]
    pub(crate) created_at: Option<String>,
    #[serde(default)]
    pub(crate) run_at: Option<String>,
    #[serde(default)]
    pub(crate) executed_at: Option<String>,
    #[serde(default)]
    pub(crate) completed_at: Option<String>,
    #[serde(default)]
    pub(crate) duration: Option<String>,
    #[serde(default)]
    pub(crate) timeout: Option<String>,
    #[serde(default)]
    pub(crate) unique_key: Option<String>,
    #[serde(default)]
    pub(crate) retry_count: u32,
    #[serde(default)]
    pub(crate) max_retries: u32,
    #[serde(default)]
    pub(crate) parameters: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) result: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) error_detail: Option<String>,
    #[serde(default)]
    pub(crate) progress: Option<Progress>,
    #[serde(default)]
    pub(crate) log: Vec<LogLine>,
    #[serde(default)]
    pub(crate) execution_history: Vec<Attempt>,
}

/// The progress that an attempt has reported.
#[derive(Debug, Deserialize)]
pub(crate) struct Progress {
    pub(crate) percent: f64,
    #[serde(default)]
    pub(crate) message: Option<String>,
}

/// A log line of an attempt.
#[derive(Debug, Deserialize)]
pub(crate) struct LogLine {
    pub(crate) attempt: u32,
    pub(crate) at: String,
    pub(crate) level: String,
    pub(crate) message: String,
}

/// One execution of a job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attempt {
    pub(crate) attempt: u32,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) started_at: Option<String>,
    #[serde(default)]
    pub(crate) duration: Option<String>,
    #[serde(default)]
    pub(crate) worker: Option<String>,
    #[serde(default)]
    pub(crate) error: Option<String>,
}

/// The reasons why a job does not run.
#[derive(Debug, Deserialize)]
pub(crate) struct Explanation {
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) reasons: Vec<WaitReason>,
    #[serde(default)]
    pub(crate) estimate: Option<StartEstimate>,
}

/// A reason why a job does not run.
#[derive(Debug, Deserialize)]
pub(crate) struct WaitReason {
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) since: Option<String>,
    #[serde(default)]
    pub(crate) until: Option<String>,
    #[serde(default)]
    pub(crate) remedy: Option<String>,
}

/// The expected start of a job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartEstimate {
    pub(crate) starts_at: String,
    pub(crate) basis: String,
}

/// The reasons that hold the pending jobs of a queue.
#[derive(Debug, Deserialize)]
pub(crate) struct QueueExplanation {
    pub(crate) summary: String,
    #[serde(default)]
    pub(crate) reasons: Vec<QueueWaitReason>,
}

/// A reason that holds jobs of a queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueWaitReason {
    pub(crate) code: String,
    pub(crate) jobs: u64,
    #[serde(default)]
    pub(crate) is_exact: bool,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) remedy: Option<String>,
}

/// A recurring job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecurringJob {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) job_type: String,
    pub(crate) cron_expression: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) time_zone: String,
    #[serde(default)]
    pub(crate) enabled: bool,
    #[serde(default)]
    pub(crate) next_run_at: Option<String>,
    #[serde(default)]
    pub(crate) last_run_at: Option<String>,
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
}

/// All queues.
#[derive(Debug, Deserialize)]
pub(crate) struct QueueList {
    pub(crate) queues: Vec<Queue>,
}

/// A queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) pending_jobs: u64,
    #[serde(default)]
    pub(crate) running_jobs: u64,
    #[serde(default)]
    pub(crate) completed_jobs: u64,
    #[serde(default)]
    pub(crate) failed_jobs: u64,
    #[serde(default)]
    pub(crate) workers: u64,
    #[serde(default)]
    pub(crate) throughput: Throughput,
    pub(crate) overview: Option<QueueOverview>,
}

/// The state of a queue for operators.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueOverview {
    pub(crate) due_jobs: Option<u64>,
    pub(crate) scheduled_jobs: Option<u64>,
    pub(crate) retrying_jobs: Option<u64>,
    pub(crate) capacity: u64,
    pub(crate) oldest_due_at: Option<String>,
    pub(crate) paused_by: Option<String>,
}

/// Completed jobs of a queue in the last hour.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Throughput {
    pub(crate) jobs_per_minute: f64,
    pub(crate) jobs_per_hour: f64,
}

/// Number of jobs removed from a queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClearedQueue {
    pub(crate) cleared_pending: u64,
    pub(crate) cleared_failed: u64,
}

impl Job {
    /// `true` if it has a final status.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }
}

/// The servers that share the storage.
#[derive(Debug, Deserialize)]
pub(crate) struct NodeList {
    pub(crate) nodes: Vec<Node>,
}

/// A server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    #[serde(default)]
    pub(crate) running_jobs: u64,
    #[serde(default)]
    pub(crate) started_at: Option<String>,
}

/// A page of bulk operations.
#[derive(Debug, Deserialize)]
pub(crate) struct OperationList {
    pub(crate) operations: Vec<Operation>,
}

/// A bulk operation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) status: String,
    /// Absent for callers without the read scope, like all but the id and the status.
    #[serde(default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) filter: String,
    #[serde(default)]
    pub(crate) total: u64,
    #[serde(default)]
    pub(crate) done: u64,
    #[serde(default)]
    pub(crate) skipped: u64,
    #[serde(default)]
    pub(crate) skipped_by: Vec<SkippedJobs>,
    #[serde(default)]
    pub(crate) requested_by: String,
    #[serde(default)]
    pub(crate) error: Option<String>,
}

/// Number of jobs that are skipped for a reason.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SkippedJobs {
    pub(crate) message: String,
    pub(crate) count: u64,
    /// Absent for operations, which count exactly.
    #[serde(default)]
    pub(crate) is_exact: Option<bool>,
}

/// The jobs that an operation would change.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationPreview {
    pub(crate) token: String,
    pub(crate) filter: String,
    pub(crate) total: u64,
    pub(crate) is_exact: bool,
    #[serde(default)]
    pub(crate) by_status: BTreeMap<String, u64>,
    #[serde(default)]
    pub(crate) by_type: BTreeMap<String, u64>,
    #[serde(default)]
    pub(crate) by_queue: BTreeMap<String, u64>,
    #[serde(default)]
    pub(crate) counted: u64,
    #[serde(default)]
    pub(crate) is_split_exact: bool,
    #[serde(default)]
    pub(crate) skipped: Vec<SkippedJobs>,
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
    #[serde(default)]
    pub(crate) undo: String,
}
