//! Programs that embed the server.

pub(crate) mod program;
pub(crate) mod server;
