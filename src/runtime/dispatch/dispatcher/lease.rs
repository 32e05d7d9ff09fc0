//! Leases to remote workers: the same jobs under the same rules, apart from the number of local workers.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, ResponseActFuture, WrapFuture};

use super::QueueDispatcher;
use crate::domain::job::Job;
use crate::domain::values::name::JobType;
use crate::runtime::dispatch::lease_messages::{LeaseError, LeaseJobs, Leased};
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::messages::{ChangeResult, WritePriority};
use crate::storage::change::{Applied, Change, ChangeError, Claim, JobChange};

impl Handler<LeaseJobs> for QueueDispatcher {
    type Result = ResponseActFuture<Self, Result<Leased, LeaseError>>;

    fn handle(&mut self, lease: LeaseJobs, ctx: &mut Context<Self>) -> Self::Result {
        let LeaseJobs {
            worker,
            job_types,
            limit,
            bytes,
        } = lease;
        let now = self.deps.clock.now();
        let allowed = match &mut self.bucket {
            Some(bucket) => limit.min(bucket.available(now)),
            None => limit,
        };
        if !self.may_start() || allowed == 0 {
            if allowed == 0 {
                self.wake_waiting_when_allowed(&job_types, ctx);
            }
            return Box::pin(std::future::ready(Ok(Leased::new())).into_actor(self));
        }
        // Before the claim is stored, so that another lease or a local worker does not use the same tokens.
        if let Some(bucket) = &mut self.bucket {
            bucket.take(allowed);
        }
        let claim = Claim {
            queue: self.deps.settings.name.clone(),
            limit: allowed,
            job_types: Arc::clone(&job_types),
            node: worker,
            now,
            bytes: Some(bytes),
            is_ahead: false,
        };
        let recorded = self
            .deps
            .writer
            .write_one(Change::Job(JobChange::Claim(claim)), WritePriority::Client);
        Box::pin(recorded.into_actor(self).map(move |result, queue, ctx| {
            let claimed = claimed(result);
            let unused = match &claimed {
                Ok(jobs) => usize::try_from(allowed)
                    .unwrap_or(usize::MAX)
                    .saturating_sub(jobs.len()),
                Err(LeaseError::NoLease | LeaseError::Storage(_)) => usize::try_from(allowed).unwrap_or(usize::MAX),
                // The claim may have been stored.
                Err(LeaseError::Record(_)) => 0,
            };
            queue.return_tokens(unused, ctx);
            if unused == 0 && allowed < limit {
                queue.wake_waiting_when_allowed(&job_types, ctx);
            }
            if unused > 0 && queue.bucket.is_some() {
                queue.dispatch(ctx);
            }
            claimed
        }))
    }
}

impl QueueDispatcher {
    /// Wakes remote workers that wait for jobs of these types once the rate limit permits another job.
    fn wake_waiting_when_allowed(&mut self, job_types: &[JobType], ctx: &mut Context<Self>) {
        let Some(bucket) = &self.bucket else { return };
        let is_timed = !self.limited_leases.is_empty();
        self.limited_leases.extend(job_types.iter().cloned());
        if is_timed {
            return;
        }
        let wait = bucket.time_to_next().to_std().unwrap_or_default();
        ctx.run_later(wait, |queue, _| queue.wake_limited_leases());
    }

    /// Wakes the remote workers that wait for a token of the rate limit.
    pub(super) fn wake_limited_leases(&mut self) {
        let job_types = std::mem::take(&mut self.limited_leases);
        let name = &self.deps.settings.name;
        self.deps.job_waiters.notify_of_types(name, &job_types);
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
