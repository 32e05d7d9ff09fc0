//! Use cases of jobs.

pub mod bulk;
mod change;
pub mod job_request;
mod read;
mod schedule;
mod use_cases;

pub use self::change::{CancelOutcome, ChangedJob};
pub use self::read::{JobDetail, JobPage};
pub use self::schedule::{Scheduled, ScheduledBatch};
pub use self::use_cases::Jobs;
