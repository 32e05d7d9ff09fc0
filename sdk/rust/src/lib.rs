//! Client and worker of a TickerQ job server.
//!
//! ```no_run
//! # async fn example() -> Result<(), tickerq_client::Error> {
//! use tickerq_client::{Client, NewJob};
//!
//! let client = Client::new("http://localhost:5000", Some("tq_…"));
//! let job = client.schedule(NewJob::of_type("GreetJob").parameters(&serde_json::json!({"name": "Ann"}))).await?;
//! let done = client.wait_for_job(job.id).await?;
//! # Ok(())
//! # }
//! ```

mod attempt;
mod client;
mod error;
mod http;
mod json;
mod model;
mod reports;
mod schemas;
mod subscription;
mod webhook;
mod wire;
mod worker;

pub use attempt::{JobContext, JobError, StopReason};
pub use client::Client;
pub use error::{Error, PartError, Problem};
pub use http::ClientOptions;
pub use json::Json;
pub use model::{Ended, Held, JobFilter, LogReport, NewJob, NewRecurringJob, ProgressReport};
pub use schemas::*;
pub use subscription::{Message, Subscription};
/// The domain types, shared with programs that embed the server.
pub use tickerq_core as domain;
pub use webhook::{verify_standard_webhook, verify_webhook};
pub use worker::{Worker, WorkerHandle};
