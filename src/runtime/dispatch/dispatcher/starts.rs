//! Starts of due jobs for the workers of this node, from memory or by claims from storage.

use std::sync::Arc;
use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tracing::{debug, error, warn};

use super::{Assigned, FAILURE_BACKOFF, QueueDispatcher};
use crate::domain::job::Job;
use crate::runtime::actor::failure_log::MaybeOutage;
use crate::runtime::dispatch::concurrency_limits::ConcurrencyPermit;
use crate::runtime::dispatch::messages::RunJob;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::messages::{ChangeResult, WritePriority};
use crate::storage::change::{Applied, Change, Claim, JobChange};

impl QueueDispatcher {
    pub(super) fn start_from_memory(&mut self, allowed: usize, ctx: &mut Context<Self>) {
        let limits = &self.deps.type_limits;
        let ready = &mut self.ready;
        let (jobs, permits): (Vec<Arc<Job>>, Vec<ConcurrencyPermit>) =
            std::iter::from_fn(|| ready.pop(|job| limits.acquire(&job.job_type)))
                .take(allowed)
                .unzip();
        self.start(&jobs, permits, ctx);
    }

    /// Stores the starts of these jobs, and assigns them to workers after the commit.
    pub(super) fn start(&mut self, jobs: &[Arc<Job>], permits: Vec<ConcurrencyPermit>, ctx: &mut Context<Self>) {
        if jobs.is_empty() {
            return;
        }
        let now = self.deps.clock.now();
        let jobs: Vec<Arc<Job>> = jobs
            .iter()
            .map(|job| Arc::new(job.start(self.deps.node, now)))
            .collect();
        let count = self.reserve(jobs.len());
        let sent_at = Instant::now();
        let recorded = self.deps.writer.write_one(
            Change::Job(JobChange::Start { jobs: jobs.clone() }),
            WritePriority::Internal,
        );
        ctx.spawn(recorded.into_actor(self).map(move |result, queue, ctx| {
            queue.unreserve(count);
            match result {
                Ok(Ok(Applied::Started(started))) => {
                    queue.pace.committed(sent_at.elapsed());
                    queue.return_tokens(started.iter().filter(|started| !**started).count(), ctx);
                    for ((job, permit), started) in jobs.into_iter().zip(permits).zip(started) {
                        // Not started: it was cancelled, updated or claimed by another node in between, which has
                        // announced it again.
                        if started {
                            queue.assign(without_claim(job), permit);
                        } else if permit.is_some() {
                            queue.ready.unpark();
                            queue.notify_limit_freed(ctx);
                        }
                    }
                }
                other => queue.back_off("start", other, ctx),
            }
            queue.forget_early_cancels();
            queue.dispatch(ctx);
        }));
    }

    /// Claims jobs for each claim group that storage may have more of. One round at a time: workers that become idle
    /// meanwhile are served by the next round.
    pub(super) fn claim_from_storage(&mut self, allowed: usize, ahead: usize, ctx: &mut Context<Self>) {
        if self.claims > 0 {
            return;
        }
        let mut left = allowed;
        self.next_group += 1;
        for turn in 0..self.groups.len() {
            let index = (self.next_group + turn) % self.groups.len();
            let group = &self.groups[index];
            if group.is_dry {
                continue;
            }
            if ahead > 0 && !group.is_limited {
                // The only group without a limit. Its jobs begin once they are claimed, on any idle worker.
                self.claim_ahead(index, std::mem::take(&mut left) + ahead, ctx);
                continue;
            }
            if left == 0 {
                continue;
            }
            let permits: Vec<ConcurrencyPermit> = if group.is_limited {
                // Acquired before the claim, so that no more is claimed than may run. If none is available, the
                // completion of a job of this type sends a notification.
                let job_type = &group.job_types[0];
                std::iter::from_fn(|| self.deps.type_limits.acquire(job_type))
                    .take(left)
                    .collect()
            } else {
                std::iter::repeat_with(|| None).take(left).collect()
            };
            if !permits.is_empty() {
                left -= permits.len();
                self.claim(index, permits, ctx);
            }
        }
    }

    pub(super) fn claim(&mut self, index: usize, permits: Vec<ConcurrencyPermit>, ctx: &mut Context<Self>) {
        let count = self.reserve(permits.len());
        self.claims += 1;
        let arrivals = self.arrivals;
        let claim = Claim {
            queue: self.deps.settings.name.clone(),
            limit: u32::try_from(count).unwrap_or(u32::MAX),
            job_types: Arc::clone(&self.groups[index].job_types),
            node: self.deps.node,
            now: self.deps.clock.now(),
            bytes: None,
            is_ahead: false,
        };
        let sent_at = Instant::now();
        let recorded = self
            .deps
            .writer
            .write_one(Change::Job(JobChange::Claim(claim)), WritePriority::Internal);
        ctx.spawn(recorded.into_actor(self).map(move |result, queue, ctx| {
            queue.claims -= 1;
            queue.unreserve(count);
            match result {
                Ok(Ok(Applied::Claimed(jobs))) => {
                    queue.pace.committed(sent_at.elapsed());
                    let is_short = jobs.len() < count;
                    queue.return_tokens(count.saturating_sub(jobs.len()), ctx);
                    queue.groups[index].is_dry = is_short && arrivals == queue.arrivals;
                    for (job, permit) in jobs.into_iter().zip(permits) {
                        queue.assign(job, permit);
                    }
                    if is_short && queue.groups[index].is_limited {
                        queue.notify_limit_freed(ctx);
                    }
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

    /// Switches to claims from storage, which has due jobs that memory lacks.
    pub(super) fn fetch_from_storage(&mut self) {
        self.ready.use_storage();
        self.arrivals += 1;
        for group in &mut self.groups {
            group.is_dry = false;
        }
    }

    pub(super) fn forget_early_cancels(&mut self) {
        if !self.is_storing() {
            self.early_cancels.clear();
        }
    }

    /// Assigns a job that is stored as running, or claimed by this node, to a worker.
    pub(super) fn assign(&mut self, job: Arc<Job>, permit: ConcurrencyPermit) {
        let is_cancelled = job.cancel_requested || self.early_cancels.remove(&(job.id, job.attempt));
        let Some(worker) = self.idle.pop() else {
            // Never more jobs are started than workers are idle; if it happens, orphan recovery requeues the job.
            error!(job.id = %job.id, "no idle worker for job {}", job.id);
            return;
        };
        self.is_idle[worker] = false;
        self.running.insert(
            (job.id, job.attempt),
            Assigned {
                worker,
                job_type: job.job_type.clone(),
                at: Instant::now(),
            },
        );
        let run = RunJob {
            job,
            permit,
            is_cancelled,
        };
        if self.deps.workers[worker].try_send(run).is_err() {
            error!(queue = %self.deps.settings.name, "worker {worker} rejected a job: its mailbox is full or closed");
        }
    }

    /// A failed start or claim, whose stored state is unknown. Orphan recovery finds jobs that were started
    /// nevertheless.
    pub(super) fn back_off(&mut self, what: &str, result: Result<ChangeResult, WriteError>, ctx: &mut Context<Self>) {
        let reason = match result {
            Ok(Ok(applied)) => format!("unexpected result from storage: {applied:?}"),
            Ok(Err(refused)) => refused.to_string(),
            Err(failure) if failure.is_outage() => {
                debug!(queue = %self.deps.settings.name, "failed to {what} jobs of queue {}: {failure}", self.deps.settings.name);
                self.fetch_from_storage();
                self.wait(FAILURE_BACKOFF, ctx);
                return;
            }
            Err(failure) => failure.to_string(),
        };
        warn!(queue = %self.deps.settings.name, "failed to {what} jobs of queue {}: {reason}", self.deps.settings.name);
        self.fetch_from_storage();
        self.wait(FAILURE_BACKOFF, ctx);
    }
}

/// The job as it is stored after its start.
fn without_claim(mut job: Arc<Job>) -> Arc<Job> {
    if job.claimed_by.is_some() {
        Arc::make_mut(&mut job).claimed_by = None;
    }
    job
}
