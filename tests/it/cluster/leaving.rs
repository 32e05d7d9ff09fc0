//! Storage calls of a node that starts beside a dead one, and of a leaving node.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use tickerq::domain::job::Job;
use tickerq::domain::job::attempt::Attempt;
use tickerq::domain::job::new_job::{JobDefaults, NewJob};
use tickerq::domain::values::id::{JobId, NodeId};
use tickerq::domain::values::name::JobType;
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::internals::{Clock, Runtime};
use tickerq::storage::change::{Change, ClusterChange, JobChange};
use tickerq::storage::commit::{Commit, Committed};
use tickerq::storage::delegating::{
    DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
    DelegatingRepository, DelegatingWebhooks,
};
use tickerq::storage::memory::MemoryRepository;
use tickerq::storage::repository::{JobRepository, JobStore, RepositoryError};

use crate::harness::eventually;
use crate::robustness::supervision::options;

/// A storage that records its calls.
struct Observed {
    inner: MemoryRepository,
    /// Number of calls by orphan recovery.
    calls: AtomicUsize,
    /// Names of changes that renew a lease, elect or leave, in order.
    renewals: Mutex<Vec<&'static str>>,
    /// Duration of the commit that reports a leaving node.
    leaving_takes: Duration,
}

impl Observed {
    fn new(leaving_takes: Duration) -> Self {
        Self {
            inner: MemoryRepository::new(),
            calls: AtomicUsize::new(0),
            renewals: Mutex::default(),
            leaving_takes,
        }
    }

    fn count(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
    }

    fn renewals(&self) -> Vec<&'static str> {
        self.renewals.lock().expect("a list").clone()
    }
}

impl DelegatingRepository for Observed {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

#[async_trait]
impl DelegatingJobs for Observed {
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        let recovers = |change: &Change| matches!(change, Change::Job(JobChange::Finish { if_orphaned: true, .. }));
        if commit.changes.iter().any(recovers) {
            self.count();
        }
        let name = |change: &Change| {
            let names = [
                (
                    "heartbeat",
                    matches!(change, Change::Cluster(ClusterChange::Heartbeat { .. })),
                ),
                ("lead", matches!(change, Change::Cluster(ClusterChange::Lead { .. }))),
                ("leave", matches!(change, Change::Cluster(ClusterChange::Leave { .. }))),
            ];
            names.into_iter().find_map(|(name, is_it)| is_it.then_some(name))
        };
        let names: Vec<&str> = commit.changes.iter().filter_map(name).collect();
        let is_leaving = names.contains(&"leave");
        self.renewals.lock().expect("a list").extend(names);
        let results = self.inner.commit(commit).await;
        if is_leaving {
            tokio::time::sleep(self.leaving_takes).await;
        }
        results
    }

    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.count();
        self.inner.job(id).await
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.count();
        self.inner.jobs_by_id(ids).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        self.count();
        self.inner.attempts(id).await
    }

    async fn attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        self.count();
        self.inner.attempts_of(ids).await
    }

    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.count();
        self.inner.orphans(observer, limit).await
    }
}

impl DelegatingRecurring for Observed {}
impl DelegatingCluster for Observed {}
impl DelegatingWebhooks for Observed {}
impl DelegatingMetrics for Observed {}
impl DelegatingOperations for Observed {}

/// Leaves this number of running jobs on a dead node.
async fn leave_running(storage: &Observed, count: u32) {
    let (now, dead) = (Utc::now(), NodeId::from_uuid(uuid::Uuid::from_u128(7)));
    let new = |number| {
        let new = NewJob::of_type(JobType::parse("NoopJob").expect("a type"));
        Arc::new(new.into_job(&JobDefaults::default(), now, u128::from(number)))
    };
    let jobs: Vec<Arc<Job>> = (0..count).map(new).collect();
    let heartbeat = Change::Cluster(ClusterChange::Heartbeat {
        node: dead,
        name: Arc::from("dead"),
        started_at: now,
        lease: TimeSpan::from_secs(60),
        job_types: Arc::from([]),
        remote_types: Arc::from([]),
    });
    let running = jobs.iter().map(|job| Arc::new(job.start(dead, now))).collect();
    let insert = Change::Job(JobChange::Insert {
        jobs: jobs.clone(),
        idempotency: None,
    });
    for change in [
        heartbeat,
        insert,
        Change::Job(JobChange::Start { jobs: running }),
        Change::Cluster(ClusterChange::Leave { node: dead }),
    ] {
        let results = storage
            .inner
            .commit(&[change].into())
            .await
            .expect("memory works")
            .results;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
}

/// Number of calls by a node that starts beside this number of orphans.
async fn calls_to_recover(orphans: u32) -> usize {
    let storage = Arc::new(Observed::new(Duration::ZERO));
    leave_running(&storage, orphans).await;
    let repository: Arc<dyn JobRepository> = Arc::clone(&storage) as _;
    let runtime = Runtime::start(repository, options(Clock::system())).await;
    // Orphans are recovered before any job is started.
    let calls = storage.calls.load(Ordering::SeqCst);
    let runtime = runtime.expect("a runtime");
    eventually("all orphans have run", || async {
        let running = storage
            .inner
            .running_on(NodeId::from_uuid(uuid::Uuid::from_u128(7)))
            .await;
        running.expect("memory works").is_empty().then_some(())
    })
    .await;
    runtime.stop(Duration::from_secs(5)).await;
    calls
}

#[test]
fn the_calls_that_recover_orphans_do_not_grow_with_their_number() {
    let calls = |orphans| actix::System::new().block_on(calls_to_recover(orphans));
    let (few, many) = (calls(2), calls(90));
    assert!(many <= few + 3, "{few} calls for 2 orphans, {many} for 90");
}

#[test]
fn a_node_that_has_left_neither_lives_nor_leads_again() {
    actix::System::new().block_on(async {
        // Three renewal intervals of its lease.
        let storage = Arc::new(Observed::new(Duration::from_secs(1)));
        let repository: Arc<dyn JobRepository> = Arc::clone(&storage) as _;
        let runtime = Runtime::start(repository, options(Clock::system()))
            .await
            .expect("a runtime");
        eventually("the node has renewed its lease and requested leadership", || async {
            let renewals = storage.renewals();
            let count = |name| renewals.iter().filter(|renewals| **renewals == name).count();
            (count("heartbeat") >= 2 && count("lead") >= 1).then_some(())
        })
        .await;
        runtime.stop(Duration::from_secs(5)).await;
        let renewals = storage.renewals();
        assert_eq!(renewals.last(), Some(&"leave"), "{renewals:?}");
    });
}
