//! Commits: the fast path if possible, otherwise the slow path, with retries.
//!
//! A commit is one transaction of a few statements. The fast path ([`super::fast_path`]) writes the usual changes in
//! one call. The slow path ([`super::slow_path`]) applies the changes in phases: new jobs, starts, completions,
//! single updates and deletions, then those that select among the rest (claims, clearing, pruning), finally counters,
//! audit records and outbox entries. If a statement fails because of its values, the transaction is rolled back, and
//! the changes are committed by bisection until the bad one fails alone ([`super::bisection`]).

use std::collections::HashSet;
use std::time::Duration;

use super::context::{CommitContext, Results, all_applied};
use super::counters::Counters;
use super::fast_path::FastPath;
use crate::storage::commit::{Commit, Committed};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::repository::SeaRepository;

/// Maximum number of attempts of a commit that conflicts with commits of other servers.
const ATTEMPTS_MAX: u32 = 8;
/// Maximum delay before the second attempt, doubled before each further one.
const FIRST_DELAY: Duration = Duration::from_millis(10);

impl SeaRepository {
    pub(crate) async fn commit_changes(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        let committed = self.commit_to_known_file(commit).await;
        self.record_write(committed.is_ok());
        match &committed {
            Ok(_) => {
                self.claim_floors.apply(&commit.changes);
                self.fold_counters().await;
            }
            Err(failure) => {
                self.claim_floors.clear();
                self.pools.record_failure(failure);
            }
        }
        committed
    }

    /// Commits, unless SQLite's file was removed or is corrupt: a commit to such a file may succeed, and is lost.
    async fn commit_to_known_file(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        let Some(files) = &self.sqlite else {
            return self.commit_somehow(commit).await;
        };
        if let Some(fault) = self.known_fault() {
            return Err(fault);
        }
        let committed = self.commit_somehow(commit).await?;
        files.watch.check()?;
        Ok(committed)
    }

    async fn commit_somehow(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        if let Some(fast_path) = FastPath::among(commit, self) {
            // Large as they are, tries are not moved about.
            match self.pools.write(Box::pin(self.try_fast_path(commit, fast_path))).await {
                Ok(Some(committed)) => return Ok(committed),
                // Nothing is written; the unusual change is found below.
                Ok(None) | Err(CommitFailure::Bad(_) | CommitFailure::InTheWay(_)) => {}
                Err(CommitFailure::Unavailable(failure)) => return Err(failure),
            }
        }
        match self.try_again(commit).await {
            Ok(committed) => Ok(committed),
            Err(CommitFailure::Unavailable(failure) | CommitFailure::InTheWay(failure)) => Err(failure),
            Err(CommitFailure::Bad(error)) if commit.changes.len() == 1 => Ok(Committed {
                results: vec![Err(error)],
                outbox: None,
            }),
            Err(CommitFailure::Bad(_)) => self.commit_in_halves(commit).await,
        }
    }

    /// Commits changes, and retries after a conflict with another server's commit. It waits for a random time first:
    /// the other commit has continued but not ended, and an immediate retry may conflict again.
    pub(super) async fn try_again(&self, commit: &Commit) -> Result<Committed, CommitFailure> {
        let mut longest = FIRST_DELAY;
        for _ in 1..ATTEMPTS_MAX {
            match self.pools.write(Box::pin(self.try_commit(commit))).await {
                Err(CommitFailure::InTheWay(_)) => {}
                result => return result,
            }
            tokio::time::sleep(longest.mul_f64(rand::random())).await;
            longest *= 2;
        }
        self.pools.write(Box::pin(self.try_commit(commit))).await
    }

    /// Commits with all usual changes in one call; `None` when that does not do.
    async fn try_fast_path(&self, commit: &Commit, fast_path: FastPath) -> Result<Option<Committed>, CommitFailure> {
        if self.is_postgres() {
            if !fast_path.is_all() {
                // Within a transaction the one long statement is no better than the few short ones.
                return Ok(None);
            }
            // A single statement is a transaction.
            let Some(refused) = fast_path.write_postgres(&self.writer(), self.epochs.shard()).await? else {
                // Another node has changed endpoints: the slow path writes their outbox entries.
                return Ok(None);
            };
            return match self.fast_path_results(&commit.changes, &refused, &self.writer()).await {
                Ok(results) => Ok(Some(Committed {
                    results: all_applied(results),
                    outbox: None,
                })),
                // The changes are written and must not be tried again.
                Err(CommitFailure::Bad(error)) => Err(CommitFailure::Unavailable(RepositoryError::Unavailable {
                    reason: error.to_string(),
                })),
                Err(CommitFailure::Unavailable(failure) | CommitFailure::InTheWay(failure)) => {
                    Err(CommitFailure::Unavailable(failure))
                }
            };
        }
        let is_all = fast_path.is_all();
        let mut context = self.begin().await?;
        match context.write_fast_path(commit, fast_path).await {
            Ok(Some(results)) if is_all => {
                context.finish().await?;
                Ok(Some(Committed {
                    results: all_applied(results),
                    outbox: None,
                }))
            }
            Ok(Some(results)) => match context.apply_others(commit, results, true).await {
                Ok(committed) => {
                    context.finish().await?;
                    Ok(Some(committed))
                }
                Err(failure) => context.undo(failure).await,
            },
            Ok(None) => {
                context.transaction.rollback().await?;
                Ok(None)
            }
            Err(failure) => context.undo(failure).await,
        }
    }

    async fn begin(&self) -> Result<CommitContext<'_>, CommitFailure> {
        Ok(CommitContext {
            repository: self,
            transaction: self.writer().begin().await?,
            counters: Counters::default(),
            named: Vec::new(),
            removed: Vec::new(),
        })
    }

    async fn try_commit(&self, commit: &Commit) -> Result<Committed, CommitFailure> {
        let mut context = self.begin().await?;
        match context.apply(commit).await {
            Ok(committed) => {
                context.finish().await?;
                Ok(committed)
            }
            Err(failure) => context.undo(failure).await,
        }
    }
}

impl CommitContext<'_> {
    /// Makes it durable, and records the queues that have a row since.
    async fn finish(self) -> Result<(), CommitFailure> {
        let Self {
            repository,
            transaction,
            counters: _,
            named,
            removed,
        } = self;
        if let Err(failure) = transaction.commit().await {
            repository.claim_floors.clear();
            return Err(failure.into());
        }
        repository.remember_queues(named);
        repository.forget_queues(&removed);
        Ok(())
    }

    /// Rolls the transaction back because of this failure.
    async fn undo<T>(self, failure: CommitFailure) -> Result<T, CommitFailure> {
        // Jobs that it has claimed are pending again.
        self.repository.claim_floors.clear();
        // If that fails as well, the connection is lost, and the transaction with it.
        drop(self.transaction.rollback().await);
        Err(failure)
    }

    /// Writes the usual changes on SQLite; `None` when one of them was refused and all must be undone to find out
    /// which.
    async fn write_fast_path(
        &mut self,
        commit: &Commit,
        fast_path: FastPath,
    ) -> Result<Option<Results>, CommitFailure> {
        let (repository, transaction) = (self.repository, &self.transaction);
        if !fast_path.write_sqlite(transaction, repository.epochs.shard()).await? {
            return Ok(None);
        }
        let changes = &commit.changes;
        let results = repository
            .fast_path_results(changes, &HashSet::new(), transaction)
            .await?;
        Ok(Some(results))
    }
}
