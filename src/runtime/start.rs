//! Start of a runtime.

use std::sync::Arc;

use actix::{Addr, Arbiter};
use tracing::info;

use super::actor::clock::IdSource;
use super::actor::supervisor::{ActorSlot, Supervisor};
use super::cluster::lease_renewer::{self, LeaseRenewer, LeaseRenewerDeps};
use super::cluster::node_lease::SharedNodeLease;
use super::cluster::notifier::{self, Notifier, NotifierDeps};
use super::cluster::orphan_recovery::{self, OrphanRecovery, OrphanRecoveryDeps, OrphanRecoveryError};
use super::cluster::remote_subscribers::RemoteSubscribers;
use super::dispatch::backlog_gauge::BacklogGauge;
use super::dispatch::blocked_handlers::BlockedHandlers;
use super::dispatch::concurrency_limits::ConcurrencyLimits;
use super::dispatch::handled_types::HandledTypes;
use super::dispatch::handler_pool::HandlerPool;
use super::dispatch::ready_queue::ReadyMemory;
use super::dispatch::registry::{self, QueueRegistry, QueueRegistryDeps};
use super::events::event_bus::{self, EventBus, EventBusHandle};
use super::handle::RuntimeHandle;
use super::maintenance::pruner::{self, Pruner, PrunerDeps};
use super::monitoring::metrics_sampler::{self, MetricsSampler, SamplerContext};
use super::monitoring::report_channel::ReportChannel;
use super::operations::pace::OtherWrites;
use super::operations::runner::{self, OperationRunner, OperationRunnerDeps};
use super::options::RuntimeOptions;
use super::outbound::dispatcher::{self, WebhookDispatcher};
use super::outbound::endpoint_sync::{EndpointSyncError, NodeEndpoints};
use super::outbound::throttle::{CommitLoad, DeliveryThrottle};
use super::outbound::{Outbound, OutboundDeps};
use super::remote_workers::due_types::DueTypes;
use super::remote_workers::job_waiters::JobWaiters;
use super::remote_workers::{RemoteWorkers, RemoteWorkersDeps};
use super::schedule::clock_watch::{self, ClockWatch, ClockWatchDeps};
use super::schedule::due_jobs::{self, Scheduler, SchedulerDeps};
use super::schedule::recurring_jobs::{self, RecurringScheduler, RecurringSchedulerDeps};
use super::writer::after_commit::{AfterCommit, ClusterHandle};
use super::writer::endpoint_cache::EndpointCache;
use super::writer::error::WriteError;
use super::writer::group_commit::{Writer, WriterDeps};
use super::writer::handle::WriterHandle;
use super::writer::limits;
use super::writer::outbox::OutboxBuilder;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::JobType;
use crate::storage::read_lane::reserve_for_actors;
use crate::storage::repository::JobRepository;

/// Reasons why a runtime did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Storage could not be read or written.
    #[error(transparent)]
    Storage(#[from] OrphanRecoveryError),
    /// The node's lease could not be stored.
    #[error("failed to store node lease: {0}")]
    Lease(#[from] WriteError),
    /// The configured webhook endpoints could not be stored.
    #[error(transparent)]
    Endpoints(#[from] EndpointSyncError),
    /// The handler threads could not be started.
    #[error("failed to start handler threads: {0}")]
    Threads(#[from] std::io::Error),
}

/// The running actors of one node.
pub struct Runtime {
    pub(super) handle: RuntimeHandle,
    pub(super) lease_renewer: Addr<LeaseRenewer>,
    pub(super) recurring: Addr<RecurringScheduler>,
    pub(super) operations: Addr<OperationRunner>,
    pub(super) outbound: Outbound,
    pub(super) arbiters: Arbiters,
    pub(super) handler_pool: HandlerPool,
}

/// The threads of the actors. Dropping them stops the threads: actors without their runtime would continue to claim
/// jobs without running them, and keep the storage open.
pub(super) struct Arbiters([Arbiter; 5]);

impl Drop for Arbiters {
    fn drop(&mut self) {
        for arbiter in &self.0 {
            arbiter.stop();
        }
    }
}

impl Runtime {
    /// Starts the actors, consumers first, and recovers the jobs of nodes that have died. Needs a running actix system.
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
            on_job_event,
            traces,
            log_jobs,
        } = options;
        let ids = Arc::new(IdSource::default());
        let handler_pool = HandlerPool::start(handler_threads)?;
        let arbiters = Arbiters([(); 5].map(|()| Arbiter::new()));
        let [
            writer_arbiter,
            events_arbiter,
            queues_arbiter,
            time_arbiter,
            outbound_arbiter,
        ] = arbiters.0.each_ref().map(Arbiter::handle);
        for arbiter in &arbiters.0 {
            arbiter.spawn_fn(reserve_for_actors);
        }
        let supervisor = Supervisor::default();
        let commit_reports = ReportChannel::default();
        let commit_load = CommitLoad::default();
        let started_at = clock.now();
        let node = NodeId::new(started_at);

        let bus_slot = ActorSlot::<EventBus>::new(event_bus::MAILBOX_CAPACITY);
        let event_bus = EventBusHandle::new(bus_slot.address());
        // A storage that logs its failures itself shares its log with the actors.
        let outage = repository.outage().cloned().unwrap_or_default();
        let sampler = ActorSlot::<MetricsSampler>::new(metrics_sampler::MAILBOX_CAPACITY);
        let scheduler = ActorSlot::<Scheduler>::new(due_jobs::MAILBOX_CAPACITY);
        let queues = ActorSlot::<QueueRegistry>::new(registry::MAILBOX_CAPACITY);
        let recurring = ActorSlot::<RecurringScheduler>::new(recurring_jobs::MAILBOX_CAPACITY);
        let operations = ActorSlot::<OperationRunner>::new(runner::MAILBOX_CAPACITY);
        let others = OtherWrites::default();
        let writer_slot = ActorSlot::<Writer>::new(limits::MAILBOX_CAPACITY);
        let dispatcher = ActorSlot::<WebhookDispatcher>::new(dispatcher::MAILBOX_CAPACITY);
        let writer = WriterHandle::new(writer_slot.address());
        let endpoints = EndpointCache::default();
        let has_feed = sync.feed || !sync.targets.is_empty();

        bus_slot.start(&events_arbiter, "EventBus", &supervisor, {
            let (event_bus, sampler) = (event_bus.clone(), sampler.address().recipient());
            move || EventBus::new(&event_bus, sampler)
        });
        let notifier = repository
            .is_shared()
            .then(|| ActorSlot::<Notifier>::new(notifier::MAILBOX_CAPACITY));
        let cluster = notifier.as_ref().map(|notifier| ClusterHandle {
            notifier: notifier.address().recipient(),
            remote_subscribers: RemoteSubscribers::default(),
            node,
        });
        let job_types: Arc<[JobType]> = handlers.job_types().cloned().collect();
        let remote_types: Arc<[JobType]> = handlers.remote_types().cloned().collect();
        let handled = HandledTypes::new(Arc::clone(&repository), &job_types, &remote_types);
        time_arbiter.spawn(handled.clone().check_pending());
        let writer_deps = WriterDeps {
            repository: Arc::clone(&repository),
            clock: clock.clone(),
            after_commit: AfterCommit {
                jobs_due: queues.address().recipient(),
                queue_paused: queues.address().recipient(),
                node_draining: queues.address().recipient(),
                cancelled: queues.address().recipient(),
                schedule: scheduler.address().recipient(),
                recurring: recurring.address().recipient(),
                operations: operations.address().recipient(),
                outbox: dispatcher.address().recipient(),
                event_bus: event_bus.clone(),
                cluster: cluster.clone(),
                on_job_event,
            },
            health: sampler.address().recipient(),
            outage: outage.clone(),
            outbox: OutboxBuilder::new(
                endpoints.clone(),
                has_feed,
                webhooks.delivery.enable && repository.is_shared(),
                traces.clone(),
                clock.clone(),
                Arc::clone(&ids),
            ),
            load: commit_load.clone(),
            reports: commit_reports.clone(),
            traces: traces.clone(),
            log_jobs,
            handled: handled.clone(),
            others: others.clone(),
        };
        writer_slot.start(&writer_arbiter, "Writer", &supervisor, || Writer::new(writer_deps));

        let node_lease = SharedNodeLease::new(repository.is_shared());
        let lease_renewer = LeaseRenewerDeps {
            repository: Arc::clone(&repository),
            writer: writer.clone(),
            queues: queues.address(),
            node_lease: node_lease.clone(),
            node,
            node_name,
            started_at,
            lease,
            job_types: Arc::clone(&job_types),
            remote_types,
        };
        let orphan_recovery = OrphanRecoveryDeps {
            repository: Arc::clone(&repository),
            writer: writer.clone(),
            queues: queues.address(),
            node,
            lease,
            clock: clock.clone(),
        };
        // First: jobs of a node without a lease are orphans.
        lease_renewer.renew().await?;
        if webhooks.delivery.enable {
            // Before any event that the endpoints subscribe to.
            NodeEndpoints::of(&webhooks.delivery, node)
                .store(&*repository, &writer, &endpoints, &clock)
                .await?;
        }
        // Before the queues start: jobs of an earlier run of this server become due again.
        let recovered = orphan_recovery.recover_orphans().await?;
        if recovered > 0 {
            info!("recovered {recovered} orphaned jobs");
        }

        let blocked = BlockedHandlers::default();
        let sampler_context = SamplerContext {
            repository: Arc::clone(&repository),
            writer: writer.clone(),
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
        let sampler = sampler.start(&time_arbiter, "MetricsSampler", &supervisor, || {
            MetricsSampler::new(sampler_context)
        });

        let type_limits = ConcurrencyLimits::new(concurrency);
        let job_waiters = JobWaiters::default();
        let backlog = BacklogGauge::default();
        let registry_deps = QueueRegistryDeps {
            repository: Arc::clone(&repository),
            configured: configured.into(),
            workers_by_default,
            writer: writer.clone(),
            handlers: Arc::new(handlers),
            limits: handler_limits,
            handler_threads: handler_pool.handle(),
            type_limits: type_limits.clone(),
            node,
            clock: clock.clone(),
            cancel_grace,
            arbiter: queues_arbiter.clone(),
            supervisor: supervisor.clone(),
            backlog: backlog.clone(),
            ready_memory: ReadyMemory::default(),
            own_address: queues.address(),
            node_lease: node_lease.clone(),
            notifier: cluster.as_ref().map(|cluster| cluster.notifier.clone()),
            job_waiters: job_waiters.clone(),
            due_types: DueTypes::new(Arc::clone(&repository), clock.clone()),
            traces: traces.clone(),
            blocked: blocked.clone(),
        };
        let queues = queues.start(&queues_arbiter, "QueueRegistry", &supervisor, || {
            QueueRegistry::new(registry_deps)
        });
        let operations_deps = OperationRunnerDeps {
            repository: Arc::clone(&repository),
            writer: writer.clone(),
            clock: clock.clone(),
            ids: Arc::clone(&ids),
            node,
            lease,
            others,
            event_bus: event_bus.clone(),
            notifier: cluster.as_ref().map(|cluster| cluster.notifier.clone()),
        };
        if let (Some(notifier), Some(cluster)) = (notifier, cluster) {
            let notifier_deps = NotifierDeps {
                repository: Arc::clone(&repository),
                node,
                queues: queues.clone(),
                scheduler: scheduler.address(),
                recurring: recurring.address(),
                operations: operations.address().recipient(),
                event_bus: event_bus.clone(),
                remote_subscribers: cluster.remote_subscribers,
                clock: clock.clone(),
            };
            notifier.start(&time_arbiter, "Notifier", &supervisor, || Notifier::new(notifier_deps));
        }
        let recurring_deps = RecurringSchedulerDeps {
            repository: Arc::clone(&repository),
            writer: writer.clone(),
            clock: clock.clone(),
            ids: Arc::clone(&ids),
            defaults,
            node,
            lease,
        };
        let recurring = recurring.start(&time_arbiter, "RecurringScheduler", &supervisor, || {
            RecurringScheduler::new(recurring_deps)
        });
        let operations = operations.start(&time_arbiter, "OperationRunner", &supervisor, || {
            OperationRunner::new(operations_deps)
        });
        let outbound_deps = OutboundDeps {
            repository: Arc::clone(&repository),
            writer: writer.clone(),
            event_bus: event_bus.clone(),
            endpoints,
            node,
            node_lease: node_lease.clone(),
            throttle: DeliveryThrottle::new(backlog, commit_load),
            supervisor: supervisor.clone(),
            clock: clock.clone(),
            ids: Arc::clone(&ids),
        };
        let (outbound_clients, targets) = (webhooks.delivery.enable.then(|| webhooks.clients.clone()), sync.targets);
        let outbound = Outbound::start(outbound_deps, webhooks, targets, dispatcher, &outbound_arbiter);
        let scheduler_deps = SchedulerDeps {
            repository: Arc::clone(&repository),
            clock: clock.clone(),
            queues: queues.clone(),
        };
        scheduler.start(&time_arbiter, "Scheduler", &supervisor, || {
            Scheduler::new(scheduler_deps)
        });
        let lease_renewer =
            ActorSlot::new(lease_renewer::MAILBOX_CAPACITY).start(&time_arbiter, "LeaseRenewer", &supervisor, || {
                LeaseRenewer::new(lease_renewer)
            });
        ActorSlot::new(orphan_recovery::MAILBOX_CAPACITY).start(&time_arbiter, "OrphanRecovery", &supervisor, || {
            OrphanRecovery::new(orphan_recovery)
        });
        let clock_watch = ClockWatchDeps {
            repository: Arc::clone(&repository),
            writer: writer.clone(),
            clock: clock.clone(),
        };
        ActorSlot::new(clock_watch::MAILBOX_CAPACITY).start(&time_arbiter, "ClockWatch", &supervisor, || {
            ClockWatch::new(clock_watch)
        });
        let pruner = PrunerDeps {
            writer: writer.clone(),
            retention,
            clock: clock.clone(),
        };
        ActorSlot::new(pruner::MAILBOX_CAPACITY).start(&time_arbiter, "Pruner", &supervisor, || Pruner::new(pruner));

        let remote = RemoteWorkers::new(RemoteWorkersDeps {
            repository,
            writer: writer.clone(),
            queues: queues.clone(),
            job_waiters,
            handled: handled.clone(),
            limits: handler_limits,
            lease,
            cancel_grace,
            clock: clock.clone(),
        });
        let handle = RuntimeHandle {
            writer,
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
            type_limits,
            node_lease,
            commit_reports,
            traces,
        };
        Ok(Self {
            handle,
            lease_renewer,
            recurring,
            operations,
            outbound,
            arbiters,
            handler_pool,
        })
    }

    /// A handle to the actors.
    pub fn handle(&self) -> &RuntimeHandle {
        &self.handle
    }
}
