//! 100,000 jobs in both databases, most of them completed long ago.

use sea_orm::{ConnectionTrait, DatabaseConnection};

/// Number of jobs.
pub const JOBS: u32 = 100_000;
/// Creation of the first job, in milliseconds since 1970; the others follow every 100 ms.
pub const FIRST_MILLIS: u64 = 1_700_000_000_000;
pub const MILLIS_APART: u64 = 100;

/// Of a hundred jobs 4 have failed and one was cancelled. The last 3,000 are pending except for a few running ones.
const STATUS: &str = "CASE WHEN n > 99900 AND n % 10 = 0 THEN 1 WHEN n > 97000 THEN 0 \
                      WHEN n % 25 = 3 THEN 3 WHEN n % 100 = 7 THEN 4 ELSE 2 END";
const QUEUE: &str = "CASE WHEN n % 1000 = 5 OR n % 5000 = 3 THEN 'rare' WHEN n % 10 < 7 THEN 'default' WHEN n % 10 < 9 THEN 'mail' \
                     ELSE 'reports' END";
const JOB_TYPE: &str = "CASE WHEN n % 2000 = 11 THEN 'RareJob' WHEN n % 3 = 0 THEN 'ReportJob' ELSE 'MailJob' END";
const PRIORITY: &str = "CASE WHEN n % 5000 = 4 THEN 3 WHEN n % 50 = 9 THEN 2 WHEN n % 20 = 6 THEN 0 ELSE 1 END";

/// Row ids and numbers from 1 in the dialect of each database.
struct Words {
    numbers: &'static str,
    job_id: &'static str,
    other_id: &'static str,
    node: &'static str,
}

const SQLITE: Words = Words {
    numbers: "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})",
    job_id: "unhex(printf('%012x70008%015x', 1700000000000 + n * 100, n))",
    other_id: "unhex(printf('%012x70009%015x', 1600000000000 + n % {of}, n % {of}))",
    node: "unhex('01900000000070008000000000000001')",
};

const POSTGRES: Words = Words {
    numbers: "WITH numbers AS (SELECT n FROM generate_series(1, {count}) AS n)",
    job_id: "CAST(lpad(to_hex(1700000000000 + n * 100), 12, '0') || '70008' || lpad(to_hex(n), 15, '0') AS uuid)",
    other_id: "CAST(lpad(to_hex(1600000000000 + n % {of}), 12, '0') || '70009' || lpad(to_hex(n % {of}), 15, '0') AS uuid)",
    node: "CAST('01900000-0000-7000-8000-000000000001' AS uuid)",
};

/// Fills the tables that grow with the number of jobs.
pub async fn fill(connection: &DatabaseConnection, is_postgres: bool) {
    let Words {
        numbers,
        job_id,
        other_id,
        node,
    } = if is_postgres { POSTGRES } else { SQLITE };
    let numbers = |count: u32| numbers.replace("{count}", &count.to_string());
    let (recurring, other) = (other_id.replace("{of}", "20"), other_id.replace("{of}", "1000000"));
    let due_at = "(1700000000000 + n * 100) * 1000 + CASE WHEN n % 3 = 1 THEN 100000000000 ELSE 0 END";
    let statements = [
        format!(
            "INSERT INTO jobs (id, name, job_type, queue, priority, status, parameters, due_at, started_at, finished_at, \
             attempt, max_retries, retry_delay, timeout, node, revision, recurring_id, occurrence_at, fingerprint) {numbers} \
             SELECT {job_id}, 'job ' || n, {JOB_TYPE}, {QUEUE}, {PRIORITY}, {STATUS}, \
             '{{\"to\": \"customer@example.com\", \"number\": ' || n || '}}', {due_at}, \
             (1700000000000 + n * 100) * 1000, CASE WHEN n <= 97000 THEN (1700000000000 + n * 100) * 1000 END, 1, 3, \
             10000000, 1800000000, {node}, 3, CASE WHEN n % 100 = 1 THEN {recurring} END, \
             CASE WHEN n % 100 = 1 THEN n END, CASE WHEN n <= 97000 AND n % 25 = 3 THEN n % 3 END FROM numbers",
            numbers = numbers(JOBS)
        ),
        format!(
            "INSERT INTO attempts (job_id, number, status, started_at, ended_at, node) {numbers} \
             SELECT {job_id}, 1, 2, 0, 0, {node} FROM numbers",
            numbers = numbers(97_000)
        ),
        format!(
            "INSERT INTO audit_records (id, actor, actor_kind, action, job_id, jobs, outcome) {numbers} \
             SELECT {other}, CASE WHEN n % 100 = 0 THEN 'an-actor' ELSE 'the system' END, 1, \
             CASE WHEN n % 50 = 0 THEN 4 ELSE 0 END, {job_id}, 1, 0 FROM numbers",
            numbers = numbers(50_000)
        ),
        format!(
            "INSERT INTO recurring_jobs (id, name, job_type, parameters, priority, cron, time_zone, is_enabled, misfire_policy, \
             overlap_policy, next_run_at, waiting, updated_at, revision) {numbers} SELECT {own}, 'recurring', 'MailJob', 'null', \
             1, '* * * * *', 'UTC', true, 'fire_once', 2, (1700000000000 + n * 100 + CASE WHEN n % 50 = 1 THEN 0 ELSE 90000000 \
             END) * 1000, CASE WHEN n % 100 = 30 THEN '1700000000000000' END, 0, 1 FROM numbers",
            numbers = numbers(2_000),
            own = other_id.replace("{of}", "2000")
        ),
        "INSERT INTO queues (name) SELECT DISTINCT queue FROM jobs".to_owned(),
        "INSERT INTO queues (name) VALUES ('deleted'), ('pruned')".to_owned(),
        format!(
            "INSERT INTO webhook_deliveries (endpoint_id, message_id, event, at, lane, body, status, attempts, due_at) {numbers} \
             SELECT {endpoint}, {job_id}, 'job.failed', n, {job_id}, '{{}}', CASE WHEN n % 1000 = 0 THEN 0 WHEN n % 100 = 1 \
             THEN 2 ELSE 1 END, 1, n FROM numbers",
            numbers = numbers(30_000),
            endpoint = other_id.replace("{of}", "3")
        ),
        format!(
            "INSERT INTO webhook_deliveries (endpoint_id, message_id, event, at, lane, body, status, attempts, due_at) {numbers} \
             SELECT {endpoint}, {job_id}, 'job.failed', n, {job_id}, '{{}}', CASE WHEN n <= 20 THEN 0 WHEN n <= 40 THEN 1 \
             ELSE 2 END, 1, n FROM numbers",
            numbers = numbers(20_000),
            endpoint = other_id.replace("n % {of}", "7")
        ),
        "INSERT INTO job_counters (queue, job_type, status, priority, shard, count) \
         SELECT queue, job_type, status, priority, 0, COUNT(*) FROM jobs GROUP BY 1, 2, 3, 4"
            .to_owned(),
        "INSERT INTO job_totals (queue, job_type, status, priority, shard, count) \
     SELECT queue, '', status, priority, shard, SUM(count) FROM job_counters GROUP BY queue, status, priority, shard \
     UNION ALL SELECT '', job_type, status, priority, shard, SUM(count) FROM job_counters \
     GROUP BY job_type, status, priority, shard UNION ALL SELECT '', '', status, priority, shard, SUM(count) \
     FROM job_counters GROUP BY status, priority, shard"
            .to_owned(),
        // 200 days up to 2023-11-15, each of 9 queues and 19 types and of all of them.
        format!(
            "INSERT INTO rollup_days (day, queue, job_type, is_open, summary, reasons, quarters) {numbers} \
             SELECT 19476 + n / 200, CASE WHEN n % 10 = 0 THEN '' ELSE 'queue' || (n % 10) END, \
             CASE WHEN n / 10 % 20 = 0 THEN '' ELSE 'Type' || (n / 10 % 20) END, CASE WHEN n > 39900 THEN 1 ELSE 0 END, \
             {zero}, {empty}, {empty} FROM numbers",
            numbers = numbers(40_000),
            zero = if is_postgres { "'\\x00'::bytea" } else { "x'00'" },
            empty = if is_postgres { "''::bytea" } else { "x''" }
        ),
        format!(
            "INSERT INTO idempotency_keys (key, fingerprint, job_ids, created_at) {numbers} \
             SELECT 'key ' || n, {empty}, {empty}, (1700000000000 + n * 100) * 1000 FROM numbers",
            numbers = numbers(20_000),
            empty = if is_postgres { "''::bytea" } else { "x''" }
        ),
    ];
    for statement in statements {
        connection
            .execute_unprepared(&statement)
            .await
            .unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    if is_postgres {
        // As autovacuum does after this number of rows: current statistics, and a visibility map for index-only scans.
        connection
            .execute_unprepared("VACUUM ANALYZE")
            .await
            .expect("statistics");
    }
}
