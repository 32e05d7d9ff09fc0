//! Claims ahead of starts: an idle worker begins a claimed job at once, without a commit in between.
//!
//! A claimed job is stored as pending and belongs to this node. The worker stores its start with its end, or earlier if the
//! attempt takes longer. A job with a lost attempt begins after its start is stored. Claims end without a start when the queue is paused, the node drains or stops, its lease expires, the
//! job is cancelled, or it has not begun within [`CLAIM_KEPT`].

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::claim_group::ClaimGroup;
use super::{FAILURE_BACKOFF, QueueDispatcher, Source};
use crate::domain::job::Job;
use crate::domain::job::attempt::AttemptKey;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::dispatch::claimed_jobs::{CLAIM_BYTES, CLAIM_KEPT, ClaimedJob};
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, ByteLimit, Change, Claim, JobChange};

impl QueueDispatcher {
    /// Begins claimed jobs on idle workers, unless memory has more urgent ones.
    pub(super) fn begin_claimed(&mut self, ctx: &mut Context<Self>) {
        if self.claimed.is_empty() || !self.deps.node_lease.is_open() {
            return;
        }
        let term = self.deps.node_lease.term();
        let (now, moment) = (self.deps.clock.now(), Instant::now());
        let (mut void, mut to_start) = (Vec::new(), Vec::new());
        while self.idle.len() > self.reserved + to_start.len() {
            if self.ready.source() == Source::Memory && self.ready.next_priority() > self.claimed.next_priority() {
                break;
            }
            let Some(claimed) = self.claimed.pop(moment) else { break };
            // While the lease was expired, another node may have recovered the job.
            if claimed.term != term {
                void.push(claimed.job);
            } else if claimed.job.begins_at_once() {
                self.assign(Arc::new(claimed.job.start(self.deps.node, now)), None);
            } else {
                to_start.push(claimed.job);
            }
        }
        let permits = to_start.iter().map(|_| None).collect();
        self.start(&to_start, permits, ctx);
        self.release(void, ctx);
    }

    /// Number of jobs to claim ahead now. Rate and concurrency limits are applied at starts: a queue with a rate limit claims
    /// none, nor does one that may have due jobs of a limited type, which the others would keep from the workers.
    pub(super) fn wanted_ahead(&mut self) -> usize {
        let is_limited = |group: &ClaimGroup| group.is_limited && !group.is_dry;
        let has_failed = !self.unreleased.is_empty();
        if !self.deps.claims_ahead || self.bucket.is_some() || has_failed || self.groups.iter().any(is_limited) {
            return 0;
        }
        if self.claimed.is_empty() {
            self.urgent = 0;
        }
        let wanted = self.pace.ahead(self.deps.workers.len(), Instant::now());
        if self.ready.source() == Source::Memory {
            // Jobs in memory are started one commit after the other. Claims from storage are faster.
            if wanted > 0 && self.ready.len() > 2 * self.deps.workers.len() {
                self.fetch_from_storage();
            } else {
                return 0;
            }
        }
        let missing = wanted.saturating_sub(self.claimed.len());
        // Few large claims rather than many small ones.
        let missing = if missing * 4 < wanted { 0 } else { missing };
        let missing = missing.max(self.urgent.min(self.deps.workers.len()));
        if self.claimed.has_room() { missing } else { 0 }
    }

    /// Claims due jobs of a group ahead of their start.
    pub(super) fn claim_ahead(&mut self, index: usize, count: usize, ctx: &mut Context<Self>) {
        self.claims += 1;
        self.claims_ahead += 1;
        self.claimed.reserve();
        self.urgent = 0;
        let (arrivals, term, sent_at) = (self.arrivals, self.deps.node_lease.term(), Instant::now());
        let claim = Claim {
            queue: self.deps.settings.name.clone(),
            limit: u32::try_from(count).unwrap_or(u32::MAX),
            job_types: Arc::clone(&self.groups[index].job_types),
            node: self.deps.node,
            now: self.deps.clock.now(),
            bytes: Some(ByteLimit {
                max: CLAIM_BYTES as u64,
                first_always: true,
            }),
            is_ahead: true,
        };
        let recorded = self
            .deps
            .writer
            .write_one(Change::Job(JobChange::Claim(claim)), WritePriority::Internal);
        ctx.spawn(recorded.into_actor(self).map(move |result, queue, ctx| {
            queue.claims -= 1;
            queue.claims_ahead -= 1;
            queue.claimed.unreserve();
            match result {
                Ok(Ok(Applied::Claimed(jobs))) => {
                    queue.pace.committed(sent_at.elapsed());
                    // A short claim may have reached its limit of bytes.
                    queue.groups[index].is_dry = jobs.is_empty() && arrivals == queue.arrivals;
                    queue.keep_claimed(jobs, term, ctx);
                }
                other => queue.back_off("claim", other, ctx),
            }
            if queue.groups.iter().all(|group| group.is_dry) {
                // Storage has no further due jobs: later ones are kept in memory.
                queue.ready.use_memory();
            }
            queue.forget_early_cancels();
            queue.dispatch(ctx);
        }));
    }

    fn keep_claimed(&mut self, jobs: Vec<Arc<Job>>, term: u64, ctx: &mut Context<Self>) {
        if !self.may_start() {
            self.release(jobs, ctx);
            return;
        }
        let at = Instant::now();
        let mut cancelled = Vec::new();
        for job in jobs {
            if job.held_attempt().is_some_and(|held| self.early_cancels.remove(&held)) {
                cancelled.push(job);
            } else {
                self.claimed.add(ClaimedJob { job, at, term });
            }
        }
        self.release(cancelled, ctx);
        self.release_later(ctx);
    }

    /// Releases the claimed jobs that do not begin in time.
    fn release_later(&mut self, ctx: &mut Context<Self>) {
        if self.is_release_timed || self.claimed.is_empty() {
            return;
        }
        self.is_release_timed = true;
        ctx.run_later(CLAIM_KEPT / 2, |queue, ctx| {
            queue.is_release_timed = false;
            let late = queue.claimed.take_late(Instant::now());
            queue.release(late, ctx);
            queue.release_later(ctx);
        });
    }

    /// Ends all claims of jobs that have not begun.
    pub(super) fn release_all(&mut self, ctx: &mut Context<Self>) {
        let jobs = self.claimed.take_all();
        self.release(jobs, ctx);
    }

    /// Ends the claims of these jobs, with retries until that is stored.
    pub(super) fn release(&mut self, jobs: Vec<Arc<Job>>, ctx: &mut Context<Self>) {
        if jobs.is_empty() {
            return;
        }
        let held = jobs
            .iter()
            .filter_map(|job| Some((job.held_attempt()?, Arc::clone(job))));
        self.releasing.extend(held);
        let change = Change::Job(JobChange::Release {
            jobs: jobs.clone(),
            now: self.deps.clock.now(),
        });
        let recorded = self.deps.writer.write_one(change, WritePriority::Internal);
        ctx.spawn(recorded.into_actor(self).map(move |result, queue, ctx| match result {
            Ok(_) => {
                for held in jobs.iter().filter_map(|job| job.held_attempt()) {
                    queue.releasing.remove(&held);
                }
                queue
                    .unreleased
                    .retain(|job| jobs.iter().all(|released| released.id != job.id));
                // The Writer announces them again, to this node and others.
                queue.dispatch(ctx);
            }
            Err(failure) => {
                let name = &queue.deps.settings.name;
                log_failure!(failure, queue = %name, "failed to release jobs of queue {name}, retrying: {failure}");
                queue
                    .unreleased
                    .retain(|job| jobs.iter().all(|failed| failed.id != job.id));
                queue.unreleased.extend(jobs);
                queue.release_again_later(ctx);
            }
        }));
    }

    fn release_again_later(&self, ctx: &mut Context<Self>) {
        ctx.run_later(FAILURE_BACKOFF, |queue, ctx| {
            if queue.claims_ahead > 0 {
                queue.release_again_later(ctx);
                return;
            }
            // Of a release that was stored nevertheless, the jobs may be claimed again: their claims are kept.
            let held: HashSet<AttemptKey> = queue.claimed.attempts().chain(queue.running.keys().copied()).collect();
            let jobs = std::mem::take(&mut queue.unreleased);
            let is_again = |job: &Arc<Job>| job.held_attempt().is_some_and(|attempt| held.contains(&attempt));
            let (again, jobs): (Vec<_>, Vec<_>) = jobs.into_iter().partition(is_again);
            for attempt in again.iter().filter_map(|job| job.held_attempt()) {
                queue.releasing.remove(&attempt);
            }
            queue.unreleased = jobs.clone();
            queue.release(jobs, ctx);
        });
    }

    /// Ends all claims without waiting for the result.
    pub(super) fn release_at_restart(&mut self) {
        let mut jobs = self.claimed.take_all();
        jobs.extend(self.releasing.drain().map(|(_, job)| job));
        if !jobs.is_empty() {
            let now = self.deps.clock.now();
            let change = Change::Job(JobChange::Release { jobs, now });
            // Sent during the call. If it fails, orphan recovery finds the jobs.
            drop(self.deps.writer.write_one(change, WritePriority::Internal));
        }
    }

    /// `true` while starts or claims are being stored.
    pub(super) fn is_storing(&self) -> bool {
        self.reserved > 0 || self.claims_ahead > 0
    }
}
