//! The OrphanRecovery: requeues running jobs that have lost their node or worker.
//!
//! A running job belongs to the node that stored its start while the node's lease is valid. Each round handles
//!
//! - orphans: jobs whose node has no valid lease. Their attempt finishes as lost and they are pending again. This
//!   node's own jobs are excluded, however late its lease was renewed. So finishes a job that the node has claimed
//!   ahead, which may have begun; one that begins after its start is stored has not, and its claim is released;
//! - cancelled jobs of this node and changes by other nodes, whose signals may be lost;
//! - unacknowledged attempts: stored as running or claimed here, but unknown to every worker in `ROUNDS` consecutive rounds,
//!   because the response to a start was lost or an actor panicked. They are recovered like orphans. A delayed round
//!   restarts the count: the process was paused, and its actors have not caught up.
//!
//! If two nodes find the same job, the attempt number lets only one of them change it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Supervised, WrapFuture};
use chrono::{DateTime, Utc};
use tracing::{trace, warn};

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
use crate::storage::change::{Applied, Change, Finished, JobChange, Released};
use crate::storage::query::RunningJob;
use crate::storage::repository::{JobRepository, RepositoryError};

/// Capacity of the mailbox, which receives only the actor's own timer.
pub(crate) const MAILBOX_CAPACITY: usize = 16;

/// Number of jobs that are recovered in one batch.
const BATCH_SIZE: u32 = 500;

/// Number of consecutive rounds in which an attempt must be unknown to be lost.
const ROUNDS: u32 = 3;

/// Attempts that are unknown to the workers of this node, with the number of consecutive rounds.
type Suspects = HashMap<AttemptKey, u32>;
/// A lost attempt: the job as started, if only its claim was stored, the job afterwards, and the attempt.
type LostAttempt = (Option<Arc<Job>>, Arc<Job>, Box<Attempt>);

/// Dependencies of the OrphanRecovery.
#[derive(Clone)]
pub(crate) struct OrphanRecoveryDeps {
    /// Reads running jobs.
    pub repository: Arc<dyn JobRepository>,
    /// Writes recovered jobs.
    pub writer: WriterHandle,
    /// Reports the attempts that run here.
    pub queues: Addr<QueueRegistry>,
    /// This node.
    pub node: NodeId,
    /// Duration of this node's lease.
    pub lease: TimeSpan,
    /// The time of day.
    pub clock: Clock,
}

/// Error of a round.
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
    /// Recovers the jobs of nodes without a valid lease. Returns their number.
    pub(crate) async fn recover_orphans(&self) -> Result<usize, OrphanRecoveryError> {
        let mut recovered = 0;
        loop {
            let orphans = self.repository.orphans(self.node, BATCH_SIZE).await?;
            let found = orphans.len();
            let applied = self.recover(orphans, true).await?;
            recovered += applied;
            // No change was applied: another node recovers them.
            if found < usize::try_from(BATCH_SIZE).unwrap_or(usize::MAX) || applied == 0 {
                return Ok(recovered);
            }
        }
    }

    /// Finishes the attempts of these jobs as lost; attempts of another node only if it has no valid lease at the
    /// commit. Returns their number.
    async fn recover(&self, jobs: Vec<Arc<Job>>, if_orphaned: bool) -> Result<usize, OrphanRecoveryError> {
        let now = self.clock.now();
        let (unbegun, jobs): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .partition(|job| job.claimed_by.is_some() && !job.begins_at_once());
        let released = self.release(unbegun, now).await?;
        if jobs.is_empty() {
            return Ok(released);
        }
        let lost_before = self.lost_before(&jobs).await?;
        let ends: Vec<LostAttempt> = jobs
            .iter()
            .map(|job| {
                let lost_before = lost_before.get(&job.id).copied().unwrap_or_default();
                match job.lose_claimed(lost_before, now) {
                    Some((started, after, attempt)) => (Some(Arc::new(started)), Arc::new(after), Box::new(attempt)),
                    None => {
                        let (after, attempt) = job.lose(lost_before, now);
                        (None, Arc::new(after), Box::new(attempt))
                    }
                }
            })
            .collect();
        let changes = ends.iter().map(|(started, job, attempt)| {
            Change::Job(JobChange::Finish {
                started: started.clone(),
                job: Arc::clone(job),
                attempt: attempt.clone(),
                if_orphaned,
            })
        });
        let results = self.writer.write(changes.collect(), WritePriority::Internal).await?;
        let mut count = released;
        for ((_, job, attempt), result) in ends.iter().zip(results) {
            if !matches!(result, Ok(Applied::Finished(Finished::Stored))) {
                continue;
            }
            count += 1;
            let consequence = match job.status {
                JobStatus::Pending => "requeued",
                JobStatus::Running | JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => "not requeued",
            };
            warn!(job.id = %job.id, attempt = attempt.number, "attempt {} of job {} lost (lease expired); {consequence}", attempt.number, job.id);
        }
        Ok(count)
    }

    /// Releases claimed jobs that have not begun. Returns their number.
    async fn release(&self, jobs: Vec<Arc<Job>>, now: DateTime<Utc>) -> Result<usize, OrphanRecoveryError> {
        if jobs.is_empty() {
            return Ok(0);
        }
        let change = Change::Job(JobChange::Release { jobs, now });
        Ok(match self.writer.write_one(change, WritePriority::Internal).await? {
            Ok(Applied::Released(released)) => released.iter().filter(|one| **one != Released::Lost).count(),
            Ok(_) | Err(_) => 0,
        })
    }

    /// Number of consecutive lost attempts of each job right before the one that is lost now.
    async fn lost_before(&self, jobs: &[Arc<Job>]) -> Result<HashMap<JobId, u32>, OrphanRecoveryError> {
        let held = jobs.iter().filter_map(|job| job.held_attempt());
        let ids: Vec<JobId> = held.filter(|(_, number)| *number > 1).map(|(id, _)| id).collect();
        let mut lost = HashMap::with_capacity(ids.len());
        if ids.is_empty() {
            return Ok(lost);
        }
        // Sorted by attempt within a job.
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

    /// Sends the stored draining state of this node to the queues.
    async fn read_drain(&self) -> Result<(), OrphanRecoveryError> {
        if !self.repository.is_shared() {
            // Only this node's own callers can change it.
            return Ok(());
        }
        let nodes = self.repository.nodes().await?;
        if let Some(own) = nodes.iter().find(|node| node.id == self.node) {
            let switched = NodeDrainChanged {
                node: self.node,
                is_draining: own.is_draining,
            };
            // Fails only while the QueueRegistry restarts, see below.
            let _ = self.queues.send(switched).await;
        }
        Ok(())
    }

    /// Repeats cancellations to the queues: the signal of another node may have been lost.
    async fn cancel_again(&self, running: &[RunningJob]) {
        for job in running.iter().filter(|job| job.cancel_requested) {
            let cancel = CancelJob {
                queue: job.queue.clone(),
                job_id: job.id,
                attempt: job.attempt,
                node: Some(self.node),
            };
            // The QueueRegistry may be restarting; the next round repeats it.
            let _ = self.queues.send(cancel).await;
        }
    }

    /// Recovers attempts that are stored as running here and that no worker knows.
    async fn recover_unacknowledged(&self, suspects: Suspects) -> Result<Suspects, OrphanRecoveryError> {
        let stored = self.repository.running_on(self.node).await?;
        self.cancel_again(&stored).await;
        if stored.is_empty() {
            return Ok(Suspects::new());
        }
        // While the QueueRegistry restarts, the running attempts are unknown and none is suspected.
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
        jobs.retain(|job| job.held_attempt().is_some_and(|attempt| lost.contains(&attempt)));
        self.recover(jobs, false).await?;
        Ok(unknown)
    }
}

/// The actor.
pub(crate) struct OrphanRecovery {
    deps: OrphanRecoveryDeps,
    suspects: Suspects,
}

impl OrphanRecovery {
    /// An OrphanRecovery whose first round is its next tick.
    pub(crate) fn new(deps: OrphanRecoveryDeps) -> Self {
        Self {
            deps,
            suspects: Suspects::new(),
        }
    }

    fn tick_later(&self, ctx: &mut Context<Self>) {
        let (wait, since) = (renewal_interval(self.deps.lease), steady_now());
        ctx.run_later(wait, move |rescuer, ctx| {
            let deps = rescuer.deps.clone();
            let mut suspects = std::mem::take(&mut rescuer.suspects);
            // Only the timer is measured: a round over slow storage may take longer than a pause.
            if is_after_a_pause(steady_now().saturating_sub(since), wait) {
                suspects.clear();
            }
            let round = async move {
                deps.recover_orphans().await?;
                // Signals of other nodes about paused, resumed or stored jobs may be lost, as may those of a local
                // actor that stopped before it sent them.
                let _ = deps.queues.send(ResyncQueues).await;
                deps.read_drain().await?;
                deps.recover_unacknowledged(suspects).await
            };
            ctx.spawn(round.into_actor(rescuer).map(|unknown, rescuer, ctx| {
                match unknown {
                    Ok(unknown) => {
                        rescuer.suspects = unknown;
                        trace!("orphan recovery finished");
                    }
                    Err(failure) => log_failure!(failure, "orphan recovery failed: {failure}"),
                }
                rescuer.tick_later(ctx);
            }));
        });
    }
}

/// `true` if a timer of `wait` fired so late that the process was paused.
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
        *self = Self::new(self.deps.clone());
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
