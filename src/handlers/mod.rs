//! Handlers, which run jobs.
//!
//! A program implements [`JobHandler`], or turns a function into a handler by [`in_process`].

pub(crate) mod command;
pub(crate) mod http;
pub mod in_process;
mod job_handler;
pub(crate) mod limits;
mod noop;
mod output;
pub(crate) mod registry;
mod report;
#[cfg(test)]
mod sample_job;

pub use self::job_handler::{JobContext, JobHandler};
pub use self::noop::NoopHandler;
pub(crate) use self::registry::HandlerRegistry;
pub use self::report::{DiscardReports, ReportSink};
pub use crate::domain::cluster::remote_worker::LogLevel;
