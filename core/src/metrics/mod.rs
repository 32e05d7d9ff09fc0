//! The numbers that a server is watched by.

pub mod failure_reason;
pub mod health;
pub mod histogram;
pub mod rollup;
pub mod storage_fault;
pub mod time_range;

use std::time::Duration;

use chrono::{DateTime, Utc};

use self::health::HealthState;
use super::queue::StoredQueue;

/// A queue in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMetrics {
    /// What storage knows of it: its jobs by status, and what it has completed lately.
    pub queue: StoredQueue,
    /// How many workers it has on one node.
    pub workers: u32,
}

/// A server in numbers. Jobs are those of all nodes; memory and processor are those of this one.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemMetrics {
    /// When they were read.
    pub at: DateTime<Utc>,
    /// How the server is.
    pub health: HealthState,
    /// How many jobs are kept, whatever their status.
    pub total_jobs: u64,
    /// How many workers run a job.
    pub active_workers: u64,
    /// How many jobs are pending.
    pub queue_length: u64,
    /// What the process takes.
    pub usage: Usage,
}

/// What the server's process takes of its machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// How much memory it holds, in bytes.
    pub memory_used: u64,
    /// How much memory it could hold, in bytes: the machine's, or the limit of its container.
    pub memory_available: u64,
    /// How much of all cores together it has taken lately, in percent.
    pub cpu_percentage: f64,
    /// How many cores there are.
    pub cores: usize,
    /// The processor's time that it has taken since its start, of all cores together.
    pub cpu_time: Duration,
    /// When it started, in seconds since 1970.
    pub started_at: u64,
}

impl Usage {
    /// How much of the available memory it holds, in percent; 0 where nothing is known.
    pub fn memory_percentage(&self) -> f64 {
        if self.memory_available == 0 {
            return 0.0;
        }
        self.memory_used as f64 / self.memory_available as f64 * 100.0
    }
}

/// The names under which numbers are exported to Prometheus; the first three are the reference's.
pub const EXPORTED_NAMES: [&str; 41] = [
    "tickerq_jobs_total",
    "tickerq_job_duration_seconds",
    "tickerq_queue_length",
    "tickerq_job_wait_seconds",
    "tickerq_job_retries_total",
    "tickerq_queue_latency_seconds",
    "tickerq_workers_busy",
    "tickerq_workers",
    "tickerq_handlers_blocked",
    "tickerq_webhook_deliveries_total",
    "tickerq_webhook_duration_seconds",
    "tickerq_commit_duration_seconds",
    "tickerq_commit_changes",
    "tickerq_write_queue_rows",
    "tickerq_writes_pending",
    "tickerq_http_requests_total",
    "tickerq_http_connections",
    "tickerq_http_connections_max",
    "tickerq_http_connections_refused_total",
    "tickerq_open_files_max",
    "tickerq_http_request_seconds_total",
    "tickerq_graphql_operations_total",
    "tickerq_connected_clients",
    "tickerq_actor_restarts_total",
    "tickerq_actor_mailbox_lag_seconds",
    "tickerq_spans_dropped_total",
    "tickerq_spans_lost_total",
    "tickerq_health_status",
    "tickerq_unhealthy",
    "tickerq_commit_reports_dropped_total",
    "tickerq_commits_missed_total",
    "tickerq_build_info",
    "http_server_request_duration_seconds",
    "messaging_client_sent_messages_total",
    "messaging_client_consumed_messages_total",
    "messaging_process_duration_seconds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "tickerq_memory_limit_bytes",
    "tickerq_cpu_usage_ratio",
];
