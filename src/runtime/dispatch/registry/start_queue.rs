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
        let context = AttemptContext {
            handlers: Arc::clone(&parts.handlers),
            limits: parts.limits,
            handler_threads: parts.handler_threads.clone(),
            cancel_grace: parts.cancel_grace,
            gate: parts.gate.clone(),
            traces: parts.traces.clone(),
        };
        let workers: Arc<[Addr<Worker>]> = (0..workers)
            .map(|index| {
                let worker = WorkerDeps {
                    queue: slot.address().recipient(),
                    index,
                    completions: completions.clone(),
                    writer: parts.writer.clone(),
                    context: context.clone(),
                    clock: parts.clock.clone(),
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
            ready_memory: parts.ready_memory.clone(),
        };
        let address = slot.start(&parts.arbiter, "QueueDispatcher", &parts.supervisor, || {
            QueueDispatcher::new(queue)
        });
        RunningQueue { address, workers }
    }
}
