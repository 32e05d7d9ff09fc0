//! The Rescuer: brings back what nobody runs any more.
//!
//! A running job belongs to the node that stored its start, for as long as the node's lease lasts. At each tick the
//! Rescuer looks for
//!
//! - jobs whose node has no lease any more: it died. Their attempt ends as lost and they are pending again;
//! - jobs of this node that were asked to be cancelled, and what other nodes have changed: signals may be lost;
//! - jobs that storage says run here and that no worker knows of, twice in a row: a start whose answer was lost, or an
//!   actor that panicked. They are brought back the same way.
//!
//! Two nodes may find the same job: the attempt's number lets only one of them change it.

use std::collections::HashSet;
use std::sync::Arc;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Supervised, WrapFuture};
use chrono::TimeDelta;
use tracing::warn;

use super::clock::Clock;
use super::failure_log::log_failure;
use super::lease_keeper::part_of;
use super::queues::{CancelJob, LookEverywhere, Queues, ReportAll};
use super::recorder::{Origin, RecordError, RecorderHandle};
use crate::domain::attempt::AttemptStatus;
use crate::domain::id::{JobId, NodeId};
use crate::domain::job::Job;
use crate::domain::status::JobStatus;
use crate::domain::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, Finished};
use crate::storage::query::RunningJob;
use crate::storage::repository::{JobRepository, RepositoryError};

/// How many messages the mailbox holds; it hears none but its own timer.
pub const MAILBOX_CAPACITY: usize = 16;

/// How many jobs are brought back in one step.
const STEP: u32 = 500;

/// What the Rescuer is made of.
#[derive(Clone)]
pub struct RescuerParts {
    /// Where it looks.
    pub repository: Arc<dyn JobRepository>,
    /// Where it writes.
    pub recorder: RecorderHandle,
    /// Who knows what runs here.
    pub queues: Addr<Queues>,
    /// This node.
    pub node: NodeId,
    /// How long its jobs are its own without a heartbeat.
    pub lease: TimeSpan,
    /// Tells the time.
    pub clock: Clock,
}

/// Why a round could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum RescueError {
    /// Storage could not be read.
    #[error(transparent)]
    Read(#[from] RepositoryError),
    /// Storage could not be written.
    #[error(transparent)]
    Write(#[from] RecordError),
}

impl RescuerParts {
    /// Brings back the jobs of nodes that have no lease any more. Tells how many.
    pub async fn rescue_orphans(&self) -> Result<usize, RescueError> {
        let mut rescued = 0;
        loop {
            let orphans = self.repository.orphans(STEP).await?;
            let found = orphans.len();
            let applied = self.bring_back(orphans).await?;
            rescued += applied;
            // Nothing applied: another node is at it.
            if found < usize::try_from(STEP).unwrap_or(usize::MAX) || applied == 0 {
                return Ok(rescued);
            }
        }
    }

    async fn bring_back(&self, jobs: Vec<Arc<Job>>) -> Result<usize, RescueError> {
        if jobs.is_empty() {
            return Ok(0);
        }
        let now = self.clock.now();
        let mut changes = Vec::with_capacity(jobs.len());
        for job in &jobs {
            let lost_before = self.lost_before(job).await?;
            let (after, attempt) = job.lose(lost_before, now);
            let what_now = match after.status {
                JobStatus::Pending => "it runs again",
                JobStatus::Running | JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => "it has ended",
            };
            warn!(job.id = %job.id, attempt = job.attempt, "attempt {} of job {} was lost; {what_now}", job.attempt, job.id);
            changes.push(Change::Finish {
                job: Arc::new(after),
                attempt: Box::new(attempt),
            });
        }
        let results = self.recorder.record(changes, Origin::Inside).await?;
        Ok(results
            .iter()
            .filter(|result| matches!(result, Ok(Applied::Finished(Finished::Stored))))
            .count())
    }

    /// How many attempts of a job were lost one after the other right before the one that runs.
    async fn lost_before(&self, job: &Job) -> Result<u32, RescueError> {
        if job.attempt <= 1 {
            return Ok(0);
        }
        let attempts = self.repository.attempts(job.id).await?;
        let lost = attempts
            .iter()
            .rev()
            .take_while(|attempt| attempt.status == AttemptStatus::Lost)
            .count();
        Ok(u32::try_from(lost).unwrap_or(u32::MAX))
    }

    /// Tells the queues of cancellations once more: a signal of the node that was asked may have been lost.
    async fn cancel_again(&self, running: &[RunningJob]) {
        for job in running.iter().filter(|job| job.cancel_requested) {
            let cancel = CancelJob {
                queue: job.queue.clone(),
                job_id: job.id,
                attempt: job.attempt,
                node: Some(self.node),
            };
            // While Queues is being restarted nothing can be told; the next round tells it.
            let _ = self.queues.send(cancel).await;
        }
    }

    /// Finds what storage says runs here and nobody here knows of, in this round and in the one before.
    async fn rescue_strays(&self, suspects: HashSet<(JobId, u32)>) -> Result<HashSet<(JobId, u32)>, RescueError> {
        let half_a_lease = TimeDelta::microseconds(self.lease.as_micros() / 2);
        let started_before = self.clock.now() - half_a_lease;
        let mut stored = self.repository.running_on(self.node).await?;
        self.cancel_again(&stored).await;
        stored.retain(|job| job.started_at < started_before);
        if stored.is_empty() {
            return Ok(HashSet::new());
        }
        // While Queues is being restarted nobody can say what runs: then nothing is suspected.
        let Ok(activity) = self.queues.send(ReportAll).await else {
            return Ok(HashSet::new());
        };
        let known: HashSet<JobId> = activity.into_values().flat_map(|activity| activity.running).collect();
        let unknown: HashSet<(JobId, u32)> = stored
            .into_iter()
            .filter(|job| !known.contains(&job.id))
            .map(|job| (job.id, job.attempt))
            .collect();
        let mut lost = Vec::new();
        for (id, attempt) in unknown.intersection(&suspects) {
            if let Some(job) = self.repository.job(*id).await?
                && job.status == JobStatus::Running
                && job.attempt == *attempt
            {
                lost.push(job);
            }
        }
        self.bring_back(lost).await?;
        Ok(unknown)
    }
}

/// The actor. See the module.
pub struct Rescuer {
    parts: RescuerParts,
    suspects: HashSet<(JobId, u32)>,
}

impl Rescuer {
    /// A Rescuer that begins with its next tick.
    pub fn new(parts: RescuerParts) -> Self {
        Self {
            parts,
            suspects: HashSet::new(),
        }
    }

    fn tick_later(&self, ctx: &mut Context<Self>) {
        ctx.run_later(part_of(self.parts.lease), |rescuer, ctx| {
            let parts = rescuer.parts.clone();
            let suspects = std::mem::take(&mut rescuer.suspects);
            let round = async move {
                parts.rescue_orphans().await?;
                // As above: what other nodes have paused, resumed or stored may not have been heard of; nor what was stored
                // here when an actor ended before it could tell.
                let _ = parts.queues.send(LookEverywhere).await;
                parts.rescue_strays(suspects).await
            };
            ctx.spawn(round.into_actor(rescuer).map(|unknown, rescuer, ctx| {
                match unknown {
                    Ok(unknown) => rescuer.suspects = unknown,
                    Err(failure) => log_failure!(failure, "lost jobs could not be looked for: {failure}"),
                }
                rescuer.tick_later(ctx);
            }));
        });
    }
}

impl Actor for Rescuer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.tick_later(ctx);
    }
}

impl Supervised for Rescuer {
    fn restarting(&mut self, _: &mut Context<Self>) {
        *self = Self::new(self.parts.clone());
    }
}
