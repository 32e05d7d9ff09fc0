//! Leases jobs of several queues to remote workers.

use std::collections::HashSet;
use std::sync::Arc;

use actix::{Addr, Context, Handler, ResponseFuture};

use super::QueueRegistry;
use crate::domain::values::name::{JobType, QueueName};
use crate::runtime::dispatch::dispatcher::QueueDispatcher;
use crate::runtime::dispatch::lease_messages::{LeaseError, LeaseFromQueues, LeaseJobs, Leased};
use crate::runtime::remote_workers::due_types::TypesByQueue;
use crate::storage::change::ByteLimit;

/// Maximum number of queues that are queried without reading the due types from storage first.
const MAX_QUEUES_WITHOUT_READ: usize = 4;
const MAX_TYPES_WITHOUT_READ: usize = 16;

impl Handler<LeaseFromQueues> for QueueRegistry {
    type Result = ResponseFuture<Result<Leased, LeaseError>>;

    fn handle(
        &mut self,
        LeaseFromQueues { queues, lease, since }: LeaseFromQueues,
        _: &mut Context<Self>,
    ) -> Self::Result {
        let mut targets: Vec<(QueueName, Addr<QueueDispatcher>)> = if queues.is_empty() {
            let running = self.queues.iter();
            running
                .map(|(name, queue)| (name.clone(), queue.address.clone()))
                .collect()
        } else {
            let mut running = Vec::with_capacity(queues.len());
            for name in queues.iter() {
                running.extend(self.queue(name).map(|queue| (name.clone(), queue.address.clone())));
            }
            running
        };
        let reads_first = targets.len() > MAX_QUEUES_WITHOUT_READ || lease.job_types.len() > MAX_TYPES_WITHOUT_READ;
        let due_types = reads_first.then(|| self.deps.due_types.clone());
        // The first queue changes with each lease, so that no queue starves.
        self.leases = self.leases.wrapping_add(1);
        if !targets.is_empty() {
            let first = self.leases % targets.len();
            targets.rotate_left(first);
        }
        Box::pin(async move {
            let mut leased = Leased::default();
            let due = match due_types {
                Some(due_types) => Some(due_types.since(since).await?),
                None => None,
            };
            let requested: HashSet<&JobType> = lease.job_types.iter().collect();
            for (name, queue) in targets {
                let job_types = match &due {
                    Some(due) => wanted_in(due, &name, &requested),
                    None => Arc::clone(&lease.job_types),
                };
                if job_types.is_empty() {
                    continue;
                }
                let taken = u32::try_from(leased.jobs.len()).unwrap_or(u32::MAX);
                let left = lease.limit.saturating_sub(taken);
                if left == 0 {
                    break;
                }
                let used: u64 = leased.jobs.iter().map(|job| ByteLimit::bytes_of(job)).sum();
                let request = LeaseJobs {
                    worker: lease.worker,
                    job_types,
                    limit: left,
                    bytes: ByteLimit {
                        max: lease.bytes.max.saturating_sub(used),
                        first_always: lease.bytes.first_always && leased.jobs.is_empty(),
                    },
                };
                match queue.send(request).await {
                    Ok(Ok(Leased { mut jobs, next_in })) => {
                        leased.jobs.append(&mut jobs);
                        leased.next_in = leased.next_in.into_iter().chain(next_in).min();
                    }
                    // Jobs that were leased so far must reach the worker.
                    Ok(Err(_)) if !leased.jobs.is_empty() => break,
                    Ok(Err(failure)) => return Err(failure),
                    // The queue is being restarted and is skipped.
                    Err(_) => {}
                }
            }
            Ok(leased)
        })
    }
}

/// The wanted types with pending jobs in a queue, if any job of the queue is due.
fn wanted_in(due: &TypesByQueue, queue: &QueueName, requested: &HashSet<&JobType>) -> Arc<[JobType]> {
    let pending = due.get(queue).into_iter().flatten();
    pending
        .filter(|job_type| requested.contains(job_type))
        .cloned()
        .collect()
}
