//! Tells remote workers that wait for jobs when some have become due.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::domain::name::{JobType, QueueName};

/// Who waits on this node. Shared by the actor that hears of due jobs and the calls that wait for them.
#[derive(Clone, Default)]
pub struct Arrivals {
    waiting: Arc<Mutex<Vec<Weak<Waiter>>>>,
    is_closed: Arc<AtomicBool>,
}

/// A call that waits for jobs of these types in these queues. It no longer waits when this is dropped.
pub struct Waiter {
    job_types: Arc<[JobType]>,
    /// None for all.
    queues: Arc<[QueueName]>,
    woken: Notify,
    arrived_in: Mutex<HashSet<QueueName>>,
}

impl Waiter {
    /// Waits until jobs have arrived, and gives the queues that they wait in. What arrived before the call counts.
    pub async fn arrived(&self) -> Vec<QueueName> {
        self.woken.notified().await;
        lock(&self.arrived_in).drain().collect()
    }

    fn wants(&self, queue: &QueueName, mut is_of_type: impl FnMut(&JobType) -> bool) -> bool {
        (self.queues.is_empty() || self.queues.contains(queue)) && self.job_types.iter().any(&mut is_of_type)
    }

    fn wake(&self, queue: &QueueName) {
        lock(&self.arrived_in).insert(queue.clone());
        self.woken.notify_one();
    }
}

impl Arrivals {
    /// Waits from now on.
    pub fn wait(&self, job_types: Arc<[JobType]>, queues: Arc<[QueueName]>) -> Arc<Waiter> {
        let waiter = Arc::new(Waiter {
            job_types,
            queues,
            woken: Notify::new(),
            arrived_in: Mutex::default(),
        });
        let mut waiting = lock(&self.waiting);
        waiting.retain(|waiter| waiter.strong_count() > 0);
        waiting.push(Arc::downgrade(&waiter));
        waiter
    }

    /// Nothing will arrive any more: whoever waits is told, too.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        for waiter in lock(&self.waiting).iter().filter_map(Weak::upgrade) {
            waiter.woken.notify_one();
        }
    }

    /// Whether nothing will arrive any more.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Jobs are due in this queue; `is_of_type` says whether one of this type is among them.
    pub(super) fn announce(&self, queue: &QueueName, mut is_of_type: impl FnMut(&JobType) -> bool) {
        for waiter in lock(&self.waiting).iter().filter_map(Weak::upgrade) {
            if waiter.wants(queue, &mut is_of_type) {
                waiter.wake(queue);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that panics is done under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn queue(name: &str) -> QueueName {
        QueueName::parse(name).expect("a name")
    }

    #[test]
    fn a_waiter_hears_of_its_types_in_its_queues_only_and_of_what_came_before_it_asked() {
        let arrivals = Arrivals::default();
        let mail = JobType::parse("Mail").expect("a type");
        let waiter = arrivals.wait(Arc::from([mail.clone()]), Arc::from([queue("a")]));
        arrivals.announce(&queue("b"), |_| true);
        arrivals.announce(&queue("a"), |job_type| *job_type != mail);
        assert_eq!(waiter.arrived().now_or_never(), None);
        arrivals.announce(&queue("a"), |job_type| *job_type == mail);
        assert_eq!(waiter.arrived().now_or_never(), Some(vec![queue("a")]));
        assert_eq!(waiter.arrived().now_or_never(), None);
        drop(waiter);
        arrivals.announce(&queue("a"), |_| true);
        drop(arrivals.wait(Arc::from([mail]), Arc::from([])));
        assert_eq!(lock(&arrivals.waiting).len(), 1, "who has gone is forgotten");
    }
}
