//! A QueueDispatcher: which of its due jobs a free worker gets next.
//!
//! It owns whether it is paused, what it holds of due jobs (`ReadyQueue`), its workers and its rate. A job that was
//! stored a moment ago is handed on without being read again: the QueueDispatcher has the Writer store that it is running, and
//! when that is durable a worker runs it. When more is due than it may hold, it claims from storage instead, always as
//! many as workers are free: a job that is `running` is being run.

mod claim_group;
mod handlers;
mod lease;
mod starts;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Recipient, SpawnHandle, Supervised, WrapFuture};

use self::claim_group::ClaimGroup;
use super::backlog_gauge::{BacklogGauge, QueueBacklog};
use super::concurrency_limits::ConcurrencyLimits;
use super::messages::{Interrupt, LimitFreed, ReportState};
use super::ready_queue::{ReadyQueue, Source};
use super::worker::Worker;
use crate::domain::job::attempt::AttemptKey;
use crate::domain::queue::QueueSettings;
use crate::domain::queue::rate_limit::TokenBucket;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::JobType;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::mailbox::deliver_to;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::cluster::messages::Broadcast;
use crate::runtime::cluster::node_lease::SharedNodeLease;
use crate::runtime::writer::handle::WriterHandle;
use crate::storage::cluster_message::Signal;

/// How many messages the mailbox holds, beside one a worker.
pub const MAILBOX_CAPACITY: usize = 4_096;

/// The wait after storage could not be written, before work is started again.
const TROUBLE_WAIT: Duration = Duration::from_millis(500);
/// How many cancellations are remembered for jobs that are just being started.
const EARLY_CANCELS_MAX: usize = 1_024;

/// What a QueueDispatcher is made of.
#[derive(Clone)]
pub struct QueueDispatcherDeps {
    /// Its name, workers and limits.
    pub settings: QueueSettings,
    /// Whether it starts paused.
    pub is_paused: bool,
    /// Whether its node drains.
    pub is_drained: bool,
    /// Its workers, by index.
    pub workers: Arc<[Addr<Worker>]>,
    /// Where starts are stored.
    pub writer: WriterHandle,
    /// The types that this node has handlers for.
    pub job_types: Arc<[JobType]>,
    /// How many of a type may run.
    pub type_limits: ConcurrencyLimits,
    /// Who tells the other queues that a type has room.
    pub limit_freed: Recipient<LimitFreed>,
    /// Who takes the jobs.
    pub node: NodeId,
    /// Tells the time.
    pub clock: Clock,
    /// Whether this node may start jobs.
    pub gate: SharedNodeLease,
    /// Who tells other nodes, where there are any.
    pub notifier: Option<Recipient<Broadcast>>,
    /// Whether jobs wait for workers.
    pub backlog: BacklogGauge,
}

/// The actor. See the module.
pub struct QueueDispatcher {
    parts: QueueDispatcherDeps,
    is_paused: bool,
    is_draining: bool,
    /// Whether its node drains: it starts nothing, and others are told of what is due.
    is_drained: bool,
    idle: Vec<usize>,
    is_idle: Vec<bool>,
    /// Workers that are promised to starts on their way to storage.
    reserved: usize,
    running: HashMap<AttemptKey, (usize, JobType)>,
    ready: ReadyQueue,
    /// Whether storage may have due jobs that other nodes have left for this one.
    is_offered: bool,
    groups: Vec<ClaimGroup>,
    /// Where the next round of claims begins, so that no group waits for ever behind another.
    next_group: usize,
    claims: usize,
    /// Counts what arrived in storage: a claim that came back empty says nothing of what arrived after it was sent.
    arrivals: u64,
    bucket: Option<TokenBucket>,
    waiting: Option<SpawnHandle>,
    is_about_to_dispatch: bool,
    early_cancels: HashSet<AttemptKey>,
    backlog: QueueBacklog,
}

impl QueueDispatcher {
    /// A QueueDispatcher that asks storage first.
    pub fn new(parts: QueueDispatcherDeps) -> Self {
        let workers = parts.workers.len();
        Self {
            is_paused: parts.is_paused,
            is_draining: false,
            is_drained: parts.is_drained,
            idle: Vec::with_capacity(workers),
            is_idle: vec![false; workers],
            reserved: 0,
            running: HashMap::new(),
            ready: ReadyQueue::new((workers * 4).clamp(256, 16_384)),
            is_offered: false,
            groups: ClaimGroup::of(&parts.job_types, &parts.type_limits),
            next_group: 0,
            claims: 0,
            arrivals: 0,
            bucket: parts
                .settings
                .rate_limit
                .map(|limit| TokenBucket::new(limit, parts.clock.now())),
            waiting: None,
            is_about_to_dispatch: false,
            early_cancels: HashSet::new(),
            backlog: parts.backlog.part(),
            parts,
        }
    }

    /// Starts as many jobs as workers, limits and the rate allow.
    fn dispatch(&mut self, ctx: &mut Context<Self>) {
        self.start_what_may_start(ctx);
        let is_held = !self.may_start() || self.waiting.is_some();
        self.backlog.set(!is_held && self.has_more());
    }

    fn may_start(&self) -> bool {
        !self.is_paused && !self.is_draining && !self.is_drained
    }

    /// Whether jobs are due that no worker has been free for yet, as far as is known here.
    fn has_more(&self) -> bool {
        match self.ready.source() {
            Source::Memory => !self.ready.is_empty(),
            Source::Storage => self.groups.iter().any(|group| !group.is_dry),
        }
    }

    fn start_what_may_start(&mut self, ctx: &mut Context<Self>) {
        if !self.may_start() || self.waiting.is_some() || self.parts.job_types.is_empty() {
            return;
        }
        let free = self.idle.len().saturating_sub(self.reserved);
        if free == 0 {
            return;
        }
        if !self.parts.gate.is_open() {
            self.wait(TROUBLE_WAIT, ctx);
            return;
        }
        let allowed = match &mut self.bucket {
            None => free,
            Some(bucket) => {
                let available = usize::try_from(bucket.available(self.parts.clock.now())).unwrap_or(usize::MAX);
                if available == 0 {
                    let wait = bucket.time_to_next().to_std().unwrap_or_default();
                    self.wait(wait, ctx);
                    return;
                }
                free.min(available)
            }
        };
        if self.is_offered && self.ready.source() == Source::Memory && self.ready.is_empty() {
            self.is_offered = false;
            self.look_into_storage();
        }
        match self.ready.source() {
            Source::Memory => self.start_from_memory(allowed, ctx),
            Source::Storage => self.claim_from_storage(allowed, ctx),
        }
    }

    /// Does nothing for a while, then looks again.
    fn wait(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if self.waiting.is_none() {
            self.waiting = Some(ctx.run_later(wait, |queue, ctx| {
                queue.waiting = None;
                queue.dispatch(ctx);
            }));
        }
    }

    /// Permits of a limited type were given back: other queues may wait for them.
    fn nudge_others(&self, ctx: &mut Context<Self>) {
        let by = self.parts.settings.name.clone();
        deliver_to(&self.parts.limit_freed, LimitFreed { by }, ctx);
    }

    /// Tells other nodes when more is due here than there are workers for, or what nobody here can run. Should the
    /// message not get through, they find out by looking.
    fn offer_to_others(&self, has_foreign_types: bool) {
        let Some(notifier) = &self.parts.notifier else { return };
        let is_busy = self.is_drained || self.idle.len() <= self.reserved;
        let has_more = !self.ready.is_empty() || self.ready.source() == Source::Storage;
        if !self.is_paused && (has_foreign_types || (is_busy && has_more)) {
            let queue = self.parts.settings.name.clone();
            drop(notifier.try_send(Broadcast {
                signals: vec![Signal::JobsDue { queue }],
            }));
        }
    }

    fn reserve(&mut self, count: usize) -> usize {
        self.reserved += count;
        if let Some(bucket) = &mut self.bucket {
            bucket.take(u32::try_from(count).unwrap_or(u32::MAX));
        }
        count
    }

    /// What was taken of the rate for jobs that did not start.
    fn give_back(&mut self, count: usize) {
        if let Some(bucket) = &mut self.bucket {
            bucket.return_tokens(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    fn release(&mut self, count: usize) {
        self.reserved -= count;
    }
}

impl Actor for QueueDispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Workers announce themselves when they start; after a restart of this actor they have to be asked.
        for (index, worker) in self.parts.workers.iter().enumerate() {
            let worker = worker.clone();
            ctx.spawn(
                async move { worker.send(ReportState).await }
                    .into_actor(self)
                    .map(move |answer, queue, ctx| {
                        let Ok(state) = answer else { return };
                        match state.running {
                            Some((attempt, job_type)) => {
                                queue.running.insert(attempt, (index, job_type));
                            }
                            // It reports itself free when the handler returns.
                            None if state.is_blocked => {}
                            None => queue.free(index, ctx),
                        }
                    }),
            );
        }
    }
}

impl QueueDispatcher {
    fn interrupt_workers(&self, ctx: &mut Context<Self>) {
        for worker in self.parts.workers.iter() {
            let worker = worker.clone();
            // The worker is gone only when the server stops.
            ctx.spawn(
                async move {
                    let _ = worker.send(Interrupt).await;
                }
                .into_actor(self),
            );
        }
    }

    fn free(&mut self, worker: usize, ctx: &mut Context<Self>) {
        if !self.is_idle[worker] {
            self.is_idle[worker] = true;
            self.idle.push(worker);
        }
        self.dispatch_soon(ctx);
    }

    /// Starts jobs when the mailbox is empty: workers that become free together get their jobs together.
    fn dispatch_soon(&mut self, ctx: &mut Context<Self>) {
        if !self.is_about_to_dispatch {
            self.is_about_to_dispatch = true;
            ctx.spawn(std::future::ready(()).into_actor(self).map(|(), queue, ctx| {
                queue.is_about_to_dispatch = false;
                queue.dispatch(ctx);
            }));
        }
    }
}

impl Supervised for QueueDispatcher {
    fn restarting(&mut self, _: &mut Context<Self>) {
        let (is_paused, is_draining, is_drained) = (self.is_paused, self.is_draining, self.is_drained);
        *self = Self::new(QueueDispatcherDeps {
            is_paused,
            is_drained,
            ..self.parts.clone()
        });
        self.is_draining = is_draining;
    }
}

report_mailbox_lag!(QueueDispatcher);
