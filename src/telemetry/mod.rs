//! What the server shows to programs that watch it. Consumers: nothing in the server waits for them.

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
