//! Starts the dispatcher and the workers of a queue.

use std::sync::Arc;

use actix::Addr;

use super::{QueueRegistry, RunningQueue};
use crate::domain::queue::QueueSettings;
use crate::domain::values::name::{JobType, QueueName};
use crate::runtime::actor::supervisor::ActorSlot;
use crate::runtime::dispatch::attempt::AttemptContext;
use crate::runtime::dispatch::dispatcher::{self, QueueDispatcher, QueueDispatcherDeps};
use crate::runtime::dispatch::worker::{self, Worker, WorkerDeps};
use crate::runtime::writer::completion_batcher::CompletionBatcher;

impl QueueRegistry {
    pub(super) fn start_queue(&self, name: &QueueName, is_paused: bool) -> RunningQueue {
        let deps = &self.deps;
        let settings = deps
            .configured
            .iter()
            .find(|settings| settings.name == *name)
            .cloned()
            .unwrap_or_else(|| QueueSettings {
                name: name.clone(),
                workers: deps.workers_by_default,
                pending_max: None,
                rate_limit: None,
            });
        let workers = usize::try_from(settings.workers.get()).unwrap_or(usize::MAX);
        let slot = ActorSlot::<QueueDispatcher>::new(dispatcher::MAILBOX_CAPACITY + workers);
        let completions = CompletionBatcher::new(deps.writer.clone());
        let context = AttemptContext {
            handlers: Arc::clone(&deps.handlers),
            limits: deps.limits,
            handler_threads: deps.handler_threads.clone(),
            cancel_grace: deps.cancel_grace,
            node_lease: deps.node_lease.clone(),
            traces: deps.traces.clone(),
        };
        let workers: Arc<[Addr<Worker>]> = (0..workers)
            .map(|index| {
                let worker = WorkerDeps {
                    queue: slot.address().recipient(),
                    index,
                    completions: completions.clone(),
                    writer: deps.writer.clone(),
                    context: context.clone(),
                    clock: deps.clock.clone(),
                    blocked: deps.blocked.clone(),
                };
                ActorSlot::new(worker::MAILBOX_CAPACITY).start_one_of_many(
                    &deps.arbiter,
                    "Worker",
                    &deps.supervisor,
                    || Worker::new(worker),
                )
            })
            .collect();
        let job_types: Arc<[JobType]> = deps.handlers.job_types().cloned().collect();
        let queue = QueueDispatcherDeps {
            settings,
            is_paused,
            is_drained: self.is_drained,
            workers: Arc::clone(&workers),
            writer: deps.writer.clone(),
            job_types,
            type_limits: deps.type_limits.clone(),
            limit_freed: deps.own_address.clone().recipient(),
            node: deps.node,
            clock: deps.clock.clone(),
            node_lease: deps.node_lease.clone(),
            notifier: deps.notifier.clone(),
            job_waiters: deps.job_waiters.clone(),
            backlog: deps.backlog.clone(),
            ready_memory: deps.ready_memory.clone(),
            claims_ahead: deps.repository.claims_ahead(),
        };
        let address = slot.start(&deps.arbiter, "QueueDispatcher", &deps.supervisor, || {
            QueueDispatcher::new(queue)
        });
        RunningQueue { address, workers }
    }
}
