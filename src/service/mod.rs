//! The use cases shared by REST, GraphQL and the command line: a noun a file, a use case a method.
//!
//! Each use case takes the caller first and checks its scopes, so that no facade can omit the check. Input is already
//! parsed. Use cases decide what is allowed; reads go to storage, every write is a message to the Writer.

pub(crate) mod audit;
mod audit_writer;
pub(crate) mod change_feed;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod facade_metrics;
pub(crate) mod health;
pub(crate) mod idempotency;
pub(crate) mod jobs;
pub(crate) mod limits;
pub(crate) mod log_level;
pub(crate) mod metrics;
pub(crate) mod nodes;
pub(crate) mod queues;
pub(crate) mod recurring;
pub(crate) mod shutdown;
pub(crate) mod traces;
pub(crate) mod webhooks;
pub(crate) mod workers;

pub use self::error::ServiceError;
pub use self::idempotency::IdempotencyKey;
pub use self::jobs::bulk::{BULK_MAX, Changed};
pub use self::jobs::job_request::{JobRequest, JobRequestError};
pub use self::jobs::{CancelOutcome, Facets, JobDetail, JobPage, Jobs, Scheduled, ScheduledBatch};
pub use self::log_level::LogControl;
pub use self::queues::{Cleared, QueueView, Queues};
pub use self::recurring::{DeclaredRecurringJob, Put, PutIf, Recurring, RecurringList};
pub use crate::log_level::LogLevel;
