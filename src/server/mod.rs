//! The composition root: creates, starts and stops a server.
//!
//! It completes the configuration's options (`options.rs`), opens a repository, starts the actors with their
//! consumers first, and then listens.

mod builder;
mod connection;
mod embedded;
mod error;
mod exposed_files;
mod facades;
mod facts;
mod handlers;
mod http_server;
mod open_files;
mod options;
mod socket;
mod system_thread;

pub use self::builder::{BuildError, Builder};
pub(crate) use self::builder::{check, migration_states, open_database, warnings};
pub use self::embedded::Embedded;
pub use self::error::ServerError;
pub use self::facades::Facades;
pub use self::handlers::HandlerError;
pub use self::http_server::Server;
pub use self::options::ServerOptions;
