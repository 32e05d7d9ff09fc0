//! The table of waiting calls.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::domain::values::name::{JobType, QueueName};

/// Maximum number of pairs of a type and a queue under which a call is found.
const PAIRS_MAX: usize = 64;

/// Types of due jobs, by queue.
pub(super) type Assigned = HashMap<QueueName, HashSet<JobType>>;

/// A key under which an idle call is found: what it accepts, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Type(JobType),
    Queue(QueueName),
    Pair(JobType, QueueName),
}

/// A waiting call.
pub(super) struct Call {
    job_types: HashSet<JobType>,
    /// The queues; all if empty.
    queues: HashSet<QueueName>,
    limit: usize,
    woken: Arc<Notify>,
    /// Jobs to poll for next.
    assigned: Assigned,
}

impl Call {
    pub(super) fn new(job_types: &[JobType], queues: &[QueueName], limit: u32, woken: Arc<Notify>) -> Self {
        Self {
            job_types: job_types.iter().cloned().collect(),
            queues: queues.iter().cloned().collect(),
            limit: usize::try_from(limit).unwrap_or(usize::MAX).max(1),
            woken,
            assigned: Assigned::new(),
        }
    }

    fn accepts(&self, queue: &QueueName, job_type: &JobType) -> bool {
        self.job_types.contains(job_type) && (self.queues.is_empty() || self.queues.contains(queue))
    }

    fn assign(&mut self, queue: &QueueName, job_type: &JobType) {
        if let Some(job_types) = self.assigned.get_mut(queue) {
            job_types.insert(job_type.clone());
        } else {
            self.assigned.insert(queue.clone(), HashSet::from([job_type.clone()]));
        }
    }

    /// As few keys as possible: a worker may have a thousand types and a thousand queues.
    fn keys(&self) -> Box<dyn Iterator<Item = Key> + '_> {
        let by_type = || self.job_types.iter().cloned().map(Key::Type);
        let (job_types, queues) = (self.job_types.len(), self.queues.len());
        if queues == 0 {
            Box::new(by_type())
        } else if job_types * queues <= PAIRS_MAX {
            let pairs = |job_type: &JobType| {
                let job_type = job_type.clone();
                self.queues
                    .iter()
                    .map(move |queue| Key::Pair(job_type.clone(), queue.clone()))
            };
            Box::new(self.job_types.iter().flat_map(pairs))
        } else if job_types <= queues {
            Box::new(by_type())
        } else {
            Box::new(self.queues.iter().cloned().map(Key::Queue))
        }
    }
}

/// The calls, by the order of arrival.
#[derive(Default)]
pub(super) struct Calls {
    by_arrival: BTreeMap<u64, Call>,
    /// Idle calls by each of their keys.
    idle: HashMap<Key, BTreeSet<u64>>,
    polling: BTreeSet<u64>,
    next: u64,
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.by_arrival.is_empty()
    }

    /// Adds a polling call. Returns its place in the order of arrival.
    pub(super) fn add(&mut self, call: Call) -> u64 {
        let arrival = self.next;
        self.next += 1;
        self.by_arrival.insert(arrival, call);
        self.polling.insert(arrival);
        arrival
    }

    /// Removes a call. Returns the jobs that it has not polled for.
    pub(super) fn remove(&mut self, arrival: u64) -> Assigned {
        let assigned = self.set_polling(arrival);
        self.polling.remove(&arrival);
        self.by_arrival.remove(&arrival);
        assigned
    }

    /// Marks a call as idle, unless jobs are assigned to it. Returns whether it is idle.
    pub(super) fn set_idle(&mut self, arrival: u64) -> bool {
        let Some(call) = self.by_arrival.get(&arrival) else {
            return false;
        };
        if !call.assigned.is_empty() {
            return false;
        }
        if self.polling.remove(&arrival) {
            for key in call.keys() {
                self.idle.entry(key).or_default().insert(arrival);
            }
        }
        true
    }

    /// Marks a call as polling. Returns the jobs that are assigned to it.
    pub(super) fn set_polling(&mut self, arrival: u64) -> Assigned {
        let Some(call) = self.by_arrival.get_mut(&arrival) else {
            return Assigned::new();
        };
        let assigned = std::mem::take(&mut call.assigned);
        if self.polling.insert(arrival) {
            let call = &self.by_arrival[&arrival];
            for key in call.keys() {
                if let Some(calls) = self.idle.get_mut(&key) {
                    calls.remove(&arrival);
                    if calls.is_empty() {
                        self.idle.remove(&key);
                    }
                }
            }
        }
        assigned
    }

    /// The idle call that has waited longest for such a job.
    fn first_idle(&self, queue: &QueueName, job_type: &JobType) -> Option<u64> {
        let keys = [
            Key::Type(job_type.clone()),
            Key::Queue(queue.clone()),
            Key::Pair(job_type.clone(), queue.clone()),
        ];
        let accepts = |arrival: &&u64| {
            let call = self.by_arrival.get(*arrival);
            call.is_some_and(|call| call.accepts(queue, job_type))
        };
        let first = |key: &Key| self.idle.get(key)?.iter().find(accepts).copied();
        keys.iter().filter_map(first).min()
    }

    fn first_polling(&self, queue: &QueueName, job_type: &JobType) -> Option<u64> {
        let accepts = |arrival: &&u64| {
            let call = self.by_arrival.get(*arrival);
            call.is_some_and(|call| call.accepts(queue, job_type))
        };
        self.polling.iter().find(accepts).copied()
    }

    /// Assigns due jobs of a queue, of each type so many, and wakes the calls that get them.
    pub(super) fn assign<'a>(&mut self, queue: &QueueName, jobs: impl IntoIterator<Item = (&'a JobType, usize)>) {
        // The calls that get jobs, each with the rest of its limit.
        let mut woken: Vec<(u64, usize)> = Vec::new();
        for (job_type, count) in jobs {
            let mut left = count;
            for (arrival, room) in &mut woken {
                let Some(call) = self.by_arrival.get_mut(arrival) else {
                    continue;
                };
                let taken = left.min(*room);
                if taken > 0 && call.accepts(queue, job_type) {
                    call.assign(queue, job_type);
                    *room -= taken;
                    left -= taken;
                }
            }
            while left > 0 {
                let idle = self.first_idle(queue, job_type);
                let Some(arrival) = idle.or_else(|| self.first_polling(queue, job_type)) else {
                    break;
                };
                // Its other jobs were assigned while it was polling.
                let assigned = self.set_polling(arrival);
                let Some(call) = self.by_arrival.get_mut(&arrival) else {
                    break;
                };
                call.assigned = assigned;
                call.assign(queue, job_type);
                if idle.is_none() {
                    // It passes on those that it has no room for.
                    break;
                }
                call.woken.notify_one();
                let taken = left.min(call.limit);
                left -= taken;
                woken.push((arrival, call.limit - taken));
            }
        }
    }

    /// Assigns jobs to other calls.
    pub(super) fn pass_on(&mut self, assigned: Assigned) {
        for (queue, job_types) in &assigned {
            self.assign(queue, job_types.iter().map(|job_type| (job_type, 1)));
        }
    }

    #[cfg(test)]
    pub(super) fn has_no_keys(&self) -> bool {
        self.idle.is_empty()
    }

    /// Wakes all calls.
    pub(super) fn wake_all(&self) {
        for call in self.by_arrival.values() {
            call.woken.notify_one();
        }
    }
}
