//! Jobs that a queue has claimed ahead of their start, and how many it claims.
//!
//! A worker that becomes idle begins a claimed job at once, without a commit in between. Claims ahead cover the commits that a
//! worker would wait for: handlers that take longer than a few commits get none.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ready_queue::{ReadyMemory, by_urgency};
use crate::domain::job::Job;
use crate::domain::job::attempt::AttemptKey;
use crate::domain::job::priority::Priority;

/// Time after which a claimed job is released if no claimed job has begun meanwhile.
pub(crate) const CLAIM_KEPT: Duration = Duration::from_millis(100);
/// Time after which a claimed job that has not begun is released: more urgent ones have overtaken it.
const CLAIM_KEPT_MAX: Duration = Duration::from_secs(1);
/// Maximum size of the jobs of a claim ahead, in bytes.
pub(crate) const CLAIM_BYTES: usize = 2 << 20;
/// Maximum number of jobs that a queue claims ahead.
const CLAIMED_MAX: usize = 512;
/// Claims ahead cover the jobs that the workers run during this number of commits.
const COMMITS_AHEAD: f64 = 2.0;
/// Time without the end of an attempt, apart from these commits, after which the measured durations are outdated.
const PACE_KEPT: Duration = Duration::from_millis(100);
/// Weight of the latest duration in the smoothed one.
const LATEST_WEIGHT: f64 = 0.125;

/// A job that is claimed ahead of its start.
#[derive(Debug)]
pub(crate) struct ClaimedJob {
    /// The job, pending.
    pub(crate) job: Arc<Job>,
    /// Time of the claim.
    pub(crate) at: Instant,
    /// The term of the node's lease at the claim.
    pub(crate) term: u64,
}

impl Ord for ClaimedJob {
    fn cmp(&self, other: &Self) -> Ordering {
        by_urgency(&self.job, &other.job)
    }
}

impl PartialOrd for ClaimedJob {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ClaimedJob {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ClaimedJob {}

/// The claimed jobs of a queue that have not begun, by descending urgency.
#[derive(Debug)]
pub(crate) struct ClaimedJobs {
    heap: BinaryHeap<ClaimedJob>,
    /// Their size, and that of claims that are being stored.
    bytes: usize,
    memory: ReadyMemory,
    /// Time at which the last one has begun.
    begun_at: Option<Instant>,
}

impl Drop for ClaimedJobs {
    fn drop(&mut self) {
        self.memory.sub(self.bytes);
    }
}

impl ClaimedJobs {
    pub(crate) fn new(memory: ReadyMemory) -> Self {
        Self {
            heap: BinaryHeap::new(),
            bytes: 0,
            memory,
            begun_at: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// `true` if the node may hold the jobs of a further claim in memory.
    pub(crate) fn has_room(&self) -> bool {
        self.memory.has_room(CLAIM_BYTES)
    }

    /// Reserves memory for the jobs of a claim that is being stored.
    pub(crate) fn reserve(&mut self) {
        self.bytes += CLAIM_BYTES;
        self.memory.add(CLAIM_BYTES);
    }

    /// Releases the memory of a claim that was stored.
    pub(crate) fn unreserve(&mut self) {
        self.bytes -= CLAIM_BYTES;
        self.memory.sub(CLAIM_BYTES);
    }

    /// The priority of the next job.
    pub(crate) fn next_priority(&self) -> Option<Priority> {
        self.heap.peek().map(|claimed| claimed.job.priority)
    }

    pub(crate) fn add(&mut self, claimed: ClaimedJob) {
        let bytes = claimed.job.text_bytes();
        self.bytes += bytes;
        self.memory.add(bytes);
        self.heap.push(claimed);
    }

    /// Removes the most urgent job, which begins now.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<ClaimedJob> {
        let claimed = self.heap.pop()?;
        self.begun_at = Some(now);
        self.forget(&claimed);
        Some(claimed)
    }

    /// Removes all jobs.
    pub(crate) fn take_all(&mut self) -> Vec<Arc<Job>> {
        self.take(|_| true)
    }

    /// Removes the jobs that have not begun in time.
    pub(crate) fn take_late(&mut self, now: Instant) -> Vec<Arc<Job>> {
        let begins = self
            .begun_at
            .is_some_and(|begun_at| now.duration_since(begun_at) < CLAIM_KEPT);
        let kept = if begins { CLAIM_KEPT_MAX } else { CLAIM_KEPT };
        self.take(|claimed| now.duration_since(claimed.at) >= kept)
    }

    /// Removes the jobs whose next attempt is one of these.
    pub(crate) fn take_these(&mut self, attempts: &HashSet<AttemptKey>) -> Vec<Arc<Job>> {
        self.take(|claimed| claimed.job.held_attempt().is_some_and(|held| attempts.contains(&held)))
    }

    /// The next attempts of the jobs.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = AttemptKey> {
        self.heap.iter().filter_map(|claimed| claimed.job.held_attempt())
    }

    fn take(&mut self, is_taken: impl Fn(&ClaimedJob) -> bool) -> Vec<Arc<Job>> {
        let (taken, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.heap).into_iter().partition(is_taken);
        self.heap = kept.into();
        taken
            .into_iter()
            .map(|claimed| {
                self.forget(&claimed);
                claimed.job
            })
            .collect()
    }

    fn forget(&mut self, claimed: &ClaimedJob) {
        let bytes = claimed.job.text_bytes();
        self.bytes -= bytes;
        self.memory.sub(bytes);
    }
}

/// Smoothed durations of attempts and of commits with claims or starts.
#[derive(Debug, Default)]
pub(crate) struct ClaimPace {
    attempt: Option<f64>,
    commit: Option<f64>,
    ended_at: Option<Instant>,
}

impl ClaimPace {
    /// An attempt has taken this time, from its assignment to a worker until the worker was idle again.
    pub(crate) fn attempt_ended(&mut self, took: Duration, now: Instant) {
        self.attempt = Some(smoothed(self.attempt, took));
        self.ended_at = Some(now);
    }

    /// A claim or start was stored after this time.
    pub(crate) fn committed(&mut self, took: Duration) {
        self.commit = Some(smoothed(self.commit, took));
    }

    /// Number of jobs to claim ahead for this number of workers.
    pub(crate) fn ahead(&self, workers: usize, now: Instant) -> usize {
        let (Some(attempt), Some(commit), Some(ended_at)) = (self.attempt, self.commit, self.ended_at) else {
            return 0;
        };
        let ahead = COMMITS_AHEAD * commit;
        if now.duration_since(ended_at).as_secs_f64() > PACE_KEPT.as_secs_f64() + ahead {
            return 0;
        }
        let of_worker = ahead / attempt.max(1e-6);
        if of_worker < 1.0 {
            return 0;
        }
        ((workers as f64 * of_worker) as usize).min(CLAIMED_MAX)
    }
}

fn smoothed(before: Option<f64>, latest: Duration) -> f64 {
    let latest = latest.as_secs_f64();
    before.map_or(latest, |before| before + (latest - before) * LATEST_WEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::new_job::{JobDefaults, NewJob};
    use crate::domain::values::id::NodeId;
    use crate::domain::values::name::JobType;
    use chrono::{DateTime, TimeDelta};

    fn pace(attempt: Duration, commit: Duration, now: Instant) -> ClaimPace {
        let mut pace = ClaimPace::default();
        pace.attempt_ended(attempt, now);
        pace.committed(commit);
        pace
    }

    #[test]
    fn short_attempts_are_claimed_ahead_for_two_commits() {
        let now = Instant::now();
        let (milli, micros) = (Duration::from_millis(1), Duration::from_micros(100));
        assert_eq!(ClaimPace::default().ahead(10, now), 0, "nothing is known");
        assert!((79..=80).contains(&pace(milli, milli * 4, now).ahead(10, now)));
        assert_eq!(pace(micros, milli * 10, now).ahead(10, now), CLAIMED_MAX);
    }

    #[test]
    fn long_attempts_are_not_claimed_ahead() {
        let (now, milli) = (Instant::now(), Duration::from_millis(1));
        assert_eq!(pace(milli * 9, milli * 4, now).ahead(10, now), 0);
        let mut changed = pace(milli, milli * 4, now);
        changed.attempt_ended(Duration::from_secs(1), now);
        assert_eq!(changed.ahead(10, now), 0, "a long one counts at once");
        let fast = pace(milli, milli * 4, now);
        assert_eq!(fast.ahead(10, now + PACE_KEPT * 2), 0, "no attempt has ended since");
    }

    #[test]
    fn the_most_urgent_claimed_job_comes_first_and_bytes_are_counted() {
        let (memory, now) = (ReadyMemory::default(), Instant::now());
        let mut jobs = ClaimedJobs::new(memory.clone());
        for (seconds, priority) in [(1, Priority::Low), (2, Priority::High), (3, Priority::Normal)] {
            let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
            let new = NewJob {
                priority,
                ..NewJob::of_type(JobType::parse("Sample").expect("a type"))
            };
            let job = new.into_job(&JobDefaults::default(), at, 0).claim(NodeId::new(at));
            jobs.add(ClaimedJob {
                job: Arc::new(job),
                at: now,
                term: 0,
            });
        }
        assert_eq!(jobs.next_priority(), Some(Priority::High));
        let later = now + CLAIM_KEPT;
        assert_eq!(jobs.pop(later).map(|next| next.job.priority), Some(Priority::High));
        let one: HashSet<AttemptKey> = jobs.attempts().take(1).collect();
        assert_eq!(jobs.take_these(&one).len(), 1);
        assert_eq!(jobs.take_late(later).len(), 0, "one has just begun");
        assert_eq!(jobs.take_late(later + CLAIM_KEPT).len(), 1);
        assert_eq!((jobs.len(), jobs.bytes), (0, 0));
        while jobs.has_room() {
            jobs.reserve();
        }
        assert!(
            !ClaimedJobs::new(memory.clone()).has_room(),
            "the queues share the memory"
        );
        jobs.unreserve();
        assert!(jobs.has_room());
        drop(jobs);
        assert!(memory.has_room(64 << 20));
    }
}
