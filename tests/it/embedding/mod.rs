//! Programs that embed the server.

mod jobs_only_storage;
pub(crate) mod program;
pub(crate) mod server;
