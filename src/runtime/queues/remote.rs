//! Finds jobs for remote workers, queue after queue.

use std::sync::Arc;

use actix::{Addr, Context, Handler, Message, ResponseFuture};

use super::{Queue, QueueName, Queues};
use crate::runtime::queue::remote::{LeaseError, LeaseJobs, Leased};

/// Start up to `lease.limit` due jobs for a remote worker.
#[derive(Message)]
#[rtype(result = "Result<Leased, LeaseError>")]
pub struct LeaseFrom {
    /// From these queues; none for all.
    pub queues: Arc<[QueueName]>,
    /// Which jobs, how many, and for whom.
    pub lease: LeaseJobs,
}

impl Handler<LeaseFrom> for Queues {
    type Result = ResponseFuture<Result<Leased, LeaseError>>;

    fn handle(&mut self, LeaseFrom { queues, lease }: LeaseFrom, _: &mut Context<Self>) -> Self::Result {
        let mut asked: Vec<Addr<Queue>> = if queues.is_empty() {
            self.queues.values().map(|queue| queue.address.clone()).collect()
        } else {
            let mut running = Vec::with_capacity(queues.len());
            for name in queues.iter() {
                running.extend(self.queue(name).map(|queue| queue.address.clone()));
            }
            running
        };
        // No queue stands behind another for ever.
        self.leases = self.leases.wrapping_add(1);
        if !asked.is_empty() {
            let first = self.leases % asked.len();
            asked.rotate_left(first);
        }
        Box::pin(async move {
            let mut leased = Leased::default();
            for queue in asked {
                let taken = u32::try_from(leased.jobs.len()).unwrap_or(u32::MAX);
                let left = lease.limit.saturating_sub(taken);
                if left == 0 {
                    break;
                }
                let wanted = LeaseJobs {
                    limit: left,
                    ..lease.clone()
                };
                match queue.send(wanted).await {
                    Ok(Ok(Leased { mut jobs, next_in })) => {
                        leased.jobs.append(&mut jobs);
                        leased.next_in = leased.next_in.into_iter().chain(next_in).min();
                    }
                    // What was taken so far must reach the worker.
                    Ok(Err(_)) if !leased.jobs.is_empty() => break,
                    Ok(Err(failure)) => return Err(failure),
                    // The queue is just being restarted: another time.
                    Err(_) => {}
                }
            }
            Ok(leased)
        })
    }
}
