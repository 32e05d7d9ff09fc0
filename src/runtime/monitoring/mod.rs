//! Metrics, health and reports of what the runtime does.

pub(crate) mod job_log;
pub mod job_spans;
pub mod messages;
pub mod metrics_sampler;
pub(crate) mod process_metrics;
pub mod report_channel;
