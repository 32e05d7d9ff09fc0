//! Export of metrics and traces. Consumers only: no part of the server waits for them.

mod adaptive_sampler;
mod dropped_spans;
mod export_client;
pub(crate) mod exporter;
pub(crate) mod exporters;
mod failure_log;
mod gauges;
pub(crate) mod instruments;
mod labels;
mod metric_reader;
pub(crate) mod metrics;
pub(crate) mod options;
pub(crate) mod pipeline;
pub(crate) mod prometheus;
mod span_export;
mod spans;
mod traffic_instruments;
