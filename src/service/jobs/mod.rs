//! Use cases of jobs.

pub(crate) mod bulk;
mod change;
mod counts;
mod explanation;
mod filter;
pub(crate) mod job_request;
pub(crate) mod operations;
mod read;
mod schedule;
mod use_cases;

pub use self::change::CancelOutcome;
pub(crate) use self::change::ChangedJob;
pub use self::counts::Facets;
pub(crate) use self::explanation::Explanations;
pub(crate) use self::read::SORTED_MAX;
pub use self::read::{JobDetail, JobPage};
pub use self::schedule::{Scheduled, ScheduledBatch};
pub use self::use_cases::Jobs;
