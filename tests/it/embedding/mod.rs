//! Programs that embed the server.

mod jobs_only_storage;
pub(crate) mod program;
mod read_lanes;
pub(crate) mod server;
