//! The repository that a wrapper forwards to.

use crate::storage::repository::JobRepository;

/// A repository that wraps another one, to observe, delay or reject some of its calls.
///
/// Implement [`inner`](Self::inner), and the trait of each aggregate with the calls that differ; every other call goes to the
/// inner repository. Such a type is a [`JobRepository`].
///
/// The calls keep their meaning: see the method of the same name in the stores. A call that the inner repository
/// makes itself bypasses the wrapper: one that observes single jobs also implements
/// [`jobs_by_id`](super::DelegatingJobs::jobs_by_id).
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use async_trait::async_trait;
/// use tickerq::storage::commit::{Commit, Committed};
/// use tickerq::storage::delegating::{
///     DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
///     DelegatingRepository, DelegatingWebhooks,
/// };
/// use tickerq::storage::repository::{JobRepository, RepositoryError};
///
/// struct Counting {
///     inner: Arc<dyn JobRepository>,
///     commits: AtomicU64,
/// }
///
/// impl DelegatingRepository for Counting {
///     fn inner(&self) -> &dyn JobRepository {
///         &*self.inner
///     }
/// }
///
/// #[async_trait]
/// impl DelegatingJobs for Counting {
///     async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
///         self.commits.fetch_add(1, Ordering::Relaxed);
///         self.inner.commit(commit).await
///     }
/// }
///
/// impl DelegatingRecurring for Counting {}
/// impl DelegatingCluster for Counting {}
/// impl DelegatingWebhooks for Counting {}
/// impl DelegatingMetrics for Counting {}
/// impl DelegatingOperations for Counting {}
/// ```
pub trait DelegatingRepository: Send + Sync + 'static {
    /// The repository that receives every call that is not overridden.
    fn inner(&self) -> &dyn JobRepository;
}
