//! Options of a runtime.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::actor::clock::Clock;
use super::events::hooks::JobHook;
use super::maintenance::pruner::Retention;
use super::monitoring::job_spans::Traces;
use super::monitoring::metrics_sampler::SamplerOptions;
use super::outbound::options::{SyncOptions, WebhookOptions};
use crate::domain::job::new_job::DefaultsByType;
use crate::domain::queue::QueueSettings;
use crate::domain::values::name::JobType;
use crate::domain::values::time_span::TimeSpan;
use crate::handlers::HandlerRegistry;
use crate::handlers::limits::HandlerLimits;

/// Options of a runtime.
#[derive(Clone)]
pub struct RuntimeOptions {
    /// The configured queues.
    pub queues: Vec<QueueSettings>,
    /// Number of workers of a queue that is not configured.
    pub workers_by_default: NonZeroU32,
    /// Maximum number of running jobs of a type on this node.
    pub concurrency: Vec<(JobType, NonZeroU32)>,
    /// Handlers of jobs.
    pub handlers: HandlerRegistry,
    /// Size limits of results and errors.
    pub handler_limits: HandlerLimits,
    /// Number of handler threads.
    pub handler_threads: usize,
    /// Time that a cancelled job has to finish.
    pub cancel_grace: Duration,
    /// Retention of finished jobs and of records.
    pub retention: Retention,
    /// Display name of this node.
    pub node_name: Arc<str>,
    /// Lifetime of the node's lease without a renewal.
    pub lease: TimeSpan,
    /// Options of metrics and health.
    pub sampler: SamplerOptions,
    /// The time of day.
    pub clock: Clock,
    /// Defaults of occurrences for what the template of their recurring job leaves open.
    pub defaults: Arc<DefaultsByType>,
    /// Webhooks.
    pub webhooks: WebhookOptions,
    /// Data sync.
    pub sync: SyncOptions,
    /// Called with each job event after its commit.
    pub on_job_event: Option<JobHook>,
    /// Spans of jobs.
    pub traces: Traces,
    /// Log completed jobs.
    pub log_jobs: bool,
}
