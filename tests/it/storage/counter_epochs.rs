//! Epochs of counters on PostgreSQL: folded rows, and sums that are exact at any time.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tickerq::domain::job::Job;
use tickerq::domain::job::new_job::{JobDefaults, NewJob};
use tickerq::domain::job::outcome::Outcome;
use tickerq::domain::job::retry::Jitter;
use tickerq::domain::metrics::rollup::{TimeBucket, TimeBucketRange};
use tickerq::domain::values::id::NodeId;
use tickerq::domain::values::name::JobType;
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::storage::change::{Applied, Change, ClusterChange, JobChange};
use tickerq::storage::commit::Commit;
use tickerq::storage::query::RollupFilter;
use tickerq::storage::repository::{JobStore, MetricsStore};
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use crate::harness::server::{new_postgres_database, query_sql};

const NODE: NodeId = NodeId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
/// The tables with epochs.
const TABLES: [&str; 8] = [
    "job_counters",
    "activity_slices",
    "activity_buckets",
    "created_jobs",
    "job_rollups",
    "rollup_totals",
    "job_time_steps",
    "time_step_totals",
];

async fn opened(url: &str, counter_epoch: u32) -> SeaRepository {
    let options = SeaOptions {
        max_connections: 3,
        counter_epoch,
        ..SeaOptions::new(url)
    };
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
    repository
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).expect("a time")
}

async fn commit(repository: &SeaRepository, change: Change) -> Applied {
    let mut committed = repository.commit(&Commit::from([change])).await.expect("a commit");
    let result = committed.results.pop().expect("a result");
    result.expect("the change is applied")
}

/// Runs a job to its end: three commits.
async fn run(repository: &SeaRepository, number: u128) {
    let job =
        NewJob::of_type(JobType::parse("MailJob").expect("a type")).into_job(&JobDefaults::default(), now(), number);
    let insert = JobChange::Insert {
        jobs: vec![Arc::new(job.clone())],
        idempotency: None,
    };
    commit(repository, Change::Job(insert)).await;
    let running: Job = job.start(NODE, now());
    let start = JobChange::Start {
        jobs: vec![Arc::new(running.clone())],
    };
    assert_eq!(
        commit(repository, Change::Job(start)).await,
        Applied::Started(vec![true])
    );
    let (job, attempt) = running.finish(
        Outcome::Completed(None),
        now() + TimeDelta::seconds(1),
        Jitter::new(0.0),
    );
    let finish = JobChange::Finish {
        started: None,
        job: Arc::new(job),
        attempt: Box::new(attempt),
        if_orphaned: false,
    };
    commit(repository, Change::Job(finish)).await;
}

/// The counters equal the jobs, and so do the rollups.
async fn assert_exact(url: &str, repository: &SeaRepository, jobs: u64) {
    let counted = "SELECT string_agg(status || ' ' || total, ', ' ORDER BY status) FROM \
         (SELECT status, SUM(count) AS total FROM job_counters GROUP BY status HAVING SUM(count) <> 0) AS c";
    assert_eq!(query_sql(url, counted), format!("2 {jobs}"));
    assert_eq!(
        query_sql(url, "SELECT SUM(completed) FROM activity_slices"),
        jobs.to_string()
    );
    let span = TimeBucketRange {
        from: TimeBucket::of(now()),
        to: TimeBucket::not_before(now() + TimeDelta::hours(1)),
    };
    let sums = repository.rollups(&RollupFilter::default(), &[span]).await;
    let sums = sums.expect("storage reads");
    assert_eq!(
        sums.iter()
            .map(|sums| (sums.started, sums.completed))
            .collect::<Vec<_>>(),
        [(jobs, jobs)]
    );
    let durations = repository.durations(&RollupFilter::default(), span).await;
    let durations = durations.expect("storage reads");
    assert_eq!((durations.run.total(), durations.wait.total()), (jobs, jobs));
}

/// The largest number of rows of epochs that a table has, and the number of its epochs.
fn epochs(url: &str) -> Vec<(u64, u64)> {
    let of = |table: &&str| {
        let sql = format!("SELECT COUNT(*) || ' ' || COUNT(DISTINCT shard) FROM {table} WHERE shard < 0");
        let found = query_sql(url, &sql);
        let (rows, epochs) = found.split_once(' ').expect("two numbers");
        (rows.parse().expect("a number"), epochs.parse().expect("a number"))
    };
    TABLES.iter().map(of).collect()
}

#[tokio::test]
async fn finished_epochs_of_two_nodes_are_folded_and_sums_stay_exact() {
    let url = new_postgres_database("");
    // In the same shard.
    let nodes = [opened(&url, 2).await, opened(&url, 5).await];
    for number in 1..=30_u64 {
        let node = &nodes[usize::from(number % 3 == 0)];
        run(node, u128::from(number)).await;
        assert_exact(&url, node, number).await;
    }
    for (rows, epochs) in epochs(&url) {
        // Of each node the current epoch and one that is being folded.
        assert!(rows <= 40 && epochs <= 4, "{rows} rows of {epochs} epochs");
    }
    assert_eq!(
        query_sql(&url, "SELECT COUNT(DISTINCT shard) FROM job_counters WHERE shard >= 0"),
        "1"
    );
}

#[tokio::test]
async fn rows_of_a_crashed_node_are_folded_by_the_next_one() {
    let url = new_postgres_database("");
    let crashed = opened(&url, 1_000).await;
    for number in 1..=5 {
        run(&crashed, number).await;
    }
    assert!(epochs(&url).iter().all(|(rows, epochs)| *rows > 0 && *epochs == 1));
    let crashed_epoch = query_sql(&url, "SELECT MIN(shard) FROM job_counters");
    drop(crashed);
    let node = opened(&url, 1_000).await;
    for number in 6..=10 {
        run(&node, number).await;
        assert_exact(&url, &node, u64::try_from(number).expect("few")).await;
    }
    for table in TABLES {
        let left = format!("SELECT COUNT(*) FROM {table} WHERE shard = {crashed_epoch}");
        assert_eq!(query_sql(&url, &left), "0", "{table}");
    }
}

#[tokio::test]
async fn an_epoch_that_another_node_folds_while_it_runs_stays_exact() {
    let url = new_postgres_database("");
    let node = opened(&url, 1_000).await;
    for number in 1..=4 {
        run(&node, number).await;
    }
    // Searches for abandoned rows with its first commits.
    let other = opened(&url, 1_000).await;
    for number in 5..=14 {
        run(if number % 2 == 0 { &node } else { &other }, number).await;
    }
    assert_exact(&url, &node, 14).await;
}
