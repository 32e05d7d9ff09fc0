//! Metrics, health and reports of what the runtime does.

pub(crate) mod job_log;
pub(crate) mod job_spans;
pub(crate) mod messages;
pub(crate) mod metrics_sampler;
pub(crate) mod process_metrics;
pub(crate) mod report_channel;
