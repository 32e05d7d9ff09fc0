//! Lease calls that wait for due jobs on this node, and the assignment of jobs to them.
//!
//! A call is *idle* while it waits, and *polling* before and after. Due jobs are assigned to as many idle calls as have
//! room for them, in the order of arrival, and only those poll. Jobs that arrive while no idle call accepts them are
//! assigned to a polling one, which may have read before they were stored. A call that ends without having polled for
//! its jobs passes them on.

mod calls;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use self::calls::{Assigned, Call, Calls};
use crate::domain::job::Job;
use crate::domain::values::name::{JobType, QueueName};

/// The waiting calls. Clones share them.
#[derive(Clone, Default)]
pub struct JobWaiters(Arc<Shared>);

#[derive(Default)]
struct Shared {
    calls: Mutex<Calls>,
    is_closed: AtomicBool,
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        // No code that may panic runs under the lock.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

/// A call that accepts jobs until it is dropped.
pub struct JobWaiter {
    shared: Arc<Shared>,
    arrival: u64,
    woken: Arc<Notify>,
    /// Jobs for which it polls.
    polled_for: Assigned,
}

impl JobWaiter {
    /// Waits until due jobs are assigned to the call, and returns their queues and types; nothing at the deadline. The
    /// call polls next, and reports the result by [`Self::polled`].
    pub async fn assigned_before(&mut self, deadline: Instant) -> Vec<(QueueName, Arc<[JobType]>)> {
        // Again after a notification of jobs that the call has polled for meanwhile.
        while !self.shared.is_closed() && self.shared.calls().set_idle(self.arrival) {
            let notified = tokio::time::timeout_at(deadline, self.woken.notified());
            if notified.await.is_err() {
                break;
            }
        }
        self.polled_for = self.shared.calls().set_polling(self.arrival);
        let assigned = self.polled_for.iter();
        assigned
            .map(|(queue, job_types)| (queue.clone(), job_types.iter().cloned().collect()))
            .collect()
    }

    /// Records that the call has polled for the assigned jobs. Other calls poll too if it `may_have_left` some.
    pub fn polled(&mut self, may_have_left: bool) {
        let polled_for = std::mem::take(&mut self.polled_for);
        if may_have_left {
            self.shared.calls().pass_on(polled_for);
        }
    }
}

impl Drop for JobWaiter {
    fn drop(&mut self) {
        let mut calls = self.shared.calls();
        let assigned = calls.remove(self.arrival);
        calls.pass_on(std::mem::take(&mut self.polled_for));
        calls.pass_on(assigned);
    }
}

impl JobWaiters {
    /// Registers a call for up to `limit` jobs of these types in these queues, all if empty. It polls first.
    pub fn wait(&self, job_types: &[JobType], queues: &[QueueName], limit: u32) -> JobWaiter {
        let woken = Arc::new(Notify::new());
        let call = Call::new(job_types, queues, limit, Arc::clone(&woken));
        JobWaiter {
            arrival: self.0.calls().add(call),
            shared: Arc::clone(&self.0),
            woken,
            polled_for: Assigned::new(),
        }
    }

    /// Ends all waits: no more jobs will arrive.
    pub(crate) fn close(&self) {
        self.0.is_closed.store(true, Ordering::Release);
        self.0.calls().wake_all();
    }

    /// `true` after `close`.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// `true` if there is no call.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.calls().is_empty()
    }

    /// Assigns due jobs of a queue.
    pub(crate) fn notify(&self, queue: &QueueName, jobs: &[Arc<Job>]) {
        let mut calls = self.0.calls();
        if calls.is_empty() {
            return;
        }
        let mut counts: BTreeMap<&JobType, usize> = BTreeMap::new();
        for job in jobs {
            *counts.entry(&job.job_type).or_default() += 1;
        }
        calls.assign(queue, counts);
    }

    /// Assigns due jobs of a queue, of which only the types are known.
    pub(crate) fn notify_of_types<'a>(&self, queue: &QueueName, job_types: impl IntoIterator<Item = &'a JobType>) {
        let counts = job_types.into_iter().map(|job_type| (job_type, 1));
        self.0.calls().assign(queue, counts);
    }
}

#[cfg(test)]
mod tests;
