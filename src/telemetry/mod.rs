//! What the server shows to programs that watch it. Consumers: nothing in the server waits for them.

pub mod instruments;
mod labels;
pub mod prometheus;
