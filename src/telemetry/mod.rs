//! Export of metrics and traces. Consumers only: no part of the server waits for them.

mod adaptive_sampler;
mod dropped_spans;
mod export_client;
pub mod exporter;
pub mod exporters;
mod failure_log;
mod gauges;
pub mod instruments;
mod labels;
mod metric_reader;
pub mod metrics;
pub mod options;
pub mod pipeline;
pub mod prometheus;
mod span_export;
mod spans;
mod traffic_instruments;
