//! Starts, claims and ends of attempts.

use std::cmp::Reverse;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::apply::{Outcome, with_texts};
use super::tables::Tables;
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::status::JobStatus;
use crate::storage::change::{Applied, ByteLimit, ChangeError, Claim, Finished, Released, leaves_texts};

impl Tables {
    pub(super) fn start(&mut self, jobs: &[Arc<Job>], now: DateTime<Utc>) -> Outcome {
        let mut started = Vec::with_capacity(jobs.len());
        for job in jobs {
            let Some(node) = job.node.filter(|node| self.holds_lease(*node, now)) else {
                return Err(ChangeError::NoLease);
            };
            debug_assert_eq!(jobs[0].node, Some(node), "one node takes all of them");
            let stored = self
                .job(job.id)
                .filter(|stored| stored.status == JobStatus::Pending && stored.claimed_by == job.claimed_by)
                .filter(|stored| match job.claimed_by {
                    Some(_) => stored.attempt + 1 == job.attempt,
                    None => stored.revision + 1 == job.revision,
                });
            let running = stored.map(|stored| Job {
                claimed_by: None,
                // Cancellation was requested after the claim.
                cancel_requested: stored.cancel_requested,
                revision: stored.revision + 1,
                ..Job::clone(job)
            });
            started.push(running.is_some());
            if let Some(running) = running {
                self.roll_up_start(job);
                self.put(Arc::new(running));
            }
        }
        Ok(Applied::Started(started))
    }

    pub(super) fn claim(&mut self, claim: &Claim, now: DateTime<Utc>) -> Outcome {
        let Claim {
            queue,
            limit,
            job_types,
            node,
            now: due,
            bytes,
            is_ahead,
        } = claim;
        if !self.holds_lease(*node, now) {
            return Err(ChangeError::NoLease);
        }
        let mut found: Vec<&Arc<Job>> = self
            .jobs()
            .filter(|job| job.status == JobStatus::Pending && job.claimed_by.is_none())
            .filter(|job| job.queue == *queue && job.due_at <= *due)
            .filter(|job| job_types.contains(&job.job_type))
            .collect();
        found.sort_by_key(|job| (Reverse(job.priority), job.due_at, job.id));
        found.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
        if let Some(ByteLimit { max, first_always }) = bytes {
            let mut total = 0;
            let fitting = found.iter().enumerate().take_while(|(index, job)| {
                total += ByteLimit::bytes_of(job);
                total <= *max || *index == 0 && *first_always
            });
            let fitting = fitting.count();
            found.truncate(fitting);
        }
        let take = |job: &Arc<Job>| {
            Arc::new(if *is_ahead {
                job.claim(*node)
            } else {
                job.start(*node, *due)
            })
        };
        let claimed: Vec<Arc<Job>> = found.into_iter().map(take).collect();
        for job in &claimed {
            if !is_ahead {
                self.roll_up_start(job);
            }
            self.put(Arc::clone(job));
        }
        Ok(Applied::Claimed(claimed))
    }

    pub(super) fn release(&mut self, jobs: &[Arc<Job>], now: DateTime<Utc>) -> Applied {
        let mut released = Vec::with_capacity(jobs.len());
        for job in jobs {
            let stored = self.job(job.id).filter(|stored| {
                stored.claimed_by.is_some()
                    && stored.claimed_by == job.claimed_by
                    && stored.held_attempt() == job.held_attempt()
            });
            let Some(before) = stored.cloned() else {
                released.push(Released::Lost);
                continue;
            };
            let after = Arc::new(before.release(now));
            self.roll_up_update(&before, &after);
            self.put(Arc::clone(&after));
            released.push(if after.status == JobStatus::Cancelled {
                Released::Cancelled(after)
            } else {
                Released::Pending
            });
        }
        Applied::Released(released)
    }

    pub(super) fn finish(&mut self, started: Option<&Job>, job: &Arc<Job>, attempt: &Attempt) -> Finished {
        let claimed_by = started.map(|_| attempt.node);
        let Some(stored) = self.job(job.id).filter(|stored| {
            stored.held_attempt() == Some((job.id, attempt.number)) && stored.claimed_by == claimed_by
        }) else {
            return Finished::LeaseLost;
        };
        if job.status == JobStatus::Pending && stored.cancel_requested {
            return Finished::CancelRequested;
        }
        let changes = if started.is_some() { 2 } else { 1 };
        let job = Job {
            // A cancellation that was requested meanwhile has incremented it.
            revision: stored.revision + changes,
            ..with_texts(job, stored, leaves_texts(job, attempt))
        };
        if job.status == JobStatus::Completed {
            self.add_completed(&job.queue, job.finished_at.unwrap_or(attempt.started_at));
        }
        if let Some(started) = started {
            self.roll_up_start(started);
        }
        self.roll_up_end(&job, attempt);
        self.put(Arc::new(job));
        self.add_attempt(attempt.clone());
        Finished::Stored
    }
}
