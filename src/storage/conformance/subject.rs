//! The storage under test, and common steps of the cases.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::sample;
use super::sample::at;
use crate::domain::access::audit::AuditRecord;
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::outcome::Outcome;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::queue::{StatusCounts, StoredQueue};
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::QueueName;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange, Finished, Inserted};
use crate::storage::commit::{AuditEntry, ChangeResult, Commit, Committed, OutboxResult, OutboxRule};
use crate::storage::query::{JobFilter, JobSummary, Order, Page};
use crate::storage::repository::JobRepository;

/// A lease that outlasts every case.
const LONG: TimeSpan = TimeSpan::from_secs(3600);

/// An empty storage, and the connection of a second server if several can share it.
#[derive(Clone)]
pub struct Subject {
    /// The storage.
    pub(super) repository: Arc<dyn JobRepository>,
    /// A second connection to the same storage.
    other: Option<Arc<dyn JobRepository>>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("is_shared", &self.repository.is_shared())
            .finish_non_exhaustive()
    }
}

impl Subject {
    /// An empty storage that serves one server.
    pub fn alone(repository: Arc<dyn JobRepository>) -> Self {
        Self {
            repository,
            other: None,
        }
    }

    /// An empty storage that several servers share, as two of them have opened it.
    pub fn shared(repository: Arc<dyn JobRepository>, other: Arc<dyn JobRepository>) -> Self {
        Self {
            repository,
            other: Some(other),
        }
    }

    /// The same storage over the connection of a second server; `None` if servers can't share it.
    pub(super) fn other(&self) -> Option<Self> {
        assert_eq!(
            self.other.is_some(),
            self.repository.is_shared(),
            "a storage that is shared is tested as Subject::shared, any other as Subject::alone"
        );
        self.other.clone().map(Self::alone)
    }

    /// Commits changes; storage must be available and return a result of each. Jobs that exist already are returned whole.
    pub(super) async fn commit(&self, changes: &[Change]) -> Vec<ChangeResult> {
        self.commit_all(Commit::from(changes.to_vec())).await.results
    }

    /// Commits changes with their audit records.
    pub(super) async fn commit_audited(&self, changes: &[(Change, Option<AuditRecord>)]) -> Vec<ChangeResult> {
        let (changes, records): (Vec<_>, Vec<_>) = changes.iter().cloned().unzip();
        let records = records.into_iter().enumerate();
        let audit = records.filter_map(|(change, record)| {
            Some(AuditEntry {
                change,
                record: record?,
            })
        });
        let audit = audit.collect();
        let commit = Commit {
            changes,
            audit,
            outbox: None,
        };
        self.commit_all(commit).await.results
    }

    /// Commits changes with the outbox entries of a rule, which storage calls.
    pub(super) async fn commit_with(&self, changes: &[Change], rule: OutboxRule) -> (Vec<ChangeResult>, OutboxResult) {
        let commit = Commit {
            outbox: Some(rule),
            ..Commit::from(changes.to_vec())
        };
        let Committed { results, outbox } = self.commit_all(commit).await;
        (results, outbox.expect("the rule is called"))
    }

    /// As [`commit`](Self::commit).
    pub(super) async fn commit_all(&self, commit: Commit) -> Committed {
        let mut committed = self.repository.commit(&commit).await.expect("storage commits");
        assert_eq!(
            committed.results.len(),
            commit.changes.len(),
            "a result for each change"
        );
        for inserted in &mut committed.results {
            let Ok(Applied::Inserted(inserted)) = inserted else {
                continue;
            };
            for inserted in inserted {
                if let Inserted::Existing(job) = inserted {
                    *job = match self.find(job.id).await {
                        Some(_) => self.whole(job).await,
                        // Removed by the same commit.
                        None => Arc::new(job.in_brief()),
                    };
                }
            }
        }
        committed
    }

    /// The first jobs whose node has no lease, whole.
    pub(super) async fn orphans(&self, observer: NodeId) -> Vec<Arc<Job>> {
        let found = self.repository.orphans(observer, 10).await.expect("storage reads");
        let mut orphans = Vec::with_capacity(found.len());
        for orphan in &found {
            orphans.push(self.whole(orphan).await);
        }
        orphans
    }

    /// A job that was read in brief, with its texts if it is still stored.
    pub(super) async fn whole(&self, job: &Arc<Job>) -> Arc<Job> {
        if !job.is_brief {
            return Arc::clone(job);
        }
        let texts = (job.parameters.as_str(), &job.result, &job.error_detail);
        assert_eq!(texts, ("null", &None, &None), "a brief job has none of its texts");
        let Some(stored) = self.find(job.id).await else {
            return Arc::clone(job);
        };
        Arc::new(Job {
            parameters: stored.parameters.clone(),
            result: stored.result.clone(),
            error_detail: stored.error_detail.clone(),
            is_brief: false,
            ..Job::clone(job)
        })
    }

    /// Commits one change.
    pub(super) async fn apply(&self, change: Change) -> Result<Applied, ChangeError> {
        self.commit(&[change]).await.remove(0)
    }

    /// Stores new jobs, each of which must be stored.
    pub(super) async fn insert(&self, jobs: &[Job]) {
        let applied = self.apply(sample::insert(jobs.iter().cloned())).await;
        assert_eq!(applied, Ok(Applied::Inserted(vec![Inserted::New; jobs.len()])));
    }

    /// A node that holds its lease.
    pub(super) async fn live_node(&self, number: u64) -> NodeId {
        let node = sample::node(number);
        self.heartbeat(node, LONG).await;
        node
    }

    pub(super) async fn heartbeat(&self, node: NodeId, lease: TimeSpan) {
        let heartbeat = Change::Cluster(ClusterChange::Heartbeat {
            node,
            name: Arc::from("a node"),
            started_at: at(0),
            lease,
            job_types: Arc::default(),
            remote_types: Arc::default(),
        });
        assert_eq!(self.apply(heartbeat).await, Ok(Applied::Alive));
    }

    /// Starts a stored job and returns it.
    pub(super) async fn start(&self, job: &Job, node: NodeId) -> Job {
        let now = job.due_at;
        let applied = self.apply(sample::start([job], node, now)).await;
        assert_eq!(applied, Ok(Applied::Started(vec![true])));
        job.start(node, now)
    }

    /// Stores a job and starts it.
    pub(super) async fn insert_running(&self, job: Job, node: NodeId) -> Job {
        self.insert(std::slice::from_ref(&job)).await;
        self.start(&job, node).await
    }

    /// Ends the running job's attempt a second after its start and returns the job.
    pub(super) async fn finish(&self, running: &Job, outcome: Outcome) -> Job {
        let now = running.started_at.expect("a start") + chrono::TimeDelta::seconds(1);
        let change = sample::finish(running, outcome, now);
        assert_eq!(self.apply(change).await, Ok(Applied::Finished(Finished::Stored)));
        Arc::unwrap_or_clone(self.job(running.id).await)
    }

    /// A job that must be stored.
    pub(super) async fn job(&self, id: JobId) -> Arc<Job> {
        let job = self.find(id).await;
        job.unwrap_or_else(|| panic!("job {id} is not stored"))
    }

    pub(super) async fn find(&self, id: JobId) -> Option<Arc<Job>> {
        self.repository.job(id).await.expect("storage reads")
    }

    pub(super) async fn attempts(&self, id: JobId) -> Vec<Attempt> {
        self.repository.attempts(id).await.expect("storage reads")
    }

    /// Checks that these jobs are stored as they are here.
    pub(super) async fn holds(&self, jobs: &[Job]) {
        for job in jobs {
            assert_eq!(*self.job(job.id).await, *job);
        }
    }

    /// The first jobs that a filter means.
    pub(super) async fn list(&self, filter: &JobFilter) -> Vec<JobSummary> {
        let page = Page {
            limit: 1_000,
            offset: 0,
            after: None,
            order: Order::NewestFirst,
        };
        self.repository.jobs(filter, page).await.expect("storage reads")
    }

    pub(super) async fn count(&self, filter: &JobFilter) -> u64 {
        self.repository.count(filter).await.expect("storage counts")
    }

    pub(super) async fn queues(&self) -> Vec<StoredQueue> {
        self.repository.queues(at(0)).await.expect("storage reads")
    }

    /// The queue of this name, if there is one.
    pub(super) async fn queue(&self, name: &str) -> Option<StoredQueue> {
        let name = sample::queue(name);
        self.queues().await.into_iter().find(|queue| queue.name == name)
    }

    /// Every job, the newest first.
    pub(super) async fn all(&self) -> Vec<JobSummary> {
        let mut all: Vec<JobSummary> = Vec::new();
        loop {
            let page = Page {
                limit: 500,
                offset: 0,
                after: all.last().map(|job| job.id),
                order: Order::NewestFirst,
            };
            let jobs = self.repository.jobs(&JobFilter::default(), page).await;
            let jobs = jobs.expect("storage reads");
            if jobs.is_empty() {
                return all;
            }
            all.extend(jobs);
        }
    }

    /// Checks that the counters equal a recount.
    pub(super) async fn counts_are_exact(&self) {
        let all = self.all().await;
        let mut expected: BTreeMap<QueueName, StatusCounts> = BTreeMap::new();
        for job in &all {
            let counts = expected.entry(job.queue.clone()).or_default();
            *(match job.status {
                JobStatus::Pending => &mut counts.pending,
                JobStatus::Running => &mut counts.running,
                JobStatus::Completed => &mut counts.completed,
                JobStatus::Failed => &mut counts.failed,
                JobStatus::Cancelled => &mut counts.cancelled,
            }) += 1;
        }
        let queues = self.queues().await;
        for queue in expected.keys() {
            assert!(queues.iter().any(|known| known.name == *queue), "{queue} is a queue");
        }
        for queue in queues {
            let counts = expected.get(&queue.name).copied().unwrap_or_default();
            assert_eq!(queue.counts, counts, "the counts of the queue {}", queue.name);
        }
        let total = |is_meant: &dyn Fn(&JobSummary) -> bool| {
            u64::try_from(all.iter().filter(|job| is_meant(job)).count()).expect("a count")
        };
        for status in JobStatus::ALL {
            let filter = JobFilter::default().with_statuses(&[status]);
            assert_eq!(
                self.count(&filter).await,
                total(&|job| job.status == status),
                "{status}"
            );
        }
        for priority in Priority::BY_URGENCY {
            let filter = JobFilter::default().with_priority(priority);
            let expected = total(&|job| job.priority == priority);
            assert_eq!(self.count(&filter).await, expected, "{priority}");
        }
        let kinds: BTreeSet<_> = all.iter().map(|job| (&job.job_type, &job.queue)).collect();
        for (job_type, queue) in kinds {
            let filter = JobFilter::default()
                .with_types(std::slice::from_ref(job_type))
                .with_queue(queue);
            let expected = total(&|job| job.job_type == *job_type && job.queue == *queue);
            assert_eq!(self.count(&filter).await, expected, "{job_type} in {queue}");
        }
        assert_eq!(self.count(&JobFilter::default()).await, total(&|_| true), "all jobs");
    }
}
