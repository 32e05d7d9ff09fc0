//! Effect and conditions of each change.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::tables::{Node, Tables};
use crate::domain::job::Job;
use crate::domain::values::id::JobId;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{
    Applied, Change, ChangeError, ClusterChange, FeedChange, Finished, Idempotency, Inserted, JobChange,
    MaintenanceChange, OperationChange, QueueChange, RecurringChange, WebhookChange, WorkerChange,
};
use crate::storage::commit::{ChangeResult, Commit, Committed, OutboxResult};
use crate::storage::outbox::OutboxEntries;

pub(super) type Outcome = ChangeResult;

fn lease_end(now: DateTime<Utc>, lease: TimeSpan) -> DateTime<Utc> {
    now.checked_add_signed(lease.to_delta())
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

impl Tables {
    /// Applies a commit: first the changes with given rows, then those that select among the rest, and finally audit
    /// records and outbox entries.
    pub(super) fn apply(&mut self, commit: &Commit, now: DateTime<Utc>) -> Committed {
        let changes = &commit.changes;
        let named: Vec<Option<Outcome>> = changes.iter().map(|change| self.apply_named(change, now)).collect();
        let missing = || Err(rejected("the change was not applied"));
        let results: Vec<Outcome> = changes
            .iter()
            .zip(named)
            .map(|(change, outcome)| {
                let outcome = outcome.or_else(|| self.apply_selecting(change, now));
                outcome.unwrap_or_else(missing)
            })
            .collect();
        for entry in &commit.audit {
            if let Some(jobs) = entry.jobs_changed(&results) {
                self.record(&entry.record, jobs);
            }
        }
        for (change, result) in changes.iter().zip(&results) {
            if let (Change::Operation(OperationChange::Step(step)), Ok(Applied::Stepped(stepped))) = (change, result) {
                step.audited(&stepped.results).for_each(|record| self.record(record, 1));
            }
        }
        let outbox = commit.outbox.as_ref().map(|rule| {
            // Storage of one node: the node that commits knows all endpoints.
            let OutboxEntries { messages, feed, events } = rule.entries(changes, &results, None);
            self.extend_feed(&feed);
            OutboxResult {
                endpoints: self.enqueue(&messages),
                newer: None,
                events,
            }
        });
        Committed { results, outbox }
    }

    /// A change that names its rows; `None` for any other.
    fn apply_named(&mut self, change: &Change, now: DateTime<Utc>) -> Option<Outcome> {
        match change {
            Change::Job(change) => self.apply_to_job(change, now),
            Change::Queue(QueueChange::Set { queue, is_paused }) => {
                self.name_queue(queue);
                let changed = is_paused.is_some_and(|is_paused| self.switch_queue(queue, is_paused));
                Some(Ok(Applied::QueueSet { changed }))
            }
            Change::Recurring(change) => Some(self.apply_to_recurring(change, now)),
            Change::Cluster(change) => Some(self.apply_to_node(change, now)),
            Change::Worker(change) => Some(Ok(self.apply_to_worker(change, now))),
            Change::Webhook(change) => Some(self.apply_to_webhook(change, now)),
            Change::Feed(FeedChange::Hold { reader, node }) => Some(self.hold_reader(reader, *node, now)),
            Change::Feed(FeedChange::Move { reader, node, to }) => Some(self.move_reader(reader, *node, *to)),
            Change::Operation(change) => Some(self.apply_to_operation(change, now)),
            Change::Queue(QueueChange::Clear { .. } | QueueChange::Delete { .. }) | Change::Maintenance(_) => None,
        }
    }

    pub(super) fn apply_to_job(&mut self, change: &JobChange, now: DateTime<Utc>) -> Option<Outcome> {
        Some(match change {
            JobChange::Insert { jobs, idempotency } => self.insert(jobs, idempotency.as_ref()),
            JobChange::Start { jobs } => self.start(jobs, now),
            JobChange::Release { jobs, now } => Ok(self.release(jobs, *now)),
            JobChange::Finish {
                started,
                job,
                attempt,
                if_orphaned,
            } => {
                let is_refused = *if_orphaned && self.holds_lease(attempt.node, now);
                Ok(Applied::Finished(if is_refused {
                    Finished::LeaseLost
                } else {
                    self.finish(started.as_deref(), job, attempt)
                }))
            }
            JobChange::Update { before, after } => self.update(before, after),
            JobChange::Delete { job } => self.delete(job),
            JobChange::Report { job: _, report } => Ok(self.report(report)),
            JobChange::Claim(_) => return None,
        })
    }

    fn apply_to_recurring(&mut self, change: &RecurringChange, now: DateTime<Utc>) -> Outcome {
        match change {
            RecurringChange::Insert { recurring, idempotency } => {
                self.insert_recurring(recurring, idempotency.as_ref())
            }
            RecurringChange::Update { before, after } => self.update_recurring(before, after),
            RecurringChange::Delete { recurring } => self.delete_recurring(recurring),
            RecurringChange::Fire(fire) => self.fire(fire, now),
            RecurringChange::Trigger {
                recurring_id,
                revision,
                occurrence,
            } => self.trigger(*recurring_id, *revision, occurrence),
        }
    }

    fn apply_to_node(&mut self, change: &ClusterChange, now: DateTime<Utc>) -> Outcome {
        match change {
            ClusterChange::Heartbeat {
                node,
                name,
                started_at,
                lease,
                job_types,
                remote_types,
            } => {
                let known = Node {
                    name: Arc::clone(name),
                    started_at: *started_at,
                    heartbeat_at: now,
                    lease_until: lease_end(now, *lease),
                    worker: None,
                    access: None,
                    job_types: Arc::clone(job_types),
                    remote_types: Arc::clone(remote_types),
                    is_draining: false,
                };
                Ok(self.heartbeat(*node, known))
            }
            ClusterChange::Lead { node, lease } => Ok(self.lead(*node, *lease, now)),
            ClusterChange::Leave { node } => Ok(self.leave(*node)),
            ClusterChange::SetDraining { node, is_draining } => self.set_draining(*node, *is_draining),
            ClusterChange::SetLogLevel { node: _ } => Ok(Applied::LogLevelSet),
        }
    }

    fn apply_to_worker(&mut self, change: &WorkerChange, now: DateTime<Utc>) -> Applied {
        match change {
            WorkerChange::Register {
                worker,
                declaration,
                access,
                registered_at,
                lease,
            } => self.register(
                *worker,
                (Arc::clone(declaration), Arc::clone(access)),
                *registered_at,
                lease_end(now, *lease),
                now,
            ),
            WorkerChange::Renew { worker, lease } => self.renew(*worker, lease_end(now, *lease), now),
        }
    }

    fn apply_to_webhook(&mut self, change: &WebhookChange, now: DateTime<Utc>) -> Outcome {
        match change {
            WebhookChange::Put { before, after } => self.put_endpoint(before.as_deref(), after),
            WebhookChange::Delete { endpoint } => self.delete_endpoint(endpoint),
            WebhookChange::Hold(hold) => self.hold_endpoints(*hold, now),
            WebhookChange::Review(review) => Ok(self.review_endpoints(review, now)),
            WebhookChange::Enqueue(messages) => Ok(Applied::Enqueued(self.enqueue(messages))),
            WebhookChange::Attempts(attempts) => Ok(self.record_attempts(attempts)),
            WebhookChange::Redeliver { which, now } => Ok(self.redeliver(*which, *now)),
            WebhookChange::SetBack { now, step, limit } => {
                Ok(removed(self.set_back_deliveries(*now, step.to_delta(), *limit)))
            }
        }
    }

    /// A change that selects its rows; `None` for any other.
    fn apply_selecting(&mut self, change: &Change, now: DateTime<Utc>) -> Option<Outcome> {
        match change {
            Change::Job(JobChange::Claim(claim)) => Some(self.claim(claim, now)),
            Change::Queue(QueueChange::Clear {
                queue,
                status,
                up_to,
                limit,
            }) => Some(Ok(self.remove_up_to(*limit, |job| {
                job.queue == *queue && job.status == *status && job.claimed_by.is_none() && job.id <= *up_to
            }))),
            Change::Queue(QueueChange::Delete { queue }) => Some(Ok(Applied::QueuesRemoved(self.delete_queue(queue)))),
            Change::Maintenance(change) => Some(Ok(self.prune(change, now))),
            Change::Job(_)
            | Change::Queue(_)
            | Change::Recurring(_)
            | Change::Cluster(_)
            | Change::Worker(_)
            | Change::Webhook(_)
            | Change::Feed(_)
            | Change::Operation(_) => None,
        }
    }

    fn prune(&mut self, change: &MaintenanceChange, now: DateTime<Utc>) -> Applied {
        match change {
            MaintenanceChange::PruneJobs {
                status,
                finished_before,
                limit,
            } => self.remove_up_to(*limit, |job| {
                job.status == *status
                    && job.created_at < *finished_before
                    && job.finished_at.is_some_and(|at| at < *finished_before)
            }),
            MaintenanceChange::PruneQueues => Applied::QueuesRemoved(self.prune_queues()),
            MaintenanceChange::PruneBookkeeping {
                keys_before,
                throughput_before,
                limit,
            } => {
                let keys = self.forget_keys(*keys_before, *limit);
                removed(keys + self.forget_completed(*throughput_before))
            }
            MaintenanceChange::PruneWorkers { kept, limit } => removed(self.prune_workers(now, *kept, *limit)),
            MaintenanceChange::CompactRollups {
                ended_before: _,
                by_days_before,
                rollups_before,
            } => removed(usize::from(self.age_sums(*by_days_before, *rollups_before))),
            MaintenanceChange::FoldActivity {
                slices_before: _,
                minutes_before,
            } => removed(usize::from(self.forget_activity(*minutes_before))),
            MaintenanceChange::PruneAudit { before, limit } => removed(self.prune_audit(*before, *limit)),
            MaintenanceChange::PruneDeliveries { before, limit } => removed(self.prune_deliveries(*before, *limit)),
            MaintenanceChange::PruneFeed { before, limit } => removed(self.prune_feed(*before, *limit)),
            MaintenanceChange::PruneOperations {
                previews_before,
                undo_before,
                finished_before,
                limit,
            } => removed(self.prune_operations((*previews_before, *undo_before, *finished_before), *limit)),
        }
    }

    fn insert(&mut self, jobs: &[Arc<Job>], idempotency: Option<&Idempotency>) -> Outcome {
        if let Some(earlier) = self.replayed(idempotency) {
            return earlier;
        }
        // All or none: every condition is checked before the first job is stored.
        self.check_new(jobs)?;
        let is_again = |job: &Job| job.occurrence.is_some_and(|occurrence| self.has_occurrence(occurrence));
        if jobs.iter().any(|job| is_again(job)) {
            return Err(rejected("a due time has become an occurrence already"));
        }
        let mut inserted = Vec::with_capacity(jobs.len());
        let mut made = Vec::with_capacity(jobs.len());
        for job in jobs {
            self.name_queue(&job.queue);
            let holder = job
                .unique_key
                .as_ref()
                .filter(|_| !job.status.is_finished())
                .and_then(|key| self.holder_of(key))
                .cloned();
            match holder {
                Some(existing) => {
                    made.push(existing.id.as_uuid());
                    inserted.push(Inserted::Existing(existing));
                }
                None => {
                    made.push(job.id.as_uuid());
                    inserted.push(Inserted::New);
                    self.put(Arc::clone(job));
                }
            }
        }
        self.remember(idempotency, made);
        Ok(Applied::Inserted(inserted))
    }

    /// Result of the first request with this key; `None` if this is the first.
    pub(super) fn replayed(&self, idempotency: Option<&Idempotency>) -> Option<Outcome> {
        let request = idempotency?;
        let (earlier, made) = self.idempotency.get(&request.key)?;
        Some(if earlier.fingerprint == request.fingerprint {
            Ok(Applied::Replayed(made.clone()))
        } else {
            Err(ChangeError::IdempotencyMismatch)
        })
    }

    pub(super) fn remember(&mut self, idempotency: Option<&Idempotency>, made: Vec<Uuid>) {
        if let Some(request) = idempotency {
            self.idempotency.insert(request.key.clone(), (request.clone(), made));
        }
    }

    /// Checks that no id is taken.
    pub(super) fn check_new(&self, jobs: &[Arc<Job>]) -> Result<(), ChangeError> {
        let mut ids = HashSet::new();
        match jobs
            .iter()
            .find(|job| self.job(job.id).is_some() || !ids.insert(job.id))
        {
            Some(job) => Err(rejected(format!("a job with the id {} exists", job.id))),
            None => Ok(()),
        }
    }

    fn update(&mut self, before: &Job, after: &Arc<Job>) -> Outcome {
        self.check_revision(before)?;
        if let Some(key) = &after.unique_key
            && !after.status.is_finished()
            && self.holder_of(key).is_some_and(|holder| holder.id != after.id)
        {
            return Err(ChangeError::UniqueKeyTaken { key: key.to_string() });
        }
        self.roll_up_update(before, after);
        let stored = match self.job(after.id) {
            Some(stored) if after.is_brief => Arc::new(with_texts(after, stored, true)),
            Some(_) | None => Arc::clone(after),
        };
        self.put(stored);
        Ok(Applied::Updated)
    }

    fn delete(&mut self, job: &Job) -> Outcome {
        self.check_revision(job)?;
        self.remove(job.id);
        Ok(Applied::Deleted)
    }

    fn check_revision(&self, read: &Job) -> Result<(), ChangeError> {
        let is_as_read = self
            .job(read.id)
            .is_some_and(|stored| (stored.revision, stored.claimed_by) == (read.revision, read.claimed_by));
        if is_as_read { Ok(()) } else { Err(ChangeError::Conflict) }
    }

    /// Removes the oldest matching jobs.
    fn remove_up_to(&mut self, limit: u32, is_meant: impl Fn(&Job) -> bool) -> Applied {
        let ids: Vec<JobId> = self
            .jobs()
            .filter(|job| is_meant(job))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|job| job.id)
            .collect();
        for id in &ids {
            self.remove(*id);
        }
        removed(ids.len())
    }
}

/// A job with its stored texts if it is brief; `has_all` is set if all of them are stored.
pub(super) fn with_texts(job: &Job, stored: &Job, has_all: bool) -> Job {
    let mut job = job.clone();
    if std::mem::take(&mut job.is_brief) {
        job.parameters = stored.parameters.clone();
        if has_all {
            job.result.clone_from(&stored.result);
            job.error_detail.clone_from(&stored.error_detail);
        }
    }
    job
}

fn removed(count: usize) -> Applied {
    Applied::Removed(u64::try_from(count).unwrap_or(u64::MAX))
}

pub(super) fn rejected(reason: impl Into<String>) -> ChangeError {
    ChangeError::Rejected { reason: reason.into() }
}
