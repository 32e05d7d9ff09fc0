//! Reads of storage: filters, pages and their rows.

mod audit;
mod cluster;
mod jobs;
mod metrics;
mod recurring;
mod searched_ids;
mod texts;
mod webhooks;

pub use self::audit::{AuditFilter, AuditPage};
pub use self::cluster::{StoredNode, StoredWorker, WorkerPage, WorkerTypes};
pub use self::jobs::{JobFilter, JobSummary, JobText, Order, Page, PendingJobs, RunningJob};
pub use self::metrics::{Durations, PerformanceRollups, RollupFilter, TypeRollup};
pub use self::recurring::{DUE_RECURRING_BYTES_MAX, DueRecurring, RecurringPage};
pub use self::texts::StoredTexts;
pub use self::webhooks::{DeliveryPage, FeedPage, StoredEndpoint};
