//! Export of metrics and traces. Consumers only: no part of the server waits for them.

mod dropped_spans;
mod export_client;
pub mod exporter;
pub mod exporters;
pub mod instruments;
mod labels;
mod metric_reader;
pub mod metrics;
pub mod pipeline;
pub mod prometheus;
mod spans;
