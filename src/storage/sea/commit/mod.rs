//! One commit: all changes in one transaction, in a few statements.
//!
//! First the usual changes are tried all at once, see [`self::fast_path`]. Otherwise the changes are applied in phases: new
//! jobs, starts, ends of attempts, single updates and deletions, then what chooses among what is left (claims, clearing,
//! pruning), and at the end what was counted on the way, who has done it and what others are told of it. A statement that fails for what it was given
//! undoes the whole transaction; then they are committed by halves, and halves of halves, until the bad one fails alone.

pub(crate) mod bisection;
pub(crate) mod bulk_values;
pub(crate) mod counters;
pub(crate) mod fast_path;
pub(crate) mod outbox;
pub(crate) mod rollup_writer;

use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;

use sea_orm::DbBackend;

use self::bisection::Halves;
use self::counters::Counters;
use self::fast_path::Usual;
use super::connection::open::SeaRepository;
use super::connection::pool::Transaction;
use super::error::CommitFailure;
use crate::domain::values::name::QueueName;
use crate::domain::webhooks::endpoint::EndpointId;
use crate::storage::change::{Applied, Change, ChangeError};
use crate::storage::outbox::EndpointsAt;
use crate::storage::repository::RepositoryError;

/// How often a commit is tried in all that other servers' commits are in the way of.
const TRIES: u32 = 8;
/// The longest wait before the second try; before each further one it is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// A transaction and what was counted in it.
pub(super) struct Commit<'a> {
    pub(super) repository: &'a SeaRepository,
    pub(super) transaction: Transaction,
    pub(super) counters: Counters,
    /// Queues that have been given a row in it.
    pub(super) named: Vec<QueueName>,
    /// Queues whose row was removed in it.
    pub(super) removed: Vec<QueueName>,
}

/// What became of each change, by its place; `None` until it has been applied.
pub(super) type Results = Vec<Option<Result<Applied, ChangeError>>>;

impl SeaRepository {
    pub(super) async fn commit_changes(
        &self,
        changes: &[Change],
    ) -> Result<Vec<Result<Applied, ChangeError>>, RepositoryError> {
        let committed = self.commit_to_known_file(changes).await;
        self.note_written(committed.is_ok());
        if let Err(failure) = &committed {
            self.pools.note(failure);
        }
        committed
    }

    /// Commits, unless SQLite's file has gone or is known to be corrupt: a commit into such a file may succeed, and is lost.
    async fn commit_to_known_file(
        &self,
        changes: &[Change],
    ) -> Result<Vec<Result<Applied, ChangeError>>, RepositoryError> {
        let Some(files) = &self.sqlite else {
            return self.commit_somehow(changes).await;
        };
        if let Some(fault) = self.known_fault() {
            return Err(fault);
        }
        let committed = self.commit_somehow(changes).await?;
        files.watch.check()?;
        Ok(committed)
    }

    async fn commit_somehow(&self, changes: &[Change]) -> Result<Vec<Result<Applied, ChangeError>>, RepositoryError> {
        if let Some(usual) = Usual::among(changes, self) {
            // Large as they are, tries are not moved about.
            match self.pools.write(Box::pin(self.try_usual(changes, usual))).await {
                Ok(Some(results)) => return Ok(results),
                // Nothing is written; what was unusual is found out below.
                Ok(None) | Err(CommitFailure::Bad(_) | CommitFailure::InTheWay(_)) => {}
                Err(CommitFailure::Unavailable(failure)) => return Err(failure),
            }
        }
        match self.try_again(changes).await {
            Ok(results) => Ok(results),
            Err(CommitFailure::Unavailable(failure) | CommitFailure::InTheWay(failure)) => Err(failure),
            Err(CommitFailure::Bad(error)) if changes.len() == 1 => Ok(vec![Err(error)]),
            Err(CommitFailure::Bad(_)) => self.commit_in_halves(changes).await,
        }
    }

    /// Commits changes that can't be committed together, and finds out by halving which are bad; those that choose among
    /// jobs come last, as if it were one commit.
    async fn commit_in_halves(&self, changes: &[Change]) -> Result<Vec<Result<Applied, ChangeError>>, RepositoryError> {
        let (changes, announcer) = match changes.split_last() {
            Some((announcer @ Change::Announce(_), changes)) => (changes, Some(announcer)),
            Some(_) | None => (changes, None),
        };
        let mut told: Vec<EndpointId> = Vec::new();
        let mut newest: Option<EndpointsAt> = None;
        let mut results: Results = changes.iter().map(|_| None).collect();
        // A change and the record of who has made it stay together, and so does what others are told of it.
        let mut units: Vec<(Range<usize>, bool)> = Vec::new();
        for unit in changes.chunk_by(|_, next| matches!(next, Change::Audit(_))) {
            let start = units.last().map_or(0, |(unit, _)| unit.end);
            units.push((start..start + unit.len(), unit.first().is_some_and(chooses)));
        }
        for is_choosing in [false, true] {
            let units: Vec<&Range<usize>> = units
                .iter()
                .filter(|(_, chooses)| *chooses == is_choosing)
                .map(|(unit, _)| unit)
                .collect();
            let mut halves = Halves::of(units.len());
            while let Some(range) = halves.next() {
                let places: Vec<usize> = units[range.clone()].iter().flat_map(|unit| (*unit).clone()).collect();
                let part: Vec<Change> = places
                    .iter()
                    .map(|place| &changes[*place])
                    .chain(announcer)
                    .cloned()
                    .collect();
                let applied = match self.try_again(&part).await {
                    Ok(mut applied) => {
                        match announcer.and_then(|_| applied.pop()) {
                            Some(Ok(Applied::AnnouncedAnew(endpoints, at))) => {
                                told.extend(endpoints);
                                newest = Some(at);
                            }
                            Some(Ok(Applied::Announced(endpoints))) => told.extend(endpoints),
                            Some(_) | None => {}
                        }
                        applied
                    }
                    Err(CommitFailure::Bad(_)) if halves.split(&range) => continue,
                    Err(CommitFailure::Bad(error)) => {
                        // Nothing was changed, so there is nothing to record.
                        let unrecorded = places
                            .iter()
                            .skip(1)
                            .map(|_| Ok(Applied::Audited { is_recorded: false }));
                        std::iter::once(Err(error)).chain(unrecorded).collect()
                    }
                    Err(CommitFailure::Unavailable(failure) | CommitFailure::InTheWay(failure)) => return Err(failure),
                };
                for (place, result) in places.into_iter().zip(applied) {
                    results[place] = Some(result);
                }
            }
        }
        results.extend(announcer.map(|_| {
            Some(Ok(match newest {
                Some(at) => Applied::AnnouncedAnew(told, at),
                None => Applied::Announced(told),
            }))
        }));
        // Each change was applied in one of the rounds.
        Ok(results.into_iter().flatten().collect())
    }

    /// Commits changes, and does so again when another server's commit was in the way. It waits for a random time first:
    /// the other one has gone on, but has not ended yet, and whoever is back at once may be in its way again.
    async fn try_again(&self, changes: &[Change]) -> Result<Vec<Result<Applied, ChangeError>>, CommitFailure> {
        let mut longest = FIRST_WAIT;
        for _ in 1..TRIES {
            match self.pools.write(Box::pin(self.try_commit(changes))).await {
                Err(CommitFailure::InTheWay(_)) => {}
                result => return result,
            }
            tokio::time::sleep(longest.mul_f64(rand::random())).await;
            longest *= 2;
        }
        self.pools.write(Box::pin(self.try_commit(changes))).await
    }

    /// Commits with all usual changes in one call; `None` when that does not do.
    async fn try_usual(
        &self,
        changes: &[Change],
        usual: Usual,
    ) -> Result<Option<Vec<Result<Applied, ChangeError>>>, CommitFailure> {
        if self.is_postgres() {
            if !usual.is_all() {
                // Within a transaction the one long statement is no better than the few short ones.
                return Ok(None);
            }
            // One statement is a transaction by itself.
            let Some(refused) = usual.write_postgres(&self.writer(), self.shard).await? else {
                // Another node has changed endpoints: the exact way announces to them.
                return Ok(None);
            };
            return match self.usual_results(changes, &refused, &self.writer()).await {
                Ok(results) => Ok(Some(all_applied(results))),
                // The changes are written and must not be tried again.
                Err(CommitFailure::Bad(error)) => Err(CommitFailure::Unavailable(RepositoryError::Unavailable {
                    reason: error.to_string(),
                })),
                Err(CommitFailure::Unavailable(failure) | CommitFailure::InTheWay(failure)) => {
                    Err(CommitFailure::Unavailable(failure))
                }
            };
        }
        let is_all = usual.is_all();
        let mut commit = self.begin().await?;
        match commit.write_usual(changes, usual).await {
            Ok(Some(mut results)) => {
                if !is_all && let Err(failure) = commit.apply_others(changes, &mut results).await {
                    return commit.undo(failure).await;
                }
                commit.finish().await?;
                Ok(Some(all_applied(results)))
            }
            Ok(None) => {
                commit.transaction.rollback().await?;
                Ok(None)
            }
            Err(failure) => commit.undo(failure).await,
        }
    }

    async fn begin(&self) -> Result<Commit<'_>, CommitFailure> {
        Ok(Commit {
            repository: self,
            transaction: self.writer().begin().await?,
            counters: Counters::default(),
            named: Vec::new(),
            removed: Vec::new(),
        })
    }

    async fn try_commit(&self, changes: &[Change]) -> Result<Vec<Result<Applied, ChangeError>>, CommitFailure> {
        let mut commit = self.begin().await?;
        match commit.apply(changes).await {
            Ok(results) => {
                commit.finish().await?;
                Ok(all_applied(results))
            }
            Err(failure) => commit.undo(failure).await,
        }
    }
}

/// The results of changes that have all been applied.
fn all_applied(results: Results) -> Vec<Result<Applied, ChangeError>> {
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

/// Whether a change chooses among the jobs that all other changes have left.
fn chooses(change: &Change) -> bool {
    match change {
        Change::Claim(_)
        | Change::Clear { .. }
        | Change::Prune { .. }
        | Change::PruneBookkeeping { .. }
        | Change::AgeSums { .. }
        | Change::PruneAudit { .. }
        | Change::PruneDeliveries { .. }
        | Change::PruneFeed { .. }
        | Change::DeleteQueue { .. }
        | Change::PruneQueues => true,
        Change::Insert { .. }
        | Change::Start { .. }
        | Change::Finish { .. }
        | Change::Update { .. }
        | Change::Delete { .. }
        | Change::SetQueue { .. }
        | Change::Trigger { .. }
        | Change::Audit(_)
        | Change::Heartbeat { .. }
        | Change::InsertRecurring { .. }
        | Change::UpdateRecurring { .. }
        | Change::DeleteRecurring { .. }
        | Change::Fire(_)
        | Change::Lead { .. }
        | Change::Announce(_)
        | Change::Post(_)
        | Change::PutEndpoint { .. }
        | Change::DeleteEndpoint { .. }
        | Change::HoldEndpoints(_)
        | Change::ReviewEndpoints(_)
        | Change::Attempts(_)
        | Change::Redeliver { .. }
        | Change::SetBackDeliveries { .. }
        | Change::HoldReader { .. }
        | Change::MoveReader { .. }
        | Change::RegisterWorker { .. }
        | Change::RenewWorker { .. }
        | Change::Report { .. }
        | Change::SetDraining { .. }
        | Change::Leave { .. } => false,
    }
}

impl Commit<'_> {
    /// Makes it durable, and remembers which queues have a row since.
    async fn finish(self) -> Result<(), CommitFailure> {
        let Self {
            repository,
            transaction,
            counters: _,
            named,
            removed,
        } = self;
        transaction.commit().await?;
        repository.remember_queues(named);
        repository.forget_queues(&removed);
        Ok(())
    }

    /// Gives up what was written, because of this.
    async fn undo<T>(self, failure: CommitFailure) -> Result<T, CommitFailure> {
        // When even that fails the connection is gone, and the transaction with it.
        drop(self.transaction.rollback().await);
        Err(failure)
    }

    /// Writes the usual changes on SQLite; `None` when one of them was refused and all must be undone to find out which.
    async fn write_usual(&mut self, changes: &[Change], usual: Usual) -> Result<Option<Results>, CommitFailure> {
        let (repository, transaction) = (self.repository, &self.transaction);
        if !usual.write_sqlite(transaction, repository.shard).await? {
            return Ok(None);
        }
        let results = repository.usual_results(changes, &HashSet::new(), transaction).await?;
        Ok(Some(results))
    }

    async fn apply(&mut self, changes: &[Change]) -> Result<Results, CommitFailure> {
        let mut results: Results = changes.iter().map(|_| None).collect();
        self.insert_jobs(changes, &mut results).await?;
        self.start_jobs(changes, &mut results).await?;
        self.finish_jobs(changes, &mut results).await?;
        self.apply_others(changes, &mut results).await?;
        Ok(results)
    }

    /// Applies what is no new job, start or end of an attempt, and writes what was counted on the way.
    async fn apply_others(&mut self, changes: &[Change], results: &mut Results) -> Result<(), CommitFailure> {
        self.advance_endpoint_version(changes).await?;
        self.note_outcomes(changes).await?;
        for (change, result) in changes.iter().zip(results.iter_mut()) {
            let applied = match change {
                Change::Update { before, after } => self.update_job(before, after).await?,
                Change::Delete { job } => self.delete_job(job).await?,
                Change::SetQueue { queue, is_paused } => self.set_queue(queue, *is_paused).await?,
                Change::Heartbeat {
                    node,
                    name,
                    started_at,
                    lease,
                    job_types,
                    remote_types,
                } => {
                    let types = (&**job_types, &**remote_types);
                    self.heartbeat(*node, name, *started_at, *lease, types).await?
                }
                Change::InsertRecurring { recurring, idempotency } => {
                    self.insert_recurring(recurring, idempotency.as_ref()).await?
                }
                Change::UpdateRecurring { before, after } => self.update_recurring(before, after).await?,
                Change::DeleteRecurring { recurring } => self.delete_recurring(recurring).await?,
                Change::Lead { node, lease } => self.lead(*node, *lease).await?,
                Change::Leave { node } => self.leave(*node).await?,
                Change::SetDraining { node, is_draining } => self.set_draining(*node, *is_draining).await?,
                Change::PutEndpoint { before, after } => self.put_endpoint(before.as_deref(), after).await?,
                Change::DeleteEndpoint { endpoint } => self.delete_endpoint(endpoint).await?,
                Change::HoldEndpoints(hold) => self.hold_endpoints(*hold).await?,
                Change::ReviewEndpoints(review) => self.review_endpoints(review).await?,
                Change::Attempts(attempts) => self.note_attempts(attempts).await?,
                Change::Redeliver { which, now } => self.redeliver(*which, *now).await?,
                Change::SetBackDeliveries { now, step, limit } => self.set_back_deliveries(*now, *step, *limit).await?,
                Change::HoldReader { reader, node } => self.hold_reader(reader, *node).await?,
                Change::MoveReader { reader, node, to } => self.move_reader(reader, *node, *to).await?,
                Change::Post(postings) => Ok(Applied::Announced(self.post(postings).await?)),
                Change::RegisterWorker {
                    worker,
                    declaration,
                    access,
                    registered_at,
                    lease,
                } => {
                    self.register_worker(*worker, declaration, access, *registered_at, *lease)
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
                | Change::AgeSums { .. }
                | Change::DeleteQueue { .. }
                | Change::PruneQueues
                | Change::Trigger { .. }
                | Change::Fire(_)
                | Change::Audit(_)
                | Change::PruneAudit { .. }
                | Change::Announce(_)
                | Change::PruneDeliveries { .. }
                | Change::PruneFeed { .. } => continue,
            };
            *result = Some(applied);
        }
        self.fire_all(changes, results).await?;
        self.trigger_all(changes, results).await?;
        for (change, result) in changes.iter().zip(results.iter_mut()) {
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
                    limit,
                } => Ok(Applied::Removed(
                    self.prune_bookkeeping(*keys_before, *throughput_before, *limit).await?,
                )),
                Change::AgeSums {
                    by_days_before,
                    rollups_before,
                } => Ok(Applied::Removed(
                    self.age_sums(*by_days_before, *rollups_before).await?.into(),
                )),
                Change::PruneAudit { before, limit } => Ok(Applied::Removed(self.prune_audit(*before, *limit).await?)),
                Change::PruneDeliveries { before, limit } => {
                    Ok(Applied::Removed(self.prune_deliveries(*before, *limit).await?))
                }
                Change::PruneFeed { before, limit } => Ok(Applied::Removed(self.prune_feed(*before, *limit).await?)),
                Change::Insert { .. }
                | Change::Start { .. }
                | Change::Finish { .. }
                | Change::Update { .. }
                | Change::Delete { .. }
                | Change::SetQueue { .. }
                | Change::DeleteQueue { .. }
                | Change::PruneQueues
                | Change::Trigger { .. }
                | Change::Audit(_)
                | Change::InsertRecurring { .. }
                | Change::UpdateRecurring { .. }
                | Change::DeleteRecurring { .. }
                | Change::Fire(_)
                | Change::Heartbeat { .. }
                | Change::Lead { .. }
                | Change::Announce(_)
                | Change::Post(_)
                | Change::PutEndpoint { .. }
                | Change::DeleteEndpoint { .. }
                | Change::HoldEndpoints(_)
                | Change::ReviewEndpoints(_)
                | Change::Attempts(_)
                | Change::Redeliver { .. }
                | Change::SetBackDeliveries { .. }
                | Change::HoldReader { .. }
                | Change::MoveReader { .. }
                | Change::RegisterWorker { .. }
                | Change::RenewWorker { .. }
                | Change::Report { .. }
                | Change::SetDraining { .. }
                | Change::Leave { .. } => continue,
            };
            *result = Some(applied);
        }
        self.name_queues(changes, results).await?;
        self.write_counters().await?;
        self.remove_queues(changes, results).await?;
        self.write_audit(changes, results).await?;
        self.announce(changes, results).await
    }

    pub(super) fn backend(&self) -> DbBackend {
        self.repository.backend()
    }
}
