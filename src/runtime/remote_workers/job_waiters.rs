//! Notification of remote workers that wait for due jobs.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::domain::job::Job;
use crate::domain::values::name::{JobType, QueueName};

/// Calls that wait for jobs on this node. Shared with the actor that publishes due jobs.
#[derive(Clone, Default)]
pub struct JobWaiters {
    waiting: Arc<Mutex<Vec<Weak<JobWaiter>>>>,
    is_closed: Arc<AtomicBool>,
}

/// A call that waits for jobs of these types in these queues, until it is dropped.
pub struct JobWaiter {
    job_types: HashSet<JobType>,
    /// The queues; all if empty.
    queues: HashSet<QueueName>,
    woken: Notify,
    arrived_in: Mutex<HashSet<QueueName>>,
}

impl JobWaiter {
    /// Waits for due jobs and returns their queues. Jobs that arrived before the call count.
    pub async fn arrived(&self) -> Vec<QueueName> {
        self.woken.notified().await;
        lock(&self.arrived_in).drain().collect()
    }

    fn wants(&self, queue: &QueueName, job_types: Option<&HashSet<&JobType>>) -> bool {
        (self.queues.is_empty() || self.queues.contains(queue))
            && job_types.is_none_or(|arrived| arrived.iter().any(|job_type| self.job_types.contains(*job_type)))
    }

    fn wake(&self, queue: &QueueName) {
        lock(&self.arrived_in).insert(queue.clone());
        self.woken.notify_one();
    }
}

impl JobWaiters {
    /// Registers a waiting call.
    pub fn wait(&self, job_types: &[JobType], queues: &[QueueName]) -> Arc<JobWaiter> {
        let waiter = Arc::new(JobWaiter {
            job_types: job_types.iter().cloned().collect(),
            queues: queues.iter().cloned().collect(),
            woken: Notify::new(),
            arrived_in: Mutex::default(),
        });
        let mut waiting = lock(&self.waiting);
        waiting.retain(|waiter| waiter.strong_count() > 0);
        waiting.push(Arc::downgrade(&waiter));
        waiter
    }

    /// Ends all waits: no more jobs will arrive.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        for waiter in lock(&self.waiting).iter().filter_map(Weak::upgrade) {
            waiter.woken.notify_one();
        }
    }

    /// `true` after `close`.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Notifies of due jobs in this queue; without a list, of jobs of any type.
    pub(crate) fn notify(&self, queue: &QueueName, jobs: Option<&[Arc<Job>]>) {
        let waiting = lock(&self.waiting);
        if waiting.is_empty() {
            return;
        }
        let job_types = jobs.map(|jobs| jobs.iter().map(|job| &job.job_type).collect::<HashSet<&JobType>>());
        for waiter in waiting.iter().filter_map(Weak::upgrade) {
            if waiter.wants(queue, job_types.as_ref()) {
                waiter.wake(queue);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that may panic runs under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::new_job::{JobDefaults, NewJob};
    use chrono::DateTime;
    use futures_util::FutureExt;

    fn queue(name: &str) -> QueueName {
        QueueName::parse(name).expect("a name")
    }

    #[test]
    fn a_waiter_is_notified_of_its_types_in_its_queues_also_before_it_waits() {
        let job_waiters = JobWaiters::default();
        let mail = JobType::parse("Mail").expect("a type");
        let of_type = |name: &str, number| {
            let new = NewJob::of_type(JobType::parse(name).expect("a type"));
            [Arc::new(new.into_job(
                &JobDefaults::default(),
                DateTime::UNIX_EPOCH,
                number,
            ))]
        };
        let waiter = job_waiters.wait(std::slice::from_ref(&mail), &[queue("a")]);
        job_waiters.notify(&queue("b"), None);
        job_waiters.notify(&queue("a"), Some(&of_type("Other", 1)));
        assert_eq!(waiter.arrived().now_or_never(), None);
        job_waiters.notify(&queue("a"), Some(&of_type("Mail", 2)));
        assert_eq!(waiter.arrived().now_or_never(), Some(vec![queue("a")]));
        assert_eq!(waiter.arrived().now_or_never(), None);
        job_waiters.notify(&queue("a"), None);
        assert_eq!(waiter.arrived().now_or_never(), Some(vec![queue("a")]));
        drop(waiter);
        job_waiters.notify(&queue("a"), None);
        drop(job_waiters.wait(&[mail], &[]));
        assert_eq!(lock(&job_waiters.waiting).len(), 1, "dropped waiters are removed");
    }
}
