//! System metrics.

use async_graphql::SimpleObject;

use super::enums::HealthState;
use super::health::HealthReason;
use super::int::int;
use crate::api::contract::view::metrics::{one_decimal, size};
use crate::api::graphql::scalars::DateTime;
use crate::domain::metrics::{SystemMetrics as DomainSystemMetrics, Usage};
use crate::service::metrics::SystemReport;

/// System metrics. Jobs are those of all nodes that share the storage; memory and CPU are those of the server that
/// responds.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct SystemMetrics {
    /// Time of the reading.
    timestamp: DateTime,
    /// Health status of the server.
    system_health: HealthState,
    /// Number of stored jobs of any status.
    total_jobs: i32,
    /// Number of workers that run a job.
    active_workers: i32,
    /// Number of pending jobs.
    queue_length: i32,
    /// Memory usage of the process.
    memory_usage: MemoryUsage,
    /// CPU usage of the process.
    cpu_usage: CpuUsage,
}

/// System metrics with the causes of the health status.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct SystemOverview {
    /// System metrics.
    #[graphql(flatten)]
    metrics: SystemMetrics,
    /// Causes of the health status; empty if it is healthy.
    health_reasons: Vec<HealthReason>,
}

impl From<SystemReport> for SystemOverview {
    fn from(report: SystemReport) -> Self {
        let SystemReport { metrics, health } = report;
        Self {
            metrics: SystemMetrics::from(&*metrics),
            health_reasons: health.reasons.iter().map(HealthReason::from).collect(),
        }
    }
}

/// Memory usage of the server's process.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct MemoryUsage {
    /// Used memory, such as `512MB`.
    used: String,
    /// Memory limit, such as `2GB`: the machine's memory, or the limit of its container.
    available: String,
    /// Used memory, in bytes.
    used_bytes: f64,
    /// Memory limit, in bytes.
    available_bytes: f64,
    /// Used share of the memory limit, in percent with one decimal.
    percentage: f64,
}

/// CPU usage of the server's process.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct CpuUsage {
    /// Recent usage of all cores together, in percent with one decimal.
    percentage: f64,
    /// Number of cores.
    cores: i32,
}

impl From<&DomainSystemMetrics> for SystemMetrics {
    fn from(metrics: &DomainSystemMetrics) -> Self {
        let DomainSystemMetrics {
            at,
            health,
            total_jobs,
            active_workers,
            queue_length,
            usage,
        } = metrics;
        let Usage {
            memory_used,
            memory_available,
            cpu_percentage,
            cores,
            cpu_time: _,
            started_at: _,
        } = *usage;
        Self {
            timestamp: (*at).into(),
            system_health: (*health).into(),
            total_jobs: int(*total_jobs),
            active_workers: int(*active_workers),
            queue_length: int(*queue_length),
            memory_usage: MemoryUsage {
                used: size(memory_used),
                available: size(memory_available),
                // Exact up to 2^53 bytes.
                used_bytes: memory_used as f64,
                available_bytes: memory_available as f64,
                percentage: one_decimal(usage.memory_percentage()),
            },
            cpu_usage: CpuUsage {
                percentage: one_decimal(cpu_percentage),
                cores: i32::try_from(cores).unwrap_or(i32::MAX),
            },
        }
    }
}
