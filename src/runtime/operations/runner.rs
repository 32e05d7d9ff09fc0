//! The OperationRunner: makes the steps of bulk operations.
//!
//! Every node has one, of which the leader's works ([`crate::domain::cluster::leadership`]): it requests leadership while
//! there is an operation to run, and its steps carry the fencing token. Operations run one after another, so that of two
//! operations on the same jobs the second one finds the jobs as the first one has left them. Paused ones let others pass.
//!
//! A step is one commit: the changes of up to 500 jobs, the cursor and the counts. A node that takes over continues
//! behind the last committed step. Each round reads the operations again, so that one that is paused or cancelled by
//! another node stops after a step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, Supervised, WrapFuture};
use chrono::{DateTime, Utc};

pub(crate) use super::deps::OperationRunnerDeps;
use super::deps::RoundError;
use super::messages::OperationsChanged;
use super::pace::Pace;
use super::step::StepEnd;
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::events::event::{Event, OperationEventKind};
use crate::domain::operation::Operation;
use crate::domain::operation::status::OperationStatus;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::cluster::messages::Broadcast;
use crate::runtime::cluster::renewal_interval::renewal_interval;
use crate::runtime::schedule::messages::StopLeading;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, ClusterChange};
use crate::storage::cluster_message::Signal;
use crate::storage::repository::RepositoryError;

/// Capacity of the mailbox.
pub(crate) const MAILBOX_CAPACITY: usize = 1_024;
/// Maximum time between two reads of the operations.
const MAX_SLEEP: Duration = Duration::from_secs(5);
/// The same if other nodes start operations: their signals may be lost.
const MAX_SLEEP_SHARED: Duration = Duration::from_secs(1);
/// Delay before a failed read or write of storage is retried.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// Number of reads in sequence that may time out before the operation fails, so that others have their turn.
const TIMEOUTS_MAX: u32 = 4;
/// Minimum time between two events about the progress of an operation.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// Leadership, as far as the runner knows.
#[derive(Clone, Copy)]
struct Lead {
    token: FencingToken,
    renewed_at: Instant,
}

/// The state between rounds.
#[derive(Clone)]
struct State {
    lead: Option<Lead>,
    pace: Pace,
    /// The last event about progress.
    reported_at: Option<Instant>,
    /// Number of reads in sequence that timed out.
    timeouts: u32,
}

/// When the next round is due.
enum Next {
    At(DateTime<Utc>),
    After(Duration),
    /// When there are other operations.
    Idle,
}

impl OperationRunnerDeps {
    fn sleep_max(&self) -> Duration {
        if self.repository.is_shared() {
            MAX_SLEEP_SHARED
        } else {
            MAX_SLEEP
        }
    }

    /// Makes a step of the operation whose turn it is.
    async fn round(&self, state: &mut State) -> Result<Next, RoundError> {
        let open = self.repository.open_operations().await?;
        let now = self.clock.now();
        let Some(operation) = next_of(&open, now) else {
            let waiting = open
                .iter()
                .filter(|operation| operation.status == OperationStatus::Pending);
            let first = waiting.map(|operation| operation.starts_at).min();
            return Ok(first.map_or(Next::Idle, Next::At));
        };
        let Some(token) = self.lead(state).await? else {
            // A request waits for the leader's step.
            return Ok(Next::After(renewal_interval(self.lease).min(MAX_SLEEP)));
        };
        let end = match self.step(operation, token, state.pace.jobs()).await {
            Err(RoundError::Read(RepositoryError::TimedOut { time })) if state.timeouts >= TIMEOUTS_MAX => {
                state.timeouts = 0;
                let error = format!(
                    "reading its next jobs timed out after {} s, several times; narrow the filter",
                    time.as_secs_f64()
                );
                let failed = operation.failed(Arc::from(error), self.clock.now());
                self.replace(operation, failed).await?
            }
            Err(failure) => {
                let is_timeout = matches!(failure, RoundError::Read(RepositoryError::TimedOut { .. }));
                state.timeouts += u32::from(is_timeout);
                return Err(failure);
            }
            Ok(end) => end,
        };
        state.timeouts = 0;
        match end {
            StepEnd::Made { operation, jobs, took } => {
                self.report(&operation, state);
                Ok(Next::After(state.pace.record(jobs, took, Instant::now())))
            }
            StepEnd::Changed => Ok(Next::After(Duration::ZERO)),
            StepEnd::NoLead => {
                state.lead = None;
                Ok(Next::After(Duration::ZERO))
            }
        }
    }

    /// The token under which this node leads; `None` while another one does.
    async fn lead(&self, state: &mut State) -> Result<Option<FencingToken>, WriteError> {
        if let Some(lead) = state.lead
            && lead.renewed_at.elapsed() < renewal_interval(self.lease)
        {
            return Ok(Some(lead.token));
        }
        let renewed_at = Instant::now();
        let lead = Change::Cluster(ClusterChange::Lead {
            node: self.node,
            lease: self.lease,
        });
        let token = match self.writer.write_one(lead, WritePriority::Internal).await? {
            Ok(Applied::Led(token)) => token,
            Ok(_) | Err(_) => None,
        };
        state.lead = token.map(|token| Lead { token, renewed_at });
        Ok(token)
    }

    /// Publishes the progress of a running operation, at intervals.
    fn report(&self, operation: &Arc<Operation>, state: &mut State) {
        let is_early = state.reported_at.is_some_and(|at| at.elapsed() < PROGRESS_INTERVAL);
        if operation.status != OperationStatus::Running || is_early {
            return;
        }
        state.reported_at = Some(Instant::now());
        self.event_bus.publish(vec![Event::Operation {
            kind: OperationEventKind::Progress,
            at: self.clock.now(),
            operation: Arc::clone(operation),
        }]);
        if let Some(notifier) = &self.notifier {
            let signal = Signal::Operation {
                kind: OperationEventKind::Progress,
                id: operation.id,
            };
            // A lost message costs subscribers of other nodes one report.
            drop(notifier.try_send(Broadcast { signals: vec![signal] }));
        }
    }
}

/// The operation whose turn it is: the running one, or else the first one whose grace period has ended.
fn next_of(open: &[Arc<Operation>], now: DateTime<Utc>) -> Option<&Arc<Operation>> {
    let running = open
        .iter()
        .find(|operation| operation.status == OperationStatus::Running);
    running.or_else(|| {
        open.iter()
            .filter(|operation| operation.status == OperationStatus::Pending && operation.starts_at <= now)
            .min_by_key(|operation| (operation.starts_at, operation.id))
    })
}

/// The actor.
pub(crate) struct OperationRunner {
    deps: OperationRunnerDeps,
    /// `None` during a round.
    state: Option<State>,
    timer: Option<SpawnHandle>,
    round: Option<SpawnHandle>,
    must_read_again: bool,
    is_stopped: bool,
}

impl OperationRunner {
    /// A runner that reads the operations when it starts.
    pub(crate) fn new(deps: OperationRunnerDeps) -> Self {
        let state = State {
            lead: None,
            pace: Pace::new(deps.others.clone()),
            reported_at: None,
            timeouts: 0,
        };
        Self {
            deps,
            state: Some(state),
            timer: None,
            round: None,
            must_read_again: false,
            is_stopped: false,
        }
    }

    /// Starts a round, now or after the current one.
    fn start_round(&mut self, ctx: &mut Context<Self>) {
        if self.is_stopped {
            return;
        }
        let Some(mut state) = self.state.take() else {
            self.must_read_again = true;
            return;
        };
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let deps = self.deps.clone();
        let round = async move {
            let next = deps.round(&mut state).await;
            (next, state)
        };
        self.round = Some(ctx.spawn(round.into_actor(self).map(|(next, state), runner, ctx| {
            runner.state = Some(state);
            let must_read_again = std::mem::take(&mut runner.must_read_again);
            let wait = match next {
                Ok(_) if must_read_again => Duration::ZERO,
                Ok(Next::After(wait)) => wait,
                Ok(Next::At(at)) => {
                    let left = (at - runner.deps.clock.now()).to_std().unwrap_or_default();
                    left.min(runner.deps.sleep_max())
                }
                Ok(Next::Idle) => runner.deps.sleep_max(),
                Err(failure) => {
                    log_failure!(failure, "a step of a bulk operation failed, retrying: {failure}");
                    RETRY_DELAY
                }
            };
            runner.check_later(wait, ctx);
        })));
    }

    fn check_later(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.timer = Some(ctx.run_later(wait, |runner, ctx| {
            runner.timer = None;
            runner.start_round(ctx);
        }));
    }
}

impl Actor for OperationRunner {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.start_round(ctx);
    }
}

impl Supervised for OperationRunner {
    fn restarting(&mut self, _: &mut Context<Self>) {
        *self = Self::new(self.deps.clone());
    }
}

report_mailbox_lag!(OperationRunner);

impl Handler<StopLeading> for OperationRunner {
    type Result = ();

    fn handle(&mut self, StopLeading: StopLeading, ctx: &mut Context<Self>) {
        self.is_stopped = true;
        // A step whose commit has been requested is made; the next node continues behind it.
        for running in [self.timer.take(), self.round.take()].into_iter().flatten() {
            ctx.cancel_future(running);
        }
    }
}

impl Handler<OperationsChanged> for OperationRunner {
    type Result = ();

    fn handle(&mut self, OperationsChanged: OperationsChanged, ctx: &mut Context<Self>) {
        self.start_round(ctx);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::access::caller::Caller;
    use crate::domain::operation::action::Action;
    use crate::domain::operation::{Requester, Total};
    use crate::domain::values::id::{JobId, OperationId};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
    }

    /// An operation that was previewed and started at these times.
    fn started(previewed: i64, started: i64) -> Operation {
        let (id, up_to) = (OperationId::new(at(previewed), 0), JobId::last_at(at(previewed)));
        let (filter, requester) = (Arc::from("type:A"), Requester::of(&Caller::local()));
        let preview = Operation::preview(id, (Action::Cancel, filter), Total::default(), up_to, requester, at(0));
        let started = preview.started(TimeDelta::zero(), None, None, at(started));
        started.expect("a preview can be started")
    }

    #[test]
    fn operations_run_one_after_another_in_the_order_of_their_start() {
        let (first, second) = (started(2, 3), started(1, 5));
        let open = |operations: &[&Operation]| -> Vec<Arc<Operation>> {
            operations
                .iter()
                .map(|operation| Arc::new((*operation).clone()))
                .collect()
        };
        let next = |operations: &[&Operation], now| next_of(&open(operations), at(now)).map(|next| next.id);
        assert_eq!(next(&[&second, &first], 2), None, "the grace period lasts");
        assert_eq!(next(&[&second, &first], 9), Some(first.id));
        let running = second.stepped(None, at(6));
        assert_eq!(next(&[&running, &first], 9), Some(second.id), "it is not interrupted");
        let paused = running.paused().expect("it runs");
        assert_eq!(next(&[&paused, &first], 9), Some(first.id), "it lets others pass");
        assert_eq!(next(&[&paused], 9), None);
    }
}
