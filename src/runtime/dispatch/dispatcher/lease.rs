//! Leases to remote workers: the same jobs under the same rules, apart from the number of local workers.

use std::sync::Arc;

use actix::{ActorFutureExt, Context, Handler, ResponseActFuture, WrapFuture};

use super::QueueDispatcher;
use crate::domain::job::Job;
use crate::runtime::dispatch::lease_messages::{LeaseError, LeaseJobs, Leased};
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::messages::{ChangeResult, WritePriority};
use crate::storage::change::{Applied, Change, ChangeError, Claim, JobChange};

impl Handler<LeaseJobs> for QueueDispatcher {
    type Result = ResponseActFuture<Self, Result<Leased, LeaseError>>;

    fn handle(&mut self, lease: LeaseJobs, _: &mut Context<Self>) -> Self::Result {
        let LeaseJobs {
            worker,
            job_types,
            limit,
            bytes,
        } = lease;
        let now = self.deps.clock.now();
        let mut next_in = None;
        let mut allowed = limit;
        if let Some(bucket) = &mut self.bucket {
            allowed = limit.min(bucket.available(now));
            if allowed < limit {
                next_in = Some(bucket.time_to_next().to_std().unwrap_or_default());
            }
        }
        if !self.may_start() || allowed == 0 {
            let nothing = Leased {
                jobs: Vec::new(),
                next_in,
            };
            return Box::pin(std::future::ready(Ok(nothing)).into_actor(self));
        }
        // Before the claim is stored, so that another lease or a local worker does not use the same tokens.
        if let Some(bucket) = &mut self.bucket {
            bucket.take(allowed);
        }
        let claim = Claim {
            queue: self.deps.settings.name.clone(),
            limit: allowed,
            job_types,
            node: worker,
            now,
            bytes: Some(bytes),
            is_ahead: false,
        };
        let recorded = self
            .deps
            .writer
            .write_one(Change::Job(JobChange::Claim(claim)), WritePriority::Client);
        Box::pin(recorded.into_actor(self).map(move |result, queue, _| {
            let claimed = claimed(result);
            let unused = match &claimed {
                Ok(jobs) => usize::try_from(allowed)
                    .unwrap_or(usize::MAX)
                    .saturating_sub(jobs.len()),
                Err(LeaseError::NoLease | LeaseError::Storage(_)) => usize::try_from(allowed).unwrap_or(usize::MAX),
                // The claim may have been stored.
                Err(LeaseError::Record(_)) => 0,
            };
            queue.return_tokens(unused);
            Ok(Leased {
                jobs: claimed?,
                next_in,
            })
        }))
    }
}

fn claimed(result: Result<ChangeResult, WriteError>) -> Result<Vec<Arc<Job>>, LeaseError> {
    match result? {
        Ok(Applied::Claimed(jobs)) => Ok(jobs),
        Err(ChangeError::NoLease) => Err(LeaseError::NoLease),
        Ok(other) => Err(unexpected(format!("unexpected result from storage: {other:?}"))),
        Err(refused) => Err(unexpected(refused.to_string())),
    }
}

fn unexpected(reason: String) -> LeaseError {
    LeaseError::Record(WriteError::Unavailable { reason })
}
