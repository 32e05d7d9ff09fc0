//! PostgreSQL with busy connections or locked rows: blocked and unblocked calls, and the errors of callers.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, TransactionTrait};
use tickerq::domain::access::caller::{Caller, CallerKind, Scopes};
use tickerq::domain::job::Job;
use tickerq::domain::values::id::NodeId;
use tickerq::domain::values::name::{JobType, QueueName};
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::internals::holding;
use tickerq::storage::change::{Applied, Change, Claim, ClusterChange, JobChange};
use tickerq::storage::commit::Commit;
use tickerq::storage::query::{JobFilter, Order, Page};
use tickerq::storage::read_lane::ReadLane;
use tickerq::storage::repository::{JobStore, RepositoryError, WebhookStore};
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use crate::harness::eventually;
use crate::harness::server::{new_postgres_database, query_sql, run_sql};

const NODE: NodeId = NodeId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
const PAGE: Page = Page {
    limit: 10,
    offset: 0,
    after: None,
    order: Order::NewestFirst,
};

/// A database with one connection for cheap reads and one for expensive ones, and another program's connection.
async fn opened() -> (String, Arc<SeaRepository>, DatabaseConnection) {
    let url = new_postgres_database("");
    let options = SeaOptions {
        max_connections: 3,
        expensive_read_time: Duration::from_secs(3_600),
        ..SeaOptions::new(url.clone())
    };
    let repository = SeaRepository::connect(options).await.expect("the database opens");
    repository.migrate_up().await.expect("tables");
    let mut options = ConnectOptions::new(url.clone());
    options.max_connections(1).sqlx_logging(false);
    let other = Database::connect(options).await.expect("a connection");
    (url, Arc::new(repository), other)
}

async fn locked(other: &DatabaseConnection, sql: &str) -> DatabaseTransaction {
    use sea_orm::ConnectionTrait;
    let transaction = other.begin().await.expect("a transaction");
    transaction.execute_unprepared(sql).await.expect("locks");
    transaction
}

/// Number of the server's statements that wait for a lock.
fn waiting(url: &str, of: &str) -> String {
    query_sql(
        url,
        &format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
             AND query LIKE '%{of}%' AND pid <> pg_backend_pid()"
        ),
    )
}

async fn until_waiting(url: &str, of: &str) {
    eventually("a statement waits", || async {
        (waiting(url, of) == "1").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_search_is_cancelled_while_all_cheap_reads_are_busy() {
    let (url, repository, other) = opened().await;
    let lock = locked(&other, "LOCK TABLE jobs, webhook_endpoints IN ACCESS EXCLUSIVE MODE").await;
    let busy = {
        let repository = Arc::clone(&repository);
        tokio::spawn(async move { repository.endpoints().await.map(drop) })
    };
    until_waiting(&url, "webhook_endpoints").await;
    let held = Arc::new(());
    let search = {
        let (repository, held) = (Arc::clone(&repository), Arc::clone(&held));
        tokio::spawn(holding(held, async move {
            repository.expensive_jobs(&JobFilter::default(), PAGE).await.map(drop)
        }))
    };
    until_waiting(&url, "FROM jobs").await;
    search.abort();
    assert!(search.await.is_err(), "its caller was dropped");
    eventually("the search has ended", || async {
        (waiting(&url, "FROM jobs") == "0").then_some(())
    })
    .await;
    eventually("its locks are released", || async {
        (Arc::strong_count(&held) == 1).then_some(())
    })
    .await;
    assert!(!busy.is_finished(), "the cheap read waits all the while");
    lock.rollback().await.expect("the locks go");
    busy.await.expect("it ends").expect("a cheap read");
    repository
        .expensive_jobs(&JobFilter::default(), PAGE)
        .await
        .expect("its connection is free");
}

#[tokio::test]
async fn a_cheap_read_without_a_free_connection_is_busy_and_no_outage() {
    let (url, repository, other) = opened().await;
    let lock = locked(&other, "LOCK TABLE webhook_endpoints IN ACCESS EXCLUSIVE MODE").await;
    let busy = {
        let repository = Arc::clone(&repository);
        tokio::spawn(async move { repository.endpoints().await.map(drop) })
    };
    until_waiting(&url, "webhook_endpoints").await;
    match repository.jobs(&JobFilter::default(), PAGE).await {
        Err(RepositoryError::Busy) => {}
        other => panic!("no connection is free: {other:?}"),
    }
    assert!(!repository.outage().expect("it has one").is_ongoing());
    lock.rollback().await.expect("the lock goes");
    busy.await.expect("it ends").expect("a cheap read");
    repository.jobs(&JobFilter::default(), PAGE).await.expect("a list");
}

#[tokio::test]
async fn a_dropped_cheap_read_keeps_its_turn_until_its_statement_ends() {
    let url = new_postgres_database("");
    // Three connections for callers.
    let options = SeaOptions::new(url.clone());
    let repository = SeaRepository::connect(options).await.expect("the database opens");
    repository.migrate_up().await.expect("tables");
    let other = Database::connect(&url).await.expect("a connection");
    let lock = locked(&other, "LOCK TABLE webhook_endpoints IN ACCESS EXCLUSIVE MODE").await;
    let lane = |name: &str| ReadLane::of(&Caller::new(name, CallerKind::Key, Scopes::all(), Arc::default()));
    for _ in 0..4 {
        let read = lane("leaving").scope(repository.endpoints());
        let left = tokio::time::timeout(Duration::from_millis(300), read).await;
        assert!(left.is_err(), "the table is locked");
    }
    assert_eq!(waiting(&url, "webhook_endpoints"), "2", "of three connections");
    let read = lane("other").scope(async { repository.jobs(&JobFilter::default(), PAGE).await });
    let listed = tokio::time::timeout(Duration::from_secs(2), read).await;
    listed.expect("a connection is free").expect("a list");
    assert_eq!(waiting(&url, "webhook_endpoints"), "2", "its statements still run");
    lock.rollback().await.expect("the lock goes");
    for _ in 0..4 {
        let read = lane("leaving").scope(repository.endpoints());
        read.await.expect("its turns are free again");
    }
}

#[tokio::test]
async fn a_cheap_read_that_times_out_is_cancelled_and_is_no_outage() {
    let url = new_postgres_database("");
    let time = Duration::from_millis(300);
    let options = SeaOptions {
        read_time: time,
        ..SeaOptions::new(url.clone())
    };
    let repository = SeaRepository::connect(options).await.expect("the database opens");
    repository.migrate_up().await.expect("tables");
    let other = Database::connect(&url).await.expect("a connection");
    let lock = locked(&other, "LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE").await;
    match repository.jobs(&JobFilter::default(), PAGE).await {
        Err(RepositoryError::TimedOut { time: after }) => assert_eq!(after, time),
        other => panic!("it is stopped: {other:?}"),
    }
    assert!(!repository.outage().expect("it has one").is_ongoing());
    lock.rollback().await.expect("the lock goes");
    repository.jobs(&JobFilter::default(), PAGE).await.expect("a list");
}

/// Twenty due jobs of each of three types among many of another, and a node.
async fn many_due(url: &str, repository: &SeaRepository) {
    let id = "CAST(lpad(to_hex(1700000000000 + n), 12, '0') || '70008' || lpad(to_hex(n), 15, '0') AS uuid)";
    for (first, last, job_type) in [(1, 60, "'Wanted' || n % 3"), (61, 2_000, "'Other'")] {
        run_sql(
            url,
            &format!(
                "INSERT INTO jobs (id, name, job_type, queue, priority, status, parameters, due_at, attempt, max_retries, \
                 retry_delay, timeout, revision) SELECT {id}, 'job', {job_type}, 'default', 1, 0, 'null', n, 0, 3, 0, \
                 1800000000, 1 FROM generate_series({first}, {last}) AS n"
            ),
        );
    }
    run_sql(
        url,
        "INSERT INTO job_counters (queue, job_type, status, priority, shard, count) \
         SELECT queue, job_type, status, priority, 0, COUNT(*) FROM jobs GROUP BY 1, 2, 3, 4",
    );
    let heartbeat = Change::Cluster(ClusterChange::Heartbeat {
        node: NODE,
        name: Arc::from("node"),
        started_at: DateTime::UNIX_EPOCH,
        lease: TimeSpan::from_secs(3_600),
        job_types: Arc::default(),
        remote_types: Arc::default(),
    });
    repository.commit(&[heartbeat].into()).await.expect("a commit");
}

fn claim(limit: u32) -> Commit {
    let types = ["Wanted0", "Wanted1", "Wanted2"].map(|name| JobType::parse(name).expect("a type"));
    Commit::from([Change::Job(JobChange::Claim(Claim {
        queue: QueueName::parse("default").expect("a queue"),
        limit,
        job_types: types.to_vec().into(),
        node: NODE,
        now: DateTime::from_timestamp_micros(1_000_000).expect("a time"),
        bytes: None,
        is_ahead: false,
    }))])
}

async fn claimed(repository: &SeaRepository, limit: u32) -> Vec<Arc<Job>> {
    let mut committed = repository.commit(&claim(limit)).await.expect("a commit");
    match committed.results.pop() {
        Some(Ok(Applied::Claimed(jobs))) => jobs,
        other => panic!("it is a claim: {other:?}"),
    }
}

fn due_times(jobs: &[Arc<Job>]) -> Vec<i64> {
    jobs.iter().map(|job| job.due_at.timestamp_micros()).collect()
}

#[tokio::test]
async fn a_claim_of_several_types_locks_only_the_claimed_jobs() {
    let (url, repository, other) = opened().await;
    many_due(&url, &repository).await;
    // The claim has its jobs and waits before its commit.
    let lock = locked(&other, "LOCK TABLE job_counters IN SHARE MODE").await;
    let claiming = {
        let repository = Arc::clone(&repository);
        tokio::spawn(async move { claimed(&repository, 10).await })
    };
    until_waiting(&url, "job_counters").await;
    let free =
        "WITH free AS (SELECT id FROM jobs WHERE job_type <> 'Other' FOR UPDATE SKIP LOCKED) SELECT count(*) FROM free";
    assert_eq!(query_sql(&url, free), "50");
    lock.rollback().await.expect("the locks go");
    let jobs = claiming.await.expect("a claim");
    assert_eq!(due_times(&jobs), (1..=10).collect::<Vec<i64>>());
    assert_eq!(
        due_times(&claimed(&repository, 10).await),
        (11..=20).collect::<Vec<i64>>()
    );
}

#[tokio::test]
async fn a_claim_passes_over_jobs_that_another_server_has_locked() {
    let (url, repository, other) = opened().await;
    many_due(&url, &repository).await;
    // More of each type than the claim has candidates.
    let lock = locked(&other, "SELECT 1 FROM jobs WHERE due_at <= 30 FOR UPDATE").await;
    assert_eq!(due_times(&claimed(&repository, 5).await), [31, 32, 33, 34, 35]);
    lock.rollback().await.expect("the locks go");
    assert_eq!(due_times(&claimed(&repository, 5).await), [1, 2, 3, 4, 5]);
}
