//! The QueueRegistry: the queues of this node.
//!
//! It starts the dispatcher and the workers of a queue at the first message for it, and forwards messages by queue.

mod handlers;
mod lease;
mod start_queue;
mod unused;
mod waiting_workers;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Recipient, Supervised, WrapFuture,
};
use tokio::runtime::Handle;
use tracing::debug;

use super::backlog_gauge::BacklogGauge;
use super::blocked_handlers::BlockedHandlers;
use super::concurrency_limits::ConcurrencyLimits;
use super::dispatcher::QueueDispatcher;
use super::messages::{JobsAvailable, JobsDue, JobsReady, Poll, PollWhenIdle, QueuesDue, ResyncQueues, SetPaused};
use super::ready_queue::ReadyMemory;
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

/// Capacity of the mailbox: each message covers the changes of one commit.
pub(crate) const MAILBOX_CAPACITY: usize = 4_096;

/// Delay before a failed read of storage is retried.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Interval of checks for unused queues.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// Dependencies of the QueueRegistry and of the queues that it starts.
#[derive(Clone)]
pub struct QueueRegistryDeps {
    /// Reads the queues and their paused state.
    pub repository: Arc<dyn JobRepository>,
    /// The configured queues.
    pub configured: Arc<[QueueSettings]>,
    /// Number of workers of a queue that is not configured.
    pub workers_by_default: NonZeroU32,
    /// Writes starts and results.
    pub writer: WriterHandle,
    /// Handlers of jobs.
    pub handlers: Arc<HandlerRegistry>,
    /// Size limits of results and errors.
    pub limits: HandlerLimits,
    /// The threads of handlers.
    pub handler_threads: Handle,
    /// Concurrency limits of job types.
    pub type_limits: ConcurrencyLimits,
    /// This node.
    pub node: NodeId,
    /// The time of day.
    pub clock: Clock,
    /// Time that a cancelled job has to finish.
    pub cancel_grace: Duration,
    /// The arbiter of dispatchers and workers.
    pub arbiter: ArbiterHandle,
    /// Supervises the actors.
    pub supervisor: Supervisor,
    /// Counts queues with waiting jobs.
    pub backlog: BacklogGauge,
    /// Memory of the due jobs that its node holds.
    pub ready_memory: ReadyMemory,
    /// Address of the QueueRegistry itself.
    pub own_address: Addr<QueueRegistry>,
    /// The node's lease.
    pub node_lease: SharedNodeLease,
    /// Notifies other nodes, if there are any.
    pub notifier: Option<Recipient<Broadcast>>,
    /// Remote workers that wait for jobs.
    pub job_waiters: JobWaiters,
    /// Due job types by queue, for workers that accept jobs of many queues.
    pub due_types: DueTypes,
    /// Spans of jobs.
    pub traces: Traces,
    /// Handlers that block a thread after their attempt has finished.
    pub blocked: BlockedHandlers,
}

#[derive(Clone)]
struct RunningQueue {
    address: Addr<QueueDispatcher>,
    workers: Arc<[Addr<Worker>]>,
}

/// The actor.
pub struct QueueRegistry {
    deps: QueueRegistryDeps,
    queues: HashMap<QueueName, RunningQueue>,
    paused: HashMap<QueueName, bool>,
    /// Number of changes of the paused state: a read that started before a change is outdated.
    switches: u64,
    /// `true` once the paused state was read; no queue is started before.
    is_loaded: bool,
    /// Queues that were requested before that. The read may have missed them.
    requested_early: HashSet<QueueName>,
    is_draining: bool,
    /// Queues that were requested since the check for unused ones started; `None` while there is no check.
    requested_since_check: Option<HashSet<QueueName>>,
    /// `true` while the node is draining.
    is_drained: bool,
    /// Number of lease requests of remote workers.
    leases: usize,
    /// Queues with due jobs whose types are not known, for remote workers that wait.
    unknown_due: HashSet<QueueName>,
    is_reading_types: bool,
}

impl QueueRegistry {
    /// A registry without queues.
    pub fn new(deps: QueueRegistryDeps) -> Self {
        Self {
            deps,
            queues: HashMap::new(),
            paused: HashMap::new(),
            switches: 0,
            is_loaded: false,
            requested_early: HashSet::new(),
            is_draining: false,
            requested_since_check: None,
            is_drained: false,
            leases: 0,
            unknown_due: HashSet::new(),
            is_reading_types: false,
        }
    }

    /// Reads the queues and their paused state, and starts them.
    fn load(&mut self, ctx: &mut Context<Self>) {
        let repository = Arc::clone(&self.deps.repository);
        let now = self.deps.clock.now();
        let switches_before = self.switches;
        let read = async move { repository.queues(now).await };
        ctx.spawn(
            read.into_actor(self)
                .map(move |result: Result<_, RepositoryError>, queues, ctx| match result {
                    Ok(stored) => {
                        let mut named: Vec<QueueName> = queues
                            .deps
                            .configured
                            .iter()
                            .map(|settings| settings.name.clone())
                            .collect();
                        let switches = queues.switches;
                        for queue in stored {
                            named.push(queue.name.clone());
                            // A change during the read is newer than its result.
                            if switches == switches_before {
                                queues.switch(queue.name, queue.is_paused, ctx);
                            }
                        }
                        queues.is_loaded = true;
                        named.extend(queues.requested_early.drain());
                        for name in named {
                            queues.queue(&name);
                        }
                        if switches != switches_before {
                            queues.load(ctx);
                        }
                    }
                    Err(failure) => {
                        log_failure!(failure, "failed to read queues, retrying: {failure}");
                        ctx.run_later(RETRY_DELAY, |queues, ctx| queues.load(ctx));
                    }
                }),
        );
    }

    fn switch(&mut self, name: QueueName, is_paused: bool, ctx: &mut Context<Self>) {
        let announced = name.clone();
        let was_paused = self.paused.insert(name.clone(), is_paused);
        // A queue that is read as paused at the start of the node is logged as well.
        if is_paused != was_paused.unwrap_or(false) {
            let state = if is_paused { "paused" } else { "resumed" };
            debug!(queue = %name, "queue {name} is {state}");
        }
        if was_paused != Some(is_paused)
            && let Some(queue) = self.queue(&name)
        {
            deliver(&queue.address, SetPaused { is_paused }, ctx);
        }
        if !is_paused && was_paused == Some(true) {
            self.wake_waiting([announced], ctx);
        }
    }

    /// The queue of this name, started if it is not running. `None` until the paused state was read: the queue is
    /// started then and claims from storage, so no job is missed.
    fn queue(&mut self, name: &QueueName) -> Option<&RunningQueue> {
        if !self.is_loaded || self.is_draining {
            if !self.is_loaded {
                self.requested_early.insert(name.clone());
            }
            return self.queues.get(name);
        }
        if let Some(named) = &mut self.requested_since_check {
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
        // A check that a panic has interrupted does not continue.
        self.requested_since_check = None;
        self.is_reading_types = false;
        ctx.run_interval(CHECK_INTERVAL, |queues, ctx| queues.stop_unused(ctx));
    }
}

impl Supervised for QueueRegistry {
    // The queues continue; the set of queues is kept and their stored state is read again.
}

report_mailbox_lag!(QueueRegistry);

impl Handler<JobsDue> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, JobsDue { by_queue }: JobsDue, ctx: &mut Context<Self>) {
        for (name, jobs) in by_queue {
            self.deps.job_waiters.notify(&name, &jobs);
            if let Some(queue) = self.queue(&name) {
                deliver(&queue.address, JobsReady { jobs }, ctx);
            }
        }
    }
}

impl Handler<QueuesDue> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, QueuesDue { queues }: QueuesDue, ctx: &mut Context<Self>) {
        self.wake_waiting(queues.iter().cloned(), ctx);
        for name in queues {
            if let Some(queue) = self.queue(&name) {
                deliver(&queue.address, Poll, ctx);
            }
        }
    }
}

impl Handler<JobsAvailable> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, JobsAvailable { queue }: JobsAvailable, ctx: &mut Context<Self>) {
        self.wake_waiting([queue.clone()], ctx);
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
