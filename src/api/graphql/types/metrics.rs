//! The server in numbers.

use async_graphql::SimpleObject;

use super::enums::HealthState;
use super::health::HealthReason;
use super::int::int;
use crate::api::contract::metrics_view::{one_decimal, size};
use crate::api::graphql::scalars::DateTime;
use crate::domain::metrics::{SystemMetrics as DomainSystemMetrics, Usage};
use crate::service::metrics::SystemReport;

/// The server in numbers. Jobs are those of all servers that share the storage; memory and processor are those of the one
/// that answers.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct SystemMetrics {
    /// When they were read.
    timestamp: DateTime,
    /// How the server is.
    system_health: HealthState,
    /// How many jobs are kept, whatever their status.
    total_jobs: i32,
    /// How many workers run a job.
    active_workers: i32,
    /// How many jobs are pending.
    queue_length: i32,
    /// What the process takes of the memory.
    memory_usage: MemoryUsage,
    /// What the process takes of the processor.
    cpu_usage: CpuUsage,
}

/// The server in numbers, and what is wrong with it.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct SystemOverview {
    /// The numbers.
    #[graphql(flatten)]
    metrics: SystemMetrics,
    /// What is wrong; empty when it is healthy.
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

/// What the server's process takes of the memory.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct MemoryUsage {
    /// How much it holds, such as `512MB`.
    used: String,
    /// How much it could hold, such as `2GB`: the machine's memory, or the limit of its container.
    available: String,
    /// How much it holds, in bytes.
    used_bytes: f64,
    /// How much it could hold, in bytes.
    available_bytes: f64,
    /// How much of what is available it holds, in percent with one decimal.
    percentage: f64,
}

/// What the server's process takes of the processor.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct CpuUsage {
    /// How much of all cores together it has taken lately, in percent with one decimal.
    percentage: f64,
    /// How many cores there are.
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
