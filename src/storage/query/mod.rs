//! Reads of storage: filters, pages and their rows.

mod audit;
mod cluster;
mod filter_parts;
mod job_sort;
mod jobs;
mod metrics;
mod operations;
mod recurring;
mod recurring_selection;
mod texts;
mod webhooks;

pub use self::audit::{AuditFilter, AuditPage};
pub use self::cluster::{StoredNode, StoredWorker, WorkerPage, WorkerTypes};
pub(crate) use self::filter_parts::{FilterParts, is_of};
pub use self::job_sort::{JobSort, SortField, SortPlace, SortedPage};
pub use self::jobs::{DueCounts, Facet, FacetCount, JobSummary, JobText, Order, Page, PendingJobs, RunningJob};
pub use self::metrics::{ActivityPoint, Durations, FailureSeen, PerformanceRollups, RollupFilter, TypeRollup};
pub use self::operations::OperationPage;
pub use self::recurring::{DUE_RECURRING_BYTES_MAX, DueRecurring, RecurringPage};
pub use self::recurring_selection::{
    RecurringCursor, RecurringFilter, RecurringOrder, RecurringSelection, SelectedRecurring,
};
pub use self::texts::StoredTexts;
pub use self::webhooks::{DeliveryPage, FeedPage, StoredEndpoint};
pub use crate::domain::filter::JobFilter;
