//! TickerQ: a background-job server.
//!
//! Any program requests jobs over REST, now or for later; it stores the job durably, runs it, retries it, and keeps a
//! record of every attempt. This crate is the server as a library: a program can embed it, register its own handlers and
//! replace the storage. `ARCHITECTURE.md` in the repository is the map of the code.

mod api;
mod cli;
pub mod config;
pub mod handlers;
#[doc(hidden)]
pub mod internals;
mod log_level;
mod runtime;
mod server;
pub mod service;
pub mod storage;
mod telemetry;
mod views;
mod webhooks;

pub use crate::server::{BuildError, Builder, Embedded, Facades, Server};

/// Options of the dashboard.
pub mod dashboard {
    pub use crate::api::pages::dashboard_options::{DashboardOptions, InvalidDashboard, Stage};
}
/// The domain: jobs, schedules, queues and the rules that they obey; shared with the Rust SDK.
pub use tickerq_core as domain;

/// Errors that a [`BuildError`] contains.
pub mod errors {
    pub use crate::api::auth::{InvalidKey, JwtKeyError};
    pub use crate::handlers::http::{HttpClientError, InvalidHttpHandler};
    pub use crate::runtime::StartError;
    pub use crate::server::{HandlerError, ServerError};
    pub use crate::telemetry::metrics::ExportError;
}

/// The Rust blocks of the README and the guide compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/guide/embedding.md")]
mod readme {}
