//! Repositories that wrap another one.

mod cluster;
mod inner;
mod jobs;
mod metrics;
mod operations;
mod recurring;
mod webhooks;

pub use self::cluster::DelegatingCluster;
pub use self::inner::DelegatingRepository;
pub use self::jobs::DelegatingJobs;
pub use self::metrics::DelegatingMetrics;
pub use self::operations::DelegatingOperations;
pub use self::recurring::DelegatingRecurring;
pub use self::webhooks::DelegatingWebhooks;
