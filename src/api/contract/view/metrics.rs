//! View of the system metrics, shared by all facades.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::contract::enumerations::HealthWord;
use crate::domain::metrics::SystemMetrics;
use crate::domain::metrics::health::HealthReason;
use crate::domain::values::timestamp;

/// System metrics. Jobs are those of all nodes; memory and CPU are those of the server that responds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SystemMetrics)]
pub(crate) struct SystemMetricsView {
    /// Time of the reading.
    #[schema(format = DateTime, example = "2024-01-15T10:30:00Z")]
    timestamp: String,
    /// `healthy`, `degraded` or `unhealthy`.
    #[schema(value_type = HealthWord)]
    system_health: &'static str,
    /// Number of stored jobs of any status.
    #[schema(example = 15000)]
    total_jobs: u64,
    /// Number of workers that run a job.
    #[schema(example = 25)]
    active_workers: u64,
    /// Number of pending jobs.
    #[schema(example = 150)]
    queue_length: u64,
    /// Memory usage of the server's process.
    memory_usage: MemoryView,
    /// CPU usage of the server's process.
    cpu_usage: CpuView,
}

/// Memory usage of the server's process.
#[derive(Serialize, ToSchema)]
#[schema(as = MemoryUsage)]
struct MemoryView {
    /// Used memory.
    #[schema(example = "512MB")]
    used: String,
    /// Memory limit: the machine's memory, or the limit of its container.
    #[schema(example = "2GB")]
    available: String,
    /// Used share of the memory limit, in percent.
    #[schema(example = 25.6)]
    percentage: f64,
}

/// CPU usage of the server's process.
#[derive(Serialize, ToSchema)]
#[schema(as = CpuUsage)]
struct CpuView {
    /// Recent usage of all cores together, in percent.
    #[schema(example = 15.2)]
    percentage: f64,
    /// Number of cores.
    #[schema(example = 8)]
    cores: usize,
}

impl From<&SystemMetrics> for SystemMetricsView {
    fn from(metrics: &SystemMetrics) -> Self {
        let SystemMetrics {
            at,
            health,
            total_jobs,
            active_workers,
            queue_length,
            usage,
        } = metrics;
        Self {
            timestamp: timestamp::to_text(*at),
            system_health: health.as_str(),
            total_jobs: *total_jobs,
            active_workers: *active_workers,
            queue_length: *queue_length,
            memory_usage: MemoryView {
                used: size(usage.memory_used),
                available: size(usage.memory_available),
                percentage: one_decimal(usage.memory_percentage()),
            },
            cpu_usage: CpuView {
                percentage: one_decimal(usage.cpu_percentage),
                cores: usage.cores,
            },
        }
    }
}

/// Cause of a health status.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthReason)]
pub(crate) struct ReasonView {
    /// Code for programs.
    #[schema(example = "writes-pile-up")]
    code: &'static str,
    /// Description for users.
    message: String,
}

impl ReasonView {
    /// A cause for callers without the read scope: without names of queues, job types and nodes.
    pub(crate) fn without_names(reason: &HealthReason) -> Self {
        Self {
            code: reason.code(),
            message: reason.message_without_names(),
        }
    }
}

impl From<&HealthReason> for ReasonView {
    fn from(reason: &HealthReason) -> Self {
        Self {
            code: reason.code(),
            message: reason.message(),
        }
    }
}

/// A number of bytes in the format of the reference: `512MB`, `2GB`, `1.5GB`.
pub(crate) fn size(bytes: u64) -> String {
    const MB: u64 = 1 << 20;
    const GB: u64 = 1 << 30;
    if bytes < GB {
        return format!("{}MB", bytes / MB);
    }
    let tenths = bytes / (GB / 10);
    match tenths % 10 {
        0 => format!("{}GB", tenths / 10),
        tenth => format!("{}.{tenth}GB", tenths / 10),
    }
}

/// A number rounded to one decimal, as in percentages.
pub(crate) fn one_decimal(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::{one_decimal, size};

    #[test]
    fn sizes_have_the_format_of_the_reference() {
        assert_eq!(size(512 << 20), "512MB");
        assert_eq!(size(2 << 30), "2GB");
        assert_eq!(size(3 << 29), "1.5GB");
        assert_eq!(size(1_000), "0MB");
        assert!((one_decimal(25.649) - 25.6).abs() < f64::EPSILON);
    }
}
