//! TickerQ: a background-job server.
//!
//! Any program requests jobs over REST, now or for later; it stores the job durably, runs it, retries it, and keeps a
//! record of every attempt. This crate is the server as a library: a program can embed it, register its own handlers and
//! replace the storage. `ARCHITECTURE.md` in the repository is the map of the code.

pub mod api;
pub mod cli;
pub mod config;
pub mod handlers;
pub mod log_level;
pub mod runtime;
pub mod server;
pub mod service;
pub mod storage;
pub mod telemetry;
mod views;
pub mod webhooks;

pub use crate::server::Server;
/// The domain: jobs, schedules, queues and the rules that they obey; shared with the Rust SDK.
pub use tickerq_core as domain;

/// The Rust blocks of the README and the guide compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/guide/embedding.md")]
mod readme {}
