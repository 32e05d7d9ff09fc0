//! Very many jobs of the last thirty days, most of them finished, with their counters and rollups.
//!
//! They are of three queues and types, or of so many of each (a wide server) that most pairs have few jobs.

use chrono::Utc;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};

/// Number of days that they are spread over.
const DAYS: u64 = 30;
const DAY_MICROS: u64 = 24 * 60 * 60 * 1_000_000;
/// Number of jobs that one statement inserts.
const BATCH: u64 = 500_000;

/// Of a hundred jobs 4 have failed, one was cancelled and one is due in a year.
const STATUS: &str = "CASE WHEN n % 100 = 99 THEN 0 WHEN n % 25 = 3 THEN 3 WHEN n % 100 = 7 THEN 4 ELSE 2 END";
/// Queues and types of a narrow server.
const QUEUE: &str =
    "CASE WHEN n % 1000 = 5 THEN 'rare' WHEN n % 10 < 7 THEN 'default' WHEN n % 10 < 9 THEN 'mail' ELSE 'reports' END";
const JOB_TYPE: &str = "CASE WHEN n % 2000 = 11 THEN 'RareJob' WHEN n % 3 = 0 THEN 'ReportJob' ELSE 'MailJob' END";
const PRIORITY: &str = "CASE WHEN n % 5000 = 4 THEN 3 WHEN n % 50 = 9 THEN 2 WHEN n % 20 = 6 THEN 0 ELSE 1 END";
const NAME: &str = "CASE WHEN n % 5000 = 17 THEN 'needle ' WHEN n % 4 = 0 THEN 'invoice ' ELSE 'letter ' END || n";

/// The number of queues and types of the jobs.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Narrow,
    /// So many queues and types, spread over the jobs as evenly as by chance.
    Wide(u64, u64),
}

impl Shape {
    fn queue(self) -> String {
        match self {
            Self::Narrow => QUEUE.to_owned(),
            Self::Wide(queues, _) => format!("'queue-' || ((n * 7919 % 1000003) % {queues})"),
        }
    }

    fn job_type(self) -> String {
        match self {
            Self::Narrow => JOB_TYPE.to_owned(),
            Self::Wide(_, types) => format!("'Type' || ((n * 104729 % 1000033) % {types})"),
        }
    }
}

/// The numbers of a range and expressions over them, in the dialect of each database.
struct Words {
    numbers: &'static str,
    id: &'static str,
    node: &'static str,
}

const SQLITE: Words = Words {
    numbers: "WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})",
    id: "unhex(printf('%012x70008%015x', ({created}) / 1000, n))",
    node: "unhex('01900000000070008000000000000001')",
};

const POSTGRES: Words = Words {
    numbers: "WITH numbers AS (SELECT n FROM generate_series(CAST({first} AS bigint), {last}) AS n)",
    id: "CAST(lpad(to_hex(({created}) / 1000), 12, '0') || '70008' || lpad(to_hex(n), 15, '0') AS uuid)",
    node: "CAST('01900000-0000-7000-8000-000000000001' AS uuid)",
};

/// Stores them.
pub(crate) async fn fill(connection: &DatabaseConnection, jobs: u64, shape: Shape) {
    let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
    let words = if is_postgres { POSTGRES } else { SQLITE };
    let now = u64::try_from(Utc::now().timestamp_micros()).expect("a time after 1970");
    let span = DAYS * DAY_MICROS;
    let created = format!("{} + n * {}", now - span, span / (jobs + 1));
    let id = words.id.replace("{created}", &created);
    let mut first = 1;
    while first <= jobs {
        let last = jobs.min(first + BATCH - 1);
        let numbers = words
            .numbers
            .replace("{first}", &first.to_string())
            .replace("{last}", &last.to_string());
        run(connection, &jobs_of(&numbers, &id, &created, words.node, now, shape)).await;
        run(connection, &attempts_of(&numbers, &id, &created, words.node)).await;
        first = last + 1;
    }
    for statement in SUMS {
        run(connection, statement).await;
    }
    // As autovacuum and the server's maintenance do after this number of rows.
    run(
        connection,
        if is_postgres {
            "VACUUM ANALYZE"
        } else {
            "PRAGMA optimize"
        },
    )
    .await;
}

fn jobs_of(numbers: &str, id: &str, created: &str, node: &str, now: u64, shape: Shape) -> String {
    let (queue, job_type) = (shape.queue(), shape.job_type());
    let in_a_year = now + 365 * DAY_MICROS;
    format!(
        "INSERT INTO jobs (id, name, job_type, queue, priority, status, parameters, due_at, started_at, finished_at, attempt, \
         max_retries, retry_delay, timeout, node, revision, error) {numbers} \
         SELECT {id}, {NAME}, {job_type}, {queue}, {PRIORITY}, {STATUS}, \
         '{{\"to\": \"customer@example.com\", \"number\": ' || n || '}}', \
         CASE WHEN n % 100 = 99 THEN {in_a_year} ELSE {created} END, \
         CASE WHEN n % 100 <> 99 THEN {created} + 2000 END, CASE WHEN n % 100 <> 99 THEN {created} + 52000 END, \
         CASE WHEN n % 100 <> 99 THEN 1 ELSE 0 END, 3, 10000000, 1800000000, CASE WHEN n % 100 <> 99 THEN {node} END, 3, \
         CASE WHEN n % 25 = 3 THEN 'the receiver of number ' || n || ' has hung up' END FROM numbers"
    )
}

fn attempts_of(numbers: &str, id: &str, created: &str, node: &str) -> String {
    format!(
        "INSERT INTO attempts (job_id, number, status, started_at, ended_at, node) {numbers} \
         SELECT {id}, 1, CASE WHEN n % 25 = 3 THEN 3 ELSE 2 END, {created} + 2000, {created} + 52000, {node} FROM numbers \
         WHERE n % 100 NOT IN (7, 99)"
    )
}

/// The counters and rollups that the server updates as jobs are created, start and end.
const SUMS: &[&str] = &[
    "INSERT INTO queues (name) SELECT DISTINCT queue FROM jobs",
    "INSERT INTO job_counters (queue, job_type, status, priority, shard, count) \
     SELECT queue, job_type, status, priority, 0, COUNT(*) FROM jobs GROUP BY 1, 2, 3, 4",
    "INSERT INTO job_totals (queue, job_type, status, priority, shard, count) \
     SELECT queue, '', status, priority, shard, SUM(count) FROM job_counters GROUP BY queue, status, priority, shard \
     UNION ALL SELECT '', job_type, status, priority, shard, SUM(count) FROM job_counters \
     GROUP BY job_type, status, priority, shard UNION ALL SELECT '', '', status, priority, shard, SUM(count) \
     FROM job_counters GROUP BY status, priority, shard",
    "INSERT INTO job_rollups (slot, queue, job_type, shard, started, completed, attempts_failed, abandoned, jobs_failed, \
     jobs_cancelled, run_micros, wait_micros) \
     SELECT started_at / 900000000, queue, job_type, 0, COUNT(*), SUM(CASE WHEN status = 2 THEN 1 ELSE 0 END), \
     SUM(CASE WHEN status = 3 THEN 1 ELSE 0 END), 0, SUM(CASE WHEN status = 3 THEN 1 ELSE 0 END), \
     SUM(CASE WHEN status = 4 THEN 1 ELSE 0 END), COUNT(*) * 50000, COUNT(*) * 2000 \
     FROM jobs WHERE started_at IS NOT NULL GROUP BY 1, 2, 3",
    "INSERT INTO job_time_steps (hour, queue, job_type, measure, bucket, shard, count) \
     SELECT started_at / 3600000000, queue, job_type, measure, 14 + measure + (started_at / 7919) % 12, 0, COUNT(*) \
     FROM jobs CROSS JOIN (SELECT 0 AS measure UNION ALL SELECT 1) AS measures WHERE started_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5",
    "INSERT INTO rollup_totals (slot, shard, started, completed, attempts_failed, abandoned, jobs_failed, jobs_cancelled, \
     run_micros, wait_micros) \
     SELECT slot, shard, SUM(started), SUM(completed), SUM(attempts_failed), SUM(abandoned), SUM(jobs_failed), \
     SUM(jobs_cancelled), SUM(run_micros), SUM(wait_micros) FROM job_rollups GROUP BY slot, shard",
    "INSERT INTO time_step_totals (hour, measure, bucket, shard, count) \
     SELECT hour, measure, bucket, shard, SUM(count) FROM job_time_steps GROUP BY hour, measure, bucket, shard",
    "INSERT INTO failure_reasons (hour, queue, job_type, reason, shard, count) \
     SELECT started_at / 3600000000, queue, job_type, 'the receiver of number # has hung up', 0, COUNT(*) \
     FROM jobs WHERE status = 3 GROUP BY 1, 2, 3",
];

async fn run(connection: &DatabaseConnection, statement: &str) {
    connection
        .execute_unprepared(statement)
        .await
        .unwrap_or_else(|error| panic!("{error}: {statement}"));
}
