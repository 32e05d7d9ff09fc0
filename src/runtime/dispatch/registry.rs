//! QueueRegistry: which queues there are on this node.
//!
//! It makes a queue with its workers when the queue is named for the first time, and passes on what concerns a queue by
//! its name.

mod lease;
mod unused;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Recipient, ResponseFuture, Supervised,
    WrapFuture,
};
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tracing::info;

use super::backlog_gauge::BacklogGauge;
use super::blocked_handlers::BlockedHandlers;
use super::concurrency_limits::ConcurrencyLimits;
use super::dispatcher;
use super::dispatcher::{QueueDispatcher, QueueDispatcherDeps};
use super::messages::{
    CancelAttempt, CancelJob, ForceStop, InterruptAll, InterruptAttempts, IsIdle, JobsAvailable, JobsDue, JobsReady,
    LimitFreed, NodeDrainChanged, Poll, PollWhenIdle, QueueActivity, QueuePauseChanged, QueuesDue, ReportActivity,
    ReportAllActivity, ReportAttempts, ReportState, ResyncQueues, RetryLimitedTypes, SetNodeDraining, SetPaused,
    StopDispatching,
};
use super::worker;
use super::worker::{Worker, WorkerDeps};
use crate::domain::job::attempt::AttemptKey;
use crate::domain::queue::QueueSettings;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::{JobType, QueueName};
use crate::handlers::HandlerRegistry;
use crate::handlers::limits::HandlerLimits;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::actor::supervisor::{ActorSlot, Supervisor};
use crate::runtime::cluster::messages::Broadcast;
use crate::runtime::cluster::node_lease::SharedNodeLease;
use crate::runtime::monitoring::job_spans::Traces;
use crate::runtime::remote_workers::due_types::DueTypes;
use crate::runtime::remote_workers::job_waiters::JobWaiters;
use crate::runtime::writer::completion_batcher::CompletionBatcher;
use crate::runtime::writer::handle::WriterHandle;
use crate::storage::repository::{JobRepository, RepositoryError};

/// How many messages the mailbox holds: each is about what one commit has changed.
pub const MAILBOX_CAPACITY: usize = 4_096;

/// The wait before storage that could not be read is asked again.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// The time between two checks for unused queues.
const CHECK_EVERY: Duration = Duration::from_secs(60);

/// What QueueRegistry is made of, and makes queues of.
#[derive(Clone)]
pub struct QueueRegistryDeps {
    /// Which queues are paused.
    pub repository: Arc<dyn JobRepository>,
    /// The queues that the configuration names.
    pub configured: Arc<[QueueSettings]>,
    /// How many workers a queue has that it does not name.
    pub workers_by_default: NonZeroU32,
    /// Where work is recorded.
    pub writer: WriterHandle,
    /// What runs jobs.
    pub handlers: Arc<HandlerRegistry>,
    /// How large results and errors may be.
    pub limits: HandlerLimits,
    /// Where handlers run.
    pub handler_threads: Handle,
    /// How many jobs of a type may run.
    pub type_limits: ConcurrencyLimits,
    /// This node.
    pub node: NodeId,
    /// Tells the time.
    pub clock: Clock,
    /// How long a job that was told to stop may take to do so.
    pub cancel_grace: Duration,
    /// Where queues and workers live.
    pub arbiter: ArbiterHandle,
    /// What is known of the actors.
    pub supervisor: Supervisor,
    /// Whether jobs wait for workers.
    pub backlog: BacklogGauge,
    /// Where this actor itself is.
    pub own_address: Addr<QueueRegistry>,
    /// Whether this node may start jobs.
    pub gate: SharedNodeLease,
    /// Who tells other nodes, where there are any.
    pub notifier: Option<Recipient<Broadcast>>,
    /// Remote workers that wait for jobs.
    pub arrivals: JobWaiters,
    /// What is due, for workers that could run jobs of many queues.
    pub due_types: DueTypes,
    /// Where jobs stand in traces.
    pub traces: Traces,
    /// Handlers that block a thread after their attempt has ended.
    pub blocked: BlockedHandlers,
}

#[derive(Clone)]
struct RunningQueue {
    address: Addr<QueueDispatcher>,
    workers: Arc<[Addr<Worker>]>,
}

/// The actor. See the module.
pub struct QueueRegistry {
    parts: QueueRegistryDeps,
    queues: HashMap<QueueName, RunningQueue>,
    paused: HashMap<QueueName, bool>,
    /// Counts what was switched: what was read before a switch says nothing of what holds after it.
    switches: u64,
    /// Whether storage has said which queues are paused; no queue is started before.
    is_loaded: bool,
    /// QueueRegistry that were named before that. Storage may have been read before they came into being.
    named_early: HashSet<QueueName>,
    is_draining: bool,
    /// The queues that were named since a check for unused ones began; `None` while there is none.
    named_lately: Option<HashSet<QueueName>>,
    /// Whether this node starts no jobs until it is told to again.
    is_drained: bool,
    /// How often remote workers have asked.
    leases: usize,
}

impl QueueRegistry {
    /// No queues yet.
    pub fn new(parts: QueueRegistryDeps) -> Self {
        Self {
            parts,
            queues: HashMap::new(),
            paused: HashMap::new(),
            switches: 0,
            is_loaded: false,
            named_early: HashSet::new(),
            is_draining: false,
            named_lately: None,
            is_drained: false,
            leases: 0,
        }
    }

    /// Reads which queues there are and which are paused, and starts them.
    fn load(&mut self, ctx: &mut Context<Self>) {
        let repository = Arc::clone(&self.parts.repository);
        let now = self.parts.clock.now();
        let switches_before = self.switches;
        let read = async move { repository.queues(now).await };
        ctx.spawn(
            read.into_actor(self)
                .map(move |answer: Result<_, RepositoryError>, queues, ctx| match answer {
                    Ok(stored) => {
                        let mut named: Vec<QueueName> = queues
                            .parts
                            .configured
                            .iter()
                            .map(|settings| settings.name.clone())
                            .collect();
                        let switches = queues.switches;
                        for queue in stored {
                            named.push(queue.name.clone());
                            // What was switched while storage was read is newer than what was read.
                            if switches == switches_before {
                                queues.switch(queue.name, queue.is_paused, ctx);
                            }
                        }
                        queues.is_loaded = true;
                        named.extend(queues.named_early.drain());
                        for name in named {
                            queues.queue(&name);
                        }
                        if switches != switches_before {
                            queues.load(ctx);
                        }
                    }
                    Err(failure) => {
                        log_failure!(failure, "the queues could not be read, trying again: {failure}");
                        ctx.run_later(RETRY_WAIT, |queues, ctx| queues.load(ctx));
                    }
                }),
        );
    }

    fn switch(&mut self, name: QueueName, is_paused: bool, ctx: &mut Context<Self>) {
        let announced = name.clone();
        let was_paused = self.paused.insert(name.clone(), is_paused);
        if was_paused != Some(is_paused)
            && let Some(queue) = self.queue(&name)
        {
            deliver(&queue.address, SetPaused { is_paused }, ctx);
        }
        if !is_paused && was_paused == Some(true) {
            self.parts.arrivals.announce(&announced, None);
        }
    }

    /// The queue of this name, which is made if it does not run yet. `None` while storage has not said which are paused:
    /// the queue is made then, and asks storage when it starts, so nothing is lost.
    fn queue(&mut self, name: &QueueName) -> Option<&RunningQueue> {
        if !self.is_loaded || self.is_draining {
            if !self.is_loaded {
                self.named_early.insert(name.clone());
            }
            return self.queues.get(name);
        }
        if let Some(named) = &mut self.named_lately {
            named.insert(name.clone());
        }
        let is_paused = self.paused.get(name).copied().unwrap_or(false);
        if !self.queues.contains_key(name) {
            let queue = self.start_queue(name, is_paused);
            self.queues.insert(name.clone(), queue);
        }
        self.queues.get(name)
    }

    fn start_queue(&self, name: &QueueName, is_paused: bool) -> RunningQueue {
        let parts = &self.parts;
        let settings = parts
            .configured
            .iter()
            .find(|settings| settings.name == *name)
            .cloned()
            .unwrap_or_else(|| QueueSettings {
                name: name.clone(),
                workers: parts.workers_by_default,
                pending_max: None,
                rate_limit: None,
            });
        let workers = usize::try_from(settings.workers.get()).unwrap_or(usize::MAX);
        let slot = ActorSlot::<QueueDispatcher>::new(dispatcher::MAILBOX_CAPACITY + workers);
        let completions = CompletionBatcher::new(parts.writer.clone());
        let workers: Arc<[Addr<Worker>]> = (0..workers)
            .map(|index| {
                let worker = WorkerDeps {
                    queue: slot.address().recipient(),
                    index,
                    completions: completions.clone(),
                    writer: parts.writer.clone(),
                    handlers: Arc::clone(&parts.handlers),
                    limits: parts.limits,
                    handler_threads: parts.handler_threads.clone(),
                    clock: parts.clock.clone(),
                    cancel_grace: parts.cancel_grace,
                    gate: parts.gate.clone(),
                    traces: parts.traces.clone(),
                    blocked: parts.blocked.clone(),
                };
                ActorSlot::new(worker::MAILBOX_CAPACITY).start_one_of_many(
                    &parts.arbiter,
                    "Worker",
                    &parts.supervisor,
                    || Worker::new(worker),
                )
            })
            .collect();
        let job_types: Arc<[JobType]> = parts.handlers.job_types().cloned().collect();
        let queue = QueueDispatcherDeps {
            settings,
            is_paused,
            is_drained: self.is_drained,
            workers: Arc::clone(&workers),
            writer: parts.writer.clone(),
            job_types,
            type_limits: parts.type_limits.clone(),
            limit_freed: parts.own_address.clone().recipient(),
            node: parts.node,
            clock: parts.clock.clone(),
            gate: parts.gate.clone(),
            notifier: parts.notifier.clone(),
            backlog: parts.backlog.clone(),
        };
        let address = slot.start(&parts.arbiter, "QueueDispatcher", &parts.supervisor, || {
            QueueDispatcher::new(queue)
        });
        RunningQueue { address, workers }
    }
}

impl Actor for QueueRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.load(ctx);
        // A check that a panic has ended does not go on.
        self.named_lately = None;
        ctx.run_interval(CHECK_EVERY, |queues, ctx| queues.stop_unused(ctx));
    }
}

impl Supervised for QueueRegistry {
    // The queues go on; which there are is kept, and what storage says is read again.
}

report_mailbox_lag!(QueueRegistry);

impl Handler<JobsDue> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, JobsDue { by_queue }: JobsDue, ctx: &mut Context<Self>) {
        for (name, jobs) in by_queue {
            self.parts.arrivals.announce(&name, Some(&jobs));
            if let Some(queue) = self.queue(&name) {
                deliver(&queue.address, JobsReady { jobs }, ctx);
            }
        }
    }
}

impl Handler<QueuesDue> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, QueuesDue { queues }: QueuesDue, ctx: &mut Context<Self>) {
        for name in queues {
            self.parts.arrivals.announce(&name, None);
            if let Some(queue) = self.queue(&name) {
                deliver(&queue.address, Poll, ctx);
            }
        }
    }
}

impl Handler<JobsAvailable> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, JobsAvailable { queue }: JobsAvailable, ctx: &mut Context<Self>) {
        self.parts.arrivals.announce(&queue, None);
        if let Some(queue) = self.queue(&queue) {
            deliver(&queue.address, PollWhenIdle, ctx);
        }
    }
}

impl Handler<ResyncQueues> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, ResyncQueues: ResyncQueues, ctx: &mut Context<Self>) {
        for queue in self.queues.values() {
            deliver(&queue.address, PollWhenIdle, ctx);
        }
        self.load(ctx);
    }
}

impl Handler<InterruptAll> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, InterruptAll: InterruptAll, ctx: &mut Context<Self>) {
        for queue in self.queues.values() {
            deliver(&queue.address, InterruptAll, ctx);
        }
    }
}

impl Handler<InterruptAttempts> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, InterruptAttempts { attempts }: InterruptAttempts, ctx: &mut Context<Self>) {
        for queue in self.queues.values() {
            let attempts = Arc::clone(&attempts);
            deliver(&queue.address, InterruptAttempts { attempts }, ctx);
        }
    }
}

impl Handler<ReportAttempts> for QueueRegistry {
    type Result = ResponseFuture<HashSet<AttemptKey>>;

    fn handle(&mut self, ReportAttempts: ReportAttempts, _: &mut Context<Self>) -> Self::Result {
        let queues = self.queues.clone();
        Box::pin(async move {
            let mut attempts = HashSet::new();
            for queue in queues.values() {
                // The queue first: an attempt that ends meanwhile is one that it has reported. What an actor ran that is
                // just being restarted is lost.
                let activity = queue.address.send(ReportActivity).await.unwrap_or_default();
                attempts.extend(activity.running);
                let states = join_all(queue.workers.iter().map(|worker| worker.send(ReportState))).await;
                for state in states.into_iter().flatten() {
                    attempts.extend(state.running.map(|(attempt, _)| attempt));
                    attempts.extend(state.unstored);
                }
            }
            attempts
        })
    }
}

impl Handler<LimitFreed> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, LimitFreed { by }: LimitFreed, ctx: &mut Context<Self>) {
        for (_, queue) in self.queues.iter().filter(|(name, _)| **name != by) {
            deliver(&queue.address, RetryLimitedTypes, ctx);
        }
    }
}

impl Handler<CancelJob> for QueueRegistry {
    type Result = ();

    fn handle(
        &mut self,
        CancelJob {
            queue,
            job_id,
            attempt,
            node: _,
        }: CancelJob,
        ctx: &mut Context<Self>,
    ) {
        if let Some(queue) = self.queue(&queue) {
            deliver(&queue.address, CancelAttempt { job_id, attempt }, ctx);
        }
    }
}

impl Handler<QueuePauseChanged> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, QueuePauseChanged { queue: name, is_paused }: QueuePauseChanged, ctx: &mut Context<Self>) {
        self.switches += 1;
        self.switch(name, is_paused, ctx);
    }
}

impl Handler<NodeDrainChanged> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, NodeDrainChanged { node, is_draining }: NodeDrainChanged, ctx: &mut Context<Self>) {
        if node != self.parts.node || self.is_drained == is_draining {
            return;
        }
        self.is_drained = is_draining;
        if is_draining {
            info!("draining: this node starts no new jobs");
        } else {
            info!("draining has ended: this node starts jobs again");
        }
        for queue in self.queues.values() {
            deliver(&queue.address, SetNodeDraining { is_draining }, ctx);
        }
    }
}

impl Handler<StopDispatching> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, StopDispatching: StopDispatching, ctx: &mut Context<Self>) {
        self.is_draining = true;
        self.parts.arrivals.close();
        for queue in self.queues.values() {
            deliver(&queue.address, StopDispatching, ctx);
        }
    }
}

impl Handler<ForceStop> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, ForceStop: ForceStop, ctx: &mut Context<Self>) {
        self.is_draining = true;
        for queue in self.queues.values() {
            deliver(&queue.address, ForceStop, ctx);
        }
    }
}

impl Handler<ReportAllActivity> for QueueRegistry {
    type Result = ResponseFuture<HashMap<QueueName, QueueActivity>>;

    fn handle(&mut self, ReportAllActivity: ReportAllActivity, _: &mut Context<Self>) -> Self::Result {
        let queues = self.queues.clone();
        Box::pin(async move {
            let asked = queues.into_iter().map(|(name, queue)| async move {
                // A queue that is just being restarted has nothing to report.
                (name, queue.address.send(ReportActivity).await.unwrap_or_default())
            });
            join_all(asked).await.into_iter().collect()
        })
    }
}

impl Handler<IsIdle> for QueueRegistry {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, IsIdle: IsIdle, _: &mut Context<Self>) -> Self::Result {
        let queues = self.queues.clone();
        Box::pin(async move {
            for queue in queues.values() {
                if !queue.is_idle().await {
                    return false;
                }
            }
            true
        })
    }
}
