//! Values that are validated when they are parsed.

pub mod id;
pub mod json;
pub mod name;
pub mod rate;
pub mod ratio;
pub mod time_span;
pub mod time_zone;
pub mod timestamp;
pub mod trace_context;
pub mod trace_state;
