//! A commit in progress.

use sea_orm::DbBackend;

use super::counters::Counters;
use crate::domain::values::name::QueueName;
use crate::storage::change::ChangeError;
use crate::storage::commit::ChangeResult;
use crate::storage::sea::connection::pool::Transaction;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::repository::SeaRepository;

/// A transaction, and its effects on counters and queues.
pub(crate) struct CommitContext<'a> {
    pub(crate) repository: &'a SeaRepository,
    pub(crate) transaction: Transaction,
    pub(crate) counters: Counters,
    /// Queues that were inserted in it.
    pub(crate) named: Vec<QueueName>,
    /// Queues that were removed in it.
    pub(crate) removed: Vec<QueueName>,
}

/// The result of each change, in their order; `None` until it has been applied.
pub(crate) type Results = Vec<Option<ChangeResult>>;

/// The results of changes that have all been applied.
pub(crate) fn all_applied(results: Results) -> Vec<ChangeResult> {
    let missing = || {
        Err(ChangeError::Rejected {
            reason: "the change was not applied".to_owned(),
        })
    };
    results
        .into_iter()
        .map(|result| result.unwrap_or_else(missing))
        .collect()
}

impl CommitContext<'_> {
    pub(crate) fn backend(&self) -> DbBackend {
        self.repository.backend()
    }

    /// Writes the counted differences.
    pub(crate) async fn write_counters(&mut self) -> Result<(), CommitFailure> {
        let counted = std::mem::take(&mut self.counters).into_rows(self.repository.epochs.shard());
        Ok(counted.write(&self.transaction).await?)
    }
}
