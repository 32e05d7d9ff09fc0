//! View of the system metrics.

use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::metrics::SystemMetrics;
use crate::domain::metrics::health::HealthState;
use crate::service::metrics::SystemReport;
use crate::views::health::ReasonView;
use crate::views::values::Time;
use crate::views::words::{HealthWord, Word};

/// System metrics. Jobs are those of all nodes; memory and CPU are those of the server that responds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SystemMetrics)]
pub(crate) struct SystemMetricsView {
    /// Time of the reading.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) timestamp: Time,
    /// `healthy`, `degraded` or `unhealthy`.
    #[schema(value_type = HealthWord)]
    pub(crate) system_health: Word<HealthState>,
    /// Number of stored jobs of any status.
    #[schema(example = 15000)]
    pub(crate) total_jobs: u64,
    /// Number of workers that run a job.
    #[schema(example = 25)]
    pub(crate) active_workers: u64,
    /// Number of pending jobs.
    #[schema(example = 150)]
    pub(crate) queue_length: u64,
    /// Memory usage of the server's process.
    pub(crate) memory_usage: MemoryView,
    /// CPU usage of the server's process.
    pub(crate) cpu_usage: CpuView,
}

/// System metrics with the causes of the health status.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SystemOverview {
    #[serde(flatten)]
    pub(crate) metrics: SystemMetricsView,
    /// Causes of the health status; empty if it is healthy.
    pub(crate) health_reasons: Vec<ReasonView>,
}

impl From<&SystemReport> for SystemOverview {
    fn from(SystemReport { metrics, health }: &SystemReport) -> Self {
        Self {
            metrics: SystemMetricsView::from(&**metrics),
            health_reasons: health.reasons.iter().map(ReasonView::from).collect(),
        }
    }
}

/// Memory usage of the server's process.
#[derive(Serialize, ToSchema)]
#[schema(as = MemoryUsage)]
pub(crate) struct MemoryView {
    /// Used memory.
    #[schema(value_type = String, example = "512MB")]
    pub(crate) used: Size,
    /// Memory limit: the machine's memory, or the limit of its container.
    #[schema(value_type = String, example = "2GB")]
    pub(crate) available: Size,
    /// Used share of the memory limit, in percent.
    #[schema(example = 25.6)]
    pub(crate) percentage: f64,
}

/// CPU usage of the server's process.
#[derive(Serialize, ToSchema)]
#[schema(as = CpuUsage)]
pub(crate) struct CpuView {
    /// Recent usage of all cores together, in percent.
    #[schema(example = 15.2)]
    pub(crate) percentage: f64,
    /// Number of cores.
    #[schema(example = 8)]
    pub(crate) cores: usize,
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
            timestamp: Time(*at),
            system_health: Word(*health),
            total_jobs: *total_jobs,
            active_workers: *active_workers,
            queue_length: *queue_length,
            memory_usage: MemoryView {
                used: Size(usage.memory_used),
                available: Size(usage.memory_available),
                percentage: one_decimal(usage.memory_percentage()),
            },
            cpu_usage: CpuView {
                percentage: one_decimal(usage.cpu_percentage),
                cores: usage.cores,
            },
        }
    }
}

/// A number of bytes in the format of the reference: `512MB`, `2GB`, `1.5GB`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MB: u64 = 1 << 20;
        const GB: u64 = 1 << 30;
        let Self(bytes) = *self;
        if bytes < GB {
            return write!(f, "{}MB", bytes / MB);
        }
        let tenths = bytes / (GB / 10);
        match tenths % 10 {
            0 => write!(f, "{}GB", tenths / 10),
            tenth => write!(f, "{}.{tenth}GB", tenths / 10),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number rounded to one decimal, as in percentages.
pub(crate) fn one_decimal(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::{Size, one_decimal};

    #[test]
    fn sizes_have_the_format_of_the_reference() {
        assert_eq!(Size(512 << 20).to_string(), "512MB");
        assert_eq!(Size(2 << 30).to_string(), "2GB");
        assert_eq!(Size(3 << 29).to_string(), "1.5GB");
        assert_eq!(Size(1_000).to_string(), "0MB");
        assert!((one_decimal(25.649) - 25.6).abs() < f64::EPSILON);
    }
}
