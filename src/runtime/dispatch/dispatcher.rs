//! A QueueDispatcher: assigns due jobs of one queue to idle workers.
//!
//! It owns the paused state, the due jobs in memory (`ReadyQueue`), the workers and the rate limit of its queue. A
//! job that was just stored is not read again: the Writer stores its start, and after the commit a worker runs it. If
//! more jobs are due than memory may hold, the dispatcher claims from storage instead: one job per idle worker, and jobs
//! ahead of their start for short handlers (`ahead.rs`). Every job that is stored as `running` is running.

mod ahead;
mod claim_group;
mod handlers;
mod lease;
mod starts;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Recipient, SpawnHandle, Supervised, WrapFuture};

use self::claim_group::ClaimGroup;
use super::backlog_gauge::{BacklogGauge, QueueBacklog};
use super::claimed_jobs::{ClaimPace, ClaimedJobs};
use super::concurrency_limits::ConcurrencyLimits;
use super::messages::{Interrupt, LimitFreed, ReportState};
use super::ready_queue::{ReadyMemory, ReadyQueue, Source};
use super::worker::Worker;
use crate::domain::job::Job;
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
use crate::runtime::remote_workers::job_waiters::JobWaiters;
use crate::runtime::writer::handle::WriterHandle;
use crate::storage::cluster_message::Signal;

/// Capacity of the mailbox, in addition to one message per worker.
pub(crate) const MAILBOX_CAPACITY: usize = 4_096;

/// Delay before jobs are started again after a failed write.
const FAILURE_BACKOFF: Duration = Duration::from_millis(500);
/// Maximum number of kept cancellations of jobs whose start is being stored.
const MAX_EARLY_CANCELS: usize = 1_024;

/// Dependencies of a QueueDispatcher.
#[derive(Clone)]
pub(crate) struct QueueDispatcherDeps {
    /// Name, workers and limits of the queue.
    pub settings: QueueSettings,
    /// Initial paused state.
    pub is_paused: bool,
    /// Initial draining state of the node.
    pub is_drained: bool,
    /// The workers, by index.
    pub workers: Arc<[Addr<Worker>]>,
    /// Stores starts.
    pub writer: WriterHandle,
    /// Job types with a handler on this node.
    pub job_types: Arc<[JobType]>,
    /// Concurrency limits of job types.
    pub type_limits: ConcurrencyLimits,
    /// Notifies the other queues when a permit is released.
    pub limit_freed: Recipient<LimitFreed>,
    /// The node that runs the jobs.
    pub node: NodeId,
    /// The time of day.
    pub clock: Clock,
    /// The node's lease.
    pub node_lease: SharedNodeLease,
    /// Notifies other nodes, if there are any.
    pub notifier: Option<Recipient<Broadcast>>,
    /// Remote workers that wait for jobs.
    pub job_waiters: JobWaiters,
    /// Counts queues with waiting jobs.
    pub backlog: BacklogGauge,
    /// Memory of the due jobs that its node holds.
    pub ready_memory: ReadyMemory,
    /// Storage can claim jobs ahead of their start.
    pub claims_ahead: bool,
}

/// The actor.
pub(crate) struct QueueDispatcher {
    deps: QueueDispatcherDeps,
    is_paused: bool,
    is_draining: bool,
    /// The node is draining: it starts no jobs, and other nodes are notified of due ones.
    is_drained: bool,
    idle: Vec<usize>,
    is_idle: Vec<bool>,
    /// Number of workers reserved for starts that are being stored.
    reserved: usize,
    running: HashMap<AttemptKey, Assigned>,
    /// Jobs that are claimed ahead and have not begun.
    claimed: ClaimedJobs,
    /// Jobs whose claims are being ended.
    releasing: HashMap<AttemptKey, Arc<Job>>,
    /// Those of them whose release has failed, perhaps after it was stored. Until it is repeated nothing is claimed ahead: a
    /// repeated release would end a later claim of the same job.
    unreleased: Vec<Arc<Job>>,
    pace: ClaimPace,
    /// Number of claims ahead that are being stored.
    claims_ahead: usize,
    /// Number of jobs in storage that are more urgent than the claimed ones.
    urgent: usize,
    is_release_timed: bool,
    ready: ReadyQueue,
    /// Storage may have due jobs for this node that no other node has an idle worker for.
    is_offered: bool,
    groups: Vec<ClaimGroup>,
    /// Index of the first claim group of the next round, so that no group starves.
    next_group: usize,
    claims: usize,
    /// Number of arrivals in storage: an empty claim is outdated if jobs arrived after it was sent.
    arrivals: u64,
    bucket: Option<TokenBucket>,
    /// Types of the leases that the rate limit has cut.
    limited_leases: HashSet<JobType>,
    waiting: Option<SpawnHandle>,
    /// `true` while it waits for a token of the rate limit.
    waits_for_token: bool,
    is_about_to_dispatch: bool,
    early_cancels: HashSet<AttemptKey>,
    backlog: QueueBacklog,
}

/// A running attempt.
struct Assigned {
    worker: usize,
    job_type: JobType,
    at: Instant,
}

impl QueueDispatcher {
    /// A QueueDispatcher that claims from storage first.
    pub(crate) fn new(deps: QueueDispatcherDeps) -> Self {
        let workers = deps.workers.len();
        Self {
            is_paused: deps.is_paused,
            is_draining: false,
            is_drained: deps.is_drained,
            idle: Vec::with_capacity(workers),
            is_idle: vec![false; workers],
            reserved: 0,
            running: HashMap::new(),
            claimed: ClaimedJobs::new(deps.ready_memory.clone()),
            releasing: HashMap::new(),
            unreleased: Vec::new(),
            pace: ClaimPace::default(),
            claims_ahead: 0,
            urgent: 0,
            is_release_timed: false,
            ready: ReadyQueue::new((workers * 4).clamp(256, 16_384), deps.ready_memory.clone()),
            is_offered: false,
            groups: ClaimGroup::of(&deps.job_types, &deps.type_limits),
            next_group: 0,
            claims: 0,
            arrivals: 0,
            bucket: deps
                .settings
                .rate_limit
                .map(|limit| TokenBucket::new(limit, deps.clock.now())),
            limited_leases: HashSet::new(),
            waiting: None,
            waits_for_token: false,
            is_about_to_dispatch: false,
            early_cancels: HashSet::new(),
            backlog: deps.backlog.part(),
            deps,
        }
    }

    /// Starts as many jobs as workers, concurrency limits and the rate limit permit.
    fn dispatch(&mut self, ctx: &mut Context<Self>) {
        self.start_what_may_start(ctx);
        let is_held = !self.may_start() || self.waiting.is_some();
        self.backlog.set(!is_held && self.has_more());
    }

    fn may_start(&self) -> bool {
        !self.is_paused && !self.is_draining && !self.is_drained
    }

    /// `true` if known due jobs wait for a worker.
    fn has_more(&self) -> bool {
        if !self.claimed.is_empty() {
            return true;
        }
        match self.ready.source() {
            Source::Memory => !self.ready.is_empty(),
            Source::Storage => self.groups.iter().any(|group| !group.is_dry),
        }
    }

    fn start_what_may_start(&mut self, ctx: &mut Context<Self>) {
        if !self.may_start() || self.waiting.is_some() || self.deps.job_types.is_empty() {
            return;
        }
        self.begin_claimed(ctx);
        let free = self.idle.len().saturating_sub(self.reserved);
        let ahead = self.wanted_ahead();
        if free == 0 && ahead == 0 {
            return;
        }
        if !self.deps.node_lease.is_open() {
            self.wait(FAILURE_BACKOFF, ctx);
            return;
        }
        let allowed = match &mut self.bucket {
            None => free,
            Some(bucket) => {
                let available = usize::try_from(bucket.available(self.deps.clock.now())).unwrap_or(usize::MAX);
                if available == 0 {
                    let wait = bucket.time_to_next().to_std().unwrap_or_default();
                    self.wait(wait, ctx);
                    self.waits_for_token = true;
                    return;
                }
                free.min(available)
            }
        };
        if self.is_offered && self.ready.source() == Source::Memory && self.ready.is_empty() {
            self.is_offered = false;
            self.fetch_from_storage();
        }
        match self.ready.source() {
            Source::Memory => self.start_from_memory(allowed, ctx),
            Source::Storage => self.claim_from_storage(allowed, ahead, ctx),
        }
    }

    /// Pauses dispatching for this time.
    fn wait(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if self.waiting.is_none() {
            self.waiting = Some(ctx.run_later(wait, |queue, ctx| {
                queue.waiting = None;
                queue.waits_for_token = false;
                queue.dispatch(ctx);
            }));
        }
    }

    /// Permits of a limited type were released: other queues may wait for them.
    fn notify_limit_freed(&self, ctx: &mut Context<Self>) {
        let by = self.deps.settings.name.clone();
        deliver_to(&self.deps.limit_freed, LimitFreed { by }, ctx);
    }

    /// Notifies other nodes if more jobs are due than this node has workers for, or jobs of types without a handler
    /// here. If the message is lost, they find the jobs by polling.
    fn offer_to_others(&self, has_foreign_types: bool) {
        let Some(notifier) = &self.deps.notifier else { return };
        let is_busy = self.is_drained || self.idle.len() <= self.reserved;
        let has_more = !self.ready.is_empty() || self.ready.source() == Source::Storage;
        if !self.is_paused && (has_foreign_types || (is_busy && has_more)) {
            let queue = self.deps.settings.name.clone();
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

    /// Returns tokens of the rate limit for jobs that did not start, and ends the wait for a token. The caller dispatches
    /// afterwards.
    fn return_tokens(&mut self, count: usize, ctx: &mut Context<Self>) {
        let Some(bucket) = &mut self.bucket else { return };
        if count == 0 {
            return;
        }
        bucket.return_tokens(u32::try_from(count).unwrap_or(u32::MAX));
        if std::mem::take(&mut self.waits_for_token)
            && let Some(timer) = self.waiting.take()
        {
            ctx.cancel_future(timer);
        }
        self.wake_limited_leases();
    }

    fn unreserve(&mut self, count: usize) {
        self.reserved -= count;
    }
}

impl Actor for QueueDispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Workers report when they start; after a restart of this actor they have to be queried.
        for (index, worker) in self.deps.workers.iter().enumerate() {
            let worker = worker.clone();
            ctx.spawn(
                async move { worker.send(ReportState).await }
                    .into_actor(self)
                    .map(move |result, queue, ctx| {
                        let Ok(state) = result else { return };
                        match state.running {
                            Some((attempt, job_type)) => {
                                let assigned = Assigned {
                                    worker: index,
                                    job_type,
                                    at: Instant::now(),
                                };
                                queue.running.insert(attempt, assigned);
                            }
                            // It reports itself idle when the handler returns.
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
        for worker in self.deps.workers.iter() {
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

    /// Dispatches when the mailbox is empty, so that workers that become idle together are assigned together.
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
        self.release_at_restart();
        let (is_paused, is_draining, is_drained) = (self.is_paused, self.is_draining, self.is_drained);
        *self = Self::new(QueueDispatcherDeps {
            is_paused,
            is_drained,
            ..self.deps.clone()
        });
        self.is_draining = is_draining;
    }
}

report_mailbox_lag!(QueueDispatcher);
