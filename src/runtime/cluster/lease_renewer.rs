//! The LeaseRenewer: this node's own lease.
//!
//! It renews the lease at a third of its life: two renewals may fail before another node may take this node's jobs. When
//! a renewal is stored it opens the [`SharedNodeLease`]; when none was stored in time the gate closes by itself, and the
//! LeaseRenewer has everything given up that runs here: by then another node may be running it. The ends of what was given
//! up are reported like any other, and change nothing if the job was taken. Work goes on with the next renewal that
//! succeeds. Where storage serves one node alone the gate never closes, and the lease only says that the node lives.
//!
//! A process that was paused for longer than its lease, or a machine that slept, finds out afterwards. Perhaps no other node
//! was there to take anything: so the lease is renewed first, and what is still this node's own then goes on. No other node
//! can take it between the renewal and the check (`if_orphaned` of [`Change::Finish`]).

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
use crate::storage::change::Change;
use crate::storage::repository::JobRepository;

/// How many messages the mailbox holds; it hears none but its own timers.
pub const MAILBOX_CAPACITY: usize = 16;

/// How many of the last attempts of a job are read to find those that have ended.
const ENDED_LATELY: u32 = 20;

/// A lease that expired so long ago expired while the process was paused: otherwise a timer would have fired.
const LATE: Duration = Duration::from_secs(1);

/// What the LeaseRenewer is made of.
#[derive(Clone)]
pub struct LeaseRenewerDeps {
    /// What runs here, as it is stored.
    pub repository: Arc<dyn JobRepository>,
    /// Where it writes.
    pub writer: WriterHandle,
    /// Who has to give up what runs.
    pub queues: Addr<QueueRegistry>,
    /// What it opens.
    pub gate: SharedNodeLease,
    /// This node.
    pub node: NodeId,
    /// What people call it.
    pub node_name: Arc<str>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// How long its jobs are its own without a renewal.
    pub lease: TimeSpan,
    /// The job types that it has handlers for.
    pub job_types: Arc<[JobType]>,
    /// Those of them that remote workers may lease too.
    pub remote_types: Arc<[JobType]>,
}

impl LeaseRenewerDeps {
    /// Says that this node lives. Tells whether its lease had run out before.
    pub async fn renew(&self) -> Result<bool, WriteError> {
        let sent_at = steady_now();
        let heartbeat = Change::Heartbeat {
            node: self.node,
            name: Arc::clone(&self.node_name),
            started_at: self.started_at,
            lease: self.lease,
            job_types: Arc::clone(&self.job_types),
            remote_types: Arc::clone(&self.remote_types),
        };
        match self.writer.write_one(heartbeat, WritePriority::Internal).await? {
            Ok(_) => {
                let had_run_out = !self.gate.is_open();
                self.gate.renewed(sent_at, self.lease.to_std());
                Ok(had_run_out)
            }
            Err(refused) => Err(WriteError::Unavailable {
                reason: refused.to_string(),
            }),
        }
    }
}

/// The actor. See the module.
pub struct LeaseRenewer {
    parts: LeaseRenewerDeps,
    /// Fires when the gate closes.
    closing: Option<SpawnHandle>,
    /// Fires when the next renewal is due, or stands for the one that is on its way.
    renewal: Option<SpawnHandle>,
    has_given_up: bool,
    /// Whether storage could not be reached for the last renewal: that is logged as an outage.
    is_out: bool,
    /// Whether the lease had expired while the process was paused, and what runs has not been checked since.
    is_unverified: bool,
}

impl LeaseRenewer {
    /// A LeaseRenewer of a lease that has just been renewed.
    pub fn new(parts: LeaseRenewerDeps) -> Self {
        Self {
            parts,
            closing: None,
            renewal: None,
            has_given_up: false,
            is_out: false,
            is_unverified: false,
        }
    }

    fn renew_later(&mut self, ctx: &mut Context<Self>) {
        let wait = self.parts.lease.to_std() / RENEWALS_PER_LEASE;
        self.renewal = Some(ctx.run_later(wait, |keeper, ctx| {
            let parts = keeper.parts.clone();
            let renewal = async move { parts.renew().await };
            keeper.renewal = Some(ctx.spawn(renewal.into_actor(keeper).map(|renewed, keeper, ctx| {
                keeper.is_out = renewed.as_ref().is_err_and(MaybeOutage::is_outage);
                match renewed {
                    // The timer stands still while the machine sleeps, the lease does not.
                    Ok(true) if !keeper.has_given_up => keeper.verify(ctx),
                    Ok(_) => keeper.renewed(ctx),
                    Err(failure) => log_failure!(failure, "the node's lease could not be renewed: {failure}"),
                }
                keeper.renew_later(ctx);
            })));
        }));
    }

    /// Stops what was taken while the lease had expired. It is renewed, so that nothing more can be taken.
    fn verify(&mut self, ctx: &mut Context<Self>) {
        let parts = self.parts.clone();
        let check = async move {
            // While QueueRegistry is being restarted nothing is known, and nothing can be stopped one by one.
            let known = parts.queues.send(ReportAttempts).await.ok()?;
            let stored = match parts.repository.running_on(parts.node).await {
                Ok(stored) => stored,
                Err(failure) => {
                    log_failure!(failure, "failed to read the jobs that run on this node: {failure}");
                    return None;
                }
            };
            let own: HashSet<AttemptKey> = stored.into_iter().map(|job| (job.id, job.attempt)).collect();
            let taken: HashSet<AttemptKey> = known.difference(&own).copied().collect();
            // Some have ended here since they were reported. One that has had so many attempts since runs no more anyway.
            let ids: Vec<JobId> = taken.iter().map(|(id, _)| *id).collect();
            match parts.repository.last_attempts(&ids, ENDED_LATELY).await {
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
        ctx.spawn(check.into_actor(self).map(|taken, keeper, ctx| {
            keeper.is_unverified = false;
            match taken {
                Some(taken) => {
                    warn!("the node's lease expired while the process was paused and is renewed; {} of its attempts were recovered by other nodes and are stopped", taken.len());
                    if !taken.is_empty() {
                        let attempts = Arc::new(taken);
                        deliver(&keeper.parts.queues, InterruptAttempts { attempts }, ctx);
                    }
                    deliver(&keeper.parts.queues, ResyncQueues, ctx);
                }
                None if !keeper.has_given_up => {
                    keeper.give_up(ctx);
                    keeper.renewed(ctx);
                }
                None => {}
            }
            keeper.watch_gate(ctx);
        }));
    }

    fn renewed(&mut self, ctx: &mut Context<Self>) {
        if std::mem::take(&mut self.has_given_up) {
            info!("the node's lease is renewed: it takes jobs again");
            deliver(&self.parts.queues, ResyncQueues, ctx);
        }
        self.watch_gate(ctx);
    }

    /// Comes back when the gate closes, unless it stays open until then.
    fn watch_gate(&mut self, ctx: &mut Context<Self>) {
        let Some(open_for) = self.parts.gate.open_for() else {
            return;
        };
        if let Some(closing) = self.closing.take() {
            ctx.cancel_future(closing);
        }
        self.closing = Some(ctx.run_later(open_for, |keeper, ctx| {
            keeper.closing = None;
            if keeper.parts.gate.is_open() {
                keeper.watch_gate(ctx);
                return;
            }
            keeper.expired(ctx);
        }));
    }

    fn expired(&mut self, ctx: &mut Context<Self>) {
        if self.parts.gate.closed_for() < LATE {
            self.give_up(ctx);
            return;
        }
        // The renewal is due as well. Should it fail, what runs is given up.
        self.is_unverified = true;
        ctx.run_later(renewal_interval(self.parts.lease), |keeper, ctx| {
            if keeper.is_unverified {
                keeper.give_up(ctx);
            }
        });
    }

    fn give_up(&mut self, ctx: &mut Context<Self>) {
        if self.is_out {
            debug!(
                "the node's lease has run out: it gives up what it runs, and starts nothing until the lease is renewed"
            );
        } else {
            warn!(
                "the node's lease has run out: it gives up what it runs, and starts nothing until the lease is renewed"
            );
        }
        self.has_given_up = true;
        self.is_unverified = false;
        deliver(&self.parts.queues, InterruptAll, ctx);
    }
}

impl Actor for LeaseRenewer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.watch_gate(ctx);
        self.renew_later(ctx);
    }
}

impl Supervised for LeaseRenewer {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // Whether it had given up is not known: then what runs is given up once more, or found again by a look.
        *self = Self {
            has_given_up: true,
            ..Self::new(self.parts.clone())
        };
    }
}

report_mailbox_lag!(LeaseRenewer);

impl Handler<StopRenewing> for LeaseRenewer {
    type Result = ();

    fn handle(&mut self, StopRenewing: StopRenewing, ctx: &mut Context<Self>) {
        for timer in [self.renewal.take(), self.closing.take()].into_iter().flatten() {
            // A renewal that was sent already is committed before whatever is sent from now on.
            ctx.cancel_future(timer);
        }
    }
}

/// Of these attempts, those that did not end on their own node.
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

    #[test]
    fn an_attempt_that_has_ended_here_was_not_taken() {
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
