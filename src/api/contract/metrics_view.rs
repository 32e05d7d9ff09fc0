//! The server in numbers, as every wire tells it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::rest::request::enumerations::HealthWord;
use crate::domain::metrics::SystemMetrics;
use crate::domain::metrics::health::HealthReason;
use crate::domain::values::timestamp;

/// The server in numbers. Jobs are those of all servers, memory and processor those of the one that answers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SystemMetrics)]
pub(crate) struct SystemMetricsView {
    /// When they were read.
    #[schema(format = DateTime, example = "2024-01-15T10:30:00Z")]
    timestamp: String,
    /// `healthy`, `degraded` or `unhealthy`.
    #[schema(value_type = HealthWord)]
    system_health: &'static str,
    /// How many jobs are kept, whatever their status.
    #[schema(example = 15000)]
    total_jobs: u64,
    /// How many workers run a job.
    #[schema(example = 25)]
    active_workers: u64,
    /// How many jobs are pending.
    #[schema(example = 150)]
    queue_length: u64,
    /// The memory of the server's process.
    memory_usage: MemoryView,
    /// What the server's process takes of the processor.
    cpu_usage: CpuView,
}

/// The memory of the server's process.
#[derive(Serialize, ToSchema)]
#[schema(as = MemoryUsage)]
struct MemoryView {
    /// How much it holds.
    #[schema(example = "512MB")]
    used: String,
    /// How much there is: the machine's, or the limit of its container.
    #[schema(example = "2GB")]
    available: String,
    /// How much of what there is it holds.
    #[schema(example = 25.6)]
    percentage: f64,
}

/// What the server's process takes of the processor.
#[derive(Serialize, ToSchema)]
#[schema(as = CpuUsage)]
struct CpuView {
    /// How much of all cores together it has taken lately.
    #[schema(example = 15.2)]
    percentage: f64,
    /// How many cores there are.
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

/// Something that is wrong with the server.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthReason)]
pub(crate) struct ReasonView {
    /// A word for programs.
    #[schema(example = "writes-pile-up")]
    code: &'static str,
    /// What it means, for people.
    message: String,
}

impl ReasonView {
    /// A reason, for a caller that may not read: without names of queues, job types and servers.
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

/// A number of bytes as the reference shows it: `512MB`, `2GB`, `1.5GB`.
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

/// A number as percentages are shown.
pub(crate) fn one_decimal(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::{one_decimal, size};

    #[test]
    fn sizes_are_shown_as_the_reference_shows_them() {
        assert_eq!(size(512 << 20), "512MB");
        assert_eq!(size(2 << 30), "2GB");
        assert_eq!(size(3 << 29), "1.5GB");
        assert_eq!(size(1_000), "0MB");
        assert!((one_decimal(25.649) - 25.6).abs() < f64::EPSILON);
    }
}
