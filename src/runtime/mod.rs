//! The actors that store, schedule and run jobs, and the order in which they start and stop.
//!
//! ```text
//!   callers ──Record──► Recorder ──commit──► storage
//!                        │ ▲  │ └─Publish─► EventBus ──► listeners
//!                        │ │  │                 ▲ └─Wanted─► Sampler
//!                        │ │  │                 └─PublishState──┘
//!              JobsDue  │ │  └──Arm──► Scheduler
//!                        ▼ │                  │ Wake
//!                      QueueRegistry ◄──────────────┘
//!                        │ Due, Look
//!                        ▼
//!                      Queue ──Run──► Worker ──► handler
//!                        ▲              │
//!                        └─WorkerFree───┘  Record(Finish) to the Recorder
//! ```
//!
//! The Recorder and the EventBus have an arbiter (a thread) of their own each; queues and workers share one; the
//! Scheduler, the OrphanRecovery, the Pruner and the Sampler share another; what speaks to other programs has one. Handlers run on threads of their own.

pub mod actor;
pub mod cluster;
pub mod dispatch;
pub mod events;
pub mod maintenance;
pub mod monitoring;
pub mod outbound;
pub mod remote_workers;
pub mod schedule;
pub mod writer;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Addr, Arbiter};
use tracing::{info, warn};

use self::actor::clock::{Clock, IdSource};
use self::actor::supervisor::{Seat, Supervisor};
use self::cluster::lease_renewer::{LeaseRenewer, LeaseRenewerDeps};
use self::cluster::messages::StopRenewing;
use self::cluster::node_lease::SharedNodeLease;
use self::cluster::notifier::{Notifier, NotifierDeps};
use self::cluster::orphan_recovery::{OrphanRecovery, OrphanRecoveryDeps, OrphanRecoveryError};
use self::cluster::remote_subscribers::RemoteSubscribers;
use self::dispatch::backlog_gauge::BacklogGauge;
use self::dispatch::blocked_handlers::BlockedHandlers;
use self::dispatch::concurrency_limits::ConcurrencyLimits;
use self::dispatch::handled_types::HandledTypes;
use self::dispatch::handler_pool::HandlerPool;
use self::dispatch::messages::{ForceStop, IsIdle, QueueActivity, ReportAllActivity, StopDispatching};
use self::dispatch::registry::{QueueRegistry, QueueRegistryDeps};
use self::events::event_bus::{EventBus, EventBusHandle};
use self::events::hooks::SavedHook;
use self::maintenance::pruner::{Pruner, PrunerDeps, Retention};
use self::monitoring::job_spans::Traces;
use self::monitoring::metrics_sampler::{Rest, Sampler, SamplerOptions, SamplerParts};
use self::monitoring::report_channel::Tap;
use self::outbound::dispatcher::WebhookDispatcher;
use self::outbound::endpoint_sync::{EndpointSyncError, NodeEndpoints};
use self::outbound::options::{OutboundClients, SyncOptions, WebhookOptions};
use self::outbound::throttle::{CommitLoad, DeliveryThrottle};
use self::outbound::{Outbound, OutboundDeps};
use self::remote_workers::due_types::DueTypes;
use self::remote_workers::job_waiters::JobWaiters;
use self::remote_workers::{RemoteWorkers, RemoteWorkersDeps};
use self::schedule::clock_watch::{ClockWatch, ClockWatchDeps};
use self::schedule::due_jobs::{Scheduler, SchedulerDeps};
use self::schedule::messages::StopLeading;
use self::schedule::recurring_jobs::{RecurringScheduler, RecurringSchedulerDeps};
use self::writer::commit_stats::CommitReport;
use self::writer::outbox::{Announcements, EndpointBook};
use self::writer::{Origin, Others, RecordError, Recorder, RecorderHandle, RecorderParts};
use crate::domain::job::new_job::DefaultsByType;
use crate::domain::queue::QueueSettings;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::handlers::HandlerRegistry;
use crate::handlers::limits::HandlerLimits;
use crate::storage::change::Change;
use crate::storage::repository::JobRepository;

/// How often a stopping runtime looks whether its work has ended.
const QUIET_POLL: Duration = Duration::from_millis(20);
/// How long a stopping node tries to have others see that it drains.
const DRAIN_SHOWN: Duration = Duration::from_secs(1);
/// How long the ends of interrupted attempts may take to be stored.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How a runtime works.
#[derive(Clone)]
pub struct RuntimeOptions {
    /// The queues that are configured.
    pub queues: Vec<QueueSettings>,
    /// How many workers a queue has that is not configured.
    pub workers_by_default: NonZeroU32,
    /// How many jobs of a type may run at the same time on this node.
    pub concurrency: Vec<(JobType, NonZeroU32)>,
    /// What runs jobs.
    pub handlers: HandlerRegistry,
    /// How large results and errors may be.
    pub handler_limits: HandlerLimits,
    /// How many threads handlers run on.
    pub handler_threads: usize,
    /// How long a job that was told to stop may take to do so.
    pub cancel_grace: Duration,
    /// How long finished jobs are kept.
    pub retention: Retention,
    /// What people call this node.
    pub node_name: Arc<str>,
    /// How long this node's jobs are its own without a heartbeat.
    pub lease: TimeSpan,
    /// How often numbers are read.
    pub sampler: SamplerOptions,
    /// Tells the time.
    pub clock: Clock,
    /// What occurrences of recurring jobs get that their template leaves open.
    pub defaults: Arc<DefaultsByType>,
    /// Who is told of what happens.
    pub webhooks: WebhookOptions,
    /// Who is sent changed jobs.
    pub sync: SyncOptions,
    /// What the program wants to be told of jobs that are stored.
    pub on_saved: Option<SavedHook>,
    /// The traces of jobs.
    pub traces: Traces,
    /// Whether jobs that end well are logged, too.
    pub log_jobs: bool,
}

/// Why a runtime did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Storage could not be read or written.
    #[error(transparent)]
    Storage(#[from] OrphanRecoveryError),
    /// The node's lease could not be stored.
    #[error("the node's lease could not be stored: {0}")]
    Lease(#[from] RecordError),
    /// The webhook endpoints are not what the configuration says.
    #[error(transparent)]
    Endpoints(#[from] EndpointSyncError),
    /// The threads for handlers could not be made.
    #[error("the threads for handlers could not be started: {0}")]
    Threads(#[from] std::io::Error),
}

/// The way to a runtime's actors.
#[derive(Clone)]
pub struct RuntimeHandle {
    /// Where everything is written.
    pub recorder: RecorderHandle,
    /// What runs.
    pub queues: Addr<QueueRegistry>,
    /// What has happened.
    pub event_bus: EventBusHandle,
    /// How things are.
    pub sampler: Addr<Sampler>,
    /// Tells the time.
    pub clock: Clock,
    /// Makes ids.
    pub ids: Arc<IdSource>,
    /// This node.
    pub node: NodeId,
    /// What is known of the actors.
    pub supervisor: Supervisor,
    /// Whether the node stops.
    pub is_stopping: Arc<AtomicBool>,
    /// Handlers that block a thread after their attempt has ended.
    pub blocked: BlockedHandlers,
    /// Whether the feed of changed jobs is kept.
    pub has_feed: bool,
    /// What speaks to webhook endpoints; `None` when nobody is told anything.
    pub outbound: Option<OutboundClients>,
    /// What remote workers ask for.
    pub remote: RemoteWorkers,
    /// Which job types something runs.
    pub handled: HandledTypes,
    /// What commits have done.
    pub tap: Tap<CommitReport>,
    /// The traces of jobs.
    pub traces: Traces,
}

impl RuntimeHandle {
    /// Whether the node stops: it takes no new jobs from outside.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// What the queues of this node are doing.
    pub async fn activity(&self) -> HashMap<QueueName, QueueActivity> {
        // While QueueRegistry is being restarted nothing is known of them.
        self.queues.send(ReportAllActivity).await.unwrap_or_default()
    }
}

/// The running actors of one node.
pub struct Runtime {
    handle: RuntimeHandle,
    lease_keeper: Addr<LeaseRenewer>,
    recurring: Addr<RecurringScheduler>,
    outbound: Outbound,
    arbiters: Arbiters,
    handler_threads: HandlerPool,
}

/// The threads of the actors. They end when this is dropped, however that comes about: actors whose runtime is gone would
/// go on taking jobs that nobody runs, and keep the storage open.
struct Arbiters([Arbiter; 5]);

impl Drop for Arbiters {
    fn drop(&mut self) {
        for arbiter in &self.0 {
            arbiter.stop();
        }
    }
}

impl Runtime {
    /// Starts the actors, the consumers first, and brings back what a node that died has left. Needs a running actix
    /// system.
    pub async fn start(repository: Arc<dyn JobRepository>, options: RuntimeOptions) -> Result<Self, StartError> {
        let RuntimeOptions {
            queues: configured,
            workers_by_default,
            concurrency,
            handlers,
            handler_limits,
            handler_threads,
            cancel_grace,
            retention,
            node_name,
            lease,
            sampler: sampler_options,
            clock,
            defaults,
            webhooks,
            sync,
            on_saved,
            traces,
            log_jobs,
        } = options;
        let ids = Arc::new(IdSource::default());
        let handler_threads = HandlerPool::start(handler_threads)?;
        let arbiters = Arbiters([(); 5].map(|()| Arbiter::new()));
        let [
            recorder_arbiter,
            events_arbiter,
            queues_arbiter,
            time_arbiter,
            outbound_arbiter,
        ] = arbiters.0.each_ref().map(Arbiter::handle);
        let supervisor = Supervisor::default();
        let tap = Tap::default();
        let commit_time = CommitLoad::default();
        let started_at = clock.now();
        let node = NodeId::new(started_at);

        let bus_seat = Seat::<EventBus>::new(self::events::event_bus::MAILBOX_CAPACITY);
        let event_bus = EventBusHandle::new(bus_seat.address());
        // A storage that logs its failures itself is asked for them.
        let outage = repository.outage().cloned().unwrap_or_default();
        let sampler = Seat::<Sampler>::new(self::monitoring::metrics_sampler::MAILBOX_CAPACITY);
        let scheduler = Seat::<Scheduler>::new(self::schedule::due_jobs::MAILBOX_CAPACITY);
        let queues = Seat::<QueueRegistry>::new(self::dispatch::registry::MAILBOX_CAPACITY);
        let recurring = Seat::<RecurringScheduler>::new(self::schedule::recurring_jobs::MAILBOX_CAPACITY);
        let recorder = Seat::<Recorder>::new(self::writer::MAILBOX_CAPACITY);
        let dispatcher = Seat::<WebhookDispatcher>::new(self::outbound::dispatcher::MAILBOX_CAPACITY);
        let recorder_handle = RecorderHandle::new(recorder.address());
        let book = EndpointBook::default();
        let has_feed = sync.feed || !sync.targets.is_empty();

        bus_seat.start(&events_arbiter, "EventBus", &supervisor, {
            let (event_bus, sampler) = (event_bus.clone(), sampler.address());
            move || EventBus::new(&event_bus, sampler)
        });
        let notifier = repository
            .is_shared()
            .then(|| Seat::<Notifier>::new(self::cluster::notifier::MAILBOX_CAPACITY));
        let others = notifier.as_ref().map(|notifier| Others {
            notifier: notifier.address(),
            interest: RemoteSubscribers::default(),
            node,
        });
        let job_types: Arc<[JobType]> = handlers.job_types().cloned().collect();
        let remote_types: Arc<[JobType]> = handlers.remote_types().cloned().collect();
        let handled = HandledTypes::new(Arc::clone(&repository), &job_types, &remote_types);
        time_arbiter.spawn(handled.clone().check_pending());
        let recorder_parts = RecorderParts {
            repository: Arc::clone(&repository),
            clock: clock.clone(),
            queues: queues.address(),
            scheduler: scheduler.address(),
            recurring: recurring.address(),
            event_bus: event_bus.clone(),
            sampler: sampler.address(),
            outage: outage.clone(),
            others: others.clone(),
            announcements: Announcements::new(
                book.clone(),
                has_feed,
                webhooks.enable && repository.is_shared(),
                traces.clone(),
                clock.clone(),
                Arc::clone(&ids),
            ),
            dispatcher: dispatcher.address(),
            on_saved,
            time: commit_time.clone(),
            tap: tap.clone(),
            traces: traces.clone(),
            log_jobs,
            handled: handled.clone(),
        };
        recorder.start(&recorder_arbiter, "Recorder", &supervisor, || {
            Recorder::new(recorder_parts)
        });

        let gate = SharedNodeLease::new(repository.is_shared());
        let lease_keeper = LeaseRenewerDeps {
            repository: Arc::clone(&repository),
            recorder: recorder_handle.clone(),
            queues: queues.address(),
            gate: gate.clone(),
            node,
            node_name,
            started_at,
            lease,
            job_types: Arc::clone(&job_types),
            remote_types,
        };
        // Before anything is started: what an earlier run of this server has left is due again.
        let rescuer = OrphanRecoveryDeps {
            repository: Arc::clone(&repository),
            recorder: recorder_handle.clone(),
            queues: queues.address(),
            node,
            lease,
            clock: clock.clone(),
        };
        let rescued = async {
            // First of all: what a node without a lease names is not its own for long.
            lease_keeper.renew().await?;
            if webhooks.enable {
                // Before anything happens that they are to be told.
                NodeEndpoints::of(&webhooks, node)
                    .store(&*repository, &recorder_handle, &book, &clock)
                    .await?;
            }
            Ok::<_, StartError>(rescuer.rescue_orphans().await?)
        };
        let rescued = rescued.await?;
        if rescued > 0 {
            info!("brought back {rescued} jobs that a server has left running");
        }

        let blocked = BlockedHandlers::default();
        let sampler_parts = SamplerParts {
            repository: Arc::clone(&repository),
            recorder: recorder_handle.clone(),
            event_bus: event_bus.clone(),
            queues: configured.clone().into(),
            workers_by_default,
            handled: handled.clone(),
            node,
            outage,
            supervisor: supervisor.clone(),
            blocked: blocked.clone(),
            options: sampler_options,
            clock: clock.clone(),
        };
        let sampler = sampler.start(&time_arbiter, "Sampler", &supervisor, || Sampler::new(sampler_parts));

        let arrivals = JobWaiters::default();
        let backlog = BacklogGauge::default();
        let queues_parts = QueueRegistryDeps {
            repository: Arc::clone(&repository),
            configured: configured.into(),
            workers_by_default,
            recorder: recorder_handle.clone(),
            handlers: Arc::new(handlers),
            limits: handler_limits,
            handler_threads: handler_threads.handle(),
            type_limits: ConcurrencyLimits::new(concurrency),
            node,
            clock: clock.clone(),
            cancel_grace,
            arbiter: queues_arbiter.clone(),
            supervisor: supervisor.clone(),
            backlog: backlog.clone(),
            own_address: queues.address(),
            gate: gate.clone(),
            notifier: others.as_ref().map(|others| others.notifier.clone().recipient()),
            arrivals: arrivals.clone(),
            due_types: DueTypes::new(Arc::clone(&repository), clock.clone()),
            traces: traces.clone(),
            blocked: blocked.clone(),
        };
        let queues = queues.start(&queues_arbiter, "QueueRegistry", &supervisor, || {
            QueueRegistry::new(queues_parts)
        });
        if let (Some(notifier), Some(others)) = (notifier, others) {
            let notifier_parts = NotifierDeps {
                repository: Arc::clone(&repository),
                node,
                queues: queues.clone(),
                scheduler: scheduler.address(),
                recurring: recurring.address(),
                event_bus: event_bus.clone(),
                remote_subscribers: others.interest,
                clock: clock.clone(),
            };
            notifier.start(&time_arbiter, "Notifier", &supervisor, || Notifier::new(notifier_parts));
        }
        let recurring_parts = RecurringSchedulerDeps {
            repository: Arc::clone(&repository),
            recorder: recorder_handle.clone(),
            clock: clock.clone(),
            ids: Arc::clone(&ids),
            defaults,
            node,
            lease,
        };
        let recurring = recurring.start(&time_arbiter, "RecurringScheduler", &supervisor, || {
            RecurringScheduler::new(recurring_parts)
        });
        let parts = OutboundDeps {
            repository: Arc::clone(&repository),
            recorder: recorder_handle.clone(),
            event_bus: event_bus.clone(),
            book,
            node,
            gate,
            pace: DeliveryThrottle::new(backlog, commit_time),
            supervisor: supervisor.clone(),
            clock: clock.clone(),
            ids: Arc::clone(&ids),
        };
        let (outbound_clients, targets) = (webhooks.enable.then(|| webhooks.clients.clone()), sync.targets);
        let outbound = Outbound::start(parts, webhooks, targets, dispatcher, &outbound_arbiter);
        let scheduler_parts = SchedulerDeps {
            repository: Arc::clone(&repository),
            clock: clock.clone(),
            queues: queues.clone(),
        };
        scheduler.start(&time_arbiter, "Scheduler", &supervisor, || {
            Scheduler::new(scheduler_parts)
        });
        let lease_keeper = Seat::new(self::cluster::lease_renewer::MAILBOX_CAPACITY).start(
            &time_arbiter,
            "LeaseRenewer",
            &supervisor,
            || LeaseRenewer::new(lease_keeper),
        );
        Seat::new(self::cluster::orphan_recovery::MAILBOX_CAPACITY).start(
            &time_arbiter,
            "OrphanRecovery",
            &supervisor,
            || OrphanRecovery::new(rescuer),
        );
        let watch = ClockWatchDeps {
            repository: Arc::clone(&repository),
            recorder: recorder_handle.clone(),
            clock: clock.clone(),
        };
        Seat::new(self::schedule::clock_watch::MAILBOX_CAPACITY).start(
            &time_arbiter,
            "ClockWatch",
            &supervisor,
            || ClockWatch::new(watch),
        );
        let pruner = PrunerDeps {
            recorder: recorder_handle.clone(),
            retention,
            clock: clock.clone(),
        };
        Seat::new(self::maintenance::pruner::MAILBOX_CAPACITY)
            .start(&time_arbiter, "Pruner", &supervisor, || Pruner::new(pruner));

        let remote = RemoteWorkers::new(RemoteWorkersDeps {
            repository,
            recorder: recorder_handle.clone(),
            queues: queues.clone(),
            arrivals,
            handled: handled.clone(),
            limits: handler_limits,
            lease,
            cancel_grace,
            clock: clock.clone(),
        });
        let handle = RuntimeHandle {
            recorder: recorder_handle,
            queues,
            event_bus,
            sampler,
            clock,
            ids,
            node,
            supervisor,
            is_stopping: Arc::default(),
            blocked,
            has_feed,
            outbound: outbound_clients,
            remote,
            handled,
            tap,
            traces,
        };
        Ok(Self {
            handle,
            lease_keeper,
            recurring,
            outbound,
            arbiters,
            handler_threads,
        })
    }

    /// The way to the actors.
    pub fn handle(&self) -> &RuntimeHandle {
        &self.handle
    }

    /// Starts nothing more, lets what runs end within `grace`, hands the rest back as pending, and stops.
    pub async fn stop(mut self, grace: Duration) {
        let handle = &self.handle;
        handle.is_stopping.store(true, Ordering::Relaxed);
        if handle.queues.send(StopDispatching).await.is_err() {
            warn!("the queues have stopped before the server");
        }
        let draining = Change::SetDraining {
            node: handle.node,
            is_draining: true,
        };
        // For others to see; storage that is away must not keep the server from stopping.
        drop(tokio::time::timeout(DRAIN_SHOWN, handle.recorder.record_one(draining, Origin::Inside)).await);
        if !self.quiet_within(grace).await {
            info!("the grace time is over: handing back what still runs");
            // As above; then nothing runs.
            let _ = handle.queues.send(ForceStop).await;
            if !self.quiet_within(LAST_WORDS).await {
                warn!("not every job could be handed back; the rest is found when a server starts again");
            }
        }
        // While the node still holds the endpoints.
        self.outbound.end(LAST_WORDS).await;
        // Neither may write after the node has left: it would come back as one that lives, or leads.
        let _ = self.recurring.send(StopLeading).await;
        let _ = self.lease_keeper.send(StopRenewing).await;
        if let Err(failure) = handle
            .recorder
            .record_one(Change::Leave { node: handle.node }, Origin::Inside)
            .await
        {
            warn!("the node's lease could not be given back and runs out by itself: {failure}");
        }
        // A reading that is cut off in the middle would take its connection down with it.
        if tokio::time::timeout(LAST_WORDS, handle.sampler.send(Rest))
            .await
            .is_err()
        {
            warn!("storage does not answer: the last reading of its numbers is given up");
        }
        handle.event_bus.flush().await;
        drop(self.arbiters);
        self.handler_threads.end();
    }

    async fn quiet_within(&self, time: Duration) -> bool {
        let end = tokio::time::Instant::now() + time;
        loop {
            if self.handle.queues.send(IsIdle).await.unwrap_or(true) {
                return true;
            }
            if tokio::time::Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(QUIET_POLL.min(end - tokio::time::Instant::now())).await;
        }
    }
}
