//! Metrics of queues and of the server.

pub mod activity;
pub mod activity_series;
pub mod failure_reason;
pub mod fingerprint;
pub mod health;
pub mod histogram;
pub mod rollup;
pub mod rollup_delta;
pub mod storage_fault;
pub mod time_range;

use std::time::Duration;

use chrono::{DateTime, Utc};

use self::health::HealthState;
use super::queue::StoredQueue;

/// Metrics of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMetrics {
    /// Stored metrics: its jobs by status, and its recent throughput.
    pub queue: StoredQueue,
    /// Number of workers on one node.
    pub workers: u32,
}

/// Metrics of the server. Jobs are those of all nodes; memory and processor are those of this node.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemMetrics {
    /// Time of the measurement.
    pub at: DateTime<Utc>,
    /// Health of the server.
    pub health: HealthState,
    /// Number of stored jobs in any status.
    pub total_jobs: u64,
    /// Number of workers that run a job.
    pub active_workers: u64,
    /// Number of pending jobs.
    pub queue_length: u64,
    /// Resource usage of the process.
    pub usage: Usage,
}

/// Resource usage of the server's process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Memory used, in bytes.
    pub memory_used: u64,
    /// Memory limit, in bytes: that of the machine or of the container.
    pub memory_available: u64,
    /// Recent processor usage of all cores together, in percent.
    pub cpu_percentage: f64,
    /// Number of cores.
    pub cores: usize,
    /// Processor time since the start, of all cores together.
    pub cpu_time: Duration,
    /// Start time, in seconds since 1970.
    pub started_at: u64,
}

impl Usage {
    /// Used part of the available memory, in percent; 0 if unknown.
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
