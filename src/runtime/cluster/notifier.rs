//! The Notifier: wake-ups and events between the nodes that share a storage.
//!
//! Signals to other nodes are batched: the first is sent at once, those of the next `SEND_INTERVAL` together after
//! it, so a busy node sends a few messages a second instead of one per job. Signals of other nodes are handled like
//! local ones. Signals may be lost; the Scheduler, the OrphanRecovery and the QueueRegistry poll storage, and after a
//! gap in the connection everything is resynced.
//!
//! Events of jobs are sent only while another node has subscribers: such a node repeats its interest, which expires
//! after `INTEREST_TTL`.
//!
//! There is no Notifier when storage serves one node alone.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Recipient, Supervised, WrapFuture};
use futures_util::StreamExt;
use tokio::time::Instant;
use tracing::{debug, info};

use super::messages::{Broadcast, Received, Resync};
use super::remote_subscribers::RemoteSubscribers;
use crate::domain::events::event::{Event, OperationEventKind, QueueEventKind, Topic};
use crate::domain::job::Job;
use crate::domain::values::id::{JobId, NodeId, OperationId};
use crate::domain::values::name::QueueName;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox::{deliver, deliver_to};
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::dispatch::messages::{CancelJob, JobsAvailable, NodeDrainChanged, QueuePauseChanged, ResyncQueues};
use crate::runtime::dispatch::registry::QueueRegistry;
use crate::runtime::events::event_bus::EventBusHandle;
use crate::runtime::operations::messages::OperationsChanged;
use crate::runtime::schedule::due_jobs::Scheduler;
use crate::runtime::schedule::messages::{RecurringChanged, ResyncDueTimes};
use crate::runtime::schedule::recurring_jobs::RecurringScheduler;
use crate::storage::cluster_message::{ClusterMessage, JobSignal, Signal};
use crate::storage::repository::{JobRepository, RepositoryError};

/// Capacity of the mailbox.
pub(crate) const MAILBOX_CAPACITY: usize = 4_096;

/// Minimum time between two messages to other nodes.
const SEND_INTERVAL: Duration = Duration::from_millis(20);
/// Capacity of the send buffer; further signals are dropped, and other nodes find the changes by polling.
const BUFFER_CAPACITY: usize = 20_000;
/// Interval at which a node with subscribers repeats its interest.
const INTEREST_INTERVAL: Duration = Duration::from_secs(5);
/// Time after which the interest of another node expires.
const INTEREST_TTL: Duration = Duration::from_secs(20);
/// Interval of checks for local subscribers.
const TICK: Duration = Duration::from_secs(1);
/// Delay before a failed connection is retried.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Dependencies of the Notifier.
#[derive(Clone)]
pub(crate) struct NotifierDeps {
    /// Sends and receives messages between nodes.
    pub repository: Arc<dyn JobRepository>,
    /// This node.
    pub node: NodeId,
    /// Receives wake-ups.
    pub queues: Addr<QueueRegistry>,
    /// Resyncs due times after a gap.
    pub scheduler: Addr<Scheduler>,
    /// Resyncs recurring jobs after a gap.
    pub recurring: Addr<RecurringScheduler>,
    /// Wakes the runner of bulk operations.
    pub operations: Recipient<OperationsChanged>,
    /// Publishes events of other nodes.
    pub event_bus: EventBusHandle,
    /// Set while other nodes have subscribers.
    pub remote_subscribers: RemoteSubscribers,
    /// Times of queue events.
    pub clock: Clock,
}

/// The actor.
pub(crate) struct Notifier {
    deps: NotifierDeps,
    /// Queues with due jobs to announce, each once per message.
    due: BTreeSet<QueueName>,
    waiting: Vec<Signal>,
    is_sending: bool,
    interested: HashMap<NodeId, Instant>,
    published_interest: Option<(bool, Instant)>,
}

impl Notifier {
    /// A Notifier without pending signals.
    pub(crate) fn new(deps: NotifierDeps) -> Self {
        Self {
            deps,
            due: BTreeSet::new(),
            waiting: Vec::new(),
            is_sending: false,
            interested: HashMap::new(),
            published_interest: None,
        }
    }

    /// Sends the pending signals, pauses, and repeats until none is left.
    fn send(&mut self, ctx: &mut Context<Self>) {
        let mut signals = std::mem::take(&mut self.waiting);
        let due = std::mem::take(&mut self.due);
        signals.extend(due.into_iter().map(|queue| Signal::JobsDue { queue }));
        if signals.is_empty() {
            self.is_sending = false;
            return;
        }
        self.is_sending = true;
        let (repository, node) = (Arc::clone(&self.deps.repository), self.deps.node);
        let sent = async move {
            let sent = repository.signal(node, &signals).await;
            tokio::time::sleep(SEND_INTERVAL).await;
            sent
        };
        ctx.spawn(sent.into_actor(self).map(|sent, notifier, ctx| {
            if let Err(failure) = sent {
                log_failure!(failure, "failed to notify other nodes, they will poll: {failure}");
            }
            notifier.send(ctx);
        }));
    }

    /// Listens to other nodes and reconnects whenever the connection is lost.
    fn listen(&self, ctx: &mut Context<Self>) {
        let (repository, node, own) = (Arc::clone(&self.deps.repository), self.deps.node, ctx.address());
        let listening = async move {
            let Some(mut messages) = repository.signals(node).await? else {
                return Ok(false);
            };
            // Earlier messages were not received.
            let mut next = Some(Ok(ClusterMessage::Gap));
            while let Some(message) = next {
                // The actor has stopped.
                match message? {
                    ClusterMessage::Signals { from, signals } => {
                        if own.send(Received { from, signals }).await.is_err() {
                            return Ok(true);
                        }
                    }
                    ClusterMessage::Gap => {
                        if own.send(Resync).await.is_err() {
                            return Ok(true);
                        }
                    }
                }
                next = messages.next().await;
            }
            Ok(true)
        };
        ctx.spawn(
            listening
                .into_actor(self)
                .map(|ended: Result<bool, RepositoryError>, _, ctx| {
                    match ended {
                        Ok(true) => {}
                        Ok(false) => {
                            // Due jobs, recurring jobs and queues are polled anyway.
                            info!(
                                "no LISTEN connection (database.pgbouncer): other nodes' changes are found by polling"
                            );
                            return;
                        }
                        Err(failure) => log_failure!(failure, "failed to listen to other nodes: {failure}"),
                    }
                    ctx.run_later(RETRY_DELAY, |notifier, ctx| notifier.listen(ctx));
                }),
        );
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        self.interested
            .retain(|_, received_at| now - *received_at < INTEREST_TTL);
        self.update_remote_subscribers();
        let is_any = self.deps.event_bus.is_any_in(Topic::Jobs);
        let is_current = self
            .published_interest
            .is_some_and(|(published, at)| published == is_any && (!is_any || now - at < INTEREST_INTERVAL));
        if !is_current && (is_any || self.published_interest.is_some()) {
            self.published_interest = Some((is_any, now));
            self.enqueue(vec![Signal::Interest { is_any }], ctx);
        }
    }

    fn update_remote_subscribers(&self) {
        let is_any = !self.interested.is_empty();
        self.deps.remote_subscribers.set(is_any);
    }

    fn enqueue(&mut self, signals: Vec<Signal>, ctx: &mut Context<Self>) {
        for signal in signals {
            if let Signal::JobsDue { queue } = signal {
                self.due.insert(queue);
            } else if signal == Signal::RecurringChanged && self.waiting.contains(&signal) {
                // Already pending.
            } else if self.waiting.len() < BUFFER_CAPACITY {
                self.waiting.push(signal);
            }
        }
        if !self.is_sending {
            self.is_sending = true;
            // Polled when the mailbox is empty, so that signals that arrive together are sent together.
            ctx.spawn(
                std::future::ready(())
                    .into_actor(self)
                    .map(|(), notifier, ctx| notifier.send(ctx)),
            );
        }
    }

    /// Reads the jobs that other nodes' signals refer to and publishes their events.
    fn publish(&self, jobs: Vec<JobSignal>, ctx: &mut Context<Self>) {
        let repository = Arc::clone(&self.deps.repository);
        let read = async move {
            let mut ids: Vec<JobId> = jobs.iter().map(|signal| signal.job_id).collect();
            ids.sort_unstable();
            ids.dedup();
            let read = repository.jobs_in_brief(&ids).await?;
            let by_id: HashMap<JobId, Arc<Job>> = read.into_iter().map(|job| (job.id, job)).collect();
            let events = jobs.iter().filter_map(|signal| event_of(*signal, &by_id));
            Ok::<Vec<Event>, RepositoryError>(events.collect())
        };
        // In sequence, so that the events of a job keep their order.
        ctx.wait(read.into_actor(self).map(|events, notifier, _| match events {
            Ok(events) if events.is_empty() => {}
            Ok(events) => notifier.deps.event_bus.publish(events),
            Err(failure) => log_failure!(
                failure,
                "failed to read changed jobs of other nodes; their events are dropped: {failure}"
            ),
        }));
    }

    /// Reads an operation that another node has changed and publishes its event.
    fn publish_of_operation(&self, kind: OperationEventKind, id: OperationId, ctx: &mut Context<Self>) {
        if !self.deps.event_bus.is_any_in(Topic::Operations) {
            return;
        }
        let (repository, at) = (Arc::clone(&self.deps.repository), self.deps.clock.now());
        let read = async move { repository.operation(id).await };
        ctx.wait(read.into_actor(self).map(move |read, notifier, _| match read {
            Ok(None) => {}
            Ok(Some(operation)) => {
                let event = Event::Operation { kind, at, operation };
                notifier.deps.event_bus.publish(vec![event]);
            }
            Err(failure) => log_failure!(
                failure,
                "failed to read an operation of another node; its event is dropped: {failure}"
            ),
        }));
    }

    fn publish_of_queue(&self, kind: QueueEventKind, queue: QueueName) {
        if self.deps.event_bus.is_any_in(Topic::Queues) {
            let at = self.deps.clock.now();
            self.deps.event_bus.publish(vec![Event::Queue { kind, at, queue }]);
        }
    }
}

/// The event of a signal: the job as stored now, with the status of the event. `None` if the job no longer exists.
fn event_of(JobSignal { kind, job_id, at }: JobSignal, by_id: &HashMap<JobId, Arc<Job>>) -> Option<Event> {
    let job = by_id.get(&job_id)?;
    let job = match kind.status() {
        Some(status) if status != job.status => Arc::new(Job {
            status,
            ..(**job).clone()
        }),
        Some(_) | None => Arc::clone(job),
    };
    Some(Event::Job { kind, at, job })
}

impl Actor for Notifier {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.listen(ctx);
        ctx.run_interval(TICK, Self::tick);
    }
}

impl Supervised for Notifier {
    fn restarting(&mut self, _: &mut Context<Self>) {
        *self = Self::new(self.deps.clone());
    }
}

report_mailbox_lag!(Notifier);

impl Handler<Broadcast> for Notifier {
    type Result = ();

    fn handle(&mut self, Broadcast { signals }: Broadcast, ctx: &mut Context<Self>) {
        self.enqueue(signals, ctx);
    }
}

impl Handler<Resync> for Notifier {
    type Result = ();

    fn handle(&mut self, Resync: Resync, ctx: &mut Context<Self>) {
        debug!("notification listener connected; resyncing");
        deliver(&self.deps.queues, ResyncQueues, ctx);
        deliver(&self.deps.scheduler, ResyncDueTimes, ctx);
        deliver(&self.deps.recurring, RecurringChanged, ctx);
    }
}

impl Handler<Received> for Notifier {
    type Result = ();

    fn handle(&mut self, Received { from, signals }: Received, ctx: &mut Context<Self>) {
        let mut jobs = Vec::new();
        for signal in signals {
            match signal {
                Signal::JobsDue { queue } => deliver(&self.deps.queues, JobsAvailable { queue }, ctx),
                Signal::QueueSwitched { queue, is_paused } => {
                    let kind = if is_paused {
                        QueueEventKind::Paused
                    } else {
                        QueueEventKind::Resumed
                    };
                    self.publish_of_queue(kind, queue.clone());
                    deliver(&self.deps.queues, QueuePauseChanged { queue, is_paused }, ctx);
                }
                Signal::QueueCleared { queue } => self.publish_of_queue(QueueEventKind::Cleared, queue),
                Signal::CancelAttempt { queue, job_id, attempt } => {
                    let cancel = CancelJob {
                        queue,
                        job_id,
                        attempt,
                        node: None,
                    };
                    deliver(&self.deps.queues, cancel, ctx);
                }
                Signal::DrainSwitched { node, is_draining } => {
                    deliver(&self.deps.queues, NodeDrainChanged { node, is_draining }, ctx);
                }
                Signal::RecurringChanged => deliver(&self.deps.recurring, RecurringChanged, ctx),
                Signal::Operation { kind, id } => {
                    if kind != OperationEventKind::Progress {
                        deliver_to(&self.deps.operations, OperationsChanged, ctx);
                    }
                    self.publish_of_operation(kind, id, ctx);
                }
                Signal::Job(job) => jobs.push(job),
                Signal::Interest { is_any: true } => {
                    self.interested.insert(from, Instant::now());
                    self.update_remote_subscribers();
                }
                Signal::Interest { is_any: false } => {
                    self.interested.remove(&from);
                    self.update_remote_subscribers();
                }
            }
        }
        if !jobs.is_empty() && self.deps.event_bus.is_any_in(Topic::Jobs) {
            self.publish(jobs, ctx);
        }
    }
}
