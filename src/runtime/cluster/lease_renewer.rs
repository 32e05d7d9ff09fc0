//! The LeaseRenewer: renews this node's lease.
//!
//! It renews the lease at a third of its duration: two renewals may fail before the lease expires. A stored renewal
//! extends the [`SharedNodeLease`]. When the lease expires, the LeaseRenewer interrupts all attempts of this node,
//! because another node may have recovered them; their outcomes are reported as usual and discarded if the job was
//! recovered. The next successful renewal resumes work. With storage that serves one node, the shared lease never
//! expires and the stored one only shows that the node is alive.
//!
//! After a pause of the process or a suspension of the machine that is longer than the lease, possibly no other node
//! has recovered anything. The lease is renewed first, and attempts that still belong to this node continue. No other
//! node can recover them between the renewal and the check (`if_orphaned` of
//! [`JobChange::Finish`](crate::storage::change::JobChange::Finish)).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, SpawnHandle, Supervised, WrapFuture};
use chrono::{DateTime, Utc};
use tracing::{debug, info, warn};

use super::messages::StopRenewing;
use super::node_lease::{SharedNodeLease, steady_now};
use super::renewal_interval::{RENEWALS_PER_LEASE, renewal_interval};
use crate::domain::job::attempt::{Attempt, AttemptKey, AttemptStatus};
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::JobType;
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::actor::failure_log::{MaybeOutage, log_failure};
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::dispatch::messages::{InterruptAll, InterruptAttempts, ReportAttempts, ResyncQueues};
use crate::runtime::dispatch::registry::QueueRegistry;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Change, ClusterChange};
use crate::storage::repository::JobRepository;

/// Capacity of the mailbox, which receives only the actor's own timers.
pub(crate) const MAILBOX_CAPACITY: usize = 16;

/// Number of attempts of a job that are read to find the finished ones.
const RECENT_ATTEMPTS: u32 = 20;

/// An expiry that is detected this late happened while the process was paused: otherwise a timer would have fired.
const PAUSE_THRESHOLD: Duration = Duration::from_secs(1);

/// Dependencies of the LeaseRenewer.
#[derive(Clone)]
pub(crate) struct LeaseRenewerDeps {
    /// Reads the running attempts.
    pub repository: Arc<dyn JobRepository>,
    /// Writes renewals.
    pub writer: WriterHandle,
    /// Interrupts running attempts.
    pub queues: Addr<QueueRegistry>,
    /// The lease that other actors check.
    pub node_lease: SharedNodeLease,
    /// This node.
    pub node: NodeId,
    /// Display name of the node.
    pub node_name: Arc<str>,
    /// Start time of the node.
    pub started_at: DateTime<Utc>,
    /// Duration of the lease without a renewal.
    pub lease: TimeSpan,
    /// Job types with a handler on this node.
    pub job_types: Arc<[JobType]>,
    /// Job types of those that remote workers may lease too.
    pub remote_types: Arc<[JobType]>,
}

impl LeaseRenewerDeps {
    /// Renews the lease. Returns whether it had expired.
    pub(crate) async fn renew(&self) -> Result<bool, WriteError> {
        let sent_at = steady_now();
        let heartbeat = Change::Cluster(ClusterChange::Heartbeat {
            node: self.node,
            name: Arc::clone(&self.node_name),
            started_at: self.started_at,
            lease: self.lease,
            job_types: Arc::clone(&self.job_types),
            remote_types: Arc::clone(&self.remote_types),
        });
        match self.writer.write_one(heartbeat, WritePriority::Internal).await? {
            Ok(_) => {
                let had_expired = !self.node_lease.is_open();
                self.node_lease.renewed(sent_at, self.lease.to_std());
                Ok(had_expired)
            }
            Err(refused) => Err(WriteError::Unavailable {
                reason: refused.to_string(),
            }),
        }
    }
}

/// The actor.
pub(crate) struct LeaseRenewer {
    deps: LeaseRenewerDeps,
    /// Fires when the lease expires.
    expiry: Option<SpawnHandle>,
    /// Timer of the next renewal, or the renewal in progress.
    renewal: Option<SpawnHandle>,
    has_interrupted: bool,
    /// `true` if storage was unavailable at the last renewal; that is logged as an outage.
    is_out: bool,
    /// `true` if the lease expired while the process was paused and the running attempts are not checked yet.
    is_unverified: bool,
    /// `true` once the node is about to leave. A cancelled timer that is already due fires again.
    has_stopped: bool,
}

impl LeaseRenewer {
    /// A LeaseRenewer of a lease that was just renewed.
    pub(crate) fn new(deps: LeaseRenewerDeps) -> Self {
        Self {
            deps,
            expiry: None,
            renewal: None,
            has_interrupted: false,
            is_out: false,
            is_unverified: false,
            has_stopped: false,
        }
    }

    fn renew_later(&mut self, ctx: &mut Context<Self>) {
        let wait = self.deps.lease.to_std() / RENEWALS_PER_LEASE;
        self.renewal = Some(ctx.run_later(wait, |renewer, ctx| {
            if renewer.has_stopped {
                return;
            }
            let deps = renewer.deps.clone();
            let renewal = async move { deps.renew().await };
            renewer.renewal = Some(ctx.spawn(renewal.into_actor(renewer).map(|renewed, renewer, ctx| {
                renewer.is_out = renewed.as_ref().is_err_and(MaybeOutage::is_outage);
                match renewed {
                    // The timer pauses while the machine sleeps, the lease does not.
                    Ok(true) if !renewer.has_interrupted => renewer.verify(ctx),
                    Ok(_) => renewer.renewed(ctx),
                    Err(failure) => log_failure!(failure, "failed to renew node lease: {failure}"),
                }
                renewer.renew_later(ctx);
            })));
        }));
    }

    /// Stops attempts that other nodes recovered while the lease was expired. It is renewed, so no more can be
    /// recovered.
    fn verify(&mut self, ctx: &mut Context<Self>) {
        let deps = self.deps.clone();
        let check = async move {
            // While the QueueRegistry restarts, its attempts are unknown and can't be stopped individually.
            let known = deps.queues.send(ReportAttempts).await.ok()?;
            let stored = match deps.repository.running_on(deps.node).await {
                Ok(stored) => stored,
                Err(failure) => {
                    log_failure!(failure, "failed to read the jobs that run on this node: {failure}");
                    return None;
                }
            };
            let own: HashSet<AttemptKey> = stored.into_iter().map(|job| (job.id, job.attempt)).collect();
            let taken: HashSet<AttemptKey> = known.difference(&own).copied().collect();
            // Some finished here since they were reported. A job with this number of attempts since then is no longer
            // running.
            let ids: Vec<JobId> = taken.iter().map(|(id, _)| *id).collect();
            match deps.repository.last_attempts(&ids, RECENT_ATTEMPTS).await {
                Ok(history) => Some(without_ended(taken, &history)),
                Err(failure) => {
                    log_failure!(
                        failure,
                        "failed to read the attempts of jobs that ran on this node: {failure}"
                    );
                    None
                }
            }
        };
        ctx.spawn(check.into_actor(self).map(|taken, renewer, ctx| {
            renewer.is_unverified = false;
            match taken {
                Some(taken) => {
                    warn!("the node's lease expired while the process was paused and is renewed; {} of its attempts were recovered by other nodes and are stopped", taken.len());
                    if !taken.is_empty() {
                        let attempts = Arc::new(taken);
                        deliver(&renewer.deps.queues, InterruptAttempts { attempts }, ctx);
                    }
                    deliver(&renewer.deps.queues, ResyncQueues, ctx);
                }
                None if !renewer.has_interrupted => {
                    renewer.interrupt_all(ctx);
                    renewer.renewed(ctx);
                }
                None => {}
            }
            renewer.watch_expiry(ctx);
        }));
    }

    fn renewed(&mut self, ctx: &mut Context<Self>) {
        if std::mem::take(&mut self.has_interrupted) {
            info!("node lease renewed; accepting jobs");
            deliver(&self.deps.queues, ResyncQueues, ctx);
        }
        self.watch_expiry(ctx);
    }

    /// Sets a timer for the expiry of the lease.
    fn watch_expiry(&mut self, ctx: &mut Context<Self>) {
        let Some(open_for) = self.deps.node_lease.open_for() else {
            return;
        };
        if let Some(expiry) = self.expiry.take() {
            ctx.cancel_future(expiry);
        }
        self.expiry = Some(ctx.run_later(open_for, |renewer, ctx| {
            renewer.expiry = None;
            if renewer.deps.node_lease.is_open() {
                renewer.watch_expiry(ctx);
                return;
            }
            renewer.expired(ctx);
        }));
    }

    fn expired(&mut self, ctx: &mut Context<Self>) {
        if self.deps.node_lease.closed_for() < PAUSE_THRESHOLD {
            self.interrupt_all(ctx);
            return;
        }
        // The renewal is due as well. If it fails, the running attempts are interrupted.
        self.is_unverified = true;
        ctx.run_later(renewal_interval(self.deps.lease), |renewer, ctx| {
            if renewer.is_unverified {
                renewer.interrupt_all(ctx);
            }
        });
    }

    fn interrupt_all(&mut self, ctx: &mut Context<Self>) {
        if self.is_out {
            debug!("node lease expired; aborting running jobs until it is renewed");
        } else {
            warn!("node lease expired; aborting running jobs until it is renewed");
        }
        self.has_interrupted = true;
        self.is_unverified = false;
        deliver(&self.deps.queues, InterruptAll, ctx);
    }
}

impl Actor for LeaseRenewer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if !self.has_stopped {
            self.watch_expiry(ctx);
            self.renew_later(ctx);
        }
    }
}

impl Supervised for LeaseRenewer {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // The state before the panic is unknown: running attempts are interrupted again, or orphan recovery finds
        // them.
        *self = Self {
            has_interrupted: true,
            has_stopped: self.has_stopped,
            ..Self::new(self.deps.clone())
        };
    }
}

report_mailbox_lag!(LeaseRenewer);

impl Handler<StopRenewing> for LeaseRenewer {
    type Result = ();

    fn handle(&mut self, StopRenewing: StopRenewing, ctx: &mut Context<Self>) {
        self.has_stopped = true;
        for timer in [self.renewal.take(), self.expiry.take()].into_iter().flatten() {
            // A renewal that was already sent is committed before later writes.
            ctx.cancel_future(timer);
        }
    }
}

/// The attempts that did not finish on their own node.
fn without_ended(mut taken: HashSet<AttemptKey>, history: &[Attempt]) -> HashSet<AttemptKey> {
    for attempt in history {
        if attempt.status != AttemptStatus::Lost {
            taken.remove(&(attempt.job_id, attempt.number));
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::memory::MemoryRepository;

    #[test]
    fn a_renewal_that_is_due_when_the_node_leaves_is_not_sent() {
        actix::System::new().block_on(async {
            // Mailboxes without actors: a renewal remains in the writer's.
            let (writer, queues) = (Context::new(), Context::new());
            let job_types: Arc<[JobType]> = Arc::from([]);
            let lease = TimeSpan::from_millis(300);
            let begin = tokio::time::Instant::now();
            let renewer = LeaseRenewer::new(LeaseRenewerDeps {
                repository: Arc::new(MemoryRepository::new()),
                writer: WriterHandle::new(writer.address()),
                queues: queues.address(),
                // Without expiry the timer of the renewal is the first that is polled.
                node_lease: SharedNodeLease::new(false),
                node: NodeId::from_uuid(uuid::Uuid::nil()),
                node_name: Arc::from("node"),
                started_at: DateTime::UNIX_EPOCH,
                lease,
                job_types: Arc::clone(&job_types),
                remote_types: Arc::from([]),
            })
            .start();
            // The renewal is due after 100 ms. A blocked thread wakes it and this test at once, this test first.
            let after = move |millis| begin + Duration::from_millis(millis);
            actix::spawn(async move {
                tokio::time::sleep_until(after(50)).await;
                std::thread::sleep(Duration::from_millis(100));
            });
            tokio::time::sleep_until(after(90)).await;
            renewer.send(StopRenewing).await.expect("the actor runs");
            // Its timers were polled before.
            renewer.send(StopRenewing).await.expect("the actor runs");
            // One here, one in the actor, and one in each renewal that was sent.
            assert_eq!(Arc::strong_count(&job_types), 2);
        });
    }

    #[test]
    fn a_finished_attempt_was_not_recovered() {
        let job = |number: u128| JobId::from_uuid(uuid::Uuid::from_u128(number));
        let ended = |number: u128, attempt, status| Attempt {
            job_id: job(number),
            number: attempt,
            status,
            started_at: DateTime::UNIX_EPOCH,
            ended_at: Some(DateTime::UNIX_EPOCH),
            error: None,
            error_detail: None,
            node: NodeId::from_uuid(uuid::Uuid::nil()),
        };
        let taken = HashSet::from([(job(1), 1), (job(2), 1), (job(3), 2), (job(4), 1)]);
        let history = [
            ended(1, 1, AttemptStatus::Completed),
            ended(2, 1, AttemptStatus::Lost),
            ended(3, 1, AttemptStatus::Failed),
        ];
        let expected = HashSet::from([(job(2), 1), (job(3), 2), (job(4), 1)]);
        assert_eq!(without_ended(taken, &history), expected);
    }
}
