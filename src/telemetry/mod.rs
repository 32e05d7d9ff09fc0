//! What the server shows to programs that watch it. Consumers: nothing in the server waits for them.

pub mod destination;
mod export_client;
pub mod exporter;
pub mod exports;
pub mod instruments;
mod labels;
mod lost_spans;
pub mod meters;
pub mod prometheus;
mod shared_reader;
mod spans;
