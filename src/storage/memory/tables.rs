//! The tables, and the methods that keep the counters consistent with the jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::access::audit::AuditRecord;
use crate::domain::cluster::leadership::Leadership;
use crate::domain::cluster::remote_worker::{JobReports, WorkerDeclaration};
use crate::domain::cluster::worker_access::WorkerAccess;
use crate::domain::job::attempt::{ATTEMPTS_KEPT, Attempt};
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::job::{Job, Occurrence};
use crate::domain::metrics::rollup_delta::RollupDelta;
use crate::domain::operation::Operation;
use crate::domain::operation::action::Previous;
use crate::domain::queue::StatusCounts;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::{AuditId, EndpointId, JobId, NodeId, OperationId};
use crate::domain::values::name::{JobType, QueueName, UniqueKey};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::{Delivery, DeliveryId};
use crate::domain::webhooks::endpoint::Endpoint;
use crate::storage::change::Idempotency;
use crate::storage::failure_reason_limiter::FailureReasonLimiter;
use crate::storage::outbox::FeedEntry;
use crate::storage::query::{FilterParts, JobFilter, PendingJobs};

/// Everything. Jobs and counters are private to this file, so that neither changes without the other.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// The newest last.
    jobs: BTreeMap<JobId, Arc<Job>>,
    counters: BTreeMap<CounterKey, u64>,
    /// By job and number.
    attempts: BTreeMap<(JobId, u32), Attempt>,
    /// By name; whether it is paused.
    queues: BTreeMap<QueueName, bool>,
    /// Number of jobs that a queue has completed in each second since 1970.
    completed: BTreeMap<(QueueName, i64), u64>,
    /// Requests by idempotency key, and the jobs that they created.
    pub(super) idempotency: HashMap<String, (Idempotency, Vec<Uuid>)>,
    /// The newest last.
    pub(super) recurring: BTreeMap<RecurringId, Arc<RecurringJob>>,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) leadership: Option<Leadership>,
    /// Reports of the attempts of a job.
    pub(super) reports: HashMap<JobId, JobReports>,
    /// Set if several servers are live at the same time.
    pub(super) serves_many: bool,
    /// Rollup of jobs that start and finish.
    pub(super) tally: RollupDelta,
    /// Counted reasons of failures.
    pub(super) reasons: FailureReasonLimiter,
    /// Audit records, newest last.
    pub(super) audit: BTreeMap<AuditId, AuditRecord>,
    /// Webhook endpoints, each with the node that holds it.
    pub(super) endpoints: BTreeMap<EndpointId, (Arc<Endpoint>, Option<NodeId>)>,
    /// Nodes by the endpoints of their configuration.
    pub(super) endpoint_names: BTreeSet<(EndpointId, NodeId)>,
    /// Since when no live node names an endpoint.
    pub(super) unnamed_since: BTreeMap<EndpointId, DateTime<Utc>>,
    /// The newest last.
    pub(super) deliveries: BTreeMap<DeliveryId, Delivery>,
    /// Number of deliveries so far.
    pub(super) deliveries_numbered: i64,
    /// The newest last.
    pub(super) feed: BTreeMap<i64, FeedEntry>,
    /// Number of entries of the feed so far, and the last removed one.
    pub(super) feed_numbered: i64,
    pub(super) feed_removed: i64,
    /// The position of each consumer of the feed, and the node that owns it.
    pub(super) readers: BTreeMap<Arc<str>, (FeedCursor, NodeId)>,
    /// Bulk operations, the newest last.
    pub(super) operations: BTreeMap<OperationId, Arc<Operation>>,
    /// The values that operations have replaced.
    pub(super) replaced: BTreeMap<(OperationId, JobId), Previous>,
}

/// A run of a server, or of a remote worker.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) name: Arc<str>,
    pub(super) started_at: DateTime<Utc>,
    pub(super) heartbeat_at: DateTime<Utc>,
    /// End of its lease, until which it keeps its jobs.
    pub(super) lease_until: DateTime<Utc>,
    /// Registration of a remote worker; `None` for a server.
    pub(super) worker: Option<Arc<WorkerDeclaration>>,
    /// Access to a worker; `None` for a server.
    pub(super) access: Option<Arc<WorkerAccess>>,
    /// The types that a server has handlers for.
    pub(super) job_types: Arc<[JobType]>,
    /// Those of them that remote workers may lease too.
    pub(super) remote_types: Arc<[JobType]>,
    pub(super) is_draining: bool,
}

impl Node {
    /// `true` if the last heartbeat is no older than this part of the lease.
    pub(super) fn has_heartbeat_within(&self, part: i32, whole: i32, now: DateTime<Utc>) -> bool {
        self.heartbeat_at + (self.lease_until - self.heartbeat_at) * part / whole >= now
    }
}

/// Key of the counters of jobs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CounterKey {
    queue: QueueName,
    job_type: JobType,
    status: JobStatus,
    priority: Priority,
}

impl CounterKey {
    fn of(job: &Job) -> Self {
        Self {
            queue: job.queue.clone(),
            job_type: job.job_type.clone(),
            status: job.status,
            priority: job.priority,
        }
    }
}

impl Tables {
    pub(super) fn job(&self, id: JobId) -> Option<&Arc<Job>> {
        self.jobs.get(&id)
    }

    /// All jobs, the oldest first.
    pub(super) fn jobs(&self) -> impl DoubleEndedIterator<Item = &Arc<Job>> {
        self.jobs.values()
    }

    /// The pending jobs that no node has claimed.
    pub(super) fn unclaimed(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs()
            .filter(|job| job.status == JobStatus::Pending && job.claimed_by.is_none())
    }

    /// The unfinished job that has this key.
    pub(super) fn holder_of(&self, key: &UniqueKey) -> Option<&Arc<Job>> {
        self.jobs()
            .find(|job| !job.status.is_finished() && job.unique_key.as_ref() == Some(key))
    }

    /// `true` if a due time of a recurring job has become a job.
    pub(super) fn has_occurrence(&self, occurrence: Occurrence) -> bool {
        self.jobs().any(|job| job.occurrence == Some(occurrence))
    }

    /// Number of unfinished occurrences of a recurring job.
    pub(super) fn unfinished_of(&self, id: RecurringId) -> usize {
        let is_of = |job: &Job| job.occurrence.is_some_and(|occurrence| occurrence.recurring_id == id);
        self.jobs()
            .filter(|job| is_of(job) && !job.status.is_finished())
            .count()
    }

    /// Stores a job, which replaces the one with its id. Creates its queue.
    pub(super) fn put(&mut self, job: Arc<Job>) {
        self.name_queue(&job.queue);
        *self.counters.entry(CounterKey::of(&job)).or_default() += 1;
        match self.jobs.insert(job.id, Arc::clone(&job)) {
            Some(before) => self.uncount(&before),
            None => self.tally.add_created(&job),
        }
    }

    /// Removes a job and its attempts.
    pub(super) fn remove(&mut self, id: JobId) {
        if let Some(job) = self.jobs.remove(&id) {
            self.uncount(&job);
        }
        self.attempts.retain(|(job_id, _), _| *job_id != id);
        self.reports.remove(&id);
    }

    fn uncount(&mut self, job: &Job) {
        let key = CounterKey::of(job);
        if let Some(count) = self.counters.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.counters.remove(&key);
            }
        }
    }

    /// Number of jobs that match a filter whose conditions are all covered by counters.
    pub(super) fn count(&self, parts: &FilterParts<'_>) -> u64 {
        let counts =
            |key: &CounterKey| parts.counts(key.queue.as_str(), key.job_type.as_str(), key.status, key.priority);
        let counters = self.counters.iter().filter(|(key, _)| counts(key));
        counters.map(|(_, count)| count).sum()
    }

    /// Number of pending jobs by type and queue.
    pub(super) fn pending_by_type(&self) -> Vec<PendingJobs> {
        let mut counts: BTreeMap<(JobType, QueueName), u64> = BTreeMap::new();
        for (key, count) in self.counters.iter().filter(|(key, _)| key.status == JobStatus::Pending) {
            *counts.entry((key.job_type.clone(), key.queue.clone())).or_default() += count;
        }
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        counts
            .map(|((job_type, queue), count)| PendingJobs { job_type, queue, count })
            .collect()
    }

    pub(super) fn status_counts(&self, queue: &QueueName) -> StatusCounts {
        let count = |status| {
            let filter = JobFilter::default().with_statuses(&[status]).with_queue(queue);
            self.count(&FilterParts::of(&filter))
        };
        StatusCounts {
            pending: count(JobStatus::Pending),
            running: count(JobStatus::Running),
            completed: count(JobStatus::Completed),
            failed: count(JobStatus::Failed),
            cancelled: count(JobStatus::Cancelled),
        }
    }

    pub(super) fn add_attempt(&mut self, attempt: Attempt) {
        let (id, number) = (attempt.job_id, attempt.number);
        if let Some(expired) = number.checked_sub(ATTEMPTS_KEPT) {
            let expired = self.attempts.range((id, 0)..=(id, expired)).map(|(key, _)| *key);
            for key in expired.collect::<Vec<_>>() {
                self.attempts.remove(&key);
            }
        }
        self.attempts.insert((id, number), attempt);
    }

    /// The attempts of a job, the first one first.
    pub(super) fn attempts(&self, id: JobId) -> impl Iterator<Item = &Attempt> {
        self.attempts
            .range((id, 0)..=(id, u32::MAX))
            .map(|(_, attempt)| attempt)
    }

    /// All queues and whether they are paused.
    pub(super) fn queues(&self) -> impl Iterator<Item = (&QueueName, bool)> {
        self.queues.iter().map(|(name, is_paused)| (name, *is_paused))
    }

    /// Makes a queue that does not exist.
    pub(super) fn name_queue(&mut self, queue: &QueueName) {
        if !self.queues.contains_key(queue) {
            self.queues.insert(queue.clone(), false);
        }
    }

    /// Pauses or resumes a queue. Returns whether its state has changed.
    pub(super) fn switch_queue(&mut self, queue: &QueueName, is_paused: bool) -> bool {
        let before = self.queues.insert(queue.clone(), is_paused).unwrap_or(false);
        before != is_paused
    }

    /// Removes a queue without unfinished jobs; returns the removed queues.
    pub(super) fn delete_queue(&mut self, queue: &QueueName) -> Vec<QueueName> {
        let StatusCounts { pending, running, .. } = self.status_counts(queue);
        if pending + running > 0 || self.queues.remove(queue).is_none() {
            return Vec::new();
        }
        vec![queue.clone()]
    }

    /// Removes the unused queues; returns them.
    pub(super) fn prune_queues(&mut self) -> Vec<QueueName> {
        let is_used = |queue: &QueueName| {
            self.counters.keys().any(|key| key.queue == *queue)
                || self
                    .recurring
                    .values()
                    .any(|recurring| recurring.template.queue.as_ref() == Some(queue))
        };
        let unused: Vec<QueueName> = self
            .queues
            .iter()
            .filter(|(queue, is_paused)| !**is_paused && !is_used(queue))
            .map(|(queue, _)| queue.clone())
            .collect();
        for queue in &unused {
            self.queues.remove(queue);
        }
        let named: Vec<QueueName> = self
            .jobs()
            .filter(|job| !job.status.is_finished())
            .map(|job| job.queue.clone())
            .collect();
        for queue in &named {
            self.name_queue(queue);
        }
        unused
    }

    pub(super) fn add_completed(&mut self, queue: &QueueName, at: DateTime<Utc>) {
        *self.completed.entry((queue.clone(), at.timestamp())).or_default() += 1;
    }

    pub(super) fn completed_since(&self, queue: &QueueName, since: DateTime<Utc>) -> u64 {
        self.completed
            .range((queue.clone(), since.timestamp())..=(queue.clone(), i64::MAX))
            .map(|(_, count)| count)
            .sum()
    }

    /// Removes throughput counts before a time. Returns their number.
    pub(super) fn forget_completed(&mut self, before: DateTime<Utc>) -> usize {
        let length = self.completed.len();
        self.completed.retain(|(_, second), _| *second >= before.timestamp());
        length - self.completed.len()
    }

    /// Removes idempotency keys before a time up to a limit, oldest first. Returns their number.
    pub(super) fn forget_keys(&mut self, before: DateTime<Utc>, limit: u32) -> usize {
        let mut old: Vec<(DateTime<Utc>, String)> = self
            .idempotency
            .iter()
            .map(|(key, (given, _))| (given.created_at, key.clone()))
            .filter(|(created_at, _)| *created_at < before)
            .collect();
        old.sort_unstable();
        old.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        for (_, key) in &old {
            self.idempotency.remove(key);
        }
        old.len()
    }

    /// The running and claimed jobs whose node has no lease, but for the observer's own; none while its last heartbeat is
    /// older than half of its lease.
    pub(super) fn orphans(&self, observer: NodeId, now: DateTime<Utc>) -> impl Iterator<Item = &Arc<Job>> {
        let may_check = self
            .nodes
            .get(&observer)
            .is_some_and(|node| node.has_heartbeat_within(1, 2, now));
        self.jobs()
            .filter(move |job| may_check && job.held_attempt().is_some())
            .filter(move |job| {
                let node = job.claimed_by.or(job.node);
                node != Some(observer) && !node.is_some_and(|node| self.holds_lease(node, now))
            })
    }

    pub(super) fn holds_lease(&self, node: NodeId, now: DateTime<Utc>) -> bool {
        self.nodes.get(&node).is_some_and(|node| self.is_live(node, now))
    }

    /// Where storage serves one server at a time, its lease lasts until it leaves.
    pub(super) fn is_live(&self, node: &Node, now: DateTime<Utc>) -> bool {
        node.lease_until >= now || (!self.serves_many && node.worker.is_none())
    }
}
