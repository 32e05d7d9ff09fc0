//! QueueRegistry: which queues there are on this node.
//!
//! It makes a queue with its workers when the queue is named for the first time, and passes on what concerns a queue by
//! its name.

mod handlers;
mod lease;
mod start_queue;
mod unused;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Recipient, Supervised, WrapFuture,
};
use tokio::runtime::Handle;

use super::backlog_gauge::BacklogGauge;
use super::blocked_handlers::BlockedHandlers;
use super::concurrency_limits::ConcurrencyLimits;
use super::dispatcher::QueueDispatcher;
use super::messages::{JobsAvailable, JobsDue, JobsReady, Poll, PollWhenIdle, QueuesDue, ResyncQueues, SetPaused};
use super::worker::Worker;
use crate::domain::queue::QueueSettings;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::QueueName;
use crate::handlers::HandlerRegistry;
use crate::handlers::limits::HandlerLimits;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::actor::supervisor::Supervisor;
use crate::runtime::cluster::messages::Broadcast;
use crate::runtime::cluster::node_lease::SharedNodeLease;
use crate::runtime::monitoring::job_spans::Traces;
use crate::runtime::remote_workers::due_types::DueTypes;
use crate::runtime::remote_workers::job_waiters::JobWaiters;
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
