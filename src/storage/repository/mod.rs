//! The seam between the server and its storage: a trait for each aggregate.

mod cluster_store;
mod job_store;
mod metrics_store;
mod operation_store;
mod recurring_store;
mod webhook_store;

pub use self::cluster_store::ClusterStore;
pub use self::job_store::{JobStore, Maintenance};
pub use self::metrics_store::MetricsStore;
pub use self::operation_store::OperationStore;
pub use self::recurring_store::RecurringStore;
pub use self::webhook_store::WebhookStore;
pub use super::error::RepositoryError;

/// A storage. A type that implements the six stores is one.
///
/// To store jobs elsewhere, implement [`JobStore`], and the others as empty `impl` blocks, whose defaults have nothing: the
/// server then runs without recurring jobs, remote workers, webhooks, metrics of the past and bulk operations.
/// [`Change::unsupported`](super::change::Change::unsupported) is the result of a change that such a storage does not apply.
/// The example `jobs_only_storage` is one; [`super::memory`] has everything and is written to be copied. The suite
/// `storage::conformance` (with the feature of that name) tests a storage.
pub trait JobRepository:
    JobStore + RecurringStore + ClusterStore + WebhookStore + MetricsStore + OperationStore
{
}

impl<T> JobRepository for T where
    T: JobStore + RecurringStore + ClusterStore + WebhookStore + MetricsStore + OperationStore
{
}
