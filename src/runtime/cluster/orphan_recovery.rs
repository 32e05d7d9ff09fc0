//! The OrphanRecovery: brings back what nobody runs any more.
//!
//! A running job belongs to the node that stored its start, for as long as the node's lease lasts. At each tick the
//! OrphanRecovery looks for
//!
//! - jobs whose node has no lease any more: it died. Their attempt ends as lost and they are pending again. Its own jobs are
//!   none of them, however late its own lease was renewed: this node lives;
//! - jobs of this node that were asked to be cancelled, and what other nodes have changed: signals may be lost;
//! - attempts that storage says run here and that no worker knows of, in `ROUNDS` rounds in a row: a start whose answer was
//!   lost, or an actor that panicked. They are brought back the same way. A round that comes late starts the count again:
//!   the process was paused, and its actors have not caught up.
//!
//! Two nodes may find the same job: the attempt's number lets only one of them change it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Supervised, WrapFuture};
use tracing::warn;

use super::node_lease::steady_now;
use super::renewal_interval::renewal_interval;
use crate::domain::cluster::node_lease::Moment;
use crate::domain::job::Job;
use crate::domain::job::attempt::{Attempt, AttemptKey, AttemptStatus};
use crate::domain::job::lost_attempt::LOST_IN_A_ROW_MAX;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::{MaybeOutage, log_failure};
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::dispatch::messages::{CancelJob, NodeDrainChanged, ReportAttempts, ResyncQueues};
use crate::runtime::dispatch::registry::QueueRegistry;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, Finished};
use crate::storage::query::RunningJob;
use crate::storage::repository::{JobRepository, RepositoryError};

/// How many messages the mailbox holds; it hears none but its own timer.
pub const MAILBOX_CAPACITY: usize = 16;

/// How many jobs are brought back in one step.
const STEP: u32 = 500;

/// In how many rounds in a row an attempt must be unknown here before it counts as lost.
const ROUNDS: u32 = 3;

/// Attempts that no worker of this node knows of, and in how many rounds in a row.
type Suspects = HashMap<AttemptKey, u32>;

/// What the OrphanRecovery is made of.
#[derive(Clone)]
pub struct OrphanRecoveryDeps {
    /// Where it looks.
    pub repository: Arc<dyn JobRepository>,
    /// Where it writes.
    pub writer: WriterHandle,
    /// Who knows what runs here.
    pub queues: Addr<QueueRegistry>,
    /// This node.
    pub node: NodeId,
    /// How long its jobs are its own without a heartbeat.
    pub lease: TimeSpan,
    /// Tells the time.
    pub clock: Clock,
}

/// Why a round could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum OrphanRecoveryError {
    /// Storage could not be read.
    #[error(transparent)]
    Read(#[from] RepositoryError),
    /// Storage could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl MaybeOutage for OrphanRecoveryError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Read(failure) => failure.is_outage(),
            Self::Write(failure) => failure.is_outage(),
        }
    }
}

impl OrphanRecoveryDeps {
    /// Brings back the jobs of nodes that have no lease any more. Tells how many.
    pub async fn rescue_orphans(&self) -> Result<usize, OrphanRecoveryError> {
        let mut rescued = 0;
        loop {
            let orphans = self.repository.orphans(self.node, STEP).await?;
            let found = orphans.len();
            let applied = self.bring_back(orphans, true).await?;
            rescued += applied;
            // Nothing applied: another node is at it.
            if found < usize::try_from(STEP).unwrap_or(usize::MAX) || applied == 0 {
                return Ok(rescued);
            }
        }
    }

    /// Ends the attempts of these jobs as lost; those of another node only if it holds no lease at the commit. Tells how
    /// many.
    async fn bring_back(&self, jobs: Vec<Arc<Job>>, if_orphaned: bool) -> Result<usize, OrphanRecoveryError> {
        if jobs.is_empty() {
            return Ok(0);
        }
        let now = self.clock.now();
        let lost_before = self.lost_before(&jobs).await?;
        let ends: Vec<(Arc<Job>, Box<Attempt>)> = jobs
            .iter()
            .map(|job| {
                let (after, attempt) = job.lose(lost_before.get(&job.id).copied().unwrap_or_default(), now);
                (Arc::new(after), Box::new(attempt))
            })
            .collect();
        let changes = ends.iter().map(|(job, attempt)| Change::Finish {
            job: Arc::clone(job),
            attempt: attempt.clone(),
            if_orphaned,
        });
        let results = self.writer.write(changes.collect(), WritePriority::Internal).await?;
        let mut count = 0;
        for ((job, attempt), result) in ends.iter().zip(results) {
            if !matches!(result, Ok(Applied::Finished(Finished::Stored))) {
                continue;
            }
            count += 1;
            let what_now = match job.status {
                JobStatus::Pending => "it runs again",
                JobStatus::Running | JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => "it has ended",
            };
            warn!(job.id = %job.id, attempt = attempt.number, "attempt {} of job {} was lost; {what_now}", attempt.number, job.id);
        }
        Ok(count)
    }

    /// How many attempts of each of these jobs were lost one after the other right before the one that runs.
    async fn lost_before(&self, jobs: &[Arc<Job>]) -> Result<HashMap<JobId, u32>, OrphanRecoveryError> {
        let ids: Vec<JobId> = jobs.iter().filter(|job| job.attempt > 1).map(|job| job.id).collect();
        let mut lost = HashMap::with_capacity(ids.len());
        if ids.is_empty() {
            return Ok(lost);
        }
        // Those of one job come in their order.
        for attempt in self.repository.last_attempts(&ids, LOST_IN_A_ROW_MAX + 1).await? {
            let in_a_row = lost.entry(attempt.job_id).or_default();
            *in_a_row = match attempt.status {
                AttemptStatus::Lost => *in_a_row + 1,
                AttemptStatus::Running
                | AttemptStatus::Completed
                | AttemptStatus::Failed
                | AttemptStatus::Cancelled
                | AttemptStatus::Interrupted => 0,
            };
        }
        Ok(lost)
    }

    /// Tells the queues once more whether this node drains.
    async fn read_drain(&self) -> Result<(), OrphanRecoveryError> {
        if !self.repository.is_shared() {
            // Nobody but this node's own callers could have switched it.
            return Ok(());
        }
        let nodes = self.repository.nodes().await?;
        if let Some(own) = nodes.iter().find(|node| node.id == self.node) {
            let switched = NodeDrainChanged {
                node: self.node,
                is_draining: own.is_draining,
            };
            // As below.
            let _ = self.queues.send(switched).await;
        }
        Ok(())
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
            // While QueueRegistry is being restarted nothing can be told; the next round tells it.
            let _ = self.queues.send(cancel).await;
        }
    }

    /// Brings back the attempts that storage says run here and that no worker knows of.
    async fn rescue_strays(&self, suspects: Suspects) -> Result<Suspects, OrphanRecoveryError> {
        let stored = self.repository.running_on(self.node).await?;
        self.cancel_again(&stored).await;
        if stored.is_empty() {
            return Ok(Suspects::new());
        }
        // While QueueRegistry is being restarted nobody can say what runs: then nothing is suspected.
        let Ok(known) = self.queues.send(ReportAttempts).await else {
            return Ok(Suspects::new());
        };
        let mut unknown: Suspects = stored
            .into_iter()
            .map(|job| (job.id, job.attempt))
            .filter(|attempt| !known.contains(attempt))
            .map(|attempt| (attempt, suspects.get(&attempt).copied().unwrap_or_default() + 1))
            .collect();
        let lost: HashSet<AttemptKey> = unknown
            .extract_if(|_, rounds| *rounds >= ROUNDS)
            .map(|(attempt, _)| attempt)
            .collect();
        let ids: Vec<JobId> = lost.iter().map(|(id, _)| *id).collect();
        let mut jobs = if ids.is_empty() {
            Vec::new()
        } else {
            self.repository.jobs_in_brief(&ids).await?
        };
        jobs.retain(|job| job.status == JobStatus::Running && lost.contains(&(job.id, job.attempt)));
        self.bring_back(jobs, false).await?;
        Ok(unknown)
    }
}

/// The actor. See the module.
pub struct OrphanRecovery {
    parts: OrphanRecoveryDeps,
    suspects: Suspects,
}

impl OrphanRecovery {
    /// A OrphanRecovery that begins with its next tick.
    pub fn new(parts: OrphanRecoveryDeps) -> Self {
        Self {
            parts,
            suspects: Suspects::new(),
        }
    }

    fn tick_later(&self, ctx: &mut Context<Self>) {
        let (wait, since) = (renewal_interval(self.parts.lease), steady_now());
        ctx.run_later(wait, move |rescuer, ctx| {
            let parts = rescuer.parts.clone();
            let mut suspects = std::mem::take(&mut rescuer.suspects);
            // The timer alone is measured: a round over slow storage may take longer than a pause.
            if is_after_a_pause(steady_now().saturating_sub(since), wait) {
                suspects.clear();
            }
            let round = async move {
                parts.rescue_orphans().await?;
                // As above: what other nodes have paused, resumed or stored may not have been heard of; nor what was stored
                // here when an actor ended before it could tell.
                let _ = parts.queues.send(ResyncQueues).await;
                parts.read_drain().await?;
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

/// Whether a timer that was to ring after `wait` has rung so late that the process was paused.
fn is_after_a_pause(waited: Moment, wait: Duration) -> bool {
    waited > wait * 2
}

impl Actor for OrphanRecovery {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.tick_later(ctx);
    }
}

impl Supervised for OrphanRecovery {
    fn restarting(&mut self, _: &mut Context<Self>) {
        *self = Self::new(self.parts.clone());
    }
}

report_mailbox_lag!(OrphanRecovery);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_is_late_shows_a_pause() {
        let wait = Duration::from_secs(10);
        assert!(!is_after_a_pause(Duration::from_secs(12), wait));
        assert!(is_after_a_pause(Duration::from_secs(45), wait));
    }
}
