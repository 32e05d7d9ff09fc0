//! Leases jobs of several queues to remote workers.

use std::collections::HashSet;
use std::sync::Arc;

use actix::{Addr, Context, Handler, ResponseFuture};

use super::QueueRegistry;
use crate::domain::values::name::{JobType, QueueName};
use crate::runtime::dispatch::dispatcher::QueueDispatcher;
use crate::runtime::dispatch::lease_messages::{LeaseError, LeaseFromQueues, LeaseJobs, Leased, LeasedQueues};
use crate::runtime::remote_workers::due_types::TypesByQueue;
use crate::storage::change::ByteLimit;

/// Maximum number of queues that are queried without reading the due types from storage first.
const MAX_QUEUES_WITHOUT_READ: usize = 4;
const MAX_TYPES_WITHOUT_READ: usize = 16;
/// Maximum number of claims without a result by an earlier read of the due types.
const MAX_OUTDATED: usize = 4;

/// A queue, and the types to lease from it.
type Target = (Addr<QueueDispatcher>, Arc<[JobType]>);

impl Handler<LeaseFromQueues> for QueueRegistry {
    type Result = ResponseFuture<Result<Leased, LeaseError>>;

    fn handle(&mut self, LeaseFromQueues { from, lease }: LeaseFromQueues, _: &mut Context<Self>) -> Self::Result {
        let (queues, since) = match from {
            LeasedQueues::Due(due) => {
                let target = |(name, job_types): (QueueName, Arc<[JobType]>)| {
                    let queue = self.queue(&name)?;
                    Some((queue.address.clone(), job_types))
                };
                let targets: Vec<Target> = due.into_iter().filter_map(target).collect();
                return Box::pin(async move {
                    let mut leasing = Leasing::new(lease);
                    leasing.lease_from(targets, usize::MAX).await?;
                    Ok(leasing.leased)
                });
            }
            LeasedQueues::Any { queues, since } => (queues, since),
        };
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
        // The first queue changes with each lease, so that no queue starves.
        self.leases = self.leases.wrapping_add(1);
        if !targets.is_empty() {
            let first = self.leases % targets.len();
            targets.rotate_left(first);
        }
        let reads_first = targets.len() > MAX_QUEUES_WITHOUT_READ || lease.job_types.len() > MAX_TYPES_WITHOUT_READ;
        let due_types = self.deps.due_types.clone();
        Box::pin(async move {
            let job_types = Arc::clone(&lease.job_types);
            let mut leasing = Leasing::new(lease);
            if !reads_first {
                let targets = targets.into_iter().map(|(_, queue)| (queue, Arc::clone(&job_types)));
                leasing.lease_from(targets, usize::MAX).await?;
                return Ok(leasing.leased);
            }
            let requested: HashSet<&JobType> = job_types.iter().collect();
            // In a backlog the latest read is enough, and its cost is shared by many leases.
            if let Some(due) = due_types.latest() {
                leasing
                    .lease_from(wanted(&targets, &due, &requested), MAX_OUTDATED)
                    .await?;
                if !leasing.leased.is_empty() {
                    return Ok(leasing.leased);
                }
            }
            let due = due_types.since(since).await?;
            leasing
                .lease_from(wanted(&targets, &due, &requested), usize::MAX)
                .await?;
            Ok(leasing.leased)
        })
    }
}

/// The queues with due jobs in which any requested types are pending, with those types.
fn wanted<'a>(
    targets: &'a [(QueueName, Addr<QueueDispatcher>)],
    due: &'a TypesByQueue,
    requested: &'a HashSet<&JobType>,
) -> impl Iterator<Item = Target> {
    targets.iter().filter_map(move |(name, queue)| {
        let pending = due.get(name)?.iter();
        let job_types: Arc<[JobType]> = pending
            .filter(|job_type| requested.contains(job_type))
            .cloned()
            .collect();
        (!job_types.is_empty()).then(|| (queue.clone(), job_types))
    })
}

/// A lease in progress.
struct Leasing {
    lease: LeaseJobs,
    leased: Leased,
}

impl Leasing {
    fn new(lease: LeaseJobs) -> Self {
        Self {
            lease,
            leased: Leased::new(),
        }
    }

    /// Leases from these queues up to the limit, until so many claims had no result.
    async fn lease_from(
        &mut self,
        targets: impl IntoIterator<Item = Target>,
        empty_max: usize,
    ) -> Result<(), LeaseError> {
        let mut empty = 0;
        for (queue, job_types) in targets {
            let taken = u32::try_from(self.leased.len()).unwrap_or(u32::MAX);
            let left = self.lease.limit.saturating_sub(taken);
            if left == 0 || empty == empty_max {
                break;
            }
            let used: u64 = self.leased.iter().map(|job| ByteLimit::bytes_of(job)).sum();
            let request = LeaseJobs {
                worker: self.lease.worker,
                job_types,
                limit: left,
                bytes: ByteLimit {
                    max: self.lease.bytes.max.saturating_sub(used),
                    first_always: self.lease.bytes.first_always && self.leased.is_empty(),
                },
            };
            match queue.send(request).await {
                Ok(Ok(jobs)) => {
                    empty += usize::from(jobs.is_empty());
                    self.leased.extend(jobs);
                }
                // Jobs that were leased so far must reach the worker.
                Ok(Err(_)) if !self.leased.is_empty() => break,
                Ok(Err(failure)) => return Err(failure),
                // The queue is being restarted and is skipped.
                Err(_) => {}
            }
        }
        Ok(())
    }
}
