//! What each change does, and under which condition.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::tables::Tables;
use crate::domain::attempt::Attempt;
use crate::domain::id::{JobId, NodeId};
use crate::domain::job::Job;
use crate::domain::status::JobStatus;
use crate::domain::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError, Claim, Finished, Idempotency, Inserted};

type Outcome = Result<Applied, ChangeError>;

impl Tables {
    /// Applies a commit: first what says which jobs it means, then what chooses among those that are left.
    pub(super) fn apply(&mut self, changes: &[Change], now: Instant) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = changes.iter().map(|change| self.apply_named(change, now)).collect();
        for (change, outcome) in changes.iter().zip(&mut outcomes) {
            if outcome.is_none() {
                *outcome = self.apply_choosing(change, now);
            }
        }
        let missing = || {
            Err(ChangeError::Rejected {
                reason: "the change was not applied".to_owned(),
            })
        };
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(missing))
            .collect()
    }

    /// A change that names its jobs; `None` for any other.
    fn apply_named(&mut self, change: &Change, now: Instant) -> Option<Outcome> {
        Some(match change {
            Change::Insert { jobs, idempotency } => self.insert(jobs, idempotency.as_ref()),
            Change::Start { jobs } => self.start(jobs, now),
            Change::Finish { job, attempt } => Ok(Applied::Finished(self.finish(job, attempt))),
            Change::Update { before, after } => self.update(before, after),
            Change::Delete { job } => self.delete(job),
            Change::SetQueue { queue, is_paused } => {
                self.name_queue(queue);
                let changed = is_paused.is_some_and(|is_paused| self.switch_queue(queue, is_paused));
                Ok(Applied::QueueSet { changed })
            }
            Change::Heartbeat {
                node,
                name: _,
                started_at: _,
                lease,
            } => Ok(self.heartbeat(*node, *lease, now)),
            Change::Leave { node } => {
                self.leases.remove(node);
                Ok(Applied::Alive)
            }
            Change::Claim(_) | Change::Clear { .. } | Change::Prune { .. } | Change::PruneBookkeeping { .. } => {
                return None;
            }
        })
    }

    /// A change that chooses what it concerns; `None` for any other.
    fn apply_choosing(&mut self, change: &Change, now: Instant) -> Option<Outcome> {
        Some(match change {
            Change::Claim(claim) => self.claim(claim, now),
            Change::Clear {
                queue,
                status,
                up_to,
                limit,
            } => Ok(self.remove_up_to(*limit, |job| {
                job.queue == *queue && job.status == *status && job.id <= *up_to
            })),
            Change::Prune {
                status,
                finished_before,
                limit,
            } => Ok(self.remove_up_to(*limit, |job| {
                job.status == *status
                    && job.created_at < *finished_before
                    && job.finished_at.is_some_and(|at| at < *finished_before)
            })),
            Change::PruneBookkeeping {
                keys_before,
                throughput_before,
            } => {
                let length = self.idempotency.len();
                self.idempotency.retain(|_, (key, _)| key.created_at >= *keys_before);
                let forgotten = length - self.idempotency.len() + self.forget_completed(*throughput_before);
                Ok(removed(forgotten))
            }
            Change::Insert { .. }
            | Change::Start { .. }
            | Change::Finish { .. }
            | Change::Update { .. }
            | Change::Delete { .. }
            | Change::SetQueue { .. }
            | Change::Heartbeat { .. }
            | Change::Leave { .. } => return None,
        })
    }

    fn insert(&mut self, jobs: &[Arc<Job>], idempotency: Option<&Idempotency>) -> Outcome {
        if let Some(asked) = idempotency
            && let Some((earlier, ids)) = self.idempotency.get(&asked.key)
        {
            return if earlier.fingerprint == asked.fingerprint {
                Ok(Applied::Replayed(ids.clone()))
            } else {
                Err(ChangeError::IdempotencyMismatch)
            };
        }
        // All of them or none: what could refuse one is asked before the first is stored.
        let mut ids = HashSet::new();
        if let Some(job) = jobs
            .iter()
            .find(|job| self.job(job.id).is_some() || !ids.insert(job.id))
        {
            return Err(ChangeError::Rejected {
                reason: format!("there is a job with the id {} already", job.id),
            });
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
                    made.push(existing.id);
                    inserted.push(Inserted::Existing(existing));
                }
                None => {
                    made.push(job.id);
                    inserted.push(Inserted::New);
                    self.put(Arc::clone(job));
                }
            }
        }
        if let Some(asked) = idempotency {
            self.idempotency.insert(asked.key.clone(), (asked.clone(), made));
        }
        Ok(Applied::Inserted(inserted))
    }

    fn start(&mut self, jobs: &[Arc<Job>], now: Instant) -> Outcome {
        let mut started = Vec::with_capacity(jobs.len());
        for job in jobs {
            let Some(node) = job.node.filter(|node| self.holds_lease(*node, now)) else {
                return Err(ChangeError::NoLease);
            };
            debug_assert_eq!(jobs[0].node, Some(node), "one node takes all of them");
            let is_as_known = self
                .job(job.id)
                .is_some_and(|stored| stored.status == JobStatus::Pending && stored.revision + 1 == job.revision);
            if is_as_known {
                self.put(Arc::clone(job));
            }
            started.push(is_as_known);
        }
        Ok(Applied::Started(started))
    }

    fn claim(&mut self, claim: &Claim, now: Instant) -> Outcome {
        let Claim {
            queue,
            limit,
            job_types,
            node,
            now: due,
        } = claim;
        if !self.holds_lease(*node, now) {
            return Err(ChangeError::NoLease);
        }
        let mut found: Vec<&Arc<Job>> = self
            .jobs()
            .filter(|job| job.status == JobStatus::Pending && job.queue == *queue && job.due_at <= *due)
            .filter(|job| job_types.contains(&job.job_type))
            .collect();
        found.sort_by_key(|job| (Reverse(job.priority), job.due_at, job.id));
        found.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
        let claimed: Vec<Arc<Job>> = found.into_iter().map(|job| Arc::new(job.start(*node, *due))).collect();
        for job in &claimed {
            self.put(Arc::clone(job));
        }
        Ok(Applied::Claimed(claimed))
    }

    fn finish(&mut self, job: &Arc<Job>, attempt: &Attempt) -> Finished {
        let Some(stored) = self
            .job(job.id)
            .filter(|stored| stored.status == JobStatus::Running && stored.attempt == attempt.number)
        else {
            return Finished::LeaseLost;
        };
        if job.status == JobStatus::Pending && stored.cancel_requested {
            return Finished::CancelRequested;
        }
        let job = Job {
            // A request to cancel that came meanwhile has made it grow.
            revision: stored.revision + 1,
            ..Job::clone(job)
        };
        if job.status == JobStatus::Completed {
            self.add_completed(&job.queue, job.finished_at.unwrap_or(attempt.started_at));
        }
        self.put(Arc::new(job));
        self.add_attempt(attempt.clone());
        Finished::Stored
    }

    fn update(&mut self, before: &Job, after: &Arc<Job>) -> Outcome {
        self.check_revision(before)?;
        if let Some(key) = &after.unique_key
            && !after.status.is_finished()
            && self.holder_of(key).is_some_and(|holder| holder.id != after.id)
        {
            return Err(ChangeError::UniqueKeyTaken { key: key.to_string() });
        }
        self.put(Arc::clone(after));
        Ok(Applied::Updated)
    }

    fn delete(&mut self, job: &Job) -> Outcome {
        self.check_revision(job)?;
        self.remove(job.id);
        Ok(Applied::Deleted)
    }

    fn check_revision(&self, read: &Job) -> Result<(), ChangeError> {
        let is_as_read = self.job(read.id).is_some_and(|stored| stored.revision == read.revision);
        if is_as_read { Ok(()) } else { Err(ChangeError::Conflict) }
    }

    fn heartbeat(&mut self, node: NodeId, lease: TimeSpan, now: Instant) -> Applied {
        // One server at a time: whoever says that it lives has outlived the others.
        self.leases.retain(|other, _| *other == node);
        // A lease longer than the clock can tell is none.
        self.leases.insert(node, now.checked_add(lease.to_std()).unwrap_or(now));
        Applied::Alive
    }

    /// Removes the oldest jobs that are meant.
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

fn removed(count: usize) -> Applied {
    Applied::Removed(u64::try_from(count).unwrap_or(u64::MAX))
}
