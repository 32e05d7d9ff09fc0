//! A storage that keeps its jobs in another one, and tells somebody of every job that it has saved.

use std::sync::Arc;

use async_trait::async_trait;
use tickerq::domain::job::Job;
use tickerq::storage::change::{Applied, Change, ChangeError, Finished, Inserted, JobChange, RecurringChange};
use tickerq::storage::delegating::DelegatingRepository;
use tickerq::storage::repository::{JobRepository, RepositoryError};

/// Is told of every job as it was saved: when it is new, started, ended, retried, cancelled or changed.
///
/// It is called between two commits, so it must not take long: it hands the job on, and somebody else makes the calls
/// that take time. Nobody hears of a job that was saved right before the process was killed.
pub(crate) type Hook = Box<dyn Fn(&Arc<Job>) + Send + Sync>;

/// See the module.
pub(crate) struct NotifyingRepository {
    inner: Arc<dyn JobRepository>,
    hook: Hook,
}

impl NotifyingRepository {
    /// Keeps jobs in `inner`.
    pub(crate) fn new(inner: Arc<dyn JobRepository>, hook: Hook) -> Self {
        Self { inner, hook }
    }
}

/// The jobs that a change has saved, as it was applied. What is not matched here saves none.
fn saved(change: &Change, applied: &Applied) -> Vec<Arc<Job>> {
    match (change, applied) {
        (Change::Job(JobChange::Insert { jobs, .. }), Applied::Inserted(inserted)) => {
            // A job whose unique key another one has was not saved.
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

#[async_trait]
impl DelegatingRepository for NotifyingRepository {
    fn inner(&self) -> &dyn JobRepository {
        &*self.inner
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Result<Applied, ChangeError>>, RepositoryError> {
        let results = self.inner.commit(changes).await?;
        // Only now: what was not committed was not saved.
        for (change, result) in changes.iter().zip(&results) {
            if let Ok(applied) = result {
                saved(change, applied).iter().for_each(&self.hook);
            }
        }
        Ok(results)
    }

    // Everything else is the other storage's business. What the trait has a default for is passed on as well: the other
    // storage may do it better, and the signals between servers are among it.
}
