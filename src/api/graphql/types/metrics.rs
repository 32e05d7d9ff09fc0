//! System metrics.

use async_graphql::Object;

use super::enums::HealthState;
use super::health::HealthReason;
use super::int::int;
use crate::api::contract::view::metrics::{
    CpuView, MemoryView, Size, SystemMetricsView, SystemOverview as OverviewView,
};
use crate::api::graphql::scalars::DateTime;
use crate::domain::metrics::SystemMetrics as DomainSystemMetrics;
use crate::service::metrics::SystemReport;
use crate::views::health::ReasonView;

/// System metrics.
pub(in super::super) struct SystemMetrics(SystemMetricsView);

impl From<&DomainSystemMetrics> for SystemMetrics {
    fn from(metrics: &DomainSystemMetrics) -> Self {
        Self(SystemMetricsView::from(metrics))
    }
}

/// System metrics. Jobs are those of all nodes that share the storage; memory and CPU are those of the server that
/// responds.
#[Object]
impl SystemMetrics {
    /// Time of the reading.
    async fn timestamp(&self) -> DateTime {
        self.0.timestamp.into()
    }

    /// Health status of the server.
    async fn system_health(&self) -> HealthState {
        self.0.system_health.0.into()
    }

    /// Number of stored jobs of any status.
    async fn total_jobs(&self) -> i32 {
        int(self.0.total_jobs)
    }

    /// Number of workers that run a job.
    async fn active_workers(&self) -> i32 {
        int(self.0.active_workers)
    }

    /// Number of pending jobs.
    async fn queue_length(&self) -> i32 {
        int(self.0.queue_length)
    }

    /// Memory usage of the process.
    async fn memory_usage(&self) -> MemoryUsage<'_> {
        MemoryUsage(&self.0.memory_usage)
    }

    /// CPU usage of the process.
    async fn cpu_usage(&self) -> CpuUsage<'_> {
        CpuUsage(&self.0.cpu_usage)
    }
}

/// System metrics with the causes of the health status.
pub(in super::super) struct SystemOverview {
    metrics: SystemMetrics,
    health_reasons: Vec<ReasonView>,
}

impl From<SystemReport> for SystemOverview {
    fn from(report: SystemReport) -> Self {
        let OverviewView {
            metrics,
            health_reasons,
        } = OverviewView::from(&report);
        Self {
            metrics: SystemMetrics(metrics),
            health_reasons,
        }
    }
}

/// System metrics with the causes of the health status.
#[Object]
impl SystemOverview {
    /// System metrics.
    #[graphql(flatten)]
    async fn metrics(&self) -> &SystemMetrics {
        &self.metrics
    }

    /// Causes of the health status; empty if it is healthy.
    async fn health_reasons(&self) -> Vec<HealthReason<'_>> {
        self.health_reasons.iter().map(HealthReason).collect()
    }
}

/// Memory usage.
pub(in super::super) struct MemoryUsage<'a>(&'a MemoryView);

/// Memory usage of the server's process.
#[Object]
impl MemoryUsage<'_> {
    /// Used memory, such as `512MB`.
    async fn used(&self) -> String {
        self.0.used.to_string()
    }

    /// Memory limit, such as `2GB`: the machine's memory, or the limit of its container.
    async fn available(&self) -> String {
        self.0.available.to_string()
    }

    /// Used memory, in bytes.
    async fn used_bytes(&self) -> f64 {
        bytes(self.0.used)
    }

    /// Memory limit, in bytes.
    async fn available_bytes(&self) -> f64 {
        bytes(self.0.available)
    }

    /// Used share of the memory limit, in percent with one decimal.
    async fn percentage(&self) -> f64 {
        self.0.percentage
    }
}

/// CPU usage.
pub(in super::super) struct CpuUsage<'a>(&'a CpuView);

/// CPU usage of the server's process.
#[Object]
impl CpuUsage<'_> {
    /// Recent usage of all cores together, in percent with one decimal.
    async fn percentage(&self) -> f64 {
        self.0.percentage
    }

    /// Number of cores.
    async fn cores(&self) -> i32 {
        int(self.0.cores)
    }
}

/// A number of bytes as a `Float`, which is exact up to 2^53.
const fn bytes(Size(bytes): Size) -> f64 {
    bytes as f64
}
