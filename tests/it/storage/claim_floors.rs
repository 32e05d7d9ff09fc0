//! Claims on PostgreSQL while a snapshot is held open: index entries of jobs that have left the index remain.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use tickerq::domain::job::new_job::{JobDefaults, NewJob};
use tickerq::domain::values::id::NodeId;
use tickerq::domain::values::name::{JobType, QueueName};
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::storage::change::{Applied, Change, Claim, ClusterChange, JobChange};
use tickerq::storage::commit::Commit;
use tickerq::storage::repository::JobStore;
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use crate::harness::eventually;
use crate::harness::server::{new_postgres_database, run_sql};

const NODE: NodeId = NodeId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
/// Number of jobs that have left the index.
const GONE: u32 = 150_000;
const LIVE: u32 = 60;

/// Pending jobs with these numbers, each due at its number in seconds.
fn insert(url: &str, first: u32, last: u32) {
    run_sql(
        url,
        &format!(
            "INSERT INTO jobs (id, name, job_type, queue, priority, status, parameters, due_at, attempt, max_retries, \
             retry_delay, timeout, revision) \
             SELECT CAST(lpad(to_hex(1700000000000 + n), 12, '0') || '70008' || lpad(to_hex(n), 15, '0') AS uuid), \
             'job', 'MailJob', 'default', 1, 0, 'null', n::bigint * 1000000, 0, 3, 0, 1800000000, 1 \
             FROM generate_series({first}, {last}) AS n"
        ),
    );
}

async fn commit(repository: &SeaRepository, change: Change) -> Applied {
    let mut committed = repository.commit(&Commit::from([change])).await.expect("a commit");
    let result = committed.results.pop().expect("a result");
    result.expect("the change is applied")
}

/// Claims a job. Returns its due time in seconds, and the duration.
async fn claim(repository: &SeaRepository) -> (Option<i64>, Duration) {
    let claim = JobChange::Claim(Claim {
        queue: QueueName::parse("default").expect("a queue"),
        limit: 1,
        job_types: vec![JobType::parse("MailJob").expect("a type")].into(),
        node: NODE,
        now: DateTime::from_timestamp(1_000_000, 0).expect("a time"),
        bytes: None,
        is_ahead: false,
    });
    let started = Instant::now();
    let Applied::Claimed(jobs) = commit(repository, Change::Job(claim)).await else {
        panic!("it is a claim");
    };
    (jobs.first().map(|job| job.due_at.timestamp()), started.elapsed())
}

#[tokio::test]
async fn slow_claims_begin_at_a_floor_and_leave_no_job_behind() {
    let url = new_postgres_database("");
    let options = SeaOptions::new(url.clone());
    let repository = SeaRepository::connect(options).await.expect("the database opens");
    repository.migrate_up().await.expect("tables");
    let heartbeat = Change::Cluster(ClusterChange::Heartbeat {
        node: NODE,
        name: Arc::from("node"),
        started_at: DateTime::UNIX_EPOCH,
        lease: TimeSpan::from_secs(3_600),
        job_types: Arc::default(),
        remote_types: Arc::default(),
    });
    commit(&repository, heartbeat).await;
    insert(&url, 1_000, 999 + GONE);
    let other = Database::connect(&url).await.expect("a connection");
    let snapshot = other.begin().await.expect("a transaction");
    for sql in ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1"] {
        snapshot.execute_unprepared(sql).await.expect("a snapshot");
    }
    run_sql(&url, "DELETE FROM jobs");
    insert(&url, 500_001, 500_000 + LIVE);
    let mut times = Vec::new();
    for second in 500_001..=500_006 {
        let (due, took) = claim(&repository).await;
        assert_eq!(due, Some(second));
        times.push(took);
    }
    // The first two pass over all of them.
    let (slow, floored) = times.split_at(2);
    assert!(
        floored.iter().min() < slow.iter().min().map(|time| *time / 2).as_ref(),
        "{times:?}"
    );

    // A job below the floor that another node commits late.
    insert(&url, 100, 100);
    eventually("the job below the floor is claimed", || async {
        (claim(&repository).await.0 == Some(100)).then_some(())
    })
    .await;
    // And one of this node, at once.
    let due_at = DateTime::from_timestamp(200, 0).expect("a time");
    let job = NewJob::of_type(JobType::parse("MailJob").expect("a type")).into_job(&JobDefaults::default(), due_at, 1);
    let new = JobChange::Insert {
        jobs: vec![Arc::new(job)],
        idempotency: None,
    };
    commit(&repository, Change::Job(new)).await;
    assert_eq!(claim(&repository).await.0, Some(200));
    snapshot.rollback().await.expect("a transaction");
}
