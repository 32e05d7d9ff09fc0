//! The writer: the only path to storage for changes.
//!
//! It commits in groups: while one commit runs, the next one fills. An idle server commits a single change at once, a
//! busy server commits large batches; only background writes wait for others. After a commit, in this order, the
//! callers receive their results, the schedulers and queues are notified, and the events are published: no consumer
//! learns of a change that a crash could still undo.
//!
//! The backlog is bounded: while more than [`PENDING_ROWS_MAX`] rows wait, writes of clients are rejected. Writes of
//! the server itself, such as completions, are bounded by the number of workers and never rejected.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Recipient, SpawnHandle, Supervised, WrapFuture};
use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tracing::{debug, error};

use super::after_commit::AfterCommit;
use super::commit_effects::{CommitEffects, in_order};
use super::commit_stats::{CommitReport, DeliveryReport};
use super::error::WriteError;
use super::limits::{COALESCE_DELAY, COMMIT_ROWS_MAX, PENDING_ROWS_MAX};
use super::messages::{ReportPendingRows, Write, WritePriority, WriteReply};
use super::outbox::OutboxBuilder;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::dispatch::handled_types::HandledTypes;
use crate::runtime::monitoring::job_log;
use crate::runtime::monitoring::job_spans::Traces;
use crate::runtime::monitoring::messages::CheckHealth;
use crate::runtime::monitoring::report_channel::ReportChannel;
use crate::runtime::operations::pace::OtherWrites;
use crate::runtime::outbound::throttle::CommitLoad;
use crate::storage::change::{Change, ClusterChange, WebhookChange};
use crate::storage::commit::{AuditEntry, Commit, Committed};
use crate::storage::outage::StorageOutage;
use crate::storage::repository::{JobRepository, RepositoryError};

/// Dependencies of the writer.
#[derive(Clone)]
pub struct WriterDeps {
    /// The storage.
    pub repository: Arc<dyn JobRepository>,
    /// The time of events.
    pub clock: Clock,
    /// The consumers of commits.
    pub after_commit: AfterCommit,
    /// Checks the server's health after a failed commit.
    pub health: Recipient<CheckHealth>,
    /// Logs failed commits of a storage that does not log them itself.
    pub outage: StorageOutage,
    /// Builds the outbox entries of a commit.
    pub outbox: OutboxBuilder,
    /// Measures the time spent on commits.
    pub load: CommitLoad,
    /// Receives statistics of commits.
    pub reports: ReportChannel<CommitReport>,
    /// Exports the spans of jobs.
    pub traces: Traces,
    /// Log completed jobs.
    pub log_jobs: bool,
    /// The job types that have a handler.
    pub handled: HandledTypes,
    /// Counts writes of jobs other than those of bulk operations.
    pub others: OtherWrites,
}

/// A write that waits for a commit.
struct Pending {
    write: Write,
    rows: usize,
}

/// The actor.
pub struct Writer {
    deps: WriterDeps,
    pending: VecDeque<Pending>,
    background: VecDeque<Pending>,
    /// Set once the oldest background write has waited for [`COALESCE_DELAY`].
    is_background_due: bool,
    background_timer: Option<SpawnHandle>,
    /// The rows of all waiting writes.
    pending_rows: usize,
    is_committing: bool,
}

impl Writer {
    /// A writer without waiting writes.
    pub fn new(deps: WriterDeps) -> Self {
        Self {
            deps,
            pending: VecDeque::new(),
            background: VecDeque::new(),
            is_background_due: false,
            background_timer: None,
            pending_rows: 0,
            is_committing: false,
        }
    }

    /// Takes the waiting writes up to a commit's size. Stops before a second change of the same job: changes of one job
    /// have no order within a commit.
    fn next_batch(&mut self) -> Vec<Write> {
        let mut batch = Vec::new();
        let mut seen = HashSet::new();
        let mut rows = 0;
        if self.is_background_due
            && let Some(next) = self.background.pop_front()
        {
            // Its turn comes however many others wait.
            rows += next.rows;
            batch.push(next.write);
        }
        while let Some(next) = self.pending.front() {
            if rows > 0 && rows + next.rows > COMMIT_ROWS_MAX {
                break;
            }
            let is_second = next
                .write
                .changes
                .iter()
                .flat_map(Change::job_ids)
                .any(|id| !seen.insert(id));
            if is_second && rows > 0 {
                break;
            }
            rows += next.rows;
            batch.extend(self.pending.pop_front().map(|next| next.write));
        }
        if rows > 0 {
            while let Some(next) = self.background.front() {
                if rows + next.rows > COMMIT_ROWS_MAX {
                    break;
                }
                rows += next.rows;
                batch.extend(self.background.pop_front().map(|next| next.write));
            }
            self.is_background_due = !self.background.is_empty();
        }
        self.pending_rows = self.pending_rows.saturating_sub(rows);
        batch
    }

    fn commit_next(&mut self, ctx: &mut Context<Self>) {
        let batch = self.next_batch();
        if batch.is_empty() {
            self.is_committing = false;
            return;
        }
        self.is_committing = true;
        self.deps.load.start();
        let repository = Arc::clone(&self.deps.repository);
        let outbox = self.deps.outbox.clone();
        let now = self.deps.clock.now();
        let commit = async move {
            let (commit, replies) = together(batch, &outbox, now);
            let started = Instant::now();
            let outcome = repository.commit(&commit).await;
            (commit.changes, replies, outcome, started.elapsed())
        };
        ctx.spawn(
            commit
                .into_actor(self)
                .map(|(changes, replies, outcome, took), writer, ctx| {
                    writer.deps.load.end();
                    writer.report(&changes, &outcome, took);
                    writer.complete(changes, replies, outcome, ctx);
                    writer.commit_next(ctx);
                }),
        );
    }

    /// Logs completed jobs and exports spans and statistics.
    fn report(&self, changes: &[Change], outcome: &Result<Committed, RepositoryError>, took: Duration) {
        let Ok(Committed { results, outbox: _ }) = outcome else {
            return;
        };
        if self.deps.log_jobs {
            for (change, result) in changes.iter().zip(results) {
                if let Ok(applied) = result {
                    job_log::log_end(change, applied);
                }
            }
        }
        if self.deps.traces.have_subscriber() {
            let now = self.deps.clock.now();
            for (change, result) in changes.iter().zip(results) {
                if let Ok(applied) = result {
                    self.deps.traces.record(change, applied, now);
                }
            }
        }
        if !self.deps.reports.has_subscriber() {
            return;
        }
        let mut report = CommitReport {
            changes: changes.len(),
            took,
            ..CommitReport::default()
        };
        for (change, result) in changes.iter().zip(results) {
            if let Ok(applied) = result {
                report.record(change, applied);
                if let Change::Webhook(WebhookChange::Attempts(attempts)) = change {
                    let name = self.deps.outbox.endpoints().name_of(attempts.endpoint_id);
                    report
                        .deliveries
                        .extend(name.map(|name| DeliveryReport::new(name, attempts)));
                }
            }
        }
        self.deps.reports.try_send(report);
    }

    fn complete(
        &mut self,
        changes: Vec<Change>,
        replies: Vec<(WriteReply, usize)>,
        outcome: Result<Committed, RepositoryError>,
        ctx: &mut Context<Self>,
    ) {
        match outcome {
            Ok(Committed { results, outbox }) => {
                let deps = &self.deps;
                let now = deps.clock.now();
                let mut effects = CommitEffects::new(deps.after_commit.wants_job_events(), deps.handled.clone());
                let endpoints = deps.outbox.endpoints();
                let newer = outbox.and_then(|outbox| effects.add_outbox(outbox));
                for (change, applied) in in_order(&changes, &results) {
                    endpoints.apply(change, applied);
                    effects.add(change, applied, now);
                }
                endpoints.apply_newer(newer);
                let mut results = results.into_iter();
                for (reply, count) in replies {
                    // A caller may have stopped waiting; its changes are committed nevertheless.
                    drop(reply.send(Ok(results.by_ref().take(count).collect())));
                }
                self.deps.after_commit.publish(effects, ctx);
            }
            Err(failure) => {
                if matches!(failure, RepositoryError::Corrupt { .. }) {
                    error!("a commit of {} changes failed: {failure}", changes.len());
                } else {
                    debug!("a commit of {} changes failed: {failure}", changes.len());
                    if self.deps.repository.outage().is_none() {
                        self.deps.outage.failed(&failure);
                    }
                }
                // A lost message costs the time until the next check.
                let _ = self.deps.health.try_send(CheckHealth);
                for (reply, _) in replies {
                    // As above.
                    drop(reply.send(Err(WriteError::from(failure.clone()))));
                }
            }
        }
    }
}

/// One commit of these writes, and the receivers of their results with the number of their changes.
fn together(batch: Vec<Write>, outbox: &OutboxBuilder, now: DateTime<Utc>) -> (Commit, Vec<(WriteReply, usize)>) {
    let mut commit = Commit {
        changes: Vec::with_capacity(batch.len()),
        ..Commit::default()
    };
    let mut replies = Vec::with_capacity(batch.len());
    for write in batch {
        let first = commit.changes.len();
        replies.push((write.reply, write.changes.len()));
        commit.changes.extend(write.changes);
        if write.priority != WritePriority::Client {
            commit.changes[first..]
                .iter_mut()
                .for_each(|change| change.set_time(now));
        }
        commit.audit.extend(write.audit.into_iter().map(|entry| AuditEntry {
            change: first + entry.change,
            ..entry
        }));
    }
    // The outbox entries are part of the transaction, and so survive a crash of this server.
    commit.outbox = outbox.rule_for(&commit.changes);
    (commit, replies)
}

/// `true` for a write of jobs that does not wait for others.
fn is_of_jobs_now(write: &Write) -> bool {
    let is_of_jobs = |change: &Change| matches!(change, Change::Job(_));
    write.priority != WritePriority::Background && write.changes.iter().any(is_of_jobs)
}

impl Actor for Writer {
    type Context = Context<Self>;
}

impl Supervised for Writer {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.deps.load.end();
        // Dropping the replies rejects the waiting writes. What had been committed is in storage.
        *self = Self::new(self.deps.clone());
    }
}

report_mailbox_lag!(Writer);

impl Handler<Write> for Writer {
    type Result = ();

    fn handle(&mut self, write: Write, ctx: &mut Context<Self>) {
        let rows = write.changes.iter().map(Change::rows).sum::<usize>() + write.audit.len();
        // A write that is larger than the limit is accepted when none waits: it would never fit otherwise.
        let is_full = self.pending_rows > 0 && self.pending_rows + rows > PENDING_ROWS_MAX;
        if write.priority == WritePriority::Client && is_full {
            // The caller may have given up.
            drop(write.reply.send(Err(WriteError::Busy)));
            return;
        }
        if is_of_jobs_now(&write) {
            self.deps.others.add();
        }
        self.pending_rows += rows;
        let next = Pending { write, rows };
        if next.write.priority == WritePriority::Background {
            self.background.push_back(next);
            if self.background_timer.is_none() {
                self.background_timer = Some(ctx.run_later(COALESCE_DELAY, |writer, ctx| {
                    writer.background_timer = None;
                    writer.is_background_due = !writer.background.is_empty();
                    if writer.is_background_due && !writer.is_committing {
                        writer.commit_next(ctx);
                    }
                }));
            }
            return;
        }
        let is_heartbeat = |change: &Change| matches!(change, Change::Cluster(ClusterChange::Heartbeat { .. }));
        if next.write.changes.iter().any(is_heartbeat) {
            // The node's lease must not expire behind other writes.
            self.pending.push_front(next);
        } else {
            self.pending.push_back(next);
        }
        if !self.is_committing {
            self.is_committing = true;
            // Polled once the mailbox is empty: what has arrived together is committed together.
            ctx.spawn(
                std::future::ready(())
                    .into_actor(self)
                    .map(|(), writer, ctx| writer.commit_next(ctx)),
            );
        }
    }
}

impl Handler<ReportPendingRows> for Writer {
    type Result = usize;

    fn handle(&mut self, ReportPendingRows: ReportPendingRows, _: &mut Context<Self>) -> usize {
        self.pending_rows
    }
}
