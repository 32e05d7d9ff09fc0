//! A storage that stores jobs in another one and notifies a hook of every stored job.

use std::sync::Arc;

use async_trait::async_trait;
use tickerq::domain::job::Job;
use tickerq::storage::change::{Applied, Change, Finished, Inserted, JobChange, RecurringChange};
use tickerq::storage::commit::{Commit, Committed};
use tickerq::storage::delegating::{
    DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
    DelegatingRepository, DelegatingWebhooks,
};
use tickerq::storage::repository::{JobRepository, RepositoryError};

/// Receives every job as stored: created, started, finished, retried, cancelled or updated.
///
/// It is called between two commits, so it must return quickly and leave slow calls to another task. A job that was
/// stored right before the process was killed is not reported.
pub(crate) type Hook = Box<dyn Fn(&Arc<Job>) + Send + Sync>;

/// The storage.
pub(crate) struct NotifyingRepository {
    inner: Arc<dyn JobRepository>,
    hook: Hook,
}

impl NotifyingRepository {
    /// A storage over `inner`.
    pub(crate) fn new(inner: Arc<dyn JobRepository>, hook: Hook) -> Self {
        Self { inner, hook }
    }
}

/// The jobs that an applied change has stored.
fn saved(change: &Change, applied: &Applied) -> Vec<Arc<Job>> {
    match (change, applied) {
        (Change::Job(JobChange::Insert { jobs, .. }), Applied::Inserted(inserted)) => {
            // A job whose unique key was in use was not stored.
            let is_new = inserted.iter().map(|inserted| *inserted == Inserted::New);
            chosen(jobs, is_new)
        }
        (Change::Job(JobChange::Start { jobs }), Applied::Started(started)) => chosen(jobs, started.iter().copied()),
        (Change::Job(JobChange::Claim(_)), Applied::Claimed(jobs)) => jobs.clone(),
        (Change::Job(JobChange::Finish { job, .. }), Applied::Finished(Finished::Stored))
        | (Change::Job(JobChange::Update { after: job, .. }), Applied::Updated) => vec![Arc::clone(job)],
        (Change::Recurring(RecurringChange::Fire(fire)), Applied::Fired(fired)) => {
            chosen(&fire.occurrences, fired.iter().copied())
        }
        _ => Vec::new(),
    }
}

fn chosen(jobs: &[Arc<Job>], is_chosen: impl Iterator<Item = bool>) -> Vec<Arc<Job>> {
    let chosen = jobs.iter().zip(is_chosen).filter(|(_, is_chosen)| *is_chosen);
    chosen.map(|(job, _)| Arc::clone(job)).collect()
}

impl DelegatingRepository for NotifyingRepository {
    fn inner(&self) -> &dyn JobRepository {
        &*self.inner
    }
}

#[async_trait]
impl DelegatingJobs for NotifyingRepository {
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        let committed = self.inner.commit(commit).await?;
        // Only after the commit.
        for (change, result) in commit.changes.iter().zip(&committed.results) {
            if let Ok(applied) = result {
                saved(change, applied).iter().for_each(&self.hook);
            }
        }
        Ok(committed)
    }
}

// All other methods are forwarded, including those with defaults: the other storage may implement them better, and the
// signals between servers are among them.
impl DelegatingRecurring for NotifyingRepository {}
impl DelegatingCluster for NotifyingRepository {}
impl DelegatingWebhooks for NotifyingRepository {}
impl DelegatingMetrics for NotifyingRepository {}
impl DelegatingOperations for NotifyingRepository {}
