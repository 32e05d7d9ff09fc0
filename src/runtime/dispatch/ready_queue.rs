//! Due jobs of a queue in memory, by descending urgency.
//!
//! The queue keeps the rows of due jobs that were just stored, so that workers receive them without a read. Its size
//! is bounded; beyond it all rows are dropped and storage chooses ([`Source::Storage`]) until it has no further due
//! jobs.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as MemoryOrdering};

use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::values::name::JobType;

/// Maximum size of the texts of a queue's jobs, in bytes.
const BYTES_MAX: usize = 16 << 20;

/// Maximum size of the texts of all queues' jobs, in bytes.
const TOTAL_BYTES_MAX: usize = 64 << 20;

/// Size of the texts that the ready queues of a node hold, in bytes. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ReadyMemory(Arc<AtomicUsize>);

impl ReadyMemory {
    /// `true` if the maximum allows this number of further bytes.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.0.load(MemoryOrdering::Relaxed).saturating_add(bytes) <= TOTAL_BYTES_MAX
    }

    /// Adds bytes; false if the maximum is exceeded.
    pub(crate) fn add(&self, bytes: usize) -> bool {
        let before = self.0.fetch_add(bytes, MemoryOrdering::Relaxed);
        before.saturating_add(bytes) <= TOTAL_BYTES_MAX
    }

    pub(crate) fn sub(&self, bytes: usize) {
        self.0.fetch_sub(bytes, MemoryOrdering::Relaxed);
    }
}

/// The source of the next due job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Memory holds every due job of the queue that this node can run.
    Memory,
    /// Storage may have more: jobs are claimed there.
    Storage,
}

/// Due jobs in memory.
#[derive(Debug)]
pub(crate) struct ReadyQueue {
    jobs_max: usize,
    heap: BinaryHeap<Ready>,
    /// Jobs whose type has reached its concurrency limit.
    parked: HashMap<JobType, Vec<Ready>>,
    held: usize,
    bytes: usize,
    memory: ReadyMemory,
    source: Source,
}

impl Drop for ReadyQueue {
    fn drop(&mut self) {
        self.memory.sub(self.bytes);
    }
}

/// The order in which jobs are started: by priority, then due time, then age. The greatest comes first.
pub(crate) fn by_urgency(a: &Job, b: &Job) -> Ordering {
    a.priority
        .cmp(&b.priority)
        .then_with(|| b.due_at.cmp(&a.due_at))
        .then_with(|| b.id.cmp(&a.id))
}

#[derive(Debug)]
struct Ready(Arc<Job>);

impl Ord for Ready {
    fn cmp(&self, other: &Self) -> Ordering {
        by_urgency(&self.0, &other.0)
    }
}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ready {}

impl ReadyQueue {
    /// Empty; storage may have due jobs.
    pub(crate) fn new(jobs_max: usize, memory: ReadyMemory) -> Self {
        Self {
            jobs_max,
            heap: BinaryHeap::new(),
            parked: HashMap::new(),
            held: 0,
            bytes: 0,
            memory,
            source: Source::Storage,
        }
    }

    /// The source of the next job.
    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// `true` if no job in memory can be started now.
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The priority of the next job in memory.
    pub(crate) fn next_priority(&self) -> Option<Priority> {
        self.heap.peek().map(|ready| ready.0.priority)
    }

    /// Number of jobs in memory.
    pub(crate) fn len(&self) -> usize {
        self.held
    }

    /// Adds jobs that were just stored and are due, if memory is the source.
    pub(crate) fn add(&mut self, jobs: Vec<Arc<Job>>) {
        if self.source == Source::Storage {
            return;
        }
        if jobs.iter().any(|job| job.is_brief) {
            // Only storage has the parameters.
            self.use_storage();
            return;
        }
        let bytes = jobs.iter().map(|job| job.text_bytes()).sum();
        self.bytes += bytes;
        self.held += jobs.len();
        self.heap.extend(jobs.into_iter().map(Ready));
        let has_memory = self.memory.add(bytes);
        if self.held > self.jobs_max || self.bytes > BYTES_MAX || !has_memory {
            self.use_storage();
        }
    }

    /// Drops all jobs; storage becomes the source.
    pub(crate) fn use_storage(&mut self) {
        self.heap.clear();
        self.parked.clear();
        self.held = 0;
        self.memory.sub(std::mem::take(&mut self.bytes));
        self.source = Source::Storage;
    }

    /// Storage has no further due jobs: memory becomes the source.
    pub(crate) fn use_memory(&mut self) {
        self.source = Source::Memory;
    }

    /// Removes the most urgent job for which `admit` returns a permit. Jobs without one are parked until
    /// [`unpark`](Self::unpark).
    pub(crate) fn pop<P>(&mut self, mut admit: impl FnMut(&Job) -> Option<P>) -> Option<(Arc<Job>, P)> {
        while let Some(ready) = self.heap.pop() {
            match admit(&ready.0) {
                Some(permit) => {
                    self.held -= 1;
                    let bytes = ready.0.text_bytes();
                    self.bytes -= bytes;
                    self.memory.sub(bytes);
                    return Some((ready.0, permit));
                }
                None => self.parked.entry(ready.0.job_type.clone()).or_default().push(ready),
            }
        }
        None
    }

    /// Makes parked jobs eligible again.
    pub(crate) fn unpark(&mut self) {
        for (_, jobs) in self.parked.drain() {
            self.heap.extend(jobs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::new_job::{JobDefaults, NewJob};
    use chrono::{DateTime, TimeDelta};

    fn job(name: &str, priority: Priority, due_second: i64) -> Arc<Job> {
        let job_type = JobType::parse(name).expect("a valid type");
        let due = crate::domain::job::new_job::Due::At(DateTime::UNIX_EPOCH + TimeDelta::seconds(due_second));
        let new = NewJob {
            priority,
            due,
            ..NewJob::of_type(job_type)
        };
        Arc::new(new.into_job(&JobDefaults::default(), DateTime::UNIX_EPOCH, 0))
    }

    fn drain(ready: &mut ReadyQueue, admit: impl Fn(&Job) -> bool) -> Vec<String> {
        std::iter::from_fn(|| ready.pop(|job| admit(job).then_some(())))
            .map(|(job, ())| job.job_type.to_string())
            .collect()
    }

    #[test]
    fn the_most_urgent_job_comes_first_and_among_equals_the_one_that_was_due_first() {
        let mut ready = ReadyQueue::new(10, ReadyMemory::default());
        ready.use_memory();
        ready.add(vec![
            job("c", Priority::Normal, 2),
            job("b", Priority::Normal, 1),
            job("d", Priority::Low, 0),
        ]);
        ready.add(vec![job("a", Priority::Critical, 9)]);
        assert_eq!(drain(&mut ready, |_| true), ["a", "b", "c", "d"]);
        assert_eq!(ready.len(), 0);
    }

    #[test]
    fn a_type_at_its_limit_delays_no_other_and_is_retried() {
        let mut ready = ReadyQueue::new(10, ReadyMemory::default());
        ready.use_memory();
        ready.add(vec![job("limited", Priority::High, 0), job("free", Priority::Low, 0)]);
        assert_eq!(drain(&mut ready, |job| job.job_type.as_str() != "limited"), ["free"]);
        assert_eq!(drain(&mut ready, |_| true), Vec::<String>::new());
        ready.unpark();
        assert_eq!(drain(&mut ready, |_| true), ["limited"]);
    }

    #[test]
    fn jobs_beyond_the_memory_limit_are_left_to_storage() {
        let mut ready = ReadyQueue::new(2, ReadyMemory::default());
        ready.use_memory();
        ready.add((0..3).map(|n| job("x", Priority::Normal, n)).collect());
        assert_eq!((ready.len(), ready.source()), (0, Source::Storage));
        ready.add(vec![job("x", Priority::Normal, 4)]);
        assert_eq!(
            ready.len(),
            0,
            "jobs are not kept in memory while storage is the source"
        );
        ready.use_memory();
        ready.add(vec![job("x", Priority::Normal, 5)]);
        assert_eq!((ready.len(), ready.source()), (1, Source::Memory));
    }

    #[test]
    fn all_queues_share_a_limit_of_bytes() {
        let memory = ReadyMemory::default();
        let large = |count: i64| -> Vec<Arc<Job>> {
            let text: Arc<str> = format!("\"{}\"", "x".repeat(1 << 20)).into();
            let parameters = crate::domain::values::json::Json::from_valid(text);
            let jobs = (0..count).map(|n| job("x", Priority::Normal, n));
            jobs.map(|job| {
                Arc::new(Job {
                    parameters: parameters.clone(),
                    ..Job::clone(&job)
                })
            })
            .collect()
        };
        let queue = || {
            let mut ready = ReadyQueue::new(100, memory.clone());
            ready.use_memory();
            ready.add(large(15));
            ready
        };
        let mut queues: Vec<ReadyQueue> = (0..5).map(|_| queue()).collect();
        let lengths: Vec<usize> = queues.iter().map(ReadyQueue::len).collect();
        assert_eq!(lengths, [15, 15, 15, 15, 0], "the fifth has no room");
        drop(queues.drain(..1));
        queues[0].use_storage();
        queues[1].pop(|_| Some(())).expect("a job");
        assert_eq!(queue().len(), 15);
        drop(queues);
        assert_eq!(memory.0.load(MemoryOrdering::Relaxed), 0);
    }
}
