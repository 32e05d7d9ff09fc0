//! One commit: all changes in one transaction, in a few statements.
//!
//! The changes are applied in phases: new jobs, starts, ends of attempts, single updates and deletions, then what chooses
//! among what is left (claims, clearing, pruning), and at the end what was counted on the way and who has done it. A statement that fails for
//! what it was given undoes the whole transaction; then each change is committed by itself, so that the bad one fails
//! alone.

use sea_orm::{DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use super::connect::SeaRepository;
use super::counters::Counters;
use super::error::CommitFailure;
use crate::domain::name::QueueName;
use crate::storage::change::{Applied, Change, ChangeError};
use crate::storage::repository::RepositoryError;

/// How often a commit is tried in all that other servers' commits are in the way of. Each of them may win once.
const TRIES: u32 = 8;

/// A transaction and what was counted in it.
pub(super) struct Commit<'a> {
    pub(super) repository: &'a SeaRepository,
    pub(super) transaction: DatabaseTransaction,
    pub(super) counters: Counters,
    /// Queues that have been given a row in it.
    pub(super) named: Vec<QueueName>,
}

/// What became of each change, by its place; `None` until it has been applied.
pub(super) type Results = Vec<Option<Result<Applied, ChangeError>>>;

impl SeaRepository {
    pub(super) async fn commit_changes(
        &self,
        changes: &[Change],
    ) -> Result<Vec<Result<Applied, ChangeError>>, RepositoryError> {
        match self.try_again(changes).await {
            Ok(results) => Ok(results),
            Err(CommitFailure::Unavailable(failure) | CommitFailure::InTheWay(failure)) => Err(failure),
            Err(CommitFailure::Bad(error)) if changes.len() == 1 => Ok(vec![Err(error)]),
            Err(CommitFailure::Bad(_)) => self.commit_one_by_one(changes).await,
        }
    }

    /// Commits each change by itself, those that choose among jobs last, as if it were one commit.
    async fn commit_one_by_one(
        &self,
        changes: &[Change],
    ) -> Result<Vec<Result<Applied, ChangeError>>, RepositoryError> {
        let mut results: Results = changes.iter().map(|_| None).collect();
        for is_choosing in [false, true] {
            let mut places = results.iter_mut();
            // A change and the record of who has made it stay together.
            for change in changes.chunk_by(|_, next| matches!(next, Change::Audit(_))) {
                let places = places.by_ref().take(change.len());
                if change.first().is_some_and(chooses) != is_choosing {
                    // Passed over in this round.
                    places.for_each(drop);
                    continue;
                }
                match self.try_again(change).await {
                    Ok(applied) => places.zip(applied).for_each(|(place, result)| *place = Some(result)),
                    Err(CommitFailure::Bad(error)) => {
                        // Nothing was changed, so there is nothing to record.
                        let unrecorded = change
                            .iter()
                            .skip(1)
                            .map(|_| Ok(Applied::Audited { is_recorded: false }));
                        let failed = std::iter::once(Err(error)).chain(unrecorded);
                        places.zip(failed).for_each(|(place, result)| *place = Some(result));
                    }
                    Err(CommitFailure::Unavailable(failure) | CommitFailure::InTheWay(failure)) => return Err(failure),
                }
            }
        }
        // Each change was applied in one of the rounds.
        Ok(results.into_iter().flatten().collect())
    }

    /// Commits changes, and does so again when another server's commit was in the way: that one has ended by then.
    async fn try_again(&self, changes: &[Change]) -> Result<Vec<Result<Applied, ChangeError>>, CommitFailure> {
        for _ in 1..TRIES {
            match self.try_commit(changes).await {
                Err(CommitFailure::InTheWay(_)) => {}
                result => return result,
            }
        }
        self.try_commit(changes).await
    }

    async fn try_commit(&self, changes: &[Change]) -> Result<Vec<Result<Applied, ChangeError>>, CommitFailure> {
        // A deferred transaction that reads and then writes fails at once when somebody else has written in between.
        let options = TransactionOptions {
            sqlite_transaction_mode: (!self.is_postgres()).then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.writer.begin_with_options(options).await?;
        let mut commit = Commit {
            repository: self,
            transaction,
            counters: Counters::default(),
            named: Vec::new(),
        };
        match commit.apply(changes).await {
            Ok(results) => {
                let Commit {
                    repository: _,
                    transaction,
                    counters: _,
                    named,
                } = commit;
                transaction.commit().await?;
                self.remember_queues(named);
                Ok(results)
            }
            Err(failure) => {
                // When even that fails the connection is gone, and the transaction with it.
                drop(commit.transaction.rollback().await);
                Err(failure)
            }
        }
    }
}

/// Whether a change chooses among the jobs that all other changes have left.
fn chooses(change: &Change) -> bool {
    match change {
        Change::Claim(_)
        | Change::Clear { .. }
        | Change::Prune { .. }
        | Change::PruneBookkeeping { .. }
        | Change::PruneAudit { .. } => true,
        Change::Insert { .. }
        | Change::Start { .. }
        | Change::Finish { .. }
        | Change::Update { .. }
        | Change::Delete { .. }
        | Change::SetQueue { .. }
        | Change::Audit(_)
        | Change::Heartbeat { .. }
        | Change::InsertRecurring { .. }
        | Change::UpdateRecurring { .. }
        | Change::DeleteRecurring { .. }
        | Change::Fire(_)
        | Change::Lead { .. }
        | Change::RegisterWorker { .. }
        | Change::RenewWorker { .. }
        | Change::Report { .. }
        | Change::Leave { .. } => false,
    }
}

impl Commit<'_> {
    async fn apply(&mut self, changes: &[Change]) -> Result<Vec<Result<Applied, ChangeError>>, CommitFailure> {
        let mut results: Results = changes.iter().map(|_| None).collect();
        self.insert_jobs(changes, &mut results).await?;
        self.start_jobs(changes, &mut results).await?;
        self.finish_jobs(changes, &mut results).await?;
        for (change, result) in changes.iter().zip(&mut results) {
            let applied = match change {
                Change::Update { before, after } => self.update_job(before, after).await?,
                Change::Delete { job } => self.delete_job(job).await?,
                Change::SetQueue { queue, is_paused } => self.set_queue(queue, *is_paused).await?,
                Change::Heartbeat {
                    node,
                    name,
                    started_at,
                    lease,
                } => self.heartbeat(*node, name, *started_at, *lease).await?,
                Change::InsertRecurring { recurring, idempotency } => {
                    self.insert_recurring(recurring, idempotency.as_ref()).await?
                }
                Change::UpdateRecurring { before, after } => self.update_recurring(before, after).await?,
                Change::DeleteRecurring { recurring } => self.delete_recurring(recurring).await?,
                Change::Fire(fire) => self.fire(fire).await?,
                Change::Lead { node, lease } => self.lead(*node, *lease).await?,
                Change::Leave { node } => self.leave(*node).await?,
                Change::RegisterWorker {
                    worker,
                    declaration,
                    registered_at,
                    lease,
                } => {
                    self.register_worker(*worker, declaration, *registered_at, *lease)
                        .await?
                }
                Change::RenewWorker { worker, lease } => self.renew_worker(*worker, *lease).await?,
                Change::Report { job: _, report } => self.note_report(report).await?,
                // Applied before, or below.
                Change::Insert { .. }
                | Change::Start { .. }
                | Change::Finish { .. }
                | Change::Claim(_)
                | Change::Clear { .. }
                | Change::Prune { .. }
                | Change::PruneBookkeeping { .. }
                | Change::Audit(_)
                | Change::PruneAudit { .. } => continue,
            };
            *result = Some(applied);
        }
        for (change, result) in changes.iter().zip(&mut results) {
            let applied = match change {
                Change::Claim(claim) => self.claim_jobs(claim).await?,
                Change::Clear {
                    queue,
                    status,
                    up_to,
                    limit,
                } => Ok(Applied::Removed(
                    self.clear_queue(queue, *status, *up_to, *limit).await?,
                )),
                Change::Prune {
                    status,
                    finished_before,
                    limit,
                } => Ok(Applied::Removed(
                    self.prune_jobs(*status, *finished_before, *limit).await?,
                )),
                Change::PruneBookkeeping {
                    keys_before,
                    throughput_before,
                } => Ok(Applied::Removed(
                    self.prune_bookkeeping(*keys_before, *throughput_before).await?,
                )),
                Change::PruneAudit { before, limit } => Ok(Applied::Removed(self.prune_audit(*before, *limit).await?)),
                Change::Insert { .. }
                | Change::Start { .. }
                | Change::Finish { .. }
                | Change::Update { .. }
                | Change::Delete { .. }
                | Change::SetQueue { .. }
                | Change::Audit(_)
                | Change::InsertRecurring { .. }
                | Change::UpdateRecurring { .. }
                | Change::DeleteRecurring { .. }
                | Change::Fire(_)
                | Change::Heartbeat { .. }
                | Change::Lead { .. }
                | Change::RegisterWorker { .. }
                | Change::RenewWorker { .. }
                | Change::Report { .. }
                | Change::Leave { .. } => continue,
            };
            *result = Some(applied);
        }
        self.name_queues(changes, &results).await?;
        self.write_counters().await?;
        self.write_audit(changes, &mut results).await?;
        let missing = || {
            Err(ChangeError::Rejected {
                reason: "the change was not applied".to_owned(),
            })
        };
        Ok(results
            .into_iter()
            .map(|result| result.unwrap_or_else(missing))
            .collect())
    }

    pub(super) fn backend(&self) -> DbBackend {
        if self.repository.is_postgres() {
            DbBackend::Postgres
        } else {
            DbBackend::Sqlite
        }
    }
}
